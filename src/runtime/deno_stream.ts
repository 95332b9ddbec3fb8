import { InterfaceError, OperationalError } from "../errors/errors.ts";
import { adoptNode } from "./node.ts";
import { duplexOver } from "./node_duplex.ts";
import type { NodeTraits } from "./node_tls.ts";
import type { Sink, Stream, TlsFacts, TlsSettings } from "./runtime.ts";
import { pipeOf } from "./web_stream.ts";

/**
 * A `Stream` over a `Deno.Conn`; it makes one read at a time, and none while paused. It can do TLS by
 * node:tls over the same connection, which is slower than over a socket of node:net.
 */
export class DenoStream implements Stream {
  readonly kind: "tcp" | "unix";
  readonly remoteAddress: string;
  readonly #conn: Deno.Conn;
  readonly #traits: NodeTraits;
  readonly #onTls: () => void;
  #sink: Sink | undefined;
  #flowing = false;
  #reading = false;
  #sending: Promise<void> | undefined;
  #over = false;
  /** Whether the peer or the network has ended the connection. */
  #failed = false;
  #cause: unknown;
  /** The stream of TLS, from the start of the handshake on. */
  #upgrade: Stream | undefined;
  /** The stream of TLS, from the end of the handshake on. */
  #tls: Stream | undefined;
  #tlsStarted = false;

  /** `traits` describes node:tls, which does TLS; `onTls` is called when TLS begins. */
  constructor(
    conn: Deno.Conn,
    kind: "tcp" | "unix",
    remoteAddress: string,
    traits: NodeTraits,
    onTls: () => void,
  ) {
    this.#onTls = onTls;
    this.#conn = conn;
    this.kind = kind;
    this.remoteAddress = remoteAddress;
    this.#traits = traits;
  }

  start(sink: Sink): void {
    if (this.#sink !== undefined) throw new InterfaceError("the stream was started before");
    this.#sink = sink;
    if (this.#failed) queueMicrotask(() => sink.lost(this.#cause));
    this.resume();
  }

  resume(): void {
    const sink = this.#sink;
    if (this.#over || sink === undefined) return;
    if (this.#tls === undefined) {
      this.#flowing = true;
      if (!this.#reading) this.#read(sink);
    } else if (this.#tlsStarted) {
      this.#tls.resume();
    } else {
      this.#tlsStarted = true;
      this.#tls.start(sink);
    }
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (this.#over) return Promise.reject(closedError());
    if (this.#tls !== undefined) return this.#tls.write(bytes);
    // Deno interleaves overlapping writes; by the contract of Stream there are none.
    return this.#sending = this.#send(bytes);
  }

  canSecure(tls: TlsSettings): boolean {
    return this.#traits.refuse(tls) === undefined;
  }

  async secure(tls: TlsSettings, signal?: AbortSignal): Promise<TlsFacts> {
    if (this.#over) throw closedError();
    if (this.#upgrade !== undefined) throw new InterfaceError("the stream is encrypted already");
    const stream = adoptNode(duplexOver(pipeOf(this.#conn)!), this.#traits);
    this.#upgrade = stream;
    this.#onTls();
    try {
      const facts = await stream.secure(tls, signal);
      this.#tls = stream;
      return facts;
    } catch (cause) {
      this.destroy();
      throw cause;
    }
  }

  async closeWrite(): Promise<void> {
    if (this.#tls !== undefined) return await this.#tls.closeWrite();
    try {
      await this.#sending;
      if (!this.#over) await this.#conn.closeWrite();
    } catch {
      // The peer is gone; the read reports it.
    }
  }

  async close(): Promise<void> {
    this.#flowing = false;
    if (this.#tls !== undefined) await this.#tls.close();
    else await this.closeWrite();
    this.destroy();
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.#flowing = false;
    this.#upgrade?.destroy();
    try {
      this.#conn.close();
    } catch {
      // The failure, or the stream of TLS, has closed it already.
    }
  }

  ref(): void {
    this.#conn.ref();
  }

  unref(): void {
    this.#conn.unref();
  }

  /** Reads until the stream pauses; never rejects, because the sink gets every failure. */
  async #read(sink: Sink): Promise<void> {
    this.#reading = true;
    const conn = this.#conn;
    try {
      while (this.#flowing) {
        const count = await conn.read(sink.space());
        if (this.#over) return;
        if (count === null) return this.#lost(undefined);
        if (count > 0 && !sink.received(count)) this.#flowing = false;
      }
    } catch (cause) {
      this.#lost(cause);
    } finally {
      this.#reading = false;
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    try {
      let rest = bytes;
      while (true) {
        const count = await this.#conn.write(rest);
        if (count === rest.length) return;
        rest = rest.subarray(count);
      }
    } catch (cause) {
      const failure = this.#over ? closedError(cause) : cause;
      this.#lost(cause);
      throw failure;
    }
  }

  #lost(cause: unknown): void {
    if (this.#over) return;
    this.destroy();
    this.#failed = true;
    this.#cause = cause;
    this.#sink?.lost(cause);
  }
}

function closedError(cause?: unknown): OperationalError {
  return new OperationalError("the connection is closed", { code: "08003", cause });
}
