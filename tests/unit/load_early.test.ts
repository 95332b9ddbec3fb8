import assert from "node:assert/strict";
import { test } from "node:test";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { failure } from "../_kit/outcomes.ts";

const skip = !("Deno" in globalThis) && "code is loaded with its first use here";

test("loadEarly: a part is loaded once, and again only after a failure", { skip }, async () => {
  const { loadEarly } = await detectRuntime();
  let calls = 0;
  const load = () => ++calls === 1 ? Promise.reject(new Error("no file")) : Promise.resolve();
  assert.equal((await failure(loadEarly!("a test", load))).message, "no file");
  await Promise.all([loadEarly!("a test", load), loadEarly!("a test", load)]);
  await loadEarly!("a test", load);
  assert.equal(calls, 2);
});
