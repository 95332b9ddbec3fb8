/**
 * The module `pg-copy-streams` on this driver: COPY as streams.
 *
 * @module
 */
import { Reader } from "../../bytes/reader.ts";
import { immediately, Readable, Writable } from "../node.ts";
import { dataOf, type WrittenChunk } from "../written_chunks.ts";
import { Gathered } from "./gathered.ts";
import type { Connection } from "./connection.ts";
import type { CommandCompleteMessage, CopyDataMessage, Submittable } from "./submittable.ts";

const UTF8 = new TextEncoder();

type Done = (error?: Error | null) => void;

/** The data of a `copy … from stdin`, as a `Writable`. */
export class CopyFrom extends Writable implements Submittable {
  /** The statement. */
  readonly text: string;
  /** The number of rows that were copied, from the end on. */
  rowCount = 0;
  #connection: Connection | undefined;
  /** A write or an end that waits for the server. */
  #waiting: (() => void) | undefined;
  #isReady = false;
  #final: Done | undefined;

  /** Creates a stream for a statement. */
  constructor(text: string, options?: object) {
    super({ decodeStrings: false, ...options });
    this.text = text;
  }

  /** @internal */
  submit(connection: Connection): void {
    this.#connection = connection;
    connection.query(this.text);
  }

  /** @internal */
  handleCopyInResponse(): void {
    this.#isReady = true;
    if (this.destroyed) return this.#connection!.sendCopyFail("the stream was destroyed");
    this.#waiting?.();
    this.#waiting = undefined;
  }

  /** @internal */
  handleCommandComplete({ text }: CommandCompleteMessage): void {
    this.rowCount = rowsOf(text);
  }

  /** @internal */
  handleReadyForQuery(): void {
    this.#isReady = false;
    this.#final?.();
  }

  /** @internal */
  handleError(error: Error): void {
    this.#isReady = false;
    this.destroy(error);
  }

  /** @internal */
  override _write(chunk: Uint8Array | string, encoding: string, done: Done): void {
    this._writev([{ chunk, encoding }], done);
  }

  /** @internal Sends the chunks that have come meanwhile in one write. */
  override _writev(chunks: readonly WrittenChunk[], done: Done): void {
    this.#when(() => {
      for (const data of dataOf(chunks)) {
        this.#connection!.sendCopyFromChunk(typeof data === "string" ? UTF8.encode(data) : data);
      }
      // Chunks that are written meanwhile go in one message.
      this.#connection!._drained().then(() => immediately(done), done);
    });
  }

  /** @internal */
  override _final(done: Done): void {
    this.#final = done;
    this.#when(() => this.#connection!.endCopyFrom());
  }

  /** @internal */
  override _destroy(reason: Error | null, done: Done): void {
    if (this.#isReady && this.#final === undefined) {
      this.#connection!.sendCopyFail(reason?.message ?? "the stream was destroyed");
    }
    done(reason);
  }

  #when(work: () => void): void {
    if (this.#isReady) work();
    else this.#waiting = work;
  }
}

/** The data of a `copy … to stdout`, as a `Readable`. */
export class CopyTo extends Readable implements Submittable {
  /** The statement. */
  readonly text: string;
  /** The number of rows that were copied, from the end on. */
  rowCount = 0;
  #connection: Connection | undefined;
  #resume: (() => void) | undefined;
  readonly #gathered = new Gathered((chunk) => this.#pass(chunk));
  #isFull = false;

  /** Creates a stream for a statement. */
  constructor(text: string, options?: object) {
    super(options);
    this.text = text;
  }

  /** @internal */
  submit(connection: Connection): void {
    this.#connection = connection;
    connection.query(this.text);
  }

  /** @internal Takes data from a message. Chunks are not rows: those of one read are joined. */
  _copyReader(reader: Reader): Promise<void> | undefined {
    if (this.destroyed) return undefined;
    this.#gathered.add(reader);
    return this.#isFull ? new Promise((resolve) => this.#resume = resolve) : undefined;
  }

  /** @internal */
  handleCopyData({ chunk }: CopyDataMessage): Promise<void> | void {
    return this._copyReader(new Reader(chunk));
  }

  /** @internal */
  handleCommandComplete({ text }: CommandCompleteMessage): void {
    this.rowCount = rowsOf(text);
  }

  /** @internal */
  handleReadyForQuery(): void {
    this.#connection = undefined;
    this.#gathered.flush();
    this.push(null);
  }

  /** @internal */
  handleError(error: Error): void {
    this.destroy(error);
  }

  /** @internal */
  override _read(): void {
    this.#isFull = false;
    this.#resume?.();
    this.#resume = undefined;
  }

  /** @internal Cancels the copy, whose data would be read for nothing. */
  override _destroy(reason: Error | null, done: Done): void {
    this.#connection?._cancel();
    this._read();
    done(reason);
  }

  #pass(chunk: Uint8Array): void {
    if (!this.destroyed && !this.push(chunk)) this.#isFull = true;
  }
}

/** Returns a stream that takes the data of a `copy … from stdin`; pass it to `client.query()`. */
export function from(text: string, options?: object): CopyFrom {
  return new CopyFrom(text, options);
}

/** Returns a stream of the data of a `copy … to stdout`; pass it to `client.query()`. */
export function to(text: string, options?: object): CopyTo {
  return new CopyTo(text, options);
}

function rowsOf(tag: string): number {
  return Number(/^COPY (\d+)/.exec(tag)?.[1] ?? 0);
}
