/**
 * Rows and batches of rows as async iterators over a portal.
 *
 * One buffer of rows is read ahead: while the caller reads one, the server fills the next, and no more
 * rows are requested until that one is read. A row is decoded when the caller gets it. Leaving the loop
 * closes the portal, whatever the way.
 */
import { InterfaceError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import type { Signal } from "../session/exchange.ts";
import { codeOf } from "../session/loading.ts";
import type { QueryTrace, TracedOperation } from "../trace.ts";
import { type BufferSize, BY_SIZE } from "./buffer_size.ts";
import { withCallSite } from "./call_site.ts";
import type { Context } from "./context.ts";
import { describeStatement } from "./describe.ts";
import type { QueryOptions } from "./options.ts";
import { type HostLoan, type QueryContext, withDefaults } from "./query_context.ts";
import { checkParameters } from "./parameters.ts";
import { checkRaw } from "./raw_parameters.ts";
import { ATTEMPTS, type BoundRequest, optionsAfter, recover } from "./recovery.ts";
import { commandOf, countOf, NO_COLUMNS } from "./result.ts";
import type { RowBuffer } from "./row_buffer.ts";
import type { Portal } from "./portal.ts";
import { inOriginal, type Rewritten } from "./rewritten.ts";
import { queryTrace } from "./query_trace.ts";

/** The query of a stream. */
export interface StreamSource {
  /** Takes a connection: at once, or a promise where one must be lent. */
  readonly take: () => HostLoan | Promise<HostLoan>;
  /** Returns the statement as it is sent on a connection. */
  readonly statementOn: (host: QueryContext) => StreamStatement;
  readonly options: QueryOptions;
  /** Aborts the stream; looked at before each row. */
  readonly signal: Signal | undefined;
  /** The caller's stack. */
  readonly site: Error | undefined;
}

/** A statement with its values. */
export interface StreamStatement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** The caller's text, where it differs from what is sent. */
  readonly rewritten: Rewritten | undefined;
}

/**
 * A stream of batches. It has the columns of its rows, and at its end the command and the number of
 * rows.
 */
export class BatchStream<Row> implements AsyncIterableIterator<Row[]> {
  readonly #buffers: BufferStream;

  /** For the driver: use `batches()` of a query. */
  constructor(source: StreamSource, size: BufferSize) {
    this.#buffers = new BufferStream(source, size);
  }

  /** The columns of the rows. Empty before the first row is requested, and for a statement without rows. */
  get columns(): readonly ColumnDescription[] {
    return this.#buffers.columns;
  }

  /** The words of the command tag, as `command` of a result; `""` before the end. */
  get command(): string {
    return commandOf(this.#buffers.tag);
  }

  /**
   * The number of rows of the stream; of a statement that returns none, the number in its command tag.
   * It is -1 before the end, and for a command without a number of rows.
   */
  get rowCount(): number {
    return this.#buffers.rowCount;
  }

  /** The stream is its own iterator. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Returns the next batch. */
  async next(): Promise<IteratorResult<Row[], undefined>> {
    const rows = await this.#buffers.next((buffer) => buffer.all() as Row[]);
    return rows === undefined ? END : { done: false, value: rows };
  }

  /** Closes the portal. Leaving a loop calls this. */
  async return(): Promise<IteratorResult<Row[], undefined>> {
    await this.#buffers.return();
    return END;
  }

  /** Cancels the query. Calls that wait for rows reject with `reason`. */
  cancel(reason: unknown): void {
    this.#buffers.cancel(reason);
  }
}

/**
 * A stream of rows. It has the columns of its rows, and at its end the command and the number of rows.
 */
export class RowStream<Row> implements AsyncIterableIterator<Row> {
  readonly #buffers: BufferStream;
  /** The buffer that is being read. It has rows left. */
  #buffer: RowBuffer | undefined;
  #filling: Promise<unknown> = Promise.resolve();
  /** How many calls wait for a buffer. Later ones must not overtake them. */
  #waiting = 0;

  /** For the driver: iterate a query. */
  constructor(source: StreamSource) {
    this.#buffers = new BufferStream(source, BY_SIZE);
  }

  /** The columns of the rows. Empty before the first row is requested, and for a statement without rows. */
  get columns(): readonly ColumnDescription[] {
    return this.#buffers.columns;
  }

