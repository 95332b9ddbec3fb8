// deno-lint-ignore-file no-console -- programs print to their caller
/**
 * Runs `worker.mjs` in workerd, without and with `nodejs_compat`, twice each, as two requests; prints
 * a JSON list of the outcomes. `CORNAC_OPTIONS` is sent to it; `CORNAC_ONLY` names one scenario.
 * Miniflare lets workerd trust the authorities in `NODE_EXTRA_CA_CERTS`.
 */
import { build } from "esbuild";
import { Miniflare } from "miniflare";

const { outputFiles } = await build({
  entryPoints: ["./worker.mjs"],
  bundle: true,
  format: "esm",
  write: false,
  conditions: ["workerd", "worker"],
  external: ["cloudflare:*"],
});
const contents = outputFiles[0].text;
const found = [];
for (const compatibilityFlags of [[], ["nodejs_compat"]]) {
  const workers = new Miniflare({
    modules: [{ type: "ESModule", path: "worker.mjs", contents }],
    compatibilityDate: "2026-04-01",
    compatibilityFlags,
    handleRuntimeStdio: (_stdout, stderr) => stderr.resume(),
  });
  for (let request = 1; request <= 2; request++) {
    const only = process.env.CORNAC_ONLY;
    const body = JSON.stringify({ ...JSON.parse(process.env.CORNAC_OPTIONS), only });
    const answer = await workers.dispatchFetch("http://worker/", { method: "POST", body });
    const title = `${compatibilityFlags.join() || "no flags"}, request ${request}`;
    found.push({ title, outcomes: await answer.json() });
  }
  await workers.dispose();
}
console.log(JSON.stringify({ found, nodeImports: (contents.match(/["']node:/g) ?? []).length }));
process.exit(0);
