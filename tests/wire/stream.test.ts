import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { DialOptions, Stream } from "../../src/runtime/runtime.ts";
import { listen, type Listener, readAll, readSome, TestSink } from "../_kit/streams.ts";

const TIMEOUT = { timeout: 20_000 };

/** A stream and the server's end of it, for one test. */
interface Pair {
  readonly stream: Stream;
  readonly peer: Socket;
  readonly sink: TestSink;
  readonly listener: Listener;
}

async function withPair(
  use: (pair: Pair) => Promise<void>,
  options: DialOptions = {},
): Promise<void> {
  const listener = await listen();
  const runtime = await detectRuntime();
  const address = { kind: "tcp", host: "127.0.0.1", port: listener.port } as const;
  const [stream, peer] = await Promise.all([runtime.connect(address, options), listener.accept()]);
  try {
    await use({ stream, peer, sink: new TestSink(), listener });
  } finally {
    stream.destroy();
    listener.close();
  }
}

/** Returns bytes whose values depend on their places. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 7 + (i >>> 16)) & 0xff;
  return bytes;
}

/** Unread bytes make the kernel answer the peer's close with a reset. */
async function reset(stream: Stream, peer: Socket): Promise<void> {
  await stream.write(pattern(65_536));
  const closed = new Promise<void>((resolve) => peer.once("close", () => resolve()));
  peer.destroy();
  await closed;
}

async function failingWrite(stream: Stream): Promise<unknown> {
  for (let i = 0; i < 1000; i++) {
    try {
      await stream.write(pattern(1024));
    } catch (cause) {
      return cause;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error("no write to a dead peer failed");
}

for (const window of [1, 7, 65_536]) {
  test(
    `bytes arrive in order through a window of ${window}`,
    TIMEOUT,
    () =>
      withPair(async ({ stream, peer, sink }) => {
        const sent = pattern(5000);
        sink.window = window;
        stream.start(sink);
        peer.end(sent);
        assert.equal(await sink.untilLost(), undefined);
        assert.deepEqual(sink.bytes(), sent);
      }),
  );
}

test("nothing is read before start", TIMEOUT, () =>
  withPair(async ({ stream, peer, sink }) => {
    peer.write("early");
    await stream.write(pattern(3));
    await readSome(peer, 3);
    stream.start(sink);
    await sink.until(() => sink.total === 5);
    assert.equal(sink.text(), "early");
  }));

test(
  "bytes that a sink has not taken survive the reads of another stream",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      sink.window = sink.limit = 1;
      stream.start(sink);
      peer.write("abc");
      await sink.until(() => sink.total > 0);
      await withPair(async (other) => {
        other.stream.start(other.sink);
        other.peer.write("xyz");
        await other.sink.until(() => other.sink.total === 3);
        assert.equal(other.sink.text(), "xyz");
      });
      sink.limit = Infinity;
      stream.resume();
      await sink.until(() => sink.total === 3);
      assert.equal(sink.text(), "abc");
    }),
);

test(
  "a sink that returns false gets no more until resume",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      sink.window = 1;
      sink.limit = 1;
      stream.start(sink);
      peer.write("abc");
      await sink.until(() => sink.total > 0);
      // A round trip the other way gives a stream time to read on wrongly.
      await stream.write(pattern(10));
      await readSome(peer, 10);
      assert.equal(sink.text(), "a");
      sink.limit = 2;
      stream.resume();
      await sink.until(() => sink.total > 1);
      assert.equal(sink.text(), "ab");
      sink.limit = Infinity;
      sink.window = 100;
      stream.resume();
      peer.end("def");
      assert.equal(await sink.untilLost(), undefined);
      assert.equal(sink.text(), "abcdef");
    }),
);

test(
  "several megabytes arrive intact through pauses",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      const sent = pattern(4_000_000);
      stream.start(sink);
      peer.end(sent);
      for (sink.limit = 500_000; sink.limit < sent.length; sink.limit += 500_000) {
        await sink.until(() => sink.total >= sink.limit);
        setTimeout(() => stream.resume(), 1);
      }
      // Not even the end of the stream must reach a paused sink.
      sink.limit = Infinity;
      assert.equal(await sink.untilLost(), undefined);
      // Not deepEqual, which takes too long to print such a difference.
      assert.ok(Buffer.from(sent).equals(sink.bytes()), "the bytes differ");
    }),
);

test(
  "a write to a peer that does not read waits, then arrives intact",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      stream.start(sink);
      const sent = pattern(16_000_000);
      const buffer = sent.slice();
      let settled = false;
      const writing = Promise.resolve(stream.write(buffer)).then(() => {
        settled = true;
        buffer.fill(0xee);
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(settled, false);
      const reading = readAll(peer);
      await writing;
      await stream.close();
      assert.ok(Buffer.from(sent).equals(await reading), "the bytes differ");
      assert.deepEqual(sink.losses, []);
    }),
);

test(
  "a buffer may be reused as soon as its write is done",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer }) => {
      const sizes = [1, 100, 5_000, 70_000, 300_000];
      const buffer = new Uint8Array(300_000);
      const expected: Uint8Array[] = [];
      const reading = readAll(peer);
      for (let i = 0; i < 60; i++) {
        const bytes = buffer.subarray(0, sizes[i % sizes.length]!).fill(i);
        expected.push(bytes.slice());
        const pending = stream.write(bytes);
        if (pending !== undefined) await pending;
        bytes.fill(0xee);
      }
      await stream.close();
      assert.ok(Buffer.concat(expected).equals(await reading), "the bytes differ");
    }),
);

