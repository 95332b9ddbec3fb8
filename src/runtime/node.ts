import { reasonOf } from "../errors/reason.ts";
import { AsyncLocalStorage } from "node:async_hooks";
import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import { lookup } from "node:dns/promises";
import { createReadStream, stat as statThen } from "node:fs";
import { stat } from "node:fs/promises";
import { connect as connectSocket, type NetConnectOpts, Socket } from "node:net";
import { homedir, userInfo } from "node:os";
import process from "node:process";
import { Duplex } from "node:stream";
import { InterfaceError, NotSupportedError } from "../errors/errors.ts";
import { duplexOver } from "./node_duplex.ts";
import { operation } from "./operation.ts";
import { NodeStream, type OnRead } from "./node_stream.ts";
import { NODE, type NodeTraits } from "./node_tls.ts";
import type {
  Address,
  DiagnosticsChannel,
  DialOptions,
  KeepAlive,
  Runtime,
  Stream,
} from "./runtime.ts";
import { withShortText } from "./short_text.ts";
import { adopt } from "./web_stream.ts";

/** Bytes. Certificates, revocation lists and password files stay far below. */
const LONGEST_FILE = 16 * 2 ** 20;

/**
 * The function behind a Buffer's `toString()`. It is not documented, takes any `Uint8Array`, and costs
 * half as much as `TextDecoder` for strings of usual length.
 */
const { utf8Slice } = Buffer.prototype as {
  utf8Slice?: (this: Uint8Array, start: number, end: number) => string;
};

/** The channels by their names, of which the driver has a fixed number. */
const CHANNELS: Map<string, DiagnosticsChannel> = new Map();

/**
 * Returns a channel, which is kept. When Node 20 or Bun 1.4 has collected one, it forgets another one of
 * the same name that was made meanwhile, and later subscribers get a third, on which nothing is published.
 */
function keptChannel(name: string): DiagnosticsChannel {
  const found = CHANNELS.get(name);
  if (found !== undefined) return found;
  const made = channel(name);
  CHANNELS.set(name, made);
  return made;
}

/** The services that `node:` modules provide: all of `Runtime` except sockets. */
export type Services = Omit<Runtime, "name" | "asyncStacks" | "connect" | "adopt">;

/** The services, by `node:` modules. */
export const nodeServices: Services = {
  reasonOf,
  lookup: async (host) =>
    (await lookup(host, { all: true, verbatim: true })).map((one) => one.address),
  // An object like any other: without hasOwn, Object.prototype would be part of the environment. Each
  // access costs a call of the system, and most variables are not set.
  env: (name) => {
    const value = process.env[name];
    return value !== undefined && Object.hasOwn(process.env, name) ? value : undefined;
  },
  readTextFile: (path) => orAbsent(readText(path)),
  fileMode: async (path) => {
    if (process.platform === "win32") return undefined;
    const found = await orAbsent(stat(path));
    return found && { mode: found.mode, uid: found.uid };
  },
  // A promise of node:fs would make an error with a stack, which costs more than the look.
  isMissing: (path) =>
    new Promise((resolve) => statThen(path, (error) => resolve(error?.code === "ENOENT"))),
  userName: () => attempt(() => userInfo().username),
  homeDirectory: () => attempt(() => homedir()) || undefined,
  decodeUtf8: utf8Slice && ((bytes, start, end) => utf8Slice.call(bytes, start, end)),
  md5: (bytes) => new Uint8Array(createHash("md5").update(bytes).digest()),
  sha256: (bytes, key) => {
    const hash = key === undefined ? createHash("sha256") : createHmac("sha256", key);
    return new Uint8Array(hash.update(bytes).digest());
  },
  unrefTimer: (timer) => (timer as unknown as { unref?(): void }).unref?.(),
  asyncContext: <T>() => new AsyncLocalStorage<T>(),
  channel: keptChannel,
  operation,
};

/** Node: node:net with `onread`, and node:tls. */
export const runtime: Runtime = {
  ...nodeServices,
  name: "Node",
  asyncStacks: true,
  decodeUtf8: nodeServices.decodeUtf8 && withShortText(nodeServices.decodeUtf8),
  connect: (address, options) => connectNode(address, options, NODE),
  adopt: (sock) => adoptGiven(sock, NODE),
};

/**
 * Connects through node:net, with TCP_NODELAY set.
 *
 * `traits` describes this runtime's node:net and node:tls; Node's by default.
 *
 * @throws {NotSupportedError} the runtime cannot set keepalive's interval or count, or cannot do what
 * `options.tls` asks for.
 * @throws the system's error, or the signal's reason.
 */
export async function connectNode(
  address: Address,
  options: DialOptions,
  traits: NodeTraits = NODE,
): Promise<NodeStream> {
  const { signal, tls, keepAlive } = options;
  signal?.throwIfAborted();
  const refusal = tls && traits.refuse(tls);
  if (refusal !== undefined) throw refusal;
  const usesOnRead = tls === undefined || traits.upgradesOnRead;
  const stream = new NodeStream({
    kind: address.kind,
    usesOnRead,
    address: address.kind === "unix" ? address.path : undefined,
    open: (onread) => openSocket(address, options, traits, usesOnRead ? onread : undefined),
  }, traits);
  const socket = stream.socket as Socket;
  try {
    await connected(socket, signal);
    if (address.kind === "tcp" && keepAlive !== undefined) setKeepAlive(socket, keepAlive, traits);
  } catch (cause) {
    stream.destroy();
    throw cause;
  }
  return stream;
}

