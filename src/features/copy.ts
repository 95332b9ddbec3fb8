/**
 * COPY: data into and out of a table in bulk, as text, CSV or binary, as the statement says.
 *
 * COPY goes by the extended protocol, which takes exactly one statement, so that no second COPY can
 * hide behind the first. The server ignores Sync while data goes in, so the only Sync follows
 * CopyDone or CopyFail, or answers an error. Data comes out like any result, in the pipeline.
 * Source: manual, "COPY Operations" in the protocol's message flow.
 *
 * The code behind these functions is loaded with the first copy. The lock is taken before that.
 */
import { InterfaceError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import { CALL_OPTIONS, callback, checkOptions, type Checks, oneOf } from "../errors/checks.ts";
import { own } from "../errors/own.ts";
import { takeCallSite, withCallSite } from "../query/call_site.ts";
import { copyDirection } from "../query/copy_grammar.ts";
import type { HostLoan, QueryContext } from "../query/query_context.ts";
import type { ObjectRow } from "../query/result.ts";
import { type ByteStream, openSource, type Source } from "../query/source.ts";
import { codeOf, Loading } from "../session/loading.ts";
import { byteStream, type Chunks } from "./byte_stream.ts";
import type { CopiedRows } from "./copied_rows.ts";
import type { CopyData } from "./copy_in.ts";
import { CopyLock, type CopyPlace } from "./copy_lock.ts";
import type { CopyOut } from "./copy_out.ts";
import type { CopyRow, CopyRowsFromOptions, CopyRowsToOptions, TableName } from "./copy_rows.ts";
import type { CopyOptions } from "./copy_statement.ts";

export type { CopyData } from "./copy_in.ts";
export type { CopyOptions, CopyProgress } from "./copy_statement.ts";

const load = () => loaded(import("./copy_code.ts"), "COPY");

type Code = Awaited<ReturnType<typeof load>>;

const OPTIONS: Checks = {
  ...CALL_OPTIONS,
  progress: callback,
  complete: callback,
  rows: oneOf("object", "array"),
  format: oneOf("binary", "text"),
};

/**
 * Runs a `copy … from stdin` with the data of `source`, and resolves to the number of rows.
 *
 * The source is read as fast as the server takes its data. When the source throws, the copy is
 * undone and the call rejects with that error. When the server refuses a row, the source is no
 * longer read. The connection is usable afterwards either way.
 *
 * @throws {InterfaceError} the statement is not a `copy … from stdin`, or the source is not one.
 * @throws {DatabaseError} the server refuses the statement or the data.
 */
export async function copyFrom(
  host: QueryContext,
  text: string,
  source: Source<CopyData> | CopyData,
  options: CopyOptions = {},
): Promise<number> {
  checkOptions(options, OPTIONS);
  const whole = typeof source === "string" || source instanceof Uint8Array ? [source] : source;
  const how = own(options);
  const pull = openSource(whole, "copyFrom(): the source");
  return await copying(
    host,
    how,
    (code, place) => code.copyIn(host, text, pull, how, place),
    (error) => pull.cancel(error),
  );
}

/**
 * Copies rows into a table; see `copyRowsFrom()` of a connection.
 *
 * The server describes the columns' types first. The first row is read before the copy begins,
 * because the format depends on it. The arguments are taken at once, as the caller may change them
 * while the code is loaded.
 */
export async function copyRowsFrom(
  host: QueryContext,
  table: TableName,
  columns: readonly string[],
  rows: Source<CopyRow>,
  options: CopyRowsFromOptions = {},
): Promise<number> {
  checkOptions(options, OPTIONS);
  const into = typeof table === "string" ? table : [...table];
  const names = Array.isArray(columns) ? [...columns] : columns;
  const how = own(options);
  const pull = openSource(rows, "copyRowsFrom(): the source");
  return await copying(
    host,
    how,
    (code, place) => code.copyRowsFrom(host, into, names, pull, how, place),
    (error) => pull.cancel(error),
  );
}

/**
 * Runs a `copy … to stdout` when it is first read. Returns a `ReadableStream` of the data, which is
 * also an `AsyncIterable`. A chunk has up to 64 KiB, or is one row that is longer. A row is never
 * cut.
 *
 * The server waits while nothing is read. When the reader stops early, the copy is cancelled on the
 * server. In a transaction, which a cancel would abort, the rest is read and discarded instead. The
 * connection is usable afterwards in any case. The reader gets every error, also one from before
 * the first chunk.
 *
 * @throws {InterfaceError} the statement copies in.
 */
export function copyTo(host: QueryContext, text: string, options: CopyOptions = {}): ByteStream {
  checkCopyTo(text, options);
  return byteStream(new CopyReader(host, text, own(options)));
}

/**
 * Returns the rows of a table; see `copyRowsTo()` of a connection. A host is taken when the first
 * row is read, so that rows that are never read hold none.
 */
export function copyRowsTo<Row = ObjectRow>(
  lend: () => HostLoan | Promise<HostLoan>,
  table: TableName,
  columns: readonly string[],
  options: CopyRowsToOptions = {},
): AsyncIterableIterator<Row> {
  checkOptions(options, OPTIONS);
  return new LaterRows<Row>(async () => {
    const code = await load();
    return code.copyRowsTo<Row>(lend, table, columns, options);
  });
}

/**
 * Checks a statement that is to copy out, as far as its text tells, and its options.
 *
 * @throws {InterfaceError} the statement copies in, or an option is wrong.
 */
export function checkCopyTo(text: string, options: CopyOptions): void {
  checkOptions(options, OPTIONS);
  if (copyDirection(text) === "in") throw new InterfaceError("copyTo() takes a COPY … TO STDOUT");
}

/** Runs `work` under a lock that is taken at once. `failed` is called if `work` could not begin. */
async function copying<T>(
  host: QueryContext,
  given: CopyOptions,
  work: (code: Code, place: CopyPlace) => Promise<T>,
  failed?: (error: unknown) => void,
): Promise<T> {
  const { session } = host.executor;
  const lock = new CopyLock(host);
  const code = codeOf(session, load);
  const isLoaded = !(code instanceof Promise);
  // Behind the wait the caller is not on the stack any more.
  const site = takeCallSite(isLoaded && host.asyncStacks);
  if (isLoaded) return await work(code, { lock, site });
  let isBegun = false;
  const waiting = new Loading(session, code, (loaded) => {
    isBegun = true;
    return work(loaded, { lock, site });
  });
  lock.stop = () => void session.cancel(waiting);
  const { signal, timeout } = own(given);
  try {
    return await lock.hold((held) => waiting.run({ signal, timeout, lock: held }));
  } catch (error) {
    if (isBegun) throw error;
    failed?.(error);
    throw withCallSite(error, site);
  }
}

/** The chunks of a copy out, which begins with the first one. */
export class CopyReader implements Chunks {
  readonly #host: QueryContext;
  readonly #text: string;
  readonly #options: CopyOptions;
  readonly #lock: CopyLock;
  readonly #site: Error | undefined;
  #copy: CopyOut | undefined;
  #opening: Promise<CopyOut> | CopyOut | undefined;
  #waiting: Loading<Code, void> | undefined;

  constructor(host: QueryContext, text: string, options: CopyOptions) {
    this.#host = host;
    this.#text = text;
    this.#options = options;
    this.#lock = new CopyLock(host);
    this.#site = takeCallSite(host.asyncStacks);
  }

  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#copy !== undefined) return await this.#copy.next();
    const opening = this.#opening ??= this.#open();
    this.#copy = opening instanceof Promise ? await opening : opening;
    return await this.#copy.next();
  }

  async leave(): Promise<void> {
    if (this.#copy !== undefined) return await this.#copy.leave();
    const opening = this.#opening;
    if (opening === undefined) return;
    this.#lock.release();
    void this.#host.executor.session.cancel(this.#waiting);
    try {
      await (await opening).leave();
    } catch { /* it has not begun */ }
  }

  #open(): CopyOut | Promise<CopyOut> {
    const { session } = this.#host.executor;
    const code = codeOf(session, load);
    if (!(code instanceof Promise)) return this.#copyOut(code);
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting = new Loading(session, code, (loaded) => {
        const copy = this.#copyOut(loaded);
        resolve(copy);
        return copy.run();
      });
      this.#lock.stop = () => void this.leave();
      const { signal, timeout } = this.#options;
      this.#lock.hold((lock) => waiting.run({ signal, timeout, lock }))
        .catch((error) => reject(withCallSite(error, this.#site)));
    });
  }

  #copyOut({ CopyOut }: Code): CopyOut {
    const place: CopyPlace = { lock: this.#lock, site: this.#site };
    return new CopyOut(this.#host, this.#text, this.#options, place);
  }
}

/** Rows whose code is loaded with the first one. */
class LaterRows<Row> implements AsyncIterableIterator<Row> {
  readonly #open: () => Promise<CopiedRows<Row>>;
  #opening: Promise<CopiedRows<Row>> | undefined;
  #rows: CopiedRows<Row> | undefined;

  constructor(open: () => Promise<CopiedRows<Row>>) {
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Row, void>> {
    return this.#rows?.next() ?? this.#opened().then((rows) => rows.next());
  }

  return(): Promise<IteratorResult<Row, void>> {
    return this.#rows?.return() ?? this.#opened().then((rows) => rows.return());
  }

  throw(error: unknown): Promise<IteratorResult<Row, void>> {
    return this.#rows?.throw(error) ?? this.#opened().then((rows) => rows.throw(error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** The rows are kept by the first caller that goes on, so that no later one overtakes it. */
  async #opened(): Promise<CopiedRows<Row>> {
    return this.#rows = await (this.#opening ??= this.#open());
  }
}