  /** The words of the command tag, as `command` of a result; `""` before the end. */
  get command(): string {
    return commandOf(this.#buffers.tag);
  }

  /**
   * The number of rows of the stream; of a statement that returns none, the number in its command tag.
   * It is -1 before the end, and for a command without a number of rows.
   */
  get rowCount(): number {
    return this.#buffers.rowCount;
  }

  /** The stream is its own iterator. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Returns the next row. */
  next(): Promise<IteratorResult<Row, undefined>> {
    if (this.#buffers.isStopped) this.#buffer = undefined;
    if (this.#buffer !== undefined && this.#waiting === 0) return this.#read(this.#buffer);
    this.#waiting++;
    const filled = this.#filling.then(() => this.#fill()).finally(() => this.#waiting--);
    this.#filling = filled.catch(() => {});
    return filled;
  }

  /** Closes the portal. Leaving a loop calls this. */
  async return(): Promise<IteratorResult<Row, undefined>> {
    this.#buffer = undefined;
    await this.#buffers.return();
    return END;
  }

  /** Cancels the query. Calls that wait for rows reject with `reason`. */
  cancel(reason: unknown): void {
    this.#buffers.cancel(reason);
  }

  #read(buffer: RowBuffer): Promise<IteratorResult<Row, undefined>> {
    try {
      return Promise.resolve({ done: false, value: this.#take(buffer) });
    } catch (error) {
      return this.#buffers.failed(error);
    }
  }

  async #fill(): Promise<IteratorResult<Row, undefined>> {
    if (this.#buffer !== undefined) return await this.#read(this.#buffer);
    const taken = await this.#buffers.next((buffer) => ({ row: this.#take(buffer) }));
    return taken === undefined ? END : { done: false, value: taken.row };
  }

  /** Returns the next row of the buffer. After a row that cannot be read there is none. */
  #take(buffer: RowBuffer): Row {
    this.#buffer = undefined;
    const row = buffer.next() as Row;
    if (buffer.left > 0) this.#buffer = buffer;
    else if (buffer.isLast) this.#buffers.finished();
    return row;
  }
}

const portals = () => loaded(import("./open_portal.ts"), "streams");

/** The buffers of a result, one after the other, for both kinds of streams. */
class BufferStream {
  readonly #source: StreamSource;
  readonly #size: BufferSize;
  /** The connection, from the first row to the last; held by nothing else, so that a pool gets it back. */
  #loan: HostLoan | undefined;
  #context: Context | undefined;
  #sent: StreamStatement | undefined;
  /** The code of portals, which is loaded with the first stream. */
  #code: Awaited<ReturnType<typeof portals>> | undefined;
  #portal: Portal | undefined;
  /** The buffer that is requested already. */
  #ahead: Promise<RowBuffer> | undefined;
  #isOver = false;
  #cancelled: { reason: unknown } | undefined;
  /** The operation that is reported to tracing channels, if there are subscribers. */
  #watched: TracedOperation<QueryTrace> | undefined;
  #count = 0;
  /** The columns, once the statement is described. */
  columns: readonly ColumnDescription[] = NO_COLUMNS;
  /** The command tag, from the end on; `""` before. */
  tag = "";
  /** The caller's calls, one after the other. */
  #calls: Promise<unknown> = Promise.resolve();

  constructor(source: StreamSource, size: BufferSize) {
    this.#source = source;
    this.#size = size;
  }

  /** Returns what `read` makes of the next buffer, or `undefined` at the end. The buffer is valid until the next call. */
  next<T>(read: (buffer: RowBuffer) => T): Promise<T | undefined> {
    return this.#call(() => this.#next(read));
  }

  /** Ends the stream before its last row. */
  return(): Promise<void> {
    return this.#call(() => this.#end());
  }

  /** Closes the portal and rejects with the error of a row that could not be read. */
  failed(error: unknown): Promise<never> {
    return this.#call(() => this.#fail(error));
  }

  /** Records that the last row was read. */
  finished(): void {
    this.#watched?.succeeded({ "db.response.returned_rows": this.#count });
  }

  /** Cancels the query. Calls that wait for rows reject with `reason`. */
  cancel(reason: unknown): void {
    this.#cancelled ??= { reason };
    this.#portal?.cancel(reason);
  }

  /** Whether the stream was aborted or cancelled, so that rows read ahead are not wanted any more. */
  get isStopped(): boolean {
    return this.#cancelled !== undefined || this.#source.signal?.aborted === true;
  }

  get #reason(): unknown {
    return this.#cancelled?.reason ?? this.#source.signal?.reason;
  }

  /** The number of rows. The tag of a portal has only that of its last Execute. */
  get rowCount(): number {
    const count = countOf(this.tag);
    return count >= 0 && this.columns.length > 0 ? this.#count : count;
  }

  /** Runs `work` after the calls that were made before. */
  #call<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#calls.then(work);
    this.#calls = done.catch(() => {});
    return done;
  }

  async #next<T>(read: (buffer: RowBuffer) => T): Promise<T | undefined> {
    if (this.#isOver) return undefined;
    try {
      if (this.isStopped) throw this.#reason;
      const buffer = await (this.#ahead ?? this.#more());
      this.#ahead = undefined;
      this.#count += buffer.rows;
      if (buffer.tag !== undefined) {
        this.tag = buffer.tag;
        await this.#close();
      } else if (this.#size.readsAhead) this.#readAhead(buffer);
      const value = buffer.rows > 0 ? read(buffer) : undefined;
      if (buffer.isLast && buffer.left === 0) this.finished();
      return value;
    } catch (error) {
      return await this.#fail(error);
    }
  }

  async #fail(error: unknown): Promise<never> {
    this.#watched?.failed(error, { "db.response.returned_rows": this.#count });
    this.#context?.types.forgetAltered(error);
    await this.#close();
    throw withCallSite(inOriginal(error, this.#sent?.rewritten), this.#source.site);
  }

  async #end(): Promise<void> {
    this.finished();
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#isOver = true;
    await this.#portal?.close();
    const loan = this.#loan;
    this.#loan = undefined;
    await loan?.giveBack?.();
  }

  #readAhead(before: RowBuffer): void {
    const ahead = this.#portal!.fetch(this.#size.rows(before));
    ahead.catch(() => {});
    this.#ahead = ahead;
  }

  /** Returns the next buffer, which is not requested yet. */
  #more(): Promise<RowBuffer> {
    return this.#portal?.fetch(this.#size.rows(undefined)) ?? this.#begin();
  }

  #begin(): Promise<RowBuffer> {
    const taken = this.#source.take();
    return taken instanceof Promise
      ? taken.then((loan) => this.#beginOn(loan))
      : this.#beginOn(taken);
  }

  #beginOn(loan: HostLoan): Promise<RowBuffer> {
    const { host } = loan;
    this.#loan = loan;
    this.#context = host.executor.context;
    if (this.isStopped) throw this.#reason;
    const sent = this.#sent = this.#source.statementOn(host);
    const { trace: { query } } = host.executor;
    if (!query.isWatched) return this.#open(host, sent);
    this.#watched = query.open(queryTrace(sent.text, sent.values, true));
    return this.#watched.run(() => this.#open(host, sent));
  }

