/** A registry of one package for npm: the check installs it under the name `pg`, as users do. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A running registry. */
export interface Registry {
  /** The line of `.npmrc` that sends the package's scope here. */
  readonly npmrc: string;
  close(): void;
}

/** Serves the package of a tarball, of which `manifest` is the `package.json`. */
export async function serveRegistry(
  tarball: string,
  manifest: { readonly name: string; readonly version: string },
): Promise<Registry> {
  const bytes = readFileSync(tarball);
  const { name, version } = manifest;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "");
    if (path === "/package.tgz") return void response.end(bytes);
    if (path !== `/${name}`) return void response.writeHead(404).end();
    const host = request.headers.host;
    const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
    const dist = { tarball: `http://${host}/package.tgz`, integrity };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({
      name,
      "dist-tags": { latest: version },
      versions: { [version]: { ...manifest, dist } },
    }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    npmrc: `${name.split("/")[0]}:registry=http://127.0.0.1:${port}/\n`,
    close: () => server.close(),
  };
}
