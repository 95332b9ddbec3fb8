import { InterfaceError, OperationalError } from "../errors/errors.ts";
import type { BunHandlers, BunSocket } from "./bun_socket.ts";
import { conclude, tlsOptions, unusable } from "./bun_tls.ts";
import type { Sink, Stream, TlsFacts, TlsSettings } from "./runtime.ts";
import { deliver } from "./web_stream.ts";

interface PendingWrite {
  readonly bytes: Uint8Array;
  sent: number;
  resolve(): void;
  reject(cause: unknown): void;
}

/**
 * A `Stream` over a socket of `Bun.connect`.
 *
 * When the peer resets the connection, Bun calls `data` even on a paused socket, with the bytes that
 * had arrived. Those bytes are held until `resume()`, and so is the loss that follows them.
 */
export class BunStream implements Stream {
  readonly kind: Stream["kind"];
  /** The handlers for `Bun.connect` or `reload`; the stream is usable from `open` on. */
  readonly handlers: BunHandlers = {
    binaryType: "uint8array",
    open: (socket) => this.opened(socket),
    data: (_socket, bytes) => this.#arrived(bytes),
    drain: () => this.#continue(),
    end: () => this.#finish(undefined),
    close: (_socket, cause) => this.#hasClosed(cause),
    error: (socket, cause) => {
      // TLS has failed, or a handler threw; only the former closes the socket by itself.
      this.#failure ??= cause;
      socket.terminate();
    },
  };
  #address: string | undefined;
  #socket: BunSocket | undefined;
  #sink: Sink | undefined;
  #paused = true;
  #held: Uint8Array[] = [];
  #writing: PendingWrite | undefined;
  /** Resolves when the last write that had to wait has succeeded or failed. */
  #written: Promise<void> = Promise.resolve();
  #failHandshake: ((cause: unknown) => void) | undefined;
  /** The reason why the peer is gone, set before the sink learns of it. */
  #finished: { readonly cause: unknown } | undefined;
  #failure: unknown;
  #ours = false;
  #over = false;
  #closed = false;
  #closers: (() => void)[] = [];
  #referenced = true;
  #secured = false;

  constructor(kind: Stream["kind"], address?: string) {
    this.kind = kind;
    this.#address = address;
  }

