/**
 * Runs test files in workerd, Cloudflare's runtime of Workers, and writes a JUnit report. Node 24
 * runs this program; workerd comes with npm's miniflare.
 *
 *     node scripts/workerd/run.ts --report=path.xml [--filter=part of a name] file …
 *
 * esbuild bundles all files, from the sources. Each file runs in a Worker of its own, within one
 * request. Modules that workerd lacks are replaced: `node:test` by a small one (inside/test.ts), and
 * `node:net` by one whose sockets are in this process (inside/net.ts, outside.ts), because a Worker
 * cannot listen. The driver itself runs unchanged, over `cloudflare:sockets`.
 */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { certificates } from "../../tests/_kit/certs.ts";
import { bundlersDirectory } from "../toolchain.ts";
import type { Outcome } from "./inside/test.ts";
import { listenForChannels } from "./outside.ts";

const ROOT = join(import.meta.dirname ?? ".", "../..");
const INSIDE = join(import.meta.dirname ?? ".", "inside");

/** How many files run at once: most of their time they wait. */
const AT_ONCE = 6;

/** Seconds that a file may take. */
const PATIENCE = 240;

/** Modules that are replaced. */
const REPLACED: readonly (readonly [RegExp, string])[] = [
  [/^node:test$/, "test.ts"],
  [/^node:net$/, "net.ts"],
  [/^node:tls$/, "tls.ts"],
  [/^node:(child_process|worker_threads|vm|http)$/, "missing.ts"],
  [/_kit\/certs\.ts$/, "certs.ts"],
  [/^\.\/certs\.ts$/, "certs.ts"],
];

interface Tools {
  build(options: object): Promise<{ readonly outputFiles: readonly { readonly text: string }[] }>;
}

interface Workers {
  getWorker(name: string): Promise<{ fetch(url: string, init: object): Promise<Response> }>;
  dispose(): Promise<void>;
}

if (import.meta.main) process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals: files } = parseArgs({
    allowPositionals: true,
    options: { report: { type: "string" }, filter: { type: "string", default: "" } },
  });
  const contents = await bundle(files);
  const { ca, ...others } = await certificates();
  // Miniflare adds these to the authorities that workerd trusts.
  process.env.NODE_EXTRA_CA_CERTS = ca.certPath;
  const bindings = {
    CORNAC_CHANNEL: `127.0.0.1:${await listenForChannels()}`,
    CORNAC_CERTIFICATES: JSON.stringify({ ca, ...others }),
    CORNAC_SERVERS: process.env.CORNAC_SERVERS ?? "[]",
  };
  const workers = await start(files, contents, bindings);
  const found = new Map<string, Outcome[]>();
  const waiting = [...files];
  const take = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      found.set(file, await run(workers, file, values.filter));
      process.stdout.write(lines(file, found.get(file)!));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, take));
  await workers.dispose();
  if (values.report !== undefined) writeFileSync(values.report, junit(found));
  const all = [...found.values()].flat();
  return all.some(({ outcome }) => outcome === "failed") ? 1 : 0;
}

async function bundle(files: readonly string[]): Promise<string> {
  const { build } = await tool("esbuild") as Tools;
  const loaders = files.map((file) => {
    const path = JSON.stringify(join(ROOT, file));
    return `${JSON.stringify(file)}: () => import(${path}),`;
  });
  const { outputFiles } = await build({
    stdin: {
      contents: `import { workerOf } from ${JSON.stringify(join(INSIDE, "worker.ts"))};
        export default workerOf({ ${loaders.join("\n")} });`,
      resolveDir: ROOT,
    },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker"],
    external: ["node:*", "cloudflare:*"],
    logLevel: "error",
    // Workers have no files, so that nothing can be found by this.
    define: { "import.meta.url": '"file:///tests/bundle.ts"', "import.meta.main": "false" },
    plugins: [{ name: "replaced", setup: replace }],
  });
  return outputFiles[0]!.text;
}

interface Building {
  onResolve(
    what: { readonly filter: RegExp },
    resolve: (args: { readonly importer: string }) => { readonly path: string } | undefined,
  ): void;
}

function replace(building: Building): void {
  for (const [filter, name] of REPLACED) {
    building.onResolve({ filter }, ({ importer }) => {
      // The driver's own adapters keep Node's modules.
      const isDriver = importer.startsWith(join(ROOT, "src"));
      return isDriver ? undefined : { path: join(INSIDE, name) };
    });
  }
}

async function start(
  files: readonly string[],
  contents: string,
  bindings: Readonly<Record<string, string>>,
): Promise<Workers> {
  const { Miniflare } = await tool("miniflare") as { Miniflare: new (options: object) => Workers };
  return new Miniflare({
    handleRuntimeStdio: (_stdout: unknown, stderr: { resume(): void }) => stderr.resume(),
    workers: files.map((name) => ({
      name,
      modules: [{ type: "ESModule", path: "worker.mjs", contents }],
      compatibilityDate: "2026-04-01",
      compatibilityFlags: ["nodejs_compat"],
      bindings,
    })),
  });
}

async function tool(name: string): Promise<unknown> {
  const require = createRequire(join(await bundlersDirectory(), "package.json"));
  return await import(pathToFileURL(require.resolve(name)).href);
}

async function run(workers: Workers, file: string, filter: string): Promise<Outcome[]> {
  try {
    const worker = await workers.getWorker(file);
    const body = JSON.stringify({ file, filter });
    const answering = worker.fetch("http://worker/", { method: "POST", body })
      .then((answer) => answer.json());
    return await Promise.race([answering, late()]) as Outcome[];
  } catch (error) {
    return [{ name: file, outcome: "failed", detail: String(error) }];
  }
}

function late(): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(new Error(`still running after ${PATIENCE} s`));
    setTimeout(fail, PATIENCE * 1000).unref();
  });
}

function lines(file: string, outcomes: readonly Outcome[]): string {
  const shown = outcomes.map(({ name, outcome, detail }) =>
    outcome === "failed" ? `✗ ${file}: ${name}\n${detail}\n` : ""
  );
  return shown.join("");
}

function junit(found: ReadonlyMap<string, readonly Outcome[]>): string {
  const cases = [...found].flatMap(([file, outcomes]) =>
    outcomes.map(({ name, outcome, detail }) => {
      const message = ` message="${escaped(detail)}"`;
      const body = outcome === "failed"
        ? `<failure>${escaped(detail)}</failure>`
        : outcome === "skipped"
        ? `<skipped${message}></skipped>`
        : "";
      return `<testcase name="${escaped(name)}" file="${escaped(file)}">${body}</testcase>`;
    })
  );
  return `<testsuites>\n${cases.join("\n")}\n</testsuites>\n`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("\n", "&#10;");
}
