/**
 * The rows of a COPY out in the binary format, as an async iterator. Rows that have arrived are
 * decoded one by one, when the caller gets them, and without waiting.
 */
import { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { ProtocolError } from "../errors/errors.ts";
import { appendChunk, isTrailer, readBinaryHeader, TupleEnds } from "../protocol/copy_format.ts";
import type { RowDecoder } from "../query/rows.ts";

/** The tuples of data that arrives in chunks of any length. */
export class Tuples<Row> {
  readonly #decode: RowDecoder;
  readonly #reader = new Reader();
  readonly #ends = new TupleEnds();
  #kept: Writer | undefined;
  #isBegun = false;

  /** `decode` reads a tuple; strings are decoded like those of `reader`. */
  constructor(decode: RowDecoder, reader: Reader) {
    this.#decode = decode;
    this.#reader.decode = reader.decode;
  }

  /** Adds a chunk, which is the tuples' from now on. */
  add(chunk: Uint8Array): void {
    this.#kept = appendChunk(this.#reader, chunk, this.#kept);
    this.#isBegun ||= readBinaryHeader(this.#reader);
  }

  /** Returns the next row, or `undefined` if not all of it has arrived or there is none. */
  next(): Row | undefined {
    const reader = this.#reader;
    const end = this.#isBegun ? this.#ends.find(reader) : undefined;
    if (end === undefined || isTrailer(reader)) return undefined;
    const whole = reader.end;
    reader.end = end;
    const row = this.#decode(reader) as Row;
    reader.end = whole;
    return row;
  }

  /**
   * Checks that the data may end here.
   *
   * @throws {ProtocolError} the trailer is missing.
   */
  finish(): void {
    if (this.#isBegun && this.#reader.remaining >= 2 && isTrailer(this.#reader)) return;
    throw new ProtocolError("malformed COPY data: it ends before its end");
  }
}

/** The rows of a COPY out. Calls are answered in their order, as those of an async generator. */
export class CopiedRows<Row> {
  readonly #arrivals: AsyncGenerator<Tuples<Row>, void, undefined>;
  /** The tuples that have arrived; `undefined` before the first and after the last. */
  #tuples: Tuples<Row> | undefined;
  /** How many calls wait for data or for the end. */
  #waiting = 0;
  #calls: Promise<unknown> = Promise.resolve();

  /** `arrivals` yields the tuples whenever a chunk was added to them. */
  constructor(arrivals: AsyncGenerator<Tuples<Row>, void, undefined>) {
    this.#arrivals = arrivals;
  }

  /** Returns the next row. */
  next(): Promise<IteratorResult<Row, void>> {
    if (this.#waiting > 0 || this.#tuples === undefined) return this.#call(() => this.#next());
    try {
      const value = this.#tuples.next();
      if (value !== undefined) return Promise.resolve({ done: false, value });
    } catch (error) {
      return this.throw(error);
    }
    return this.#call(() => this.#next());
  }

  /** Ends the copy. */
  return(): Promise<IteratorResult<Row, void>> {
    return this.#call(() => this.#end(() => this.#arrivals.return()));
  }

  /** Ends the copy and rejects with `error`. */
  throw(error: unknown): Promise<IteratorResult<Row, void>> {
    return this.#call(() => this.#end(() => this.#arrivals.throw(error)));
  }

  /** Runs `work` after the calls that were made before. */
  #call<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const done = this.#calls.then(work).finally(() => this.#waiting--);
    this.#calls = done.catch(() => {});
    return done;
  }

  async #next(): Promise<IteratorResult<Row, void>> {
    for (;;) {
      let value: Row | undefined;
      try {
        value = this.#tuples?.next();
      } catch (error) {
        return await this.#end(() => this.#arrivals.throw(error));
      }
      if (value !== undefined) return { done: false, value };
      const arrived = await this.#arrivals.next();
      this.#tuples = arrived.value ?? undefined;
      if (arrived.done) return END;
    }
  }

  async #end(leave: () => Promise<unknown>): Promise<IteratorResult<Row, void>> {
    this.#tuples = undefined;
    await leave();
    return END;
  }
}

const END: IteratorReturnResult<void> = Object.freeze({ done: true, value: undefined });
