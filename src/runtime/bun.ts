import { Buffer } from "node:buffer";
import { InterfaceError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import { type BunGlobal, type BunSocket, isBunSocket } from "./bun_socket.ts";
import { BunStream } from "./bun_stream.ts";
import { userName } from "./bun_user.ts";
import { adoptGiven, connectNode, nodeServices } from "./node.ts";
import type { NodeTraits } from "./node_tls.ts";
import type { Address, DialOptions, Runtime, Stream } from "./runtime.ts";

/** Bun: its sockets and `upgradeTLS`; node:net and node:tls where those are not possible. */
export const runtime: Runtime = {
  ...nodeServices,
  name: "Bun",
  // JavaScriptCore loses the chain at an awaited object that is not a native promise.
  asyncStacks: false,
  decodeUtf8,
  connect: (address, options) =>
    address.kind === "unix" ? connectUnix(address.path, options) : connectTcp(address, options),
  userName,
  adopt: (sock) => isBunSocket(sock) ? adoptBun(sock) : adoptGiven(sock, NODE_ON_BUN),
};

/** The most bytes that are looked at one by one, which costs less than what `latin1Slice` saves. */
const MOST_LOOKED_AT = 32;

/** The functions behind a Buffer's `toString()`; they take any `Uint8Array`. */
const { utf8Slice, latin1Slice } = Buffer.prototype as unknown as Record<
  "utf8Slice" | "latin1Slice",
  (this: Uint8Array, start: number, end: number) => string
>;

/** Decodes UTF-8; short ASCII as Latin-1, for which Bun does not look at the bytes twice. */
function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > MOST_LOOKED_AT) return utf8Slice.call(bytes, start, end);
  let all = 0;
  for (let i = start; i < end; i++) all |= bytes[i]!;
  return all < 128 ? latin1Slice.call(bytes, start, end) : utf8Slice.call(bytes, start, end);
}

/** The behaviour of node:net and node:tls under Bun. */
const NODE_ON_BUN: NodeTraits = {
  name: "Bun",
  upgradesOnRead: true,
  refuse: () => undefined,
  keepAliveProbes: () => false,
};

/**
 * Dials by node:net, then uses Bun's own socket inside the `net.Socket`, which costs less.
 *
 * A pending `Bun.connect` cannot be cancelled, and keeps the process alive until the system gives up.
 * For a silent host, or this machine with a full backlog, that takes minutes. A pending `net.Socket`
 * can be cancelled. The inner socket is private to Bun: where its shape is another one, the
 * `net.Socket` is used. The same applies where it has read already, because those bytes would be lost.
 */
async function connectTcp(address: Address, options: DialOptions): Promise<Stream> {
  const stream = await connectNode(address, options, NODE_ON_BUN);
  const outer = stream.socket as { _handle?: unknown; readonly readableLength: number };
  const inner = outer._handle;
  if (!isBunSocket(inner) || outer.readableLength > 0) return stream;
  const taken = takeOver(inner, "tcp");
  // A net.Socket that was paused does not keep the process alive.
  taken.ref();
  return taken;
}

async function connectUnix(path: string, { signal }: DialOptions): Promise<Stream> {
  signal?.throwIfAborted();
  const stream = new BunStream("unix", path);
  const dialing = bun().connect({ unix: path.replace(/^@/, "\0"), socket: stream.handlers });
  await unlessAborted(dialing, signal, () => stream.destroy())
    .catch((cause) => Promise.reject(readable(cause, path)));
  return stream;
}

/** Settles as `dialing` or rejects on abort. A socket that comes later ends with its destroyed stream. */
function unlessAborted(
  dialing: Promise<BunSocket>,
  signal: AbortSignal | undefined,
  abandon: () => void,
): Promise<BunSocket> {
  if (signal === undefined) return dialing;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      abandon();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, ONCE);
    dialing.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Names code and path: Bun says "Failed to connect" for every failure. */
function readable(cause: unknown, path: string): unknown {
  if (!(cause instanceof Error) || cause.message !== "Failed to connect") return cause;
  const { code } = cause as { code?: string };
  return Object.assign(new Error(`connect ${code} ${path}`, { cause }), { code });
}

function adoptBun(socket: BunSocket): Stream {
  if (socket.listener !== undefined) {
    throw new InterfaceError(
      "sock was accepted by Bun.listen and shares its handlers with the listener's other sockets; " +
        "it must come from Bun.connect",
    );
  }
  const stream = takeOver(socket, "given");
  socket.setNoDelay(true);
  return stream;
}

/** Replaces the handlers of a socket; its earlier handlers are not called again. */
function takeOver(socket: BunSocket, kind: Stream["kind"]): Stream {
  const stream = new BunStream(kind);
  socket.reload({ socket: stream.handlers });
  stream.opened(socket);
  return stream;
}

function bun(): BunGlobal {
  return (globalThis as unknown as { Bun: BunGlobal }).Bun;
}
