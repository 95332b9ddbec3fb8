// deno-lint-ignore-file no-console -- programs print to their caller
/**
 * Bundles `program.mjs` with every bundler, into `out/`; prints a JSON list of
 * `{ title, file, run }`, and the sizes of two entry points. Runs in a directory where the package and
 * the bundlers are installed.
 */
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import { build as viteBuild } from "vite";
import webpack from "webpack";

const entry = "./program.mjs";

/** Which runtimes a bundle has to run on; `import`: it only has to load. */
const built = [];

for (const format of ["esm", "cjs", "iife"]) {
  const outfile = `out/esbuild-${format}.${format === "esm" ? "mjs" : "cjs"}`;
  await esbuild.build({ entryPoints: [entry], bundle: true, platform: "node", format, outfile });
  built.push({ title: `esbuild ${format} for Node`, file: outfile, runs: true });
}
for (const format of ["esm", "iife"]) {
  for (const platform of ["browser", "neutral"]) {
    const outfile = `out/esbuild-${platform}-${format}.${format === "esm" ? "mjs" : "cjs"}`;
    const conditions = platform === "neutral" ? ["browser"] : undefined;
    await esbuild.build({
      entryPoints: ["./with_pool.mjs"],
      bundle: true,
      ...{ platform, format, outfile, conditions },
    });
    built.push({ title: `esbuild ${format}, ${platform}`, file: outfile, runs: false });
  }
}

for (const format of ["es", "cjs"]) {
  const file = `out/rollup-${format}.${format === "es" ? "mjs" : "cjs"}`;
  const bundle = await rollup({
    input: entry,
    external: /^node:/,
    plugins: [nodeResolve({ exportConditions: ["node"] })],
  });
  await bundle.write({ file, format, inlineDynamicImports: true });
  built.push({ title: `Rollup ${format}`, file, runs: true });
}

await new Promise((resolve, reject) => {
  webpack({
    entry,
    target: "node20",
    mode: "production",
    output: { path: `${process.cwd()}/out/webpack`, filename: "main.cjs" },
  }, (error, stats) => {
    if (error || stats.hasErrors()) reject(error ?? new Error(stats.toString("errors-only")));
    else resolve();
  });
});
built.push({ title: "webpack for Node", file: "out/webpack/main.cjs", runs: true });

await viteBuild({
  logLevel: "silent",
  ssr: { noExternal: true },
  build: { ssr: entry, outDir: "out/vite", emptyOutDir: true },
});
built.push({ title: "Vite SSR", file: "out/vite/program.js", runs: true });

// In chunks, for Deno.
const contexts = await rollup({
  input: "./contexts.mjs",
  external: /^node:/,
  plugins: [nodeResolve({ exportConditions: ["deno"] })],
});
await contexts.write({ dir: "out/rollup-chunks", format: "es", entryFileNames: "[name].mjs" });
await esbuild.build({
  entryPoints: ["./contexts.mjs"],
  ...{ bundle: true, splitting: true, format: "esm", outdir: "out/esbuild-chunks" },
  ...{ platform: "node", conditions: ["deno"], outExtension: { ".js": ".mjs" } },
});

// Rollup with esbuild's minifier, as in Vite. The code behind import() is in other chunks.
const sizes = {};
for (const name of ["connect_only", "with_pool"]) {
  const bundle = await rollup({
    input: `./${name}.mjs`,
    plugins: [nodeResolve({ browser: true, exportConditions: ["browser"] })],
  });
  const { output } = await bundle.generate({ format: "es" });
  const seen = new Set();
  const add = async (fileName) => {
    const chunk = output.find((one) => one.fileName === fileName);
    if (chunk === undefined || seen.has(chunk)) return 0;
    seen.add(chunk);
    const { code } = await esbuild.transform(chunk.code, { minify: true, format: "esm" });
    let sum = gzipSync(code, { level: 9 }).length;
    for (const other of chunk.imports) sum += await add(other);
    return sum;
  };
  sizes[name] = await add(output.find(({ isEntry }) => isEntry).fileName);
}

const names = await Promise.all(built.map(({ file }) => readFile(file, "utf8")));
const nodeImports = built.map((
  { title },
  i,
) => [title, (names[i].match(/["']node:/g) ?? []).length]);
console.log(JSON.stringify({ built, sizes, nodeImports: Object.fromEntries(nodeImports) }));
