/** Subscribers of `node:diagnostics_channel` cannot affect the driver. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expect, expectClose, handshake, send, withServer } from "../_kit/scripted_server.ts";
import { NEW, reach, wholeAnswer } from "./hostile.ts";
import { child } from "./processes.ts";

test("trace: a subscriber that throws and freezes its messages fails no query; the runtime reports it", async () => {
  const script = [handshake(), NEW, send(...wholeAnswer("1")), expect("X"), expectClose()];
  await withServer(script, async (server) => {
    const { message } = await child({ task: "faulty listener", options: reach(server) });
    assert.equal(message, '[{"n":"1"}] Error: of the listener');
  });
});
