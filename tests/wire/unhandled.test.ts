import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { withoutUnhandled } from "../_kit/unhandled.ts";

const KIT = new URL("../_kit/unhandled.ts", import.meta.url).href;

test("unhandled: a body that behaves passes its value on", async () => {
  assert.equal(await withoutUnhandled(() => Promise.resolve(7)), 7);
});

// In a process of its own: a planted rejection would fail the run that plants it.
test("unhandled: a rejection that is not awaited and a late throw are both reported", () => {
  for (const plant of ["Promise.reject(new Error('x'))", "setTimeout(() => { throw 1; }, 5)"]) {
    const program = `
      import { withoutUnhandled } from ${JSON.stringify(KIT)};
      try { await withoutUnhandled(async () => { ${plant}; }); console.log("missed"); }
      catch (error) { console.log(error.message); }`;
    assert.equal(evaluate(program).trim(), "unhandled failure", plant);
  }
});

function evaluate(program: string): string {
  const flags = "Deno" in globalThis ? ["eval"] : ["--input-type=module", "-e"];
  const args = "Bun" in globalThis ? ["-e"] : flags;
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const run = spawnSync(process.execPath, [...args, program], { encoding: "utf8", cwd });
  return run.stdout + run.stderr;
}
