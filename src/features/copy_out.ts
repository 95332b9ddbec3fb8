import { copyBytes } from "../bytes/copy_bytes.ts";
import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import type { RowCounter } from "../protocol/copy_format.ts";
import { readCopyResponse } from "../protocol/copy_messages.ts";
import { sync } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import { withCallSite } from "../query/call_site.ts";
import { endCopy } from "../query/copy_guard.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import type { CopyTrace, TracedOperation } from "../trace.ts";
import type { CopyLock, CopyPlace } from "./copy_lock.ts";
import {
  begin,
  begun,
  CHUNK,
  type CopyOptions,
  counterOf,
  expect,
  hitByAnothersCancel,
  isNoCopy,
  requestOptions,
  rowsOf,
  watchCopy,
} from "./copy_statement.ts";

/** Bytes of a message's tag and length. */
const HEADER = 5;
const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** One copy out of a table. Data is kept until it is read, and the server waits meanwhile. */
export class CopyOut implements Request<void> {
  readonly #host: QueryContext;
  readonly #session: Session;
  readonly #text: string;
  readonly #options: CopyOptions;
  readonly #site: Error | undefined;
  readonly #lock: CopyLock;
  /** Settles when the connection is free again; never rejects. */
  #running: Promise<void> | undefined;
  #isSent = false;
  /** Whether data is discarded. */
  #isLeft = false;
  /** Whether the reader has stopped. */
  #isUnwanted = false;
  #outcome: { readonly error?: unknown } | undefined;
  /** Chunks that were received and not read. */
  readonly #ready: Uint8Array<ArrayBuffer>[] = [];
  #chunk: Uint8Array<ArrayBuffer> = NOTHING;
  #view: DataView = new DataView(NOTHING.buffer);
  #length = 0;
  /** Lets the next message in. */
  #resume: (() => void) | undefined;
  /** Wakes the reader that waits for data. */
  #wake: (() => void) | undefined;
  #isWaking = false;
  #count: RowCounter | undefined;
  #bytes = 0;
  #delivered = 0;
  #rows = 0;
  /** The number of rows that the server has counted. */
  #copied: number | undefined;

  constructor(host: QueryContext, text: string, options: CopyOptions, place: CopyPlace) {
    this.#host = host;
    this.#session = host.executor.session;
    this.#text = text;
    this.#options = options;
    this.#site = place.site;
    this.#lock = place.lock;
    place.lock.stop = () => void this.leave();
  }

  /** Begins the copy. Resolves when the connection is free again; never rejects. */
  run(): Promise<void> {
    return this.#running ??= this.#run();
  }

  /** Returns the next chunk, which the caller owns; `undefined` at the end. One call at a time. */
  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.run();
    while (this.#ready.length === 0 && this.#length === 0 && this.#outcome === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#outcome !== undefined && "error" in this.#outcome) throw this.#outcome.error;
    if (this.#ready.length === 0) this.#seal();
    const chunk = this.#ready.shift();
    if (this.#ready.length === 0) this.#letIn();
    if (chunk !== undefined) this.#report(chunk);
    return chunk;
  }

  /** Ends the reading. Resolves when the connection is free; never rejects. */
  leave(): Promise<void> {
    this.#isUnwanted = true;
    this.stop();
    const inTransaction = this.#host.defaults.lock !== undefined ||
      this.#session.transactionStatus !== "idle";
    if (!this.#isSent || !inTransaction) this.#session.cancel(this);
    return this.#running ?? Promise.resolve();
  }

  /** Discards data from now on. */
  stop(): void {
    this.#isLeft = true;
    this.#lock.release();
    this.#ready.length = this.#length = 0;
    this.#letIn();
  }

  write(out: Writer): void {
    if (this.#bytes > 0) throw hitByAnothersCancel();
    begin(out, this.#text);
    sync(out);
    this.#isSent = true;
  }

  *talk(): Conversation<void> {
    let message = yield* begun();
    if (message.tag === Backend.CopyInResponse) {
      throw endCopy(this.#session, message.tag, "extended");
    }
    if (message.tag !== Backend.CopyOutResponse) throw isNoCopy(message, "to stdout");
    const { format } = readCopyResponse(message.reader);
    if (this.#options.progress !== undefined) this.#count = counterOf(this.#text, format);
    message = yield {
      isDuplex: false,
      take: (reader) => {
        this.#takeRun(reader);
        return this.#hold();
      },
    };
    expect(message, Backend.CopyDone);
    this.#copied = rowsOf(yield);
    this.#options.complete?.(this.#copied);
  }

  async #run(): Promise<void> {
    const watched = watchCopy(this.#host, this.#text, "out");
    const send = () =>
      this.#lock.hold((held) => this.#session.request(this, requestOptions(this.#options, held)));
    try {
      await (watched === undefined ? send() : watched.run(send));
      this.#outcome = {};
    } catch (error) {
      this.#outcome = { error: withCallSite(error, this.#site) };
    }
    if (watched !== undefined) this.#tell(watched, this.#outcome);
    this.#wake?.();
  }

  /** Reports the outcome to tracing. Leaving early is no failure. */
  #tell(watched: TracedOperation<CopyTrace>, outcome: { readonly error?: unknown }): void {
    const moved = { bytes: this.#bytes, rows: this.#copied };
    if ("error" in outcome && !this.#isUnwanted) watched.failed(outcome.error, moved);
    else watched.succeeded(moved);
  }

  /** Holds further messages while a chunk was not read: the backpressure. */
  #hold(): Promise<void> | undefined {
    if (this.#ready.length === 0 || this.#isLeft) return undefined;
    return new Promise((resolve) => this.#resume = resolve);
  }

  #letIn(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  /** Takes the message, and those of data behind it that have arrived. */
  #takeRun(reader: Reader): void {
    this.#session.wire.takeRun();
    const { view, end } = reader;
    for (let at = reader.position - HEADER; at < end;) {
      const size = view.getInt32(at + 1) - 4;
      this.#bytes += size;
      if (!this.#isLeft) this.#keep(reader, at + HEADER, size);
      at += HEADER + size;
    }
    reader.position = end;
    if (this.#isLeft || this.#wake === undefined || this.#isWaking) return;
    // Wake the reader once everything that arrived together was taken.
    this.#isWaking = true;
    queueMicrotask(() => {
      this.#isWaking = false;
      this.#wake?.();
      this.#wake = undefined;
    });
  }

  /** Copies `size` bytes behind the data that was not read. */
  #keep(reader: Reader, start: number, size: number): void {
    if (this.#length + size > this.#chunk.length) {
      this.#seal();
      this.#chunk = new Uint8Array(Math.max(size, CHUNK));
      this.#view = new DataView(this.#chunk.buffer);
    }
    copyBytes(reader, start, size, this.#chunk, this.#view, this.#length);
    this.#length += size;
  }

  /** Makes a chunk of the data so far. */
  #seal(): void {
    const length = this.#length;
    if (length === 0) return;
    this.#length = 0;
    // A small part of a buffer is copied, so that the rest can be freed.
    if (length < this.#chunk.length / 2) return void this.#ready.push(this.#chunk.slice(0, length));
    this.#ready.push(this.#chunk.subarray(0, length));
    this.#chunk = NOTHING;
  }

  #report(chunk: Uint8Array): void {
    const { progress } = this.#options;
    if (progress === undefined) return;
    this.#delivered += chunk.length;
    this.#rows += this.#count!(chunk, 0, chunk.length);
    try {
      progress({ bytes: this.#delivered, rows: this.#rows });
    } catch (error) {
      void this.leave();
      throw error;
    }
  }
}
