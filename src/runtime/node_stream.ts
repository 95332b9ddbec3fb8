import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import process from "node:process";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { InterfaceError, OperationalError } from "../errors/errors.ts";
import { handshake, type NodeTraits } from "./node_tls.ts";
import type { Sink, Stream, TlsFacts, TlsSettings } from "./runtime.ts";

/** The `onread` option of node:net: reads go into a given buffer. */
export interface OnRead {
  readonly buffer: Uint8Array;
  callback(count: number): boolean;
}

/** The size of the buffer of `onread`: what node:net itself reads at once. */
const READ_SIZE = 65_536;

const shared: { buffer?: Uint8Array<ArrayBuffer> } = {};

/**
 * Returns the buffer that sockets read into. Where a read and its callback are one step, all sockets
 * share it: 64 kB for each would make the collector run for every hundred connections. Bytes that are
 * not used in that step are copied.
 */
function readBuffer({ upgradesOnRead }: NodeTraits): Uint8Array<ArrayBuffer> {
  // Deno reads ahead, and Windows gets the buffer before it has bytes (libuv, uv__tcp_queue_read).
  if (!upgradesOnRead || process.platform === "win32") return Buffer.allocUnsafeSlow(READ_SIZE);
  return shared.buffer ??= Buffer.allocUnsafeSlow(READ_SIZE);
}

/** The source of a {@linkcode NodeStream}'s socket. */
export interface NodeSource {
  readonly kind: Stream["kind"];
  /** Makes the socket, paused. A socket that uses `onread` never emits `data`. */
  open(onread: OnRead): Duplex;
  /** Whether the socket is opened with `onread`. */
  readonly usesOnRead: boolean;
  /** The peer's address, if the socket does not know it. */
  readonly address?: string;
}

/**
 * A `Stream` over a socket of node:net, node:tls or any `Duplex`.
 *
 * With `onread` bytes are read into one buffer, from which the sink copies them. A function that returns
 * a buffer for each read would save the copy. But when code of the application throws in a tick behind
 * the read, and an `uncaughtException` listener keeps the process alive, node:net goes on with the buffer
 * of that read, while its JavaScript names the next one.
 */
export class NodeStream implements Stream {
  readonly kind: Stream["kind"];
  hasNoTls?: () => void;
  readonly #traits: NodeTraits;
  readonly #usesOnRead: boolean;
  readonly #address: string | undefined;
  #buffer: Uint8Array<ArrayBuffer>;
  /** The bytes of the buffer that the sink has not taken. */
  #from = 0;
  #to = 0;
  #socket: Duplex;
  #sink: Sink | undefined;
  #flowing = false;
  #secured = false;
  #ours = false;
  #over = false;
  #cause: unknown;
  #issued = 0;
  #written = 0;
  #pending: { resolve(): void; reject(cause: unknown): void } | undefined;
  #ended = false;
  #closed = false;
  #closers: (() => void)[] = [];
  #referenced = true;

  constructor(source: NodeSource, traits: NodeTraits) {
    this.kind = source.kind;
    this.#traits = traits;
    this.#usesOnRead = source.usesOnRead;
    this.#address = source.address;
    const buffer = this.#buffer = source.usesOnRead ? readBuffer(traits) : new Uint8Array(0);
    this.#socket = source.open({ buffer, callback: (count) => this.#filled(buffer, count) });
    this.#attach(this.#socket);
  }

  /** The socket, for the adapter that waits until it is connected. */
  get socket(): Duplex {
    return this.#socket;
  }

  get remoteAddress(): string | undefined {
    return this.#address ?? (this.#socket as Partial<Socket>).remoteAddress;
  }