  /** Takes the socket that `Bun.connect` made; after `destroy()` the socket is closed. */
  opened(socket: BunSocket): void {
    this.#socket = socket;
    // A closed socket has no address.
    this.#address ??= socket.remoteAddress;
    if (this.#ours) socket.terminate();
    else socket.pause();
  }

  get remoteAddress(): string | undefined {
    return this.#address;
  }

  start(sink: Sink): void {
    if (this.#sink !== undefined) throw new InterfaceError("the stream was started before");
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    if (this.#ours || this.#over || this.#sink === undefined) return;
    this.#paused = false;
    while (this.#held.length > 0) {
      this.#deliver(this.#held.shift()!);
      if (this.#paused || this.#ours) return;
    }
    if (this.#finished !== undefined) queueMicrotask(() => this.#lose());
    else this.#socket!.resume();
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (this.#ours || this.#finished !== undefined) return Promise.reject(this.#refusal());
    const sent = this.#socket!.write(bytes, 0, bytes.length);
    if (sent === bytes.length) return undefined;
    if (sent < 0) this.#refused();
    return this.#rest(bytes, Math.max(sent, 0));
  }

  canSecure(): boolean {
    return true;
  }

  async secure(tls: TlsSettings, signal?: AbortSignal): Promise<TlsFacts> {
    try {
      signal?.throwIfAborted();
      if (this.#ours || this.#finished !== undefined) throw this.#refusal();
      if (this.#secured) throw new InterfaceError("the stream is encrypted already");
      if (this.#held.length > 0) {
        throw new OperationalError("the server sent unencrypted data after it agreed to TLS");
      }
      return await this.#handshake(tls, signal);
    } catch (cause) {
      this.destroy();
      throw cause;
    }
  }

  async closeWrite(): Promise<void> {
    await this.#written;
    if (!this.#closed) this.#socket?.shutdown();
  }

  async close(): Promise<void> {
    this.#ours = true;
    await this.#written;
    if (this.#closed) return;
    const closed = new Promise<void>((resolve) => this.#closers.push(resolve));
    this.#hangUp();
    await closed;
  }

  destroy(): void {
    this.#ours = true;
    this.#held = [];
    // If no write or handshake is cut short, the peer reads a FIN, as on the other runtimes.
    const isCutShort = this.#writing !== undefined || this.#failHandshake !== undefined;
    this.#cutShort();
    if (isCutShort) this.#socket?.terminate();
    else this.#hangUp();
  }

  ref(): void {
    this.#referenced = true;
    this.#socket?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#socket?.unref();
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#ours || this.#over) return;
    if (this.#paused || this.#held.length > 0) this.#held.push(bytes.slice());
    else this.#deliver(bytes);
  }

  /** Gives the sink as much as it has room for; the rest is held when it pauses. */
  #deliver(bytes: Uint8Array): void {
    const rest = deliver(this.#sink!, bytes, () => !this.#ours);
    if (rest === undefined || this.#ours) return;
    this.#paused = true;
    if (rest.length > 0) this.#held.unshift(rest.slice());
    if (!this.#closed) this.#socket!.pause();
  }

  #rest(bytes: Uint8Array, sent: number): Promise<void> {
    const writing = new Promise<void>((resolve, reject) => {
      this.#writing = { bytes, sent, resolve, reject };
    });
    this.#written = writing.catch(() => {});
    if (this.#failure !== undefined) this.#refused();
    return writing;
  }

  /** Writes the rest: Bun does not buffer it. Bun calls `drain` even when nothing is pending. */
  #continue(): void {
    const writing = this.#writing;
    if (writing === undefined || this.#finished !== undefined) return;
    const { bytes, sent } = writing;
    const count = this.#socket!.write(bytes, sent, bytes.length - sent);
    if (count < 0) return this.#refused();
    writing.sent += count;
    if (writing.sent === bytes.length) this.#settle(undefined);
  }

  /**
   * Notes that the peer takes no more bytes. Its last words (a FATAL error) may still be unread: Bun
   * delivers them and then calls `close`, unless the socket is paused.
   */
  #refused(): void {
    this.#failure ??= new OperationalError("the connection was reset by the server", {
      code: "08006",
    });
    if (this.#paused) queueMicrotask(() => this.#finish(this.#failure));
  }

  #settle(cause: unknown): void {
    const writing = this.#writing;
    this.#writing = undefined;
    if (cause === undefined) writing?.resolve();
    else writing?.reject(cause);
  }

  /** Rejects a pending write. An error has a stack, which most streams that close do not need. */
  #cutShort(): void {
    if (this.#writing !== undefined) this.#settle(this.#refusal());
  }

  #handshake(tls: TlsSettings, signal: AbortSignal | undefined): Promise<TlsFacts> {
    const raw = this.#socket!;
    // The old handlers would still be called with the encrypted bytes, and on close.
    raw.reload({ socket: INERT });
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        this.#failHandshake = undefined;
        signal?.removeEventListener("abort", onAbort);
        act();
      };
      const onAbort = () => this.#failHandshake?.(signal?.reason);
      signal?.addEventListener("abort", onAbort);
      this.#failHandshake = (cause) => settle(() => reject(cause));
      this.#upgrade(raw, tls, (socket, error) => {
        if (this.#failHandshake === undefined) return;
        // Bytes may follow in the same read.
        socket.pause();
        try {
          const facts = conclude(socket, error, tls);
          settle(() => resolve(facts));
        } catch (cause) {
          // At once: nothing may reach the sink after a failed handshake.
          this.#ours = true;
          this.#failHandshake(cause);
        }
      });
    });
  }

  #upgrade(
    raw: BunSocket,
    tls: TlsSettings,
    handshake: (socket: BunSocket, error: Error | null) => void,
  ): void {
    const socket: BunHandlers = {
      ...this.handlers,
      open: undefined,
      handshake: (socket, _success, error) => handshake(socket, error),
    };
    try {
      this.#socket = raw.upgradeTLS({ tls: tlsOptions(tls), socket })[1];
      this.#secured = true;
      if (!this.#referenced) this.#socket.unref();
    } catch (cause) {
      this.#failHandshake?.(unusable(cause));
    }
  }

  #finish(cause: unknown): void {
    if (this.#finished !== undefined) return;
    this.#finished = { cause: this.#failure ?? cause };
    this.#cutShort();
    if (this.#failHandshake !== undefined) {
      this.#ours = true;
      this.#failHandshake(this.#refusal());
    }
    if (this.#held.length === 0) this.#lose();
  }

  #hasClosed(cause: unknown): void {
    this.#closed = true;
    this.#finish(cause);
    for (const resolve of this.#closers.splice(0)) resolve();
  }

  /**
   * Sends FIN and closes both ways at once. With TLS, `end` alone would wait for the peer's
   * close_notify, and even `terminate` would not shorten that wait.
   */
  #hangUp(): void {
    if (this.#closed) return;
    this.#socket?.shutdown();
    this.#socket?.end();
  }

  #lose(): void {
    if (this.#over || this.#ours || this.#sink === undefined) return;
    this.#over = true;
    this.#hangUp();
    this.#sink.lost(this.#finished?.cause);
  }

  #refusal(): unknown {
    return this.#finished?.cause ?? this.#failure ??
      new OperationalError("the connection is closed", { code: "08003" });
  }
}

/** The handlers of the raw half of an upgraded socket. */
const INERT: BunHandlers = { data() {}, drain() {}, end() {}, close() {}, error() {} };
