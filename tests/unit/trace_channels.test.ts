import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { test } from "node:test";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { pause } from "../_kit/waiting.ts";

const { Bun } = globalThis as { Bun?: { gc(isSynchronous: boolean): void } };

test("trace: a channel stays the one that subscribers get, also after a collection", async () => {
  const runtime = await detectRuntime();
  for (let i = 0; i < 20; i++) {
    runtime.channel!("tracing:cornac.test:start");
    Bun?.gc(true);
    const own = runtime.channel!("tracing:cornac.test:start");
    await pause(0.001);
    assert.equal(channel("tracing:cornac.test:start"), own);
  }
});
