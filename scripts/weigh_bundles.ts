/**
 * Weighs what a bundle of the driver loads at once, by module: minified, and by gzip. Reads `src/` with
 * esbuild for browsers; code behind `import()` is in other chunks and does not count.
 *
 *     deno task weigh              # both entry points, by folder and by module
 *     deno task weigh src/query    # the modules whose paths begin so
 *
 * The gzip weight of a module is the difference that it makes: the whole, less the whole without it.
 * The sum is less than the whole, because what two modules have in common is in neither's weight.
 */
import { join } from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const ROOT = join(import.meta.dirname ?? ".", "..");

/** The entry points, which are those of `scripts/bundles/`. */
const ENTRIES: Readonly<Record<string, string>> = {
  connect_only: `export { connect } from "./src/connect.ts";`,
  with_pool: `export { connect } from "./src/connect.ts";
export { createPool } from "./src/pool.ts";`,
};

/** The weight of modules in bytes. */
interface Weight {
  readonly path: string;
  readonly minified: number;
  readonly gzip: number;
}

/** Leaves out the code behind `import()`, which bundlers put into other chunks. */
const ELSEWHERE: esbuild.Plugin = {
  name: "elsewhere",
  setup: ({ onResolve }) =>
    onResolve({ filter: /./ }, ({ kind, path }) => {
      return kind === "dynamic-import" ? { path, external: true } : undefined;
    }),
};

/** Returns the chunk that an entry point loads at once. */
async function chunkOf(contents: string, minifyWhitespace: boolean): Promise<string> {
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: ROOT, sourcefile: "entry.ts" },
    absWorkingDir: ROOT,
    ...{ bundle: true, format: "esm", platform: "browser", target: "esnext", write: false },
    ...{ minifyIdentifiers: true, minifySyntax: true, minifyWhitespace, logLevel: "error" },
    plugins: [ELSEWHERE],
  });
  return outputFiles[0]!.text;
}

function gzip(text: string): number {
  return gzipSync(text, { level: 9 }).length;
}

/** Returns the minified text of each module, which esbuild's comments mark in an output with line ends. */
async function modulesOf(contents: string): Promise<[path: string, text: string][]> {
  const found: [string, string][] = [];
  const chunk = await chunkOf(contents, false);
  const text = chunk.replaceAll(/^export \{[^}]*\};\n/gm, "");
  for (
    const [, path = "", code = ""] of text.matchAll(
      /^\/\/ (\S+\.ts)\n([^]*?)(?=^\/\/ |(?![^]))/gm,
    )
  ) {
    const options = { minifyWhitespace: true, format: "esm", target: "esnext" } as const;
    found.push([path, (await esbuild.transform(code, options)).code]);
  }
  return found;
}

async function weights(contents: string): Promise<Weight[]> {
  const modules = await modulesOf(contents);
  const whole = gzip(modules.map(([, text]) => text).join(""));
  return modules.map(([path, text]) => ({
    path,
    minified: text.length,
    gzip: whole - gzip(modules.map(([other, text]) => other === path ? "" : text).join("")),
  }));
}

function folderOf(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}

function byFolder(modules: readonly Weight[]): Weight[] {
  const folders = new Map<string, Weight>();
  for (const { path, minified, gzip } of modules) {
    const folder = folderOf(path);
    const sum = folders.get(folder) ?? { path: folder, minified: 0, gzip: 0 };
    folders.set(folder, { path: folder, minified: sum.minified + minified, gzip: sum.gzip + gzip });
  }
  return [...folders.values()];
}

function print(list: readonly Weight[]): void {
  for (const { path, minified, gzip } of [...list].sort((a, b) => b.gzip - a.gzip)) {
    process.stdout.write(`${String(minified).padStart(8)} ${String(gzip).padStart(7)}  ${path}\n`);
  }
}

if (import.meta.main) {
  const start = process.argv[2] ?? "";
  for (const [name, contents] of Object.entries(ENTRIES)) {
    const chunk = await chunkOf(contents, true);
    process.stdout.write(`${name}: ${chunk.length} bytes minified, ${gzip(chunk)} gzip\n`);
    const modules = (await weights(contents)).filter(({ path }) => path.startsWith(start));
    process.stdout.write("minified    gzip  folder\n");
    print(byFolder(modules));
    process.stdout.write("minified    gzip  module\n");
    print(modules);
  }
  await esbuild.stop();
}
