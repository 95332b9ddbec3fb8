import type { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { OperationalError, ProtocolError } from "../errors/errors.ts";
import { Framer } from "../protocol/framer.ts";
import { backendName } from "../protocol/tags.ts";
import type { Runtime, Signal, Sink, Stream, TlsFacts, TlsSettings } from "../runtime/runtime.ts";
import { reasonBy } from "./reason.ts";

/** Bytes of one message before authentication; no server needs more. */
const LIMIT_BEFORE_AUTHENTICATION = 65_536;

/** Bytes of all messages before login, enough for 20 rounds of GSSAPI. */
const LIMIT_OF_LOGIN = 2 << 20;

/** Bytes of the first write that leaves before the end of a turn of the event loop. */
const FIRST_WRITE = 1024;
/** The size of each further one, over that of the one before. */
const GROWTH = 8;

/** The message of the error when the server closes the connection without an error. */
export const CLOSED_BY_SERVER = "connection lost: the server closed it unexpectedly";

/** The reader of a wire's messages once its session exists. */
export interface Receiver {
  /** Takes one message. Returning `false` holds the next one until {@linkcode Wire.resume}. */
  message(tag: number, reader: Reader): boolean;
  /** The last call: the connection is lost or the peer violated the protocol. The stream is closed. */
  broken(cause: Error): void;
}

/**
 * One stream with its framer and its writer.
 *
 * During login messages are pulled one by one ({@linkcode Wire.pull}); afterwards they are pushed to the
 * session ({@linkcode Wire.listen}). All bytes that are appended to {@linkcode Wire.out} in one turn of
 * the event loop leave in one write, or in a few if there are many: the server then begins with the first
 * requests while the others are made.
 */
export class Wire implements Sink {
  readonly out: Writer = new Writer();
  readonly stream: Stream;
  /** The facts about the TLS layer; `undefined` on a plain stream. */
  tls: TlsFacts | undefined;
  /** The number of chunks received, by which silence is noticed. */
  chunks = 0;
  /** The number of completed writes. */
  writes = 0;
  readonly #runtime: Pick<Runtime, "reasonOf">;
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
  /** Bytes with which the next write leaves before the end of this turn. */
  #early = FIRST_WRITE;
  #drained: (() => void)[] = [];
  /** The buffer for the one byte that answers SSLRequest; more bytes are refused. */
  #byte: Uint8Array<ArrayBuffer> | undefined;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    this.flush();
  };

  /** `runtime` explains the loss of the connection. */
  constructor(stream: Stream, runtime: Pick<Runtime, "reasonOf"> = {}) {
    this.stream = stream;
    this.#runtime = runtime;
    this.#framer.limitedBy = "before login";
    this.#framer.takesOldErrors = true;
  }

  /** The tag of the message that `pull()` found. */
  get tag(): number {
    return this.#framer.tag;
  }

  /** The body of that message, valid until the next `pull()`. */
  get reader(): Reader {
    return this.#framer.reader;
  }

  /** Whether a write is pending. */
  get writing(): boolean {
    return this.#writing;
  }

  /** Waits for one message. Rejects if the connection is lost, or with the error of {@linkcode Wire.fail}. */
  async pull(): Promise<void> {
    while (!this.next()) await this.#more();
  }

  /** Reports whether a message has arrived whole, which `tag` and `reader` then describe. */
  next(): boolean {
    const framer = this.#framer;
    if (!framer.next()) return false;
    this.#pulled += framer.reader.remaining;
    if (this.#pulled <= LIMIT_OF_LOGIN) return true;
    throw new ProtocolError(`the server sent more than ${LIMIT_OF_LOGIN} bytes before login`);
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

  /**
   * Waits until the peer closes, and drops its messages. Rejects after `fail()`, and fails if the peer
   * sends what is no message, or too much.
   */
  async ended(): Promise<void> {
    try {
      for (;;) await this.pull();
    } catch (error) {
      if ((error as OperationalError).code !== "08006") throw this.fail(error as Error);
    }
  }

  /** Upgrades to TLS. Bytes that the peer sent in plain text since the last pull are refused. */
  async secure(settings: TlsSettings, signal: Signal): Promise<void> {
    if (this.#framer.pending > 0) throw this.fail(new ProtocolError(UNENCRYPTED));
    this.tls = await this.stream.secure(settings, signal);
  }

  /** Takes the messages of the same kind that have arrived behind the current one, with their headers. */
  takeRun(): void {
    this.#framer.takeRun();
  }

  /** Passes all further messages to `receiver`. */
  listen(receiver: Receiver, maxMessageBytes: number): void {
    this.#receiver = receiver;
    this.#framer.limit = maxMessageBytes;
    this.#framer.limitedBy = "maxMessageBytes";
    this.#framer.takesOldErrors = false;
    if (this.#broken !== undefined) receiver.broken(this.#broken);
    else this.resume();
  }

  /** Continues after a message for which the receiver returned `false`. */
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

  /** Sends all appended bytes at the end of this turn of the event loop, the first of many at once. */
  flushSoon(): void {
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      this.#early = FIRST_WRITE;
      queueMicrotask(this.#flush);
    } else if (this.out.length >= this.#early) {
      this.#early *= GROWTH;
      this.flush();
    }
  }

  /** Sends the appended bytes, now or after the pending write. */
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

  /** Resolves when all appended bytes have left, or the connection is lost. */
  drained(): Promise<void> {
    if (!this.#writing && this.out.length === 0) return Promise.resolve();
    if (this.#broken !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Closes the stream and rejects pending reads with `error`. Returns the error. */
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

  /** Replaces "message" in an error about a malformed message by the message's name. */
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
      ? CLOSED_BY_SERVER
      : `connection lost: ${reasonBy(this.#runtime, cause)}`;
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
      // The message that is pulled lies in the buffer, which another read would move.
    }
    this.#paused = true;
    return false;
  }

  /** Passes all whole messages to the receiver; returns `false` if it holds. */
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
