import { InterfaceError, OperationalError } from "../errors/errors.ts";
import type { Sink, Stream, TlsFacts, TlsSettings } from "./runtime.ts";

/** The minimal connection; {@linkcode pipeOf} makes one of what users bring. */
export interface Pipe {
  /** Returns the next bytes, never empty, or `undefined` at the end. The caller owns them. */
  read(): Promise<Uint8Array | undefined>;
  /** Sends all of `bytes`, which belong to the caller again when the promise settles. */
  write(bytes: Uint8Array): Promise<void>;
  closeWrite(): Promise<void>;
  /** Closes both ways at once. Never throws; a pending read or write may never settle. */
  destroy(): void;
  ref?(): void;
  unref?(): void;
}

/**
 * Wraps a connection that the user brought: an object with the methods of a {@linkcode Stream}, a
 * `{ readable, writable }` pair of web streams, or an object with the `read`, `write` and `close` of
 * a `Deno.Conn`. A runtime's adapter wraps connections that only it knows.
 *
 * `overPipe` makes a stream that can do TLS over a pipe. It is called when TLS is asked for.
 *
 * A pair or a conn reports that its peer is gone only to a read or a write, and so not while paused. A
 * pair does not keep the process alive, so `ref()` and `unref()` have no effect on it.
 *
 * @throws {InterfaceError} `sock` is none of these, or a web stream of the pair is locked.
 */
export function adopt(sock: unknown, overPipe: (pipe: Pipe) => Stream): Stream {
  if (isStream(sock)) return sock;
  const pipe = pipeOf(sock);
  if (pipe !== undefined) return new PipeStream(pipe, overPipe);
  throw new InterfaceError(
    "sock must be an open connection: a net.Socket or other Duplex, a Deno.Conn, a socket of " +
      "Bun.connect, a { readable, writable } pair of web streams, or an object that implements " +
      `Stream; not ${describe(sock)}`,
  );
}

/** Returns a {@linkcode Pipe} over a pair of web streams or an object like a `Deno.Conn`. */
export function pipeOf(sock: unknown): Pipe | undefined {
  if (isConn(sock)) return connPipe(sock);
  if (isPair(sock)) return pairPipe(sock);
  return undefined;
}

/**
 * Gives `sink` the bytes of another buffer, never more at once than it has space for. Returns the rest,
 * which may be empty, if the sink pauses, and `undefined` otherwise.
 */
export function deliver(
  sink: Sink,
  bytes: Uint8Array,
  isWanted: () => boolean,
): Uint8Array | undefined {
  let rest = bytes;
  while (rest.length > 0 && isWanted()) {
    const room = sink.space().length;
    // A view costs JavaScriptCore as much as a small message, so none is made without need.
    if (rest.length <= room) return sink.chunk(rest) ? undefined : new Uint8Array(0);
    const goesOn = sink.chunk(rest.subarray(0, room));
    rest = rest.subarray(room);
    if (!goesOn) return rest;
  }
  return undefined;
}

/** A `Stream` that pulls from a {@linkcode Pipe}, and from TLS over it after `secure()`. */
class PipeStream implements Stream {
  readonly kind = "given";
  readonly remoteAddress = undefined;
  readonly #pipe: Pipe;
  readonly #overPipe: (pipe: Pipe) => Stream;
  #sink: Sink | undefined;
  #flowing = false;
  #reading = false;
  /** Bytes that the sink has not taken yet. */
  #rest: Uint8Array | undefined;
  #closed = false;
  /** The write in flight; never rejects. */
  #writing: Promise<void> | undefined;
  #failWrite: ((cause: Error) => void) | undefined;
  /** The stream for TLS, and the same once TLS is established. */
  #upgrade: Stream | undefined;
  #tls: Stream | undefined;
  #tlsStarted = false;
  readonly #gone: Promise<void>;
  #markGone!: () => void;

