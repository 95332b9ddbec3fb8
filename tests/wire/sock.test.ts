import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { before, describe, test } from "node:test";
import { InterfaceError } from "../../src/errors/errors.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Address, Runtime, Stream } from "../../src/runtime/runtime.ts";
import { type Certificates, certificates } from "../_kit/certs.ts";
import { collector } from "../_kit/collector.ts";
import { Recorder } from "../_kit/recorder.ts";
import { answered, echo, gone, settings, tlsAfterByte, withPeer } from "../_kit/tls_peer.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const tlsPeer = () => tlsAfterByte(pki.server, echo);

let runtime: Runtime;
let pki: Certificates;
before(async () => {
  runtime = await detectRuntime();
  pki = await certificates();
});

/** The forms of an open TCP connection that users may have. */
const KINDS: Readonly<Record<string, (socket: Socket) => unknown>> = {
  "a net.Socket": (socket) => socket,
  "a Duplex": overDuplex,
  "a pair of web streams": (socket) => overPair(socket).pair,
  "a conn with read and write": overConn,
};

describe("an adopted connection", () => {
  const collect = collector();
  test("a closed stream lets go of its sink, also while its socket is kept", {
    skip: collect === undefined && "the collector cannot be called here",
  }, () =>
    withPeer(echo, async (address) => {
      const socket = await dialed(address);
      const stream = runtime.adopt(socket);
      const sink = await sinkOf(stream);
      await stream.close();
      for (let i = 0; i < 20 && sink.deref() !== undefined; i++) {
        await settled();
        collect!();
      }
      assert.equal(sink.deref(), undefined);
      assert.ok(socket.destroyed);
      await stream.close();
    }));

  for (const [kind, wrap] of Object.entries(KINDS)) {
    test(`${kind} is adopted mid-protocol, reads and writes`, () =>
      withPeer(echo, async (address) => {
        const socket = await dialed(address);
        const stream = runtime.adopt(wrap(socket));
        assert.equal(stream.kind, "given");
        const sink = new Recorder();
        stream.start(sink);
        await stream.write(bytes("hello"));
        await sink.untilText("hello");
        await stream.close();
        assert.equal(sink.losses, 0);
      }));

    test(`${kind} reads nothing while paused and continues after that`, () =>
      withPeer((socket) => void socket.write("first"), async (address, peers) => {
        const stream = runtime.adopt(wrap(await dialed(address)));
        const sink = new Recorder();
        sink.paused = true;
        stream.start(sink);
        await sink.untilText("first");
        peers[0]!.end("second");
        await settled();
        assert.equal(sink.text, "first");
        sink.paused = false;
        stream.resume();
        await sink.untilLost();
        assert.equal(sink.text, "firstsecond");
        assert.equal(sink.cause, undefined);
        assert.equal(sink.losses, 1);
        stream.destroy();
      }));

    test(`${kind} carries TLS after one plain byte`, () =>
      withPeer(tlsPeer(), async (address) => {
        const stream = runtime.adopt(wrap(await dialed(address)));
        const sink = await answered(stream);
        const tls = await settings({ needsCertificate: true });
        assert.ok(stream.canSecure(tls));
        const facts = await stream.secure(tls);
        assert.ok(facts.certificate!.length > 100);
        stream.resume();
        await stream.write(bytes("secret"));
        await sink.untilText("Ssecret");
        await stream.close();
        assert.equal(sink.losses, 0);
      }));

    test(`${kind} is closed when the certificate is refused`, () =>
      withPeer(tlsPeer(), async (address, peers) => {
        const stream = runtime.adopt(wrap(await dialed(address)));
        const sink = await answered(stream);
        await assert.rejects(
          stream.secure(await settings({ ca: [pki.otherCa.cert] })),
          { name: "OperationalError" },
        );
        await gone(peers[0]!);
        assert.equal(sink.losses, 0);
      }));

    test(`${kind} is closed by destroy()`, () =>
      withPeer(echo, async (address, peers) => {
        const stream = runtime.adopt(wrap(await dialed(address)));
        const sink = new Recorder();
        stream.start(sink);
        await stream.write(bytes("x"));
        await sink.untilText("x");
        stream.destroy();
        stream.destroy();
        await gone(peers[0]!);
        await assert.rejects(Promise.resolve(stream.write(bytes("y"))));
        assert.equal(sink.losses, 0);
      }));
  }
});

