/** For tests of one stream: a peer, plain or with TLS after one byte as PostgreSQL does it. */
import { createServer, type Server, type Socket } from "node:net";
import type { Address, Stream, TlsSettings } from "../../src/runtime/runtime.ts";
import { certificates } from "./certs.ts";
import { Recorder } from "./recorder.ts";
import { acceptTls, type ServerTls } from "./tls_bridge.ts";

/**
 * Listens on the loopback, or at `path`, while `talk` runs; `serve` gets each connection. `peers`
 * are the server's ends, in order.
 */
export async function withPeer(
  serve: (socket: Socket) => void,
  talk: (address: Address, peers: Socket[]) => Promise<void>,
  path?: string,
): Promise<void> {
  const peers: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    peers.push(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  const at = server.address();
  const port = typeof at === "object" && at !== null ? at.port : 0;
  const address: Address = path === undefined
    ? { kind: "tcp", host: "127.0.0.1", port }
    : { kind: "unix", path };
  try {
    await talk(address, peers);
  } finally {
    for (const socket of peers) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Answers the first data with `S` and shakes hands; `serve` gets the encrypted connection. */
export function tlsAfterByte(
  tls: ServerTls,
  serve: (socket: Socket) => void,
): (socket: Socket) => void {
  return (socket) => {
    socket.once("data", async () => {
      let feed: ((bytes: Uint8Array) => void) | undefined;
      socket.on("data", (chunk) => feed?.(new Uint8Array(chunk)));
      const accepting = acceptTls(socket, new Uint8Array(0), tls, (to) => {
        feed = to;
        socket.write("S");
      });
      const inner = await accepting.catch(() => undefined);
      inner?.on("error", () => {});
      if (inner !== undefined) serve(inner);
    });
  };
}

/** Sends everything back, and FIN for FIN. */
export function echo(socket: Socket): void {
  socket.on("end", () => socket.end());
  socket.on("data", (data) => {
    if (socket.write(data)) return;
    socket.pause();
    socket.once("drain", () => socket.resume());
  });
}

/** Asks for TLS; the stream stands paused at the `S`. */
export async function answered(stream: Stream): Promise<Recorder> {
  const sink = new Recorder(1);
  sink.paused = true;
  stream.start(sink);
  await stream.write(new Uint8Array(8));
  await sink.untilText("S");
  sink.paused = false;
  sink.room = 65_536;
  return sink;
}

/** Full verification against the test's own root, unless `more` says otherwise. */
export async function settings(more: Partial<TlsSettings> = {}): Promise<TlsSettings> {
  const ca = [(await certificates()).ca.cert];
  return {
    verify: "full",
    serverName: "localhost",
    sni: true,
    ca,
    needsCertificate: false,
    ...more,
  };
}

/** Resolves when the server's end of a connection hears that the other is gone. */
export async function gone(peer: Socket): Promise<void> {
  peer.resume();
  if (peer.readableEnded || peer.closed || peer.destroyed) return;
  await new Promise<void>((resolve) => {
    peer.once("end", () => resolve());
    peer.once("close", () => resolve());
  });
}
