import { InterfaceError } from "../errors/errors.ts";
import { type BunGlobal, type BunSocket, isBunSocket } from "./bun_socket.ts";
import { BunStream } from "./bun_stream.ts";
import { userName } from "./bun_user.ts";
import { adoptGiven, connectNode, nodeServices } from "./node.ts";
import type { NodeTraits } from "./node_tls.ts";
import type { Address, DialOptions, Runtime, Stream } from "./runtime.ts";

/** Bun's own sockets and `upgradeTLS`; node:net and node:tls where those cannot be had. */
export const runtime: Runtime = {
  ...nodeServices,
  name: "Bun",
  // JavaScriptCore loses the chain at an awaited object that is not a native promise.
  asyncStacks: false,
  connect: (address, options) =>
    address.kind === "unix" ? connectUnix(address.path, options) : connectTcp(address, options),
  userName,
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
 * Dials by node:net and goes on with the socket of Bun's own inside it, which costs less.
 *
 * A pending `Bun.connect` cannot be cancelled, and keeps the process alive until the system gives up,
 * which takes minutes for a host that is silent, this machine with a full backlog included; a pending
 * `net.Socket` can. What is inside is private to Bun: where it is not what it was, the `net.Socket`
 * itself is used, and also where it has read already, since those bytes would be lost.
 */
async function connectTcp(address: Address, options: DialOptions): Promise<Stream> {
  const stream = await connectNode(address, options, NODE_ON_BUN);
  const outer = stream.socket as { _handle?: unknown; readonly readableLength: number };
  const inner = outer._handle;
  if (!isBunSocket(inner) || outer.readableLength > 0) return stream;
  const taken = takeOver(inner, "tcp");
  // A net.Socket that was paused holds no process.
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

/** Whoever had the socket before hears no more of it. */
function takeOver(socket: BunSocket, kind: Stream["kind"]): Stream {
  const stream = new BunStream(kind);
  socket.reload({ socket: stream.handlers });
  stream.opened(socket);
  return stream;
}

function bun(): BunGlobal {
  return (globalThis as unknown as { Bun: BunGlobal }).Bun;
}