  start(sink: Sink): void {
    if (this.#sink !== undefined) throw new InterfaceError("the stream was started before");
    this.#sink = sink;
    if (this.#ended || this.#closed) {
      queueMicrotask(() => this.#lost());
      return;
    }
    if (!this.#usesOnRead || this.#secured) this.#socket.on("data", this.#deliver);
    this.resume();
  }

  resume(): void {
    if (this.#over || this.#sink === undefined) return;
    this.#flowing = true;
    if (this.#from < this.#to) queueMicrotask(this.#goOn);
    else this.#socket.resume();
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    const socket = this.#socket;
    if (this.#ours || this.#over || socket.destroyed) return Promise.reject(this.#refusal());
    this.#issued++;
    socket.write(bytes, this.#afterWrite);
    // Bytes that writableLength no longer counts are in the kernel or in a copy of the TLS layer.
    if (socket.writableLength === 0 && !socket.errored) return undefined;
    if (this.#written === this.#issued) return undefined;
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
    });
  }

  canSecure(tls: TlsSettings): boolean {
    return (!this.#usesOnRead || this.#traits.upgradesOnRead) &&
      this.#traits.refuse(tls) === undefined;
  }

  async secure(tls: TlsSettings, signal?: AbortSignal): Promise<TlsFacts> {
    const plain = this.#socket;
    if (this.#closed || this.#over) throw this.#refusal();
    if (this.#from < this.#to) {
      this.destroy();
      throw glued();
    }
    this.#detach(plain);
    try {
      const { socket, facts } = await handshake(plain, tls, this.#traits, signal);
      this.#take(socket);
      return facts;
    } catch (cause) {
      plain.once("close", this.#onClose);
      this.destroy();
      if (plain.closed) this.#onClose();
      throw cause;
    }
  }

  closeWrite(): Promise<void> {
    if (this.#closed || this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#closers.push(resolve);
      this.#socket.end(() => resolve());
    });
  }

  async close(): Promise<void> {
    this.#ours = true;
    this.#flowing = false;
    await this.closeWrite();
    this.#socket.destroy();
    if (!this.#closed) await new Promise<void>((resolve) => this.#closers.push(resolve));
  }

  destroy(): void {
    this.#ours = true;
    this.#flowing = false;
    this.#socket.destroy();
  }

  ref(): void {
    this.#referenced = true;
    (this.#socket as Partial<Socket>).ref?.();
  }

  unref(): void {
    this.#referenced = false;
    (this.#socket as Partial<Socket>).unref?.();
  }

  #filled(buffer: Uint8Array<ArrayBuffer>, count: number): boolean {
    this.#buffer = buffer;
    this.#from = 0;
    this.#to = count;
    const flows = this.#drain();
    // Another socket may read into the buffer before the sink takes the rest.
    if (this.#from < count) this.#buffer = new Uint8Array(buffer.subarray(0, count));
    return flows;
  }

  /** Passes the bytes of the buffer to the sink, as many at once as it has space for. */
  #drain(): boolean {
    const sink = this.#sink;
    while (this.#from < this.#to) {
      if (sink === undefined || this.#ours || this.#over) return false;
      const space = sink.space();
      const count = Math.min(this.#to - this.#from, space.length);
      space.set(this.#buffer.subarray(this.#from, this.#from + count));
      this.#from += count;
      this.#flowing = sink.received(count) && !this.#ours;
      if (!this.#flowing) return false;
    }
    return true;
  }

  /** Reads on: first what is in the buffer. */
  readonly #goOn = (): void => {
    if (this.#flowing && this.#drain()) this.#socket.resume();
  };

  /** Passes the bytes of a `data` event to the sink; the socket gets back what does not fit. */
  readonly #deliver = (bytes: Uint8Array): void => {
    const sink = this.#sink!;
    let at = 0;
    while (at < bytes.length) {
      if (this.#ours || this.#over) return;
      const space = sink.space();
      const rest = at === 0 ? bytes : bytes.subarray(at);
      const count = Math.min(rest.length, space.length);
      at += count;
      if (count < rest.length) {
        space.set(rest.subarray(0, count));
        this.#flowing = sink.received(count);
      } else this.#flowing = sink.chunk(rest);
      if (!this.#flowing) break;
    }
    if (this.#flowing) return;
    this.#socket.pause();
    if (at < bytes.length) this.#socket.unshift(bytes.subarray(at));
  };

  readonly #afterWrite = (cause?: unknown): void => {
    this.#written++;
    const pending = this.#pending;
    if (pending === undefined) return;
    // Node 20 calls back without an error for a write that destroy() cut short.
    if (cause || this.#socket.destroyed) {
      this.#pending = undefined;
      pending.reject(this.#cause ?? cause ?? this.#refusal());
    } else if (this.#written === this.#issued) {
      this.#pending = undefined;
      pending.resolve();
    }
  };

  readonly #onError = (cause: unknown): void => {
    this.#cause ??= cause;
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#lost();
  };

  readonly #onClose = (): void => {
    this.#closed = true;
    const closers = this.#closers;
    this.#closers = [];
    for (const resolve of closers) resolve();
    this.#afterClose();
    this.#lost();
    // V8 keeps a closed socket until it collects the old generation, and all that it leads to.
    this.#sink = undefined;
  };

  /** Rejects a pending write: some runtimes drop its callback. */
  #afterClose(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(this.#refusal());
  }

  #lost(): void {
    if (this.#over || this.#ours || this.#sink === undefined) return;
    this.#over = true;
    this.#flowing = false;
    this.#socket.destroy();
    this.#sink.lost(this.#cause);
  }

  #refusal(): Error {
    if (this.#cause instanceof Error) return this.#cause;
    return new OperationalError("the connection is closed", { code: "08003" });
  }

  #attach(socket: Duplex): void {
    socket.on("error", this.#onError);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
  }

  #detach(socket: Duplex): void {
    // The error listener stays: an error without a listener would end the process.
    socket.off("data", this.#deliver);
    socket.off("end", this.#onEnd);
    socket.off("close", this.#onClose);
  }

  #take(socket: TLSSocket): void {
    this.#socket = socket;
    this.#secured = true;
    this.#flowing = false;
    this.#attach(socket);
    // It may have closed while its certificate was checked.
    if (socket.closed) queueMicrotask(this.#onClose);
    if (this.#sink !== undefined) {
      socket.on("data", this.#deliver);
      socket.pause();
    }
    // Bun forgets that a socket keeps the process alive if it was paused before TLS.
    if (this.#referenced) this.ref();
    else this.unref();
  }
}

/** Returns the error for plain text that came with the answer to SSLRequest (CVE-2021-23222). */
function glued(): OperationalError {
  const message =
    "the server sent unencrypted bytes between its answer to SSLRequest and the TLS handshake";
  return new OperationalError(message, { code: "08P01" });
}