const noDeno = !("Deno" in globalThis) && "about connections of Deno";

test(
  "a Deno.Conn is adopted mid-protocol and upgraded to TLS",
  { skip: noDeno },
  () =>
    withPeer(tlsPeer(), async (address) => {
      const stream = runtime.adopt(await denoConn(address));
      const sink = await answered(stream);
      await stream.secure(await settings({ needsCertificate: true }));
      stream.resume();
      await stream.write(bytes("secret"));
      await sink.untilText("Ssecret");
      await stream.closeWrite();
      await sink.untilLost();
      assert.deepEqual([sink.cause, sink.losses], [undefined, 1]);
      stream.destroy();
    }),
);

function denoConn(address: Address): Promise<unknown> {
  type Connect = { connect(options: unknown): Promise<unknown> };
  const { connect } = (globalThis as unknown as { Deno: Connect }).Deno;
  return connect({ port: (address as Address & { kind: "tcp" }).port, hostname: "127.0.0.1" });
}

describe("a pair of web streams", () => {
  test("a failing readable is a loss with its own error as the cause", async () => {
    const broken = new Error("the tunnel collapsed");
    const readable = new ReadableStream({ pull: (control) => control.error(broken) });
    const stream = runtime.adopt({ readable, writable: new WritableStream() });
    const sink = new Recorder();
    stream.start(sink);
    await sink.untilLost();
    assert.equal(sink.cause, broken);
    assert.equal(sink.losses, 1);
  });

  test("a failing writable rejects the write and is a loss", async () => {
    const broken = new Error("the tunnel collapsed");
    const writable = new WritableStream({ write: () => Promise.reject(broken) });
    const stream = runtime.adopt({ readable: new ReadableStream(), writable });
    const sink = new Recorder();
    stream.start(sink);
    await assert.rejects(Promise.resolve(stream.write(bytes("x"))), broken);
    await sink.untilLost();
    assert.equal(sink.cause, broken);
    assert.equal(sink.losses, 1);
  });

  test("a write that never settles fails when the stream is destroyed", async () => {
    const writable = new WritableStream({ write: () => new Promise(() => {}) });
    const stream = runtime.adopt({ readable: new ReadableStream(), writable });
    const writing = Promise.resolve(stream.write(bytes("x")));
    const closing = stream.close();
    stream.destroy();
    await assert.rejects(writing, { name: "OperationalError" });
    await closing;
  });

  test("later use of the caller's buffer does not change written bytes", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const stream = runtime.adopt({ readable: new ReadableStream(), writable });
    const reader = readable.getReader();
    const buffer = bytes("before");
    const [, first] = await Promise.all([
      stream.write(buffer),
      reader.read().then(async (one) => {
        await settled();
        return one.value!;
      }),
    ]);
    buffer.set(bytes("after!"));
    assert.equal(Buffer.from(first).toString(), "before");
    stream.destroy();
  });

  test("chunks that are not bytes are refused by name", async () => {
    const readable = new ReadableStream({ pull: (control) => control.enqueue("text") });
    const stream = runtime.adopt({ readable, writable: new WritableStream() });
    const sink = new Recorder();
    stream.start(sink);
    await sink.untilLost();
    assert.ok(sink.cause instanceof InterfaceError);
    assert.match(sink.cause.message, /sock\.readable yields a string/);
  });

  test("a locked stream is refused", () => {
    const pair = { readable: new ReadableStream(), writable: new WritableStream() };
    pair.readable.getReader();
    assert.throws(() => runtime.adopt(pair), { name: "InterfaceError", message: /locked/ });
  });

  test("half-close ends the peer's reading only", () =>
    withPeer((socket) => void socket.on("end", () => socket.end("late")), async (address) => {
      const stream = runtime.adopt(overPair(await dialed(address)).pair);
      const sink = new Recorder();
      stream.start(sink);
      await stream.closeWrite();
      await sink.untilLost();
      assert.equal(sink.text, "late");
      stream.destroy();
    }));
});

