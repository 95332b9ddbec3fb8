import { InterfaceError, OperationalError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import type { Signal, Sink, Stream, TlsFacts, TlsSettings } from "./runtime.ts";
import { deliver } from "./web_stream.ts";

/** `connect` of `cloudflare:sockets`. */
export type Connect = (
  address: { readonly hostname: string; readonly port: number },
  options: { readonly secureTransport: "off" | "starttls"; readonly allowHalfOpen: boolean },
) => WorkersSocket;

/** As much of a socket of `cloudflare:sockets` as is used here. */
export interface WorkersSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the socket, or TLS over it, is ready. */
  readonly opened: Promise<unknown>;
  readonly closed: Promise<void>;
  close(): Promise<void>;
  startTls(options?: { readonly expectedServerHostname?: string }): WorkersSocket;
}

/** A stream over a socket of Cloudflare Workers; TLS replaces the socket by another one. */
export class WorkersStream implements Stream {
  readonly kind = "tcp";
  readonly remoteAddress: string;
  readonly #refuse: (tls: TlsSettings) => Error | undefined;
  #socket: WorkersSocket;
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #sink: Sink | undefined;
  #isFlowing = false;
  #isReading = false;
  #isClosed = false;
  /** Bytes that the sink did not take yet. */
  #rest: Uint8Array | undefined;
  /** The write in flight; never rejects. */
  #writing: Promise<void> = Promise.resolve();
  #failWrite: ((cause: Error) => void) | undefined;
  /** Whether TLS was started and nothing has come by it: `opened` does not wait for the handshake. */
  #isShaking = false;

  /** `refuse` returns the reason why TLS with some settings is not possible. */
  constructor(
    socket: WorkersSocket,
    remoteAddress: string,
    refuse: (tls: TlsSettings) => Error | undefined,
  ) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.#refuse = refuse;
    this.#reader = socket.readable.getReader();
    this.#writer = writerOf(socket);
  }

  start(sink: Sink): void {
    if (this.#sink !== undefined) throw new InterfaceError("the stream was started before");
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    if (this.#isClosed || this.#sink === undefined) return;
    this.#isFlowing = true;
    if (!this.#isReading) void this.#pump(this.#sink);
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (this.#isClosed) return Promise.reject(closedError());
    const writing = new Promise<void>((resolve, reject) => {
      this.#failWrite = reject;
      // A copy, because the socket may keep the chunk after write() settles.
      this.#writer.write(bytes.slice()).then(() => {
        this.#failWrite = undefined;
        resolve();
      }, (cause) => {
        reject(cause);
        this.#lose(cause);
      });
    });
    this.#writing = writing.catch(() => {});
    return writing;
  }

  canSecure(tls: TlsSettings): boolean {
    return this.#refuse(tls) === undefined;
  }

  async secure(tls: TlsSettings, signal?: Signal): Promise<TlsFacts> {
    if (this.#isClosed) throw closedError();
    const refusal = this.#refuse(tls);
    if (refusal !== undefined) throw this.#failed(refusal);
    if (this.#rest !== undefined) {
      const injected = "the server sent unencrypted data after it agreed to TLS";
      throw this.#failed(new OperationalError(injected));
    }
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    try {
      this.#socket = this.#socket.startTls({ expectedServerHostname: tls.serverName });
      this.#socket.closed.catch(() => {});
      await this.#handshake(signal);
    } catch (cause) {
      throw this.#failed(signal?.aborted ? signal.reason : handshakeError(cause));
    }
    this.#isShaking = true;
    return { isVerified: true };
  }

  async closeWrite(): Promise<void> {
    await this.#writing;
    if (!this.#isClosed) await this.#writer.close().catch(() => {});
  }

  async close(): Promise<void> {
    this.#isFlowing = false;
    this.#sink = undefined;
    await this.closeWrite();
    this.destroy();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isFlowing = false;
    this.#reader.cancel().catch(() => {});
    // Not abort(), with which the connection stays open until the request ends.
    this.#socket.close().catch(() => {});
    this.#failWrite?.(closedError());
  }

  /** Nothing: a Worker lives as long as its request. */
  ref(): void {}

  /** Nothing: a Worker lives as long as its request. */
  unref(): void {}

  async #handshake(signal: Signal | undefined): Promise<void> {
    this.#reader = this.#socket.readable.getReader();
    this.#writer = writerOf(this.#socket);
    let abort = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal!.reason);
      signal?.addEventListener("abort", abort, ONCE);
    });
    try {
      await Promise.race([this.#socket.opened, aborted]);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #failed(reason: unknown): unknown {
    this.destroy();
    return reason;
  }

  /** One read at a time, and none while paused: startTls() needs the socket to itself. */
  async #pump(sink: Sink): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#isFlowing) {
        let bytes = this.#rest;
        if (bytes === undefined) {
          const { done, value } = await this.#reader.read();
          if (this.#isClosed || this.#sink === undefined) return;
          if (done) return this.#lose(undefined);
          bytes = value;
          this.#isShaking = false;
        }
        const rest = deliver(sink, bytes, () => this.#isFlowing);
        if (rest !== undefined) this.#isFlowing = false;
        this.#rest = rest?.length === 0 ? undefined : rest;
      }
    } catch (cause) {
      this.#lose(cause);
    } finally {
      this.#isReading = false;
    }
  }

  #lose(cause: unknown): void {
    if (this.#isClosed) return;
    const sink = this.#sink;
    this.destroy();
    sink?.lost(this.#isShaking && cause !== undefined ? handshakeError(cause) : cause);
  }
}

/** Failures are reported by write() and close(). */
function writerOf(socket: WorkersSocket): WritableStreamDefaultWriter<Uint8Array> {
  const writer = socket.writable.getWriter();
  writer.closed.catch(() => {});
  writer.ready.catch(() => {});
  return writer;
}

/** workerd keeps the reason to itself: it stands in the host's log. */
function handshakeError(cause: unknown): OperationalError {
  return new OperationalError(
    "the TLS handshake failed; Cloudflare Workers trusts certificates of public authorities only, " +
      "issued for the host's name",
    { code: "08001", cause },
  );
}

function closedError(): OperationalError {
  return new OperationalError("the connection is closed", { code: "08003" });
}
