/**
 * Rows and batches of rows as async iterators over a portal.
 *
 * One piece is read ahead: while the reader has one, the server makes the next, and no more is asked
 * for until that one is wanted. A row is decoded when its reader gets it. Leaving the loop, whichever
 * way, closes the portal.
 */
import { InterfaceError } from "../errors/errors.ts";
import type { Signal } from "../session/exchange.ts";
import type { Operation, QueryTrace } from "../trace.ts";
import { ATTEMPTS, relyingOnLess } from "./again.ts";
import { withCallSite } from "./call_site.ts";
import type { Executor, Ran } from "./execute.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { checkParameters } from "./parameters.ts";
import type { Piece } from "./piece.ts";
import { openPortal } from "./portal.ts";
import { OutdatedDescription, type Portal } from "./portal_query.ts";
import { inOriginal, type Rewritten } from "./rewritten.ts";
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
  /** The caller's text, where it differs from what is sent. */
  readonly rewritten?: Rewritten | undefined;
}

/** How many rows to ask for, given the piece before. */
export type PieceSize = (before: Piece | undefined) => number;

/** A stream of batches. */
export class BatchStream<Row> implements AsyncIterableIterator<Row[]> {
  readonly #pieces: PieceStream;

  /** For the driver: use `batches()` of a query. */
  constructor(source: StreamSource, size: PieceSize) {
    this.#pieces = new PieceStream(source, size);
  }

  /** The stream is its own iterator. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next batch. */
  async next(): Promise<IteratorResult<Row[], undefined>> {
    const rows = await this.#pieces.next((piece) => piece.all() as Row[]);
    return rows === undefined ? END : { done: false, value: rows };
  }

  /** Closes the portal: what leaving a loop calls. */
  async return(): Promise<IteratorResult<Row[], undefined>> {
    await this.#pieces.return();
    return END;
  }

  /** Stops what the server does for it; whoever waits for it is told `reason`. */
  cancel(reason: unknown): void {
    this.#pieces.cancel(reason);
  }
}

/** A stream of rows. */
export class RowStream<Row> implements AsyncIterableIterator<Row> {
  readonly #pieces: PieceStream;
  /** What is read just now; it has rows left. */
  #piece: Piece | undefined;
  #filling: Promise<unknown> = Promise.resolve();

  /** For the driver: iterate a query. */
  constructor(source: StreamSource) {
    this.#pieces = new PieceStream(source, bySize);
  }

  /** The stream is its own iterator. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next row. */
  next(): Promise<IteratorResult<Row, undefined>> {
    if (this.#pieces.isStopped) this.#piece = undefined;
    if (this.#piece !== undefined) return this.#read(this.#piece);
    const filled = this.#filling.then(() => this.#fill());
    this.#filling = filled.catch(() => {});
    return filled;
  }

  /** Closes the portal: what leaving a loop calls. */
  async return(): Promise<IteratorResult<Row, undefined>> {
    this.#piece = undefined;
    await this.#pieces.return();
    return END;
  }

  /** Stops what the server does for it; whoever waits for it is told `reason`. */
  cancel(reason: unknown): void {
    this.#pieces.cancel(reason);
  }

  #read(piece: Piece): Promise<IteratorResult<Row, undefined>> {
    try {
      return Promise.resolve({ done: false, value: this.#take(piece) });
    } catch (error) {
      return this.#pieces.failed(error);
    }
  }

  async #fill(): Promise<IteratorResult<Row, undefined>> {
    if (this.#piece !== undefined) return await this.#read(this.#piece);
    const taken = await this.#pieces.next((piece) => ({ row: this.#take(piece) }));
    return taken === undefined ? END : { done: false, value: taken.row };
  }

  /** The next row of the piece; after one that cannot be read there is none. */
  #take(piece: Piece): Row {
    this.#piece = undefined;
    const row = piece.next() as Row;
    if (piece.left > 0) this.#piece = piece;
    else if (piece.isLast) this.#pieces.finished();
    return row;
  }
}

/** Pieces of a result, one behind the other: what both kinds of streams read. */
class PieceStream {
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

  constructor(source: StreamSource, size: PieceSize) {
    this.#source = source;
    this.#size = size;
  }

  /** What `read` makes of the next piece, which is its until the next call; `undefined`: there is none. */
  next<T>(read: (piece: Piece) => T): Promise<T | undefined> {
    return this.#call(() => this.#next(read));
  }

  /** Nobody reads on. */
  return(): Promise<void> {
    return this.#call(() => this.#end());
  }

  /** A row could not be read: rejects with that, as its caller is to see it, when the portal is closed. */
  failed(error: unknown): Promise<never> {
    return this.#call(() => this.#fail(error));
  }

  /** The last row was read. */
  finished(): void {
    this.#watched?.succeeded({ "db.response.returned_rows": this.#count });
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

  async #next<T>(read: (piece: Piece) => T): Promise<T | undefined> {
    if (this.#isOver) return undefined;
    try {
      if (this.isStopped) throw this.#cancelled?.reason ?? this.#source.signal!.reason;
      const piece = await (this.#ahead ?? this.#begin());
      this.#ahead = undefined;
      this.#count += piece.rows;
      if (piece.isLast) await this.#close();
      else this.#readAhead(piece);
      const value = piece.rows > 0 ? read(piece) : undefined;
      if (piece.isLast && piece.left === 0) this.finished();
      return value;
    } catch (error) {
      return await this.#fail(error);
    }
  }

  async #fail(error: unknown): Promise<never> {
    this.#watched?.failed(error, { "db.response.returned_rows": this.#count });
    this.#source.executor.forgetAltered(error);
    await this.#close();
    throw withCallSite(inOriginal(error, this.#source.rewritten), this.#source.site);
  }

  async #end(): Promise<void> {
    this.finished();
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#isOver = true;
    await this.#portal?.close();
  }

  #readAhead(before: Piece): void {
    const ahead = this.#portal!.fetch(this.#size(before));
    ahead.catch(() => {});
    this.#ahead = ahead;
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
      const isRecovered = await this.#recover(portal, { statement, text, options }, error);
      if (isRecovered && attempt < ATTEMPTS) return await this.#open(attempt + 1);
      throw error;
    }
  }

  /** Removes the reason for which the first piece has failed, if that is the driver's own. */
  async #recover({ leftIn }: Portal, ran: Omit<Ran, "isKept">, error: unknown): Promise<boolean> {
    const { executor } = this.#source;
    const isKept = ran.statement.name !== "";
    if (leftIn !== undefined) return await executor.mendBound({ ...ran, isKept }, error, leftIn);
    if (error instanceof OutdatedDescription) return true;
    // The server has not refused it: a value does not fit the types that the statement has.
    return isKept && error instanceof InterfaceError &&
      await executor.forgetOutdated({ ...ran, isKept });
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
  if (before === undefined || before.rows === 0) return FIRST_ROWS;
  const fitting = Math.floor(PIECE_BYTES * before.rows / (before.bytes + 1));
  return Math.min(MOST_ROWS, Math.max(1, fitting));
}