/**
 * Wraps an open `net.Socket`, `tls.TLSSocket` or any other `Duplex`.
 *
 * @throws {InterfaceError} `sock` is none of these, or is closed.
 */
export function adoptNode(sock: unknown, traits: NodeTraits = NODE): Stream {
  if (!(sock instanceof Duplex)) {
    throw new InterfaceError("sock is not a net.Socket, a TLSSocket or a Duplex");
  }
  if (sock.destroyed) throw new InterfaceError("sock is closed");
  sock.pause();
  if (sock instanceof Socket) sock.setNoDelay(true);
  return new NodeStream({ kind: "given", usesOnRead: false, open: () => sock }, traits);
}

/**
 * Wraps an open connection that the user brought and that needs no API of one runtime; TLS is done by
 * node:tls.
 *
 * @throws {InterfaceError} `sock` is of no known kind.
 */
export function adoptGiven(sock: unknown, traits: NodeTraits = NODE): Stream {
  if (sock instanceof Duplex) return adoptNode(sock, traits);
  return adopt(sock, (pipe) => adoptNode(duplexOver(pipe), traits));
}

function openSocket(
  address: Address,
  options: DialOptions,
  traits: NodeTraits,
  onread: OnRead | undefined,
): Socket {
  const where = address.kind === "unix" ? { path: socketPath(address.path) } : {
    host: address.host,
    port: address.port,
    noDelay: true,
    ...traits.triesAddresses === false && { autoSelectFamily: false },
    localAddress: options.source?.host,
    localPort: options.source?.port,
  };
  // Half-open, so that the peer's FIN is answered only after its last bytes were read.
  const socket = connectSocket({ ...where, onread, allowHalfOpen: true } as NetConnectOpts);
  // Reading would otherwise begin when the socket is connected.
  socket.pause();
  return socket;
}

function socketPath(path: string): string {
  return path.startsWith("@") ? `\0${path.slice(1)}` : path;
}

function connected(socket: Socket, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      socket.off("connect", onConnect);
      socket.off("error", onError);
      socket.off("close", onClose);
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    const onConnect = () => settle(resolve);
    const onError = (cause: unknown) => settle(() => reject(readable(cause)));
    const onClose = () => settle(() => reject(new Error("the socket was closed while connecting")));
    const onAbort = () => settle(() => reject(signal?.reason));
    socket.once("connect", onConnect);
    socket.once("error", onError);
    socket.once("close", onClose);
    signal?.addEventListener("abort", onAbort);
  });
}

/** Joins the messages of an AggregateError: for a name with several addresses its own is empty. */
function readable(cause: unknown): unknown {
  if (!(cause instanceof AggregateError) || cause.message !== "") return cause;
  const errors: unknown[] = cause.errors;
  const message = errors.map((one) => one instanceof Error ? one.message : String(one)).join("; ");
  const { code } = cause as { code?: string };
  return Object.assign(new AggregateError(errors, message), code === undefined ? {} : { code });
}

type TunableSocket = {
  setKeepAlive(on: boolean, idle: number, interval?: number, count?: number): void;
};

function setKeepAlive(socket: Socket, keepAlive: KeepAlive, traits: NodeTraits): void {
  const { interval, count } = keepAlive;
  const probes = interval !== undefined || count !== undefined;
  // Without an idle time Node sets neither interval nor count; 7200 is the one of Linux and macOS.
  const idle = keepAlive.idle ?? (probes ? 7200 : 0);
  if (probes && !traits.keepAliveProbes()) {
    throw new NotSupportedError(
      `${traits.name} cannot set the interval or count of TCP keepalive, only the idle time`,
    );
  }
  const milliseconds = (seconds: number | undefined) => seconds && Math.ceil(seconds) * 1000;
  (socket as TunableSocket).setKeepAlive(
    true,
    milliseconds(idle) ?? 0,
    milliseconds(interval),
    count,
  );
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Returns `undefined` for a file that does not exist or may not be read. */
async function orAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof InterfaceError) throw error;
    return undefined;
  }
}

/**
 * Reads a plain file. A pipe or a device may never answer, and each read that waits blocks one of the
 * few threads that serve all file access of the process. Files of size 0 are not read: in `/proc`
 * such files may block, too.
 */
async function readText(path: string): Promise<string> {
  const facts = await stat(path);
  if (!facts.isFile()) throw new InterfaceError(`file "${path}" is not a plain file`);
  if (facts.size === 0) return "";
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of createReadStream(path)) {
    pieces.push(piece);
    length += piece.length;
    if (length > LONGEST_FILE) {
      throw new InterfaceError(`file "${path}" is longer than ${LONGEST_FILE} bytes`);
    }
  }
  return Buffer.concat(pieces).toString("utf8");
}
