/** For tests of TLS streams: a server that upgrades, and dialling it as a session does. */
import assert from "node:assert/strict";
import { connect as connectSocket, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from "node:tls";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Address, Stream, TlsFacts, TlsSettings } from "../../src/runtime/runtime.ts";
import { certificates } from "./certs.ts";
import { listen, type Listener, readSome, TestSink } from "./streams.ts";

/** TLS without a check of anything. */
export const NONE: TlsSettings = {
  verify: "none",
  serverName: "localhost",
  sni: true,
  needsCertificate: false,
};

/** TLS with every check, and changes. */
export async function settings(more: Partial<TlsSettings> = {}): Promise<TlsSettings> {
  const { ca } = await certificates();
  return { ...NONE, verify: "full", ca: [ca.cert], ...more };
}

/** A server that answers a byte with `S` and then speaks TLS. */
export interface TlsListener extends Listener {
  /** The next connection that shook hands, paused. */
  secured(): Promise<TLSSocket & { servername?: string | false }>;
  /** The plain sockets behind the connections, in order. */
  readonly raw: Socket[];
}

/** Listens on the loopback, or at `path`; `answer` is what it says before TLS. */
export async function listenTls(
  options: TlsOptions = {},
  path?: string,
  answer = "S",
): Promise<TlsListener> {
  const { server } = await certificates();
  const waiting: TLSSocket[] = [];
  const all: Socket[] = [];
  let wake = () => {};
  const inner = createTlsServer({ cert: server.cert, key: server.key, ...options }, (socket) => {
    socket.on("error", () => {});
    socket.pause();
    waiting.push(socket);
    wake();
  });
  inner.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => inner.listen(0, "127.0.0.1", resolve));
  const address = inner.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const front = await listen(path);
  const serve = async () => {
    for (;;) {
      const raw = await front.accept();
      all.push(raw);
      bridge(raw, port, answer).then((socket) => all.push(socket));
    }
  };
  serve();
  return {
    ...front,
    raw: all,
    async secured() {
      while (waiting.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return waiting.shift()!;
    },
    close() {
      front.close();
      inner.close();
      for (const socket of [...all, ...waiting]) socket.destroy();
    },
  };
}

async function bridge(raw: Socket, port: number, answer: string): Promise<Socket> {
  await readSome(raw);
  raw.pause();
  raw.write(answer);
  const inner = connectSocket({ port, host: "127.0.0.1" });
  inner.on("error", () => raw.destroy());
  inner.on("close", () => raw.destroy());
  raw.on("close", () => raw.readableEnded || inner.destroy());
  pass(inner, raw);
  pass(raw, inner);
  return inner;
}

/** Passes on what comes, and the end. A pipe of Deno sometimes keeps the last bytes after a pause. */
function pass(from: Socket, to: Socket): void {
  from.on("data", (bytes) => to.write(bytes));
  from.on("end", () => to.end());
  from.resume();
}

/** A stream after its handshake, paused. */
export interface Dialled {
  readonly stream: Stream;
  readonly sink: TestSink;
  readonly facts: TlsFacts;
}

/** Dials, asks for TLS as the session does, and shakes hands. */
export async function dial(
  address: Address,
  tls: TlsSettings,
  signal?: AbortSignal,
): Promise<Dialled> {
  const runtime = await detectRuntime();
  const stream = await runtime.connect(address, { tls });
  try {
    assert.equal(stream.canSecure(tls), true);
    const sink = new TestSink();
    sink.window = sink.limit = 1;
    stream.start(sink);
    await stream.write(new Uint8Array([63]));
    await sink.until(() => sink.total === 1 || sink.losses.length === 1);
    assert.equal(sink.text(), "S");
    const facts = await stream.secure(tls, signal);
    sink.window = 65_536;
    sink.limit = Infinity;
    return { stream, sink, facts };
  } catch (cause) {
    stream.destroy();
    throw cause;
  }
}

/** Where a listener of the loopback is. */
export function local(listener: Listener): Address {
  return { kind: "tcp", host: "127.0.0.1", port: listener.port };
}

/** Runs `use` against a TLS server that is closed afterwards. */
export async function withServer(
  options: TlsOptions,
  use: (listener: TlsListener) => Promise<void>,
): Promise<void> {
  const listener = await listenTls(options);
  try {
    await use(listener);
  } finally {
    listener.close();
  }
}