test(
  "FIN is an orderly end, reported once",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      stream.start(sink);
      peer.end();
      assert.equal(await sink.untilLost(), undefined);
      await assert.rejects(async () => await stream.write(pattern(1)));
      await stream.close();
      assert.deepEqual(sink.losses, [undefined]);
    }),
);

test(
  "a reset is reported once, with its cause",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      stream.start(sink);
      await reset(stream, peer);
      assert.match(String(await sink.untilLost()), /reset/i);
      stream.destroy();
      await stream.close();
      assert.equal(sink.losses.length, 1);
    }),
);

test(
  "the loss of a peer before start is reported after start",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      await reset(stream, peer);
      stream.start(sink);
      assert.notEqual(await sink.untilLost(), undefined);
      assert.equal(sink.losses.length, 1);
    }),
);

test(
  "a write to a dead peer rejects and the loss is reported once",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      stream.start(sink);
      await reset(stream, peer);
      assert.ok(await failingWrite(stream) instanceof Error);
      await sink.untilLost();
      await assert.rejects(async () => await stream.write(pattern(1)));
      assert.equal(sink.losses.length, 1);
    }),
);

test(
  "a write to a dead peer rejects while reading is paused",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      sink.limit = sink.window = 1;
      stream.start(sink);
      peer.write("x");
      await sink.until(() => sink.total === 1);
      await reset(stream, peer);
      assert.ok(await failingWrite(stream) instanceof Error);
      await sink.untilLost();
      assert.equal(sink.losses.length, 1);
    }),
);

test(
  "destroy rejects a pending write and does not call the sink",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      stream.start(sink);
      const writing = Promise.resolve(stream.write(pattern(16_000_000)));
      const rejected = assert.rejects(writing);
      await new Promise((resolve) => setTimeout(resolve, 10));
      stream.destroy();
      stream.destroy();
      await rejected;
      await readAll(peer);
      assert.deepEqual(sink.losses, []);
    }),
);

test(
  "closeWrite sends FIN and reading continues",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      stream.start(sink);
      await stream.write(new TextEncoder().encode("last words"));
      await stream.closeWrite();
      assert.equal(new TextDecoder().decode(await readAll(peer)), "last words");
      peer.end("answer");
      assert.equal(await sink.untilLost(), undefined);
      assert.equal(sink.text(), "answer");
    }),
);

test(
  "close sends pending bytes, may be called twice, and does not call the sink",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      stream.start(sink);
      const sent = pattern(4_000_000);
      const writing = stream.write(sent);
      const closing = stream.close();
      const received = await readAll(peer);
      await Promise.all([writing, closing, stream.close()]);
      assert.equal(received.length, sent.length);
      assert.deepEqual(sink.losses, []);
    }),
);

test(
  "close settles when the peer is gone",
  TIMEOUT,
  () =>
    withPair(async ({ stream, peer, sink }) => {
      stream.start(sink);
      await reset(stream, peer);
      await stream.close();
      await stream.closeWrite();
      assert.ok(sink.losses.length <= 1);
    }),
);

test(
  "destroy settles a close that waits for a peer that does not read",
  TIMEOUT,
  () =>
    withPair(async ({ stream, sink }) => {
      stream.start(sink);
      const writing = Promise.resolve(stream.write(pattern(16_000_000))).catch(() => {});
      const closing = stream.close();
      await new Promise((resolve) => setTimeout(resolve, 10));
      stream.destroy();
      await Promise.all([writing, closing]);
      assert.deepEqual(sink.losses, []);
    }),
);

test("a stream has a kind and its peer's address", TIMEOUT, () =>
  withPair(({ stream }) => {
    assert.equal(stream.kind, "tcp");
    assert.equal(stream.remoteAddress, "127.0.0.1");
    return Promise.resolve();
  }));

test("keepalive, on its own and with an idle time, still connects", TIMEOUT, async () => {
  for (const keepAlive of [{}, { idle: 30 }]) {
    await withPair(async ({ stream, peer }) => {
      await stream.write(pattern(3));
      await readSome(peer, 3);
    }, { keepAlive });
  }
});

test("a local address is bound", TIMEOUT, () =>
  withPair(({ peer }) => {
    assert.equal(peer.remoteAddress, "127.0.0.2");
    return Promise.resolve();
  }, { source: { host: "127.0.0.2" } }));

test("a Unix socket carries bytes both ways", TIMEOUT, async () => {
  const directory = mkdtempSync(join(tmpdir(), "cornac-"));
  const path = join(directory, ".s.PGSQL.5432");
  const listener = await listen(path);
  try {
    const runtime = await detectRuntime();
    const stream = await runtime.connect({ kind: "unix", path }, {});
    const peer = await listener.accept();
    const sink = new TestSink();
    stream.start(sink);
    await stream.write(new TextEncoder().encode("ping"));
    assert.equal(await readSome(peer, 4), "ping");
    peer.end("pong");
    assert.equal(await sink.untilLost(), undefined);
    assert.equal(sink.text(), "pong");
    assert.equal(stream.kind, "unix");
    await stream.close();
  } finally {
    listener.close();
    rmSync(directory, { recursive: true });
  }
});
