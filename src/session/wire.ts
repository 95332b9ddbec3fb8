import type { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { OperationalError, ProtocolError } from "../errors/errors.ts";
import { reasonOf } from "../errors/reason.ts";
import { Framer } from "../protocol/framer.ts";
import { backendName } from "../protocol/tags.ts";
import type { Signal, Sink, Stream, TlsFacts, TlsSettings } from "../runtime/runtime.ts";

/** Before authentication nobody has a reason to send more in one message. */
const LIMIT_BEFORE_AUTHENTICATION = 65_536;

/** Bytes of all messages before login: 20 rounds of GSSAPI have room in it. */
const LIMIT_OF_LOGIN = 2 << 20;

/** Who reads a wire's messages once its session exists. */
export interface Receiver {
  /** One message. `false`: hold the next one back until {@linkcode Wire.resume}. */
  message(tag: number, reader: Reader): boolean;
  /** The wire broke or the peer broke the protocol; the last call. The stream is closed already. */
  broken(cause: Error): void;
}

/**
 * One stream with its framer and its writer.
 *
 * While a connection is being made, messages are pulled one by one ({@linkcode Wire.pull}); then a
 * session takes over and they are pushed ({@linkcode Wire.listen}). Everything appended to
 * {@linkcode Wire.out} within one turn of the event loop leaves in one write.
 */
export class Wire implements Sink {
  readonly out: Writer = new Writer();
  readonly stream: Stream;
  /** What is known of the TLS layer; `undefined` on a plain stream. */
  tls: TlsFacts | undefined;
  /** Whether the last chunk was followed by silence is told by this counter: it grows with each. */
  chunks = 0;
  /** The same of what leaves: it grows with each write that is done. */
  writes = 0;
  readonly #framer = new Framer(LIMIT_BEFORE_AUTHENTICATION);
  #receiver: Receiver | undefined;
  #puller: { resolve(): void; reject(error: Error): void } | undefined;
  #broken: Error | undefined;
  /** Bytes of the messages that were pulled. */
  #pulled = 0;
  #started = false;
  #paused = false;
  #pumping = false;
  #writing = false;
  #flushScheduled = false;
  #drained: (() => void)[] = [];
  /** The one byte that answers SSLRequest, which must not come with company. */
  #byte: Uint8Array<ArrayBuffer> | undefined;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    this.flush();
  };

  constructor(stream: Stream) {
    this.stream = stream;
    this.#framer.limitedBy = "before login";
    this.#framer.takesOldErrors = true;
  }

  /** Tag of the message that `pull()` found. */
  get tag(): number {
    return this.#framer.tag;
  }

  /** That message's body, until the next `pull()`. */
  get reader(): Reader {
    return this.#framer.reader;
  }

  /** Whether a write has not left yet. */
  get writing(): boolean {
    return this.#writing;
  }

  /** Waits for one message. Rejects when the peer vanishes, and as {@linkcode Wire.fail} says. */
  async pull(): Promise<void> {
    const framer = this.#framer;
    while (!framer.next()) await this.#more();
    this.#pulled += framer.reader.remaining;
    if (this.#pulled > LIMIT_OF_LOGIN) {
      throw new ProtocolError(`the server sent more than ${LIMIT_OF_LOGIN} bytes before login`);
    }
  }

  /** Waits for the single byte that answers SSLRequest. */
  async pullByte(): Promise<number> {
    const byte = new Uint8Array(1);
    this.#byte = byte;
    try {
      await this.#more();
    } finally {
      this.#byte = undefined;
    }
    return byte[0]!;
  }

  /** Waits until the peer closes, and throws away what it says before. Rejects only for a `fail`. */
  async ended(): Promise<void> {
    try {
      for (;;) await this.pull();
    } catch (error) {
      if (!(error instanceof OperationalError && error.code === "08006")) throw error;
    }
  }

  /** Upgrades to TLS; whatever the peer sent in plain text since the last pull is refused. */
  async secure(settings: TlsSettings, signal: Signal): Promise<void> {
    if (this.#framer.pending > 0) throw this.fail(new ProtocolError(UNENCRYPTED));
    this.tls = await this.stream.secure(settings, signal);
  }

  /** Hands the messages over to `receiver`, from the next one on, for good. */
  listen(receiver: Receiver, maxMessageBytes: number): void {
    this.#receiver = receiver;
    this.#framer.limit = maxMessageBytes;
    this.#framer.limitedBy = "maxMessageBytes";
    this.#framer.takesOldErrors = false;
    if (this.#broken !== undefined) receiver.broken(this.#broken);
    else this.resume();
  }

  /** Goes on after a message that was answered with `false`. */
  resume(): void {
    if (this.#broken !== undefined || this.#pumping) return;
    if (this.#receiver !== undefined && !this.#pump()) return;
    if (!this.#started) {
      this.#started = true;
      this.stream.start(this);
    } else if (this.#paused) {
      this.#paused = false;
      this.stream.resume();
    }
  }

  /** Sends what was appended at the end of this turn of the event loop, together with what follows. */
  flushSoon(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(this.#flush);
  }

  /** Sends what was appended, now or as soon as the write before it is done. */
  flush(): void {
    if (this.#writing || this.out.length === 0 || this.#broken !== undefined) return;
    const pending = this.stream.write(this.out.peek());
    if (pending === undefined) {
      this.writes++;
      this.out.clear();
      this.#wakeDrained();
      return;
    }
    this.out.detach();
    this.#writing = true;
    pending.then(() => {
      this.#writing = false;
      this.writes++;
      this.out.recycle();
      if (this.out.length > 0) this.flush();
      else this.#wakeDrained();
    }, (cause) => this.lost(cause));
  }

  /** Resolves when everything appended has left, or the wire broke. */
  drained(): Promise<void> {
    if (!this.#writing && this.out.length === 0) return Promise.resolve();
    if (this.#broken !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Breaks the wire for `error`, which it returns: whoever waits for the peer gets it. */
  fail(error: Error): Error {
    if (this.#broken !== undefined) return this.#broken;
    this.#broken = error;
    this.stream.destroy();
    this.#wakeDrained();
    this.#puller?.reject(error);
    this.#puller = undefined;
    this.#receiver?.broken(error);
    return error;
  }

  /** The error with the name of the message at hand, where it speaks only of a message. */
  named(error: unknown): Error {
    if (!(error instanceof Error)) return new ProtocolError("protocol violation", { cause: error });
    if (!error.message.startsWith("malformed message")) return error;
    const name = backendName(this.#framer.tag);
    return new ProtocolError(error.message.replace("malformed message", `malformed ${name}`), {
      cause: error,
    });
  }

  space(): Uint8Array<ArrayBuffer> {
    return this.#byte ?? this.#framer.space();
  }

  received(count: number): boolean {
    if (this.#byte === undefined) this.#framer.advance(count);
    return this.#arrived();
  }

  chunk(bytes: Uint8Array): boolean {
    if (this.#byte === undefined) {
      this.#framer.append(bytes);
    } else if (bytes.length === 1) {
      this.#byte[0] = bytes[0]!;
    } else {
      this.fail(new ProtocolError(UNENCRYPTED));
      return false;
    }
    return this.#arrived();
  }

  lost(cause: unknown): void {
    const message = cause === undefined
      ? "connection lost: the server closed it unexpectedly"
      : `connection lost: ${reasonOf(cause)}`;
    this.fail(new OperationalError(message, { code: "08006", cause }));
  }

  #arrived(): boolean {
    this.chunks++;
    if (this.#receiver !== undefined) {
      if (this.#pump()) return true;
    } else {
      const puller = this.#puller;
      this.#puller = undefined;
      puller?.resolve();
    }
    this.#paused = true;
    return false;
  }

  /** Shows the receiver all whole messages; `false` when it holds. */
  #pump(): boolean {
    const receiver = this.#receiver!;
    const framer = this.#framer;
    this.#pumping = true;
    try {
      while (framer.next()) {
        if (!receiver.message(framer.tag, framer.reader)) return false;
        if (this.#broken !== undefined) return false;
      }
      return true;
    } catch (error) {
      this.fail(this.named(error));
      return false;
    } finally {
      this.#pumping = false;
    }
  }

  #more(): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#puller = { resolve, reject };
      this.resume();
    });
  }

  #wakeDrained(): void {
    if (this.#drained.length === 0) return;
    for (const wake of this.#drained.splice(0)) wake();
  }
}

const UNENCRYPTED =
  "the server sent unencrypted bytes between its answer to SSLRequest and the TLS handshake";