  /** Opens the portal and returns the first buffer. Tries again if the statement is stale. */
  async #open(
    host: QueryContext,
    sent: StreamStatement,
    attempt: number = 0,
  ): Promise<RowBuffer> {
    const { context } = host.executor;
    const { text, values } = sent;
    if (this.#source.options.rawParameters === true) checkRaw(values);
    else checkParameters(values);
    const options = optionsAfter(await withDefaults(this.#source.options, host), attempt - 1);
    this.#code = await codeOf(context.session, portals);
    const statement = await describeStatement(context, text, options);
    this.columns = statement.columns;
    const rows = this.#size.rows(undefined);
    const portal = this.#code.openPortal({ context, statement, values, options });
    this.#portal = portal;
    try {
      return await portal.fetch(rows);
    } catch (error) {
      const isRecovered = await this.#recover(portal, { statement, text, options }, error);
      if (isRecovered && attempt < ATTEMPTS) return await this.#open(host, sent, attempt + 1);
      throw error;
    }
  }

  /** Removes the reason for which the first buffer has failed, if that is the driver's own. */
  async #recover(
    { leftIn }: Portal,
    bound: Omit<BoundRequest, "isKept">,
    error: unknown,
  ): Promise<boolean> {
    const context = this.#context!;
    if (leftIn === undefined && error instanceof this.#code!.OutdatedDescription) return true;
    const isKept = bound.statement.name !== "";
    // The server has not refused it: a value does not fit the types that the statement has.
    const hasUnfitValue = isKept && leftIn === undefined && error instanceof InterfaceError;
    return await recover(context, { ...bound, isKept, hasUnfitValue }, error, leftIn);
  }
}

const END: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });
