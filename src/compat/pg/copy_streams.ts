/**
 * The module `pg-copy-streams` on this driver: COPY as streams.
 *
 * @module
 */
import { Readable, Writable } from "../node.ts";
import type { Connection } from "./connection.ts";
import type { CommandCompleteMessage, CopyDataMessage, Submittable } from "./submittable.ts";

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
    super(options);
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
  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    this.#when(() => {
      this.#connection!.sendCopyFromChunk(chunk);
      this.#connection!._drained().then(() => done(), done);
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

  /** @internal */
  handleCopyData({ chunk }: CopyDataMessage): Promise<void> | void {
    if (this.destroyed || this.push(chunk)) return undefined;
    return new Promise((resolve) => this.#resume = resolve);
  }

  /** @internal */
  handleCommandComplete({ text }: CommandCompleteMessage): void {
    this.rowCount = rowsOf(text);
  }

  /** @internal */
  handleReadyForQuery(): void {
    this.#connection = undefined;
    this.push(null);
  }

  /** @internal */
  handleError(error: Error): void {
    this.destroy(error);
  }

  /** @internal */
  override _read(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  /** @internal Cancels the copy, whose data would be read for nothing. */
  override _destroy(reason: Error | null, done: Done): void {
    this.#connection?._cancel();
    this._read();
    done(reason);
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
