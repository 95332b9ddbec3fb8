/**
 * Rows and batches of rows as async iterators over a portal.
 *
 * One piece is read ahead: while the reader has one, the server makes the next, and no more is asked
 * for until that one is wanted. Leaving the loop, whichever way, closes the portal.
 */
import type { Signal } from "../session/exchange.ts";
import type { Operation, QueryTrace } from "../trace.ts";
import { ATTEMPTS, relyingOnLess } from "./again.ts";
import { withCallSite } from "./call_site.ts";
import type { ExecuteOptions, Executor } from "./execute.ts";
import { checkParameters } from "./parameters.ts";
import { openPortal, type Piece, type Portal } from "./portal.ts";
import { queryTrace } from "./query_trace.ts";

/** What a stream reads. */
export interface StreamSource {
  readonly executor: Executor;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly options: () => Promise<ExecuteOptions>;
  /** Aborts it, and is looked at before each row. */
  readonly signal: Signal | undefined;
  /** Where the caller's stack was taken. */
  readonly site: Error | undefined;
}

/** How many rows to ask for, given the piece before. */
export type PieceSize = (before: Piece | undefined) => number;

/** A stream of batches. */
export class BatchStream<Row> implements AsyncIterableIterator<Row[]> {
  readonly #source: StreamSource;
  readonly #size: PieceSize;
  #portal: Portal | undefined;
  /** Asked for already. */
  #ahead: Promise<Piece> | undefined;
  #isOver = false;
  #cancelled: { reason: unknown } | undefined;
  /** What those who watch are told, if anybody does. */
  #watched: Operation<QueryTrace> | undefined;
  #count = 0;
  /** The reader's calls, one behind the other. */
  #calls: Promise<unknown> = Promise.resolve();

  /** For the driver: use `batches()` of a query. */
  constructor(source: StreamSource, size: PieceSize) {
    this.#source = source;
    this.#size = size;
  }

  /** The stream is its own iterator. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next batch. */
  next(): Promise<IteratorResult<Row[], undefined>> {
    return this.#call(() => this.#next());
  }

  /** Closes the portal: what leaving a loop calls. */
  return(): Promise<IteratorResult<Row[], undefined>> {
    return this.#call(() => this.#end());
  }

  /** Stops what the server does for it; whoever waits for it is told `reason`. */
  cancel(reason: unknown): void {
    this.#cancelled ??= { reason };
    this.#portal?.cancel(reason);
  }

  /** Whether somebody has aborted or cancelled it: what it has read ahead is not wanted any more. */
  get isStopped(): boolean {
    return this.#cancelled !== undefined || this.#source.signal?.aborted === true;
  }

  /** Runs after the calls made before. */
  #call<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#calls.then(work);
    this.#calls = done.catch(() => {});
    return done;
  }

  async #next(): Promise<IteratorResult<Row[], undefined>> {
    if (this.#isOver) return END;
    try {
      if (this.isStopped) throw this.#cancelled?.reason ?? this.#source.signal!.reason;
      const piece = await (this.#ahead ?? this.#begin());
      this.#ahead = undefined;
      this.#count += piece.rows.length;
      if (piece.isLast) await this.#end();
      else this.#readAhead(piece);
      return piece.rows.length > 0 ? { done: false, value: piece.rows as Row[] } : END;
    } catch (error) {
      this.#watched?.failed(error, { "db.response.returned_rows": this.#count });
      this.#source.executor.forgetAltered(error);
      await this.#end();
      throw withCallSite(error, this.#source.site);
    }
  }

  async #end(): Promise<IteratorResult<Row[], undefined>> {
    this.#isOver = true;
    this.#watched?.succeeded({ "db.response.returned_rows": this.#count });
    await this.#portal?.close();
    return END;
  }

  #readAhead(before: Piece): void {
    this.#ahead = this.#portal!.fetch(this.#size(before));
    this.#ahead.catch(() => {});
  }

  #begin(): Promise<Piece> {
    const { executor: { trace: { query } }, text, values } = this.#source;
    if (!query.isWatched) return this.#open();
    this.#watched = query.open(queryTrace(text, values, true));
    return this.#watched.run(() => this.#open());
  }

  /** Opens the portal with its first piece; once more when the statement turns out to be stale. */
  async #open(attempt: number = 0): Promise<Piece> {
    const { executor, text, values } = this.#source;
    checkParameters(values);
    const options = relyingOnLess(await this.#source.options(), attempt - 1);
    const statement = await executor.describe(text, options);
    const portal = openPortal({ executor, statement, values, options });
    this.#portal = portal;
    try {
      return await portal.fetch(this.#size(undefined));
    } catch (error) {
      const { leftIn } = portal;
      const isStale = leftIn !== undefined &&
        executor.dropStale(statement, error, leftIn, options);
      if (isStale && attempt < ATTEMPTS) return await this.#open(attempt + 1);
      throw error;
    }
  }
}

/** A stream of rows. */
export class RowStream<Row> implements AsyncIterableIterator<Row> {
  readonly #batches: BatchStream<Row>;
  #rows: readonly Row[] = [];
  #at = 0;
  #filling: Promise<unknown> = Promise.resolve();

  /** For the driver: iterate a query. */
  constructor(source: StreamSource) {
    this.#batches = new BatchStream(source, bySize);
  }

  /** The stream is its own iterator. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next row. */
  next(): Promise<IteratorResult<Row, undefined>> {
    if (this.#batches.isStopped) this.#rows = [];
    if (this.#at < this.#rows.length) {
      return Promise.resolve({ done: false, value: this.#rows[this.#at++]! });
    }
    const filled = this.#filling.then(() => this.#fill());
    this.#filling = filled.catch(() => {});
    return filled;
  }

  /** Closes the portal: what leaving a loop calls. */
  async return(): Promise<IteratorResult<Row, undefined>> {
    this.#rows = [];
    await this.#batches.return();
    return END;
  }

  /** Stops what the server does for it; whoever waits for it is told `reason`. */
  cancel(reason: unknown): void {
    this.#batches.cancel(reason);
  }

  async #fill(): Promise<IteratorResult<Row, undefined>> {
    if (this.#at >= this.#rows.length) {
      const batch = await this.#batches.next();
      this.#rows = batch.value ?? [];
      this.#at = 0;
      if (batch.done === true) return END;
    }
    return { done: false, value: this.#rows[this.#at++]! };
  }
}

const END: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });
/** What a piece should come to. */
const PIECE_BYTES = 256 * 1024;
const FIRST_ROWS = 64;
/** Much more than this at once outlives the young generation, and costs more than it saves. */
const MOST_ROWS = 2048;

/** As many rows as should come to the size of a piece, judged by those before. */
function bySize(before: Piece | undefined): number {
  if (before === undefined || before.rows.length === 0) return FIRST_ROWS;
  const fitting = Math.floor(PIECE_BYTES * before.rows.length / (before.bytes + 1));
  return Math.min(MOST_ROWS, Math.max(1, fitting));
}
