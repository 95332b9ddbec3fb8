/**
 * A connection over a WebSocket: for browsers, and for proxies that carry TCP in binary frames.
 *
 * The pair of streams that {@linkcode webSocketPair} returns is for the option `sock` of `connect()`,
 * or for `dial`, which opens one for every connection and so also gives pools, cancelling and
 * timeouts. Encryption is the WebSocket's own (`wss:`); give `sslContext: false`, unless the proxy
 * passes bytes on untouched and TLS is to reach the server.
 *
 * @module
 */
import { InterfaceError, OperationalError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import type { ByteSink, ByteStream } from "../query/source.ts";
import type { Signal } from "../runtime/runtime.ts";

/** A pair of web streams over one WebSocket. */
export interface WebSocketPair {
  /** The bytes from the server. */
  readonly readable: ByteStream;
  /** The bytes to the server. */
  readonly writable: ByteSink;
}

/** Options of {@linkcode webSocketPair}. */
export interface WebSocketOptions {
  /** Subprotocols to offer. */
  readonly protocols?: readonly string[] | undefined;
  /** Aborts opening, and closes the WebSocket afterwards. */
  readonly signal?: Signal | undefined;
  /**
   * Most bytes that are kept for a reader that does not read; 64 MiB by default. A WebSocket cannot
   * slow its peer down, so beyond that the connection ends with an error.
   */
  readonly maxBuffered?: number | undefined;
  /** Replaces the global `WebSocket`, which Node 20 does not have. */
  readonly WebSocket?: (new (url: string, protocols?: string[]) => WebSocketLike) | undefined;
}

/** The part of the platform's `WebSocket` that is used here. */
export interface WebSocketLike {
  /** Set to `"arraybuffer"`. */
  binaryType: string;
  /** Bytes that wait to be sent. */
  readonly bufferedAmount: number;
  /** Sends one binary frame. */
  send(data: Uint8Array): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Listens to `open`, `message`, `error` and `close`. */
  addEventListener(type: string, listener: (event: never) => void): void;
}

/** Bytes that may wait in the WebSocket before writing pauses. */
const HIGH_WATER = 1 << 20;
const LARGEST_FRAME = 1 << 20;
const MAX_BUFFERED = 64 << 20;
/** Milliseconds between looks at a full buffer: no event says that it has emptied. */
const POLL = 5;

/**
 * Opens a WebSocket and resolves to its pair of streams.
 *
 * @throws {InterfaceError} the URL or an option is wrong, or the runtime has no `WebSocket`.
 * @throws {OperationalError} the WebSocket could not be opened.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@cornac/pg";
 * import { webSocketPair } from "@cornac/pg/websocket";
 *
 * const sock = await webSocketPair("wss://proxy.example.com/v1?address=db.example.com:5432");
 * const db = await connect({ sock, user: "myuser", password: "mypassword", sslContext: false });
 * ```
 */
export async function webSocketPair(
  url: string | { readonly href: string },
  options: WebSocketOptions = {},
): Promise<WebSocketPair> {
  const socket = open(typeof url === "string" ? url : url.href, options);
  const pair = streams(socket, options.maxBuffered ?? MAX_BUFFERED);
  const { signal } = options;
  const abort = (): void => pair.fail(signal!.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, ONCE);
  await pair.opened;
  return { readable: pair.readable, writable: pair.writable } as unknown as WebSocketPair;
}

function open(url: string, { WebSocket, protocols }: WebSocketOptions): WebSocketLike {
  const Class = WebSocket ??
    (globalThis as { WebSocket?: WebSocketOptions["WebSocket"] }).WebSocket;
  if (Class === undefined) {
    throw new InterfaceError("this runtime has no WebSocket: give the option WebSocket");
  }
  try {
    const socket = new Class(url, protocols === undefined ? [] : [...protocols]);
    socket.binaryType = "arraybuffer";
    return socket;
  } catch (cause) {
    throw new InterfaceError(`cannot open a WebSocket to ${JSON.stringify(withoutQuery(url))}`, {
      cause,
    });
  }
}

/** A URL's query may hold a token. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, "").replace(/\/\/[^/@]*@/, "//");
}

function streams(socket: WebSocketLike, maxBuffered: number) {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let failure: unknown;
  let isOver = false;
  let settle!: { resolve(): void; reject(reason: unknown): void };
  const opened = new Promise<void>((resolve, reject) => settle = { resolve, reject });
  opened.catch(() => {});
  const fail = (reason: unknown): void => {
    if (isOver) return;
    isOver = true;
    failure = reason;
    settle.reject(reason);
    controller.error(reason);
    socket.close();
  };
  const readable = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel() {
      isOver = true;
      socket.close();
    },
  }, { highWaterMark: maxBuffered, size: (chunk) => chunk?.byteLength ?? 0 });
  const onMessage = ({ data }: { readonly data: unknown }): void => {
    if (isOver) return;
    if (!(data instanceof ArrayBuffer)) return fail(lost("sent text, where bytes are wanted"));
    controller.enqueue(new Uint8Array(data));
    if (controller.desiredSize! < 0) {
      fail(lost(`sent over ${maxBuffered} bytes that were not read`));
    }
  };
  socket.addEventListener("open", () => settle.resolve());
  socket.addEventListener("message", onMessage);
  socket.addEventListener("error", () => fail(lost("failed")));
  socket.addEventListener("close", ({ code, wasClean }: { code: number; wasClean: boolean }) => {
    if (!wasClean && code !== 1000) fail(lost(`was closed (${code})`));
    if (isOver) return;
    isOver = true;
    failure = lost("was closed");
    settle.reject(failure);
    controller.close();
  });
  const writable = new WritableStream<Uint8Array<ArrayBuffer>>({
    write: (bytes) => send(socket, bytes, () => isOver ? failure ?? lost("was closed") : undefined),
    close: () => socket.close(1000),
    abort: () => socket.close(),
  });
  return { readable, writable, opened, fail };
}

/** Sends in frames that any proxy takes, and waits while the socket's buffer is full. */
async function send(
  socket: WebSocketLike,
  bytes: Uint8Array<ArrayBuffer>,
  failed: () => unknown,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += LARGEST_FRAME) {
    while (socket.bufferedAmount > HIGH_WATER && failed() === undefined) {
      await new Promise((resolve) => setTimeout(resolve, POLL));
    }
    const reason = failed();
    if (reason !== undefined) throw reason;
    socket.send(bytes.subarray(at, at + LARGEST_FRAME));
  }
}

function lost(how: string): OperationalError {
  return new OperationalError(`the WebSocket ${how}`, { code: "08006" });
}