describe("sock", () => {
  test("an object that implements Stream is used unchanged", () => {
    const names = ["start", "resume", "write", "canSecure", "secure", "closeWrite", "close"];
    const stream = Object.fromEntries(
      [...names, "destroy", "ref", "unref"].map((n) => [n, () => {}]),
    );
    assert.equal(runtime.adopt(stream), stream);
  });

  for (
    const sock of [undefined, null, 5432, "host", {}, [], new Map(), () => {}, { readable: 1 }]
  ) {
    test(`${Object.prototype.toString.call(sock)} ${String(sock)} is refused`, () => {
      assert.throws(() => runtime.adopt(sock), { name: "InterfaceError", message: /^sock / });
    });
  }
});

async function dialed(address: Address): Promise<Socket> {
  const { port } = address as Address & { kind: "tcp" };
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  return socket;
}

/** Waits for events that must not happen. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

/** Reads a socket chunk by chunk, and nothing in between; returns `undefined` at the end. */
function puller(socket: Socket): () => Promise<Uint8Array | undefined> {
  const chunks: (Uint8Array | undefined)[] = [];
  let wake: (() => void) | undefined;
  const arrived = (chunk?: Uint8Array) => {
    chunks.push(chunk);
    wake?.();
  };
  socket.pause();
  socket.on("error", () => {});
  socket.on("data", (chunk) => arrived(new Uint8Array(chunk)));
  socket.on("end", () => arrived());
  socket.on("close", () => arrived());
  socket.pause();
  return async () => {
    socket.resume();
    while (chunks.length === 0) await new Promise<void>((resolve) => wake = resolve);
    socket.pause();
    return chunks.shift();
  };
}

function overPair(socket: Socket): { pair: unknown } {
  const next = puller(socket);
  const readable = new ReadableStream<Uint8Array>({
    async pull(control) {
      const chunk = await next();
      if (chunk !== undefined) return control.enqueue(chunk);
      control.close();
    },
    cancel: () => void socket.destroy(),
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => new Promise((resolve) => socket.write(chunk, () => resolve())),
    close: () => void socket.end(),
    abort: () => void socket.destroy(),
  });
  return { pair: { readable, writable } };
}

function overConn(socket: Socket): unknown {
  const next = puller(socket);
  let rest: Uint8Array | undefined = new Uint8Array(0);
  return {
    async read(into: Uint8Array): Promise<number | null> {
      if (rest?.length === 0) rest = await next();
      if (rest === undefined) return null;
      const part = rest.subarray(0, into.length);
      rest = rest.subarray(part.length);
      into.set(part);
      return part.length;
    },
    // Takes at most three bytes at a time, as a conn may.
    write: (bytes: Uint8Array) =>
      new Promise<number>((resolve) => {
        const part = bytes.slice(0, 3);
        socket.write(part, () => resolve(part.length));
      }),
    closeWrite: () => Promise.resolve(void socket.end()),
    close: () => void socket.destroy(),
  };
}

function overDuplex(socket: Socket): Duplex {
  socket.on("error", () => {});
  socket.pause();
  const duplex = new Duplex({
    allowHalfOpen: true,
    read: () => void socket.resume(),
    write: (chunk, _encoding, done) => void socket.write(chunk, () => done()),
    final: (done) => (socket.end(), done()),
    destroy: (cause, done) => (socket.destroy(), done(cause)),
  });
  socket.on("data", (chunk) => void (duplex.push(chunk) || socket.pause()));
  socket.on("end", () => void duplex.push(null));
  return duplex;
}

/** Reads from a stream. The sink is left to the stream alone. */
async function sinkOf(stream: Stream): Promise<WeakRef<Recorder>> {
  const sink = new Recorder();
  stream.start(sink);
  await stream.write(bytes("hello"));
  await sink.untilText("hello");
  return new WeakRef(sink);
}