  constructor(pipe: Pipe, overPipe: (pipe: Pipe) => Stream) {
    this.#pipe = pipe;
    this.#overPipe = overPipe;
    this.#gone = new Promise((resolve) => {
      this.#markGone = resolve;
    });
  }

  start(sink: Sink): void {
    if (this.#sink !== undefined) throw new InterfaceError("the stream was started before");
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    const sink = this.#sink;
    if (this.#closed || sink === undefined) return;
    if (this.#tls === undefined) {
      this.#flowing = true;
      if (!this.#reading) this.#pump(sink);
    } else if (this.#tlsStarted) {
      this.#tls.resume();
    } else {
      this.#tlsStarted = true;
      this.#tls.start(sink);
    }
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#tls !== undefined) return this.#tls.write(bytes);
    const writing = new Promise<void>((resolve, reject) => {
      this.#failWrite = reject;
      this.#pipe.write(bytes).then(resolve, (cause) => {
        reject(cause);
        this.#lose(cause);
      });
    });
    this.#writing = writing.catch(() => {});
    return writing;
  }

  canSecure(tls: TlsSettings): boolean {
    return this.#upgraded().canSecure(tls);
  }

  async secure(tls: TlsSettings, signal?: AbortSignal): Promise<TlsFacts> {
    if (this.#closed) throw closedError();
    const stream = this.#upgraded();
    try {
      if (this.#rest !== undefined) {
        throw new OperationalError("the server sent unencrypted data after it agreed to TLS");
      }
      const facts = await stream.secure(tls, signal);
      this.#tls = stream;
      return facts;
    } catch (cause) {
      this.destroy();
      throw cause;
    }
  }

  async closeWrite(): Promise<void> {
    await this.#writing;
    if (this.#closed) return;
    const closing = this.#tls?.closeWrite() ?? this.#pipe.closeWrite().catch(() => {});
    await Promise.race([closing, this.#gone]);
  }

  async close(): Promise<void> {
    this.#flowing = false;
    this.#sink = undefined;
    if (this.#tls === undefined) await this.closeWrite();
    else await Promise.race([this.#tls.close(), this.#gone]);
    this.destroy();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#flowing = false;
    this.#upgrade?.destroy();
    this.#pipe.destroy();
    this.#failWrite?.(closedError());
    this.#markGone();
  }

  ref(): void {
    this.#pipe.ref?.();
  }

  unref(): void {
    this.#pipe.unref?.();
  }

  #upgraded(): Stream {
    return this.#upgrade ??= this.#overPipe(this.#pipe);
  }

  /** Reads one chunk at a time, and none while paused, because TLS needs the pipe to itself. */
  async #pump(sink: Sink): Promise<void> {
    this.#reading = true;
    try {
      while (this.#flowing) {
        const bytes = this.#rest ?? await this.#pipe.read();
        if (this.#closed || this.#sink === undefined) return;
        if (bytes === undefined) return this.#lose(undefined);
        const rest = deliver(sink, bytes, () => this.#flowing);
        if (rest !== undefined) this.#flowing = false;
        this.#rest = rest?.length === 0 ? undefined : rest;
      }
    } catch (cause) {
      this.#lose(cause);
    } finally {
      this.#reading = false;
    }
  }

  #lose(cause: unknown): void {
    if (this.#closed) return;
    const sink = this.#sink;
    this.destroy();
    sink?.lost(cause);
  }
}

function closedError(): OperationalError {
  return new OperationalError("the connection is closed", { code: "08003" });
}

interface Pair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

function pairPipe(sock: Pair): Pipe {
  if (sock.readable.locked || sock.writable.locked) {
    throw new InterfaceError("sock: its readable or its writable is locked");
  }
  const reader = sock.readable.getReader();
  const writer = sock.writable.getWriter();
  // write() and close() report the same errors.
  writer.closed.catch(() => {});
  writer.ready.catch(() => {});
  return {
    async read() {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        if (!(value instanceof Uint8Array)) {
          throw new InterfaceError(`sock.readable yields ${describe(value)}, not Uint8Arrays`);
        }
        if (value.length > 0) return value;
      }
    },
    // A copy, because a stream behind the pair may keep the chunk after write() settles.
    write: (bytes) => writer.write(bytes.slice()),
    closeWrite: () => writer.close(),
    destroy() {
      writer.abort().catch(() => {});
      reader.cancel().catch(() => {});
    },
  };
}

/** The part of a `Deno.Conn` that is used here. */
interface Conn {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
  closeWrite?(): Promise<void> | void;
  ref?(): void;
  unref?(): void;
}

function connPipe(conn: Conn): Pipe {
  const buffer = new Uint8Array(65_536);
  return {
    async read() {
      for (;;) {
        const count = await conn.read(buffer);
        if (count === null) return undefined;
        if (count > 0) return buffer.slice(0, count);
      }
    },
    async write(bytes) {
      for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
    },
    closeWrite: async () => await conn.closeWrite?.(),
    destroy() {
      try {
        conn.close();
      } catch {
        // It was closed already.
      }
    },
    ref: () => conn.ref?.(),
    unref: () => conn.unref?.(),
  };
}

const STREAM_METHODS = [
  ...["start", "resume", "write", "canSecure", "secure", "closeWrite", "close", "destroy"],
  ...["ref", "unref"],
] as const;

function isStream(sock: unknown): sock is Stream {
  return has(sock, STREAM_METHODS);
}

/** Reports whether `sock` is like a `Deno.Conn`. The `read` of Node's streams is another one. */
function isConn(sock: unknown): sock is Conn {
  return has(sock, ["read", "write", "close"]) && !has(sock, ["on"]);
}

function isPair(sock: unknown): sock is Pair {
  const { readable, writable } = Object(sock) as { readable?: unknown; writable?: unknown };
  return has(readable, ["getReader"]) && has(writable, ["getWriter"]);
}

function has(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return methods.every((name) => typeof (value as Record<string, unknown>)[name] === "function");
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  return `an object of class ${value.constructor?.name || "unknown"}`;
}
