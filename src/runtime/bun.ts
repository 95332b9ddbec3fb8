import { InterfaceError } from "../errors/errors.ts";
import { type BunGlobal, type BunSocket, isBunSocket } from "./bun_socket.ts";
import { BunStream } from "./bun_stream.ts";
import { adoptGiven, connectNode, nodeServices } from "./node.ts";
import type { NodeTraits } from "./node_tls.ts";
import type { Address, DialOptions, Runtime, Stream } from "./runtime.ts";

/** Bun's own sockets, `Bun.connect` and `upgradeTLS`; node:net and node:tls where those fall short. */
export const runtime: Runtime = {
  ...nodeServices,
  name: "Bun",
  // JavaScriptCore loses the chain at an awaited object that is not a native promise.
  asyncStacks: false,
  connect: (address, options) =>
    isNative(address, options)
      ? connectBun(address, options)
      : connectNode(address, options, NODE_ON_BUN),
  adopt: (sock) => isBunSocket(sock) ? adoptBun(sock) : adoptGiven(sock, NODE_ON_BUN),
};

/** What node:net and node:tls do under Bun. */
const NODE_ON_BUN: NodeTraits = {
  name: "Bun",
  upgradesOnRead: true,
  refuse: () => undefined,
  keepAliveProbes: () => false,
};

/**
 * A pending `Bun.connect` cannot be cancelled, and keeps the process alive until the system gives
 * up, which takes minutes for a host that is silent, this machine with a full backlog included. So
 * it dials only where nothing can be pending, which is Unix sockets, and where nobody can ask to
 * stop: attempts without a signal. (The socket inside Bun's `net.Socket` has the same methods, but
 * it is private to Bun.) A local address and the finer points of keepalive are also left to node:net.
 */
function isNative(address: Address, { signal, source, keepAlive }: DialOptions): boolean {
  if (source !== undefined) return false;
  if (keepAlive?.interval !== undefined || keepAlive?.count !== undefined) return false;
  return signal === undefined || address.kind === "unix";
}

async function connectBun(address: Address, options: DialOptions): Promise<Stream> {
  const { signal, keepAlive } = options;
  signal?.throwIfAborted();
  const stream = new BunStream(address.kind, address.kind === "unix" ? address.path : undefined);
  const where = address.kind === "unix"
    ? { unix: address.path.replace(/^@/, "\0") }
    : { hostname: address.host, port: address.port };
  const dialing = bun().connect({ ...where, socket: stream.handlers });
  const socket = await unlessAborted(dialing, signal, () => stream.destroy())
    .catch((cause) => Promise.reject(readable(cause, address)));
  // TCP_NODELAY is on already.
  if (address.kind === "tcp" && keepAlive !== undefined) {
    socket.setKeepAlive(true, Math.ceil(keepAlive.idle ?? 0) * 1000);
  }
  return stream;
}

/** Leaves `dialing` alone once aborted; a stream destroyed by then ends a socket that comes late. */
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
    signal.addEventListener("abort", onAbort, { once: true });
    dialing.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Bun says "Failed to connect" whatever and wherever it was. */
function readable(cause: unknown, address: Address): unknown {
  if (!(cause instanceof Error) || cause.message !== "Failed to connect") return cause;
  const { code } = cause as { code?: string };
  const where = address.kind === "unix" ? address.path : `${address.host}:${address.port}`;
  return Object.assign(new Error(`connect ${code} ${where}`, { cause }), { code });
}

function adoptBun(socket: BunSocket): Stream {
  if (socket.listener !== undefined) {
    throw new InterfaceError(
      "sock was accepted by Bun.listen and shares its handlers with the listener's other sockets; " +
        "it must come from Bun.connect",
    );
  }
  const stream = new BunStream("given");
  socket.reload({ socket: stream.handlers });
  stream.opened(socket);
  socket.setNoDelay(true);
  return stream;
}

function bun(): BunGlobal {
  return (globalThis as unknown as { Bun: BunGlobal }).Bun;
}
