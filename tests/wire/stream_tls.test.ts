import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { OperationalError } from "../../src/errors/errors.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { certificates } from "../_kit/certs.ts";
import { listen, readAll, TestSink } from "../_kit/streams.ts";
import { dial, listenTls, local, NONE, settings, withServer } from "../_kit/tls_streams.ts";
import { until } from "../_kit/waiting.ts";

const TIMEOUT = { timeout: 20_000 };

test("megabytes go both ways intact over TLS", TIMEOUT, async () => {
  const tls = await settings();
  await withServer({}, async (listener) => {
    const { stream, sink } = await dial(local(listener), tls);
    const peer = await listener.secured();
    const sent = new Uint8Array(3_000_000);
    for (let i = 0; i < sent.length; i++) sent[i] = (i * 13 + (i >>> 9)) & 0xff;
    peer.end(sent);
    for (sink.limit = 1_000_000; sink.limit < sent.length; sink.limit += 1_000_000) {
      stream.resume();
      await sink.until(() => sink.total >= sink.limit);
    }
    sink.limit = Infinity;
    stream.resume();
    await sink.untilLost();
    assert.ok(Buffer.from(sent).equals(sink.bytes().subarray(1)), "the bytes differ");
  });
  await withServer({}, async (listener) => {
    const { stream, sink } = await dial(local(listener), tls);
    const peer = await listener.secured();
    let received = 0;
    peer.on("data", (part: Uint8Array) => received += part.length);
    const reading = readAll(peer);
    const bytes = new Uint8Array(100_000);
    const expected: Uint8Array[] = [];
    for (let i = 0; i < 30; i++) {
      expected.push(bytes.fill(i).slice());
      const pending = stream.write(bytes);
      if (pending !== undefined) await pending;
      bytes.fill(0xee);
    }
    // The system resets a socket that is closed with unread bytes, such as session tickets, and drops
    // what it has not sent.
    await until(() => received === 3_000_000);
    await stream.close();
    const read = await reading;
    assert.equal(read.length, 3_000_000);
    assert.ok(Buffer.concat(expected).equals(read), "the bytes differ");
    assert.deepEqual(sink.losses, []);
  });
});

test("the end of the peer is reported once over TLS, after its last bytes", TIMEOUT, async () => {
  const tls = await settings();
  await withServer({}, async (listener) => {
    const { stream, sink } = await dial(local(listener), tls);
    const peer = await listener.secured();
    stream.resume();
    peer.end("goodbye");
    await sink.untilLost();
    assert.equal(sink.text(), "Sgoodbye");
    await stream.close();
    assert.equal(sink.losses.length, 1);
  });
});

test("a connection cut under TLS is reported once and fails the next write", TIMEOUT, async () => {
  const tls = await settings();
  await withServer({}, async (listener) => {
    const { stream, sink } = await dial(local(listener), tls);
    await listener.secured();
    stream.resume();
    for (const socket of listener.raw) socket.destroy();
    await sink.untilLost();
    await assert.rejects(async () => await stream.write(new Uint8Array(1)));
    assert.equal(sink.losses.length, 1);
  });
});

test("TLS from the first byte needs no earlier start", TIMEOUT, async () => {
  const { server } = await certificates();
  const tls = await settings({ alpn: ["postgresql"] });
  const options = { cert: server.cert, key: server.key, ALPNProtocols: ["postgresql"] };
  const direct = createTlsServer(options, (socket) => void socket.end("welcome"));
  await new Promise<void>((resolve) => direct.listen(0, "127.0.0.1", resolve));
  try {
    const address = direct.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const runtime = await detectRuntime();
    const stream = await runtime.connect({ kind: "tcp", host: "127.0.0.1", port }, { tls });
    const facts = await stream.secure(tls);
    const sink = new TestSink();
    stream.start(sink);
    await sink.untilLost();
    assert.equal(sink.text(), "welcome");
    assert.equal(facts.alpn, "postgresql");
  } finally {
    direct.close();
  }
});

test("TLS over a Unix socket", TIMEOUT, async () => {
  const directory = mkdtempSync(join(tmpdir(), "cornac-"));
  const path = join(directory, ".s.PGSQL.5432");
  const listener = await listenTls({}, path);
  try {
    const { stream, sink } = await dial({ kind: "unix", path }, await settings());
    const peer = await listener.secured();
    peer.end("hello");
    stream.resume();
    await sink.untilLost();
    assert.equal(sink.text(), "Shello");
  } finally {
    listener.close();
    rmSync(directory, { recursive: true });
  }
});

test(
  "plain text glued to the answer never reaches the sink after the handshake",
  TIMEOUT,
  async () => {
    const listener = await listenTls({}, undefined, "Sinjected");
    try {
      const runtime = await detectRuntime();
      const stream = await runtime.connect(local(listener), { tls: NONE });
      const sink = new TestSink();
      sink.window = sink.limit = 1;
      stream.start(sink);
      await stream.write(new Uint8Array([63]));
      await sink.until(() => sink.total >= 1);
      // The sink refuses bytes of the same chunk by itself; then this is not reached.
      const before = sink.total;
      await assert.rejects(stream.secure(NONE));
      assert.equal(sink.total, before);
      assert.ok(before === 1 || before === "Sinjected".length);
    } finally {
      listener.close();
    }
  },
);

test("a server without TLS fails the handshake", TIMEOUT, async () => {
  const listener = await listen();
  try {
    const runtime = await detectRuntime();
    for (const answer of ["HTTP/1.1 400 Bad Request\r\n\r\n", ""]) {
      const stream = await runtime.connect(local(listener), { tls: NONE });
      const peer = await listener.accept();
      const securing = stream.secure(NONE);
      peer.end(answer);
      await assert.rejects(securing, (cause) => {
        assert.ok(cause instanceof OperationalError, String(cause));
        assert.match(cause.message, /handshake with "localhost" failed: ./);
        return true;
      });
    }
  } finally {
    listener.close();
  }
});

test(
  "an aborted handshake rejects with the reason and closes the connection",
  TIMEOUT,
  async () => {
    const listener = await listen();
    try {
      const runtime = await detectRuntime();
      for (const tls of [NONE, await settings({ ca: undefined })]) {
        const stream = await runtime.connect(local(listener), { tls });
        const peer = await listener.accept();
        const abort = new AbortController();
        const securing = stream.secure(tls, abort.signal);
        const reason = new Error("changed my mind");
        const over = readAll(peer);
        setTimeout(() => abort.abort(reason), 20);
        await assert.rejects(securing, (cause) => cause === reason);
        await over;
        await stream.close();
      }
    } finally {
      listener.close();
    }
  },
);
