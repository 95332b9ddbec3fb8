/** Under Bun node:net dials a TCP connection, and the stream uses the socket inside it. */
import assert from "node:assert/strict";
import { connect as connectSocket } from "node:net";
import { before, describe, test } from "node:test";
import { BunStream } from "../../src/runtime/bun_stream.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Address, Runtime } from "../../src/runtime/runtime.ts";
import { Recorder } from "../_kit/recorder.ts";
import { echo, withPeer } from "../_kit/tls_peer.ts";

const skip = !("Bun" in globalThis) && "about Bun's own sockets";
const LIMIT = { timeout: 20_000, skip };
const bytes = (text: string) => new Uint8Array(new TextEncoder().encode(text));
const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let runtime: Runtime;
before(async () => {
  runtime = await detectRuntime();
});

describe("a stream over TCP", () => {
  test("uses Bun's own socket", LIMIT, () =>
    withPeer(echo, async (address) => {
      const stream = await runtime.connect(address, { signal: new AbortController().signal });
      // With a net.Socket it works, too, and costs a quarter more.
      assert.ok(stream instanceof BunStream);
      assert.equal(stream.kind, "tcp");
      assert.equal(stream.remoteAddress, "127.0.0.1");
      stream.destroy();
    }));

  test("has handlers of its own", LIMIT, () =>
    withPeer(echo, async (address) => {
      const { host, port } = address as Address & { kind: "tcp" };
      const others = connectSocket({ host, port });
      await new Promise((resolve) => others.once("connect", resolve));
      const [one, two] = [await runtime.connect(address, {}), await runtime.connect(address, {})];
      const [first, second] = [new Recorder(), new Recorder()];
      one.start(first);
      two.start(second);
      const heard = new Promise((resolve) => others.once("data", resolve));
      others.write("others");
      await one.write(bytes("one"));
      await two.write(bytes("two"));
      await first.untilText("one");
      await second.untilText("two");
      assert.equal(String(await heard), "others");
      await Promise.all([one.close(), two.close()]);
      assert.deepEqual([first.text, second.text], ["one", "two"]);
      others.destroy();
    }));

  test(
    "loses none of the peer's first bytes",
    LIMIT,
    () =>
      withPeer((socket) => void socket.write("welcome"), async (address) => {
        for (let i = 0; i < 20; i++) {
          const stream = await runtime.connect(address, {});
          await later(i % 4);
          const sink = new Recorder();
          stream.start(sink);
          await sink.untilText("welcome");
          stream.destroy();
        }
      }),
  );
});
