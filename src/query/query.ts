import { InterfaceError, NoRowsError, TooManyRowsError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import { uncancellable } from "../session/cancellation.ts";
import { cancelled } from "../session/exchange.ts";
import { batchSize } from "./buffer_size.ts";
import { takeCallSite, withCallSite } from "./call_site.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { ExtendedQuery } from "./extended_query.ts";
import { FOREIGN_QUERY, refuseForeign } from "./foreign.ts";
import { type Assembly, Fragment, inheritFromPromise, isFragment } from "./fragment.ts";
import { NO_OPTIONS, type QueryOptions } from "./options.ts";
import { refuseObserver } from "./observer.ts";
import { neverSent, type QueryContext, withDefaults } from "./query_context.ts";
import { bindNames } from "./named.ts";
import type { BatchItem } from "./batch.ts";
import type { QueryParameters } from "./options.ts";
import {
  isHost,
  type Purpose,
  type QuerySource,
  siteOf,
  takeHost,
  withHost,
} from "./query_source.ts";
import type { ObjectRow, Result } from "./result.ts";
import { inOriginal, type Rewritten } from "./rewritten.ts";
import { SimpleQuery } from "./simple_query.ts";
import { BatchStream, RowStream, type StreamSource } from "./stream.ts";

/** A statement as the server describes it. */
export interface StatementDescription {
  /** OIDs of the parameters' types, `$1` first. */
  readonly parameterTypes: readonly number[];
  /** The columns of its result; none when it returns no rows. */
  readonly columns: readonly ColumnDescription[];
}

/**
 * A query. It is sent when it is awaited, iterated or `execute()`d, without waiting for earlier ones.
 * Awaiting it twice runs it once. A query is `instanceof Promise`, but has no promise state; where a
 * tool checks that, as `expect(…).rejects` of Bun's test runner does, pass `query.then()`.
 *
 * Iterating a query streams its rows through a portal, one buffer at a time, with one buffer read
 * ahead. Outside a transaction the stream holds the connection, and other queries on it are refused
 * until the loop is left; inside a transaction they may run in the loop. Leaving the loop closes the
 * portal.
 *
 * @example
 * ```ts
 * const users = await db.query("select id, name from users where id = $1", [2]); // → [{ id: 2, name: "Grace" }]
 * const count = await db.query("select count(*) from users").scalar(); // → 3n
 * for await (const row of db.query("select id from users order by id")) console.log(row.id); // → 1, 2, 3
 * ```
 */
export class Query<Row = ObjectRow> extends Fragment<Row> implements AsyncIterable<Row> {
  readonly #source: QuerySource;
  #text: string;
  /** The values. They are an object by names until the connection is known. */
  #parameters: QueryParameters;
  readonly #options: QueryOptions;
  #origin: TemplateStringsArray | Fragment | Rewritten | undefined;
  readonly #site: Error | undefined;
  #promise: Promise<Result<Row>> | undefined;
  #running: { cancel(reason: unknown): void } | undefined;
  /** The connection that the query was begun on. */
  #host: QueryContext | undefined;
  /** Whether the query was cancelled before it was begun. */
  #isCancelled = false;

  static {
    inheritFromPromise(this.prototype);
    refuseForeign(this.prototype, "a query", FOREIGN_QUERY);
  }

  /**
   * Called by the driver; use `query()` of a connection. `origin` is the template, fragment or text
   * with names that `text` was made from.
   */
  constructor(
    source: QuerySource,
    text: string,
    parameters: QueryParameters,
    options: QueryOptions,
    origin?: TemplateStringsArray | Fragment | Rewritten,
  ) {
    super();
    this.#source = source;
    this.#text = text;
    this.#parameters = parameters;
    this.#options = options === NO_OPTIONS ? options : own(options);
    this.#origin = origin;
    this.#site = siteOf(source);
    source.unstarted?.add(this);
  }

  /** Starts the query if it has not started, and returns a promise for its result. */
  then<A = Result<Row>, B = never>(
    onfulfilled?: ((value: Result<Row>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#start().then(onfulfilled, onrejected);
  }

  /** Starts the query as `then()` does, and handles its error. */
  catch<B = never>(
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<Result<Row> | B> {
    return this.#start().then(undefined, onrejected);
  }

  /** Starts the query as `then()` does, and calls `onfinally` when it has settled. */
  finally(onfinally?: (() => void) | null): Promise<Result<Row>> {
    return this.#start().finally(onfinally);
  }

  /** The name that `Object.prototype.toString` shows. */
  get [Symbol.toStringTag](): string {
    return "Query";
  }

  /** @internal The text, and whether it is certain that it is no part of another query. */
  get made(): { readonly text: string; readonly isWhole: boolean } {
    const isWhole = this.#origin === undefined || rewrittenOf(this.#origin) !== undefined;
    return { text: this.#text, isWhole };
  }

  /** Sends the query now, to be awaited later. Its error is ignored if it is never awaited. */
  execute(): this {
    this.#start().catch(() => {});
    return this;
  }

  /** Returns the query with its rows as arrays in column order. */
  values<Row extends readonly unknown[] = unknown[]>(): Query<Row> {
    this.#source.unstarted?.delete(this);
    const options = own<QueryOptions>(this.#options, { rows: "array" });
    return new Query(this.#source, this.#text, this.#parameters, options, this.#origin);
  }

  /**
   * Runs the query and returns its only row.
   *
   * @throws {NoRowsError | TooManyRowsError} the result has no row or several.
   */
  async one(): Promise<Row> {
    const row = only(await this.#start(), "one()");
    if (row === undefined) throw new NoRowsError("one(): the query returned no row");
    return row;
  }

  /**
   * Runs the query and returns its only row, or `undefined` if there is none.
   *
   * @throws {TooManyRowsError} the result has several rows.
   */
  async optional(): Promise<Row | undefined> {
    return only(await this.#start(), "optional()");
  }

  /**
   * Runs the query and returns the first column of its only row.
   *
   * @throws {NoRowsError | TooManyRowsError} the result has no row or several.
   */
  async scalar<Value = unknown>(): Promise<Value> {
    const query = this.values();
    if (this.#isCancelled) query.cancel();
    this.#running = query;
    const row = only(await query.#start(), "scalar()");
    if (row === undefined) throw new NoRowsError("scalar(): the query returned no row");
    return row[0] as Value;
  }

  /** Streams the rows one at a time. Each iteration runs the query again. */
  [Symbol.asyncIterator](): RowStream<Row> {
    return this.#streaming(new RowStream<Row>(this.#streamed()));
  }

  /**
   * Streams the rows as `for await` over the query does. The stream has the columns of the result, and
   * at its end the command and the number of rows.
   *
   * @throws {InterfaceError} an argument was given: a stream takes no callback.
   *
   * @example
   * ```ts
   * const rows = db.query("select id, name from users order by id").stream();
   * for await (const row of rows) console.log(row.name); // → Ada, Grace, Edsger
   * rows.columns.map(({ name }) => name); // → ["id", "name"]
   * [rows.command, rows.rowCount]; // → ["SELECT", 3]
   * ```
   */
  stream(): RowStream<Row> {
    if (arguments.length > 0) {
      throw new InterfaceError("stream() takes no callback: use for await (const row of query)");
    }
    return this[Symbol.asyncIterator]();
  }

  /**
   * Streams the rows in arrays of `size`. The last may be shorter. If `size` is a function, it is called
   * before each batch is requested, and no batch is read ahead.
   *
   * @throws {InterfaceError} `size` is not an integer from 1 to 2,147,483,647. What a function returns is
   * checked when it is called.
   */
  batches(size: number | (() => number)): BatchStream<Row> {
    const checked = batchSize(size);
    return this.#streaming(new BatchStream<Row>(this.#streamed(), checked));
  }

  /** Returns the query for the simple protocol: it may have several statements, but no parameters. */
  simple(): SimpleQuery<Row> {
    this.#source.unstarted?.delete(this);
    return new SimpleQuery<Row>(
      this.#source,
      this.#text,
      this.#parameters,
      this.#options,
      rewrittenOf(this.#origin),
    );
  }

  /** Describes the parameters and columns without running the query. */
  describe(): Promise<StatementDescription> {
    this.#source.unstarted?.delete(this);
    return withHost(this.#source, this.#purpose("describe"), (host) => this.#describe(host));
  }

  /**
   * Cancels this query and no other. A query that is not sent yet is never sent. The query rejects with
   * an `OperationalError` with code 57014, unless it has completed.
   *
   * @throws {NotSupportedError} the query is running, and the connection is over a given `sock`.
   */
  cancel(): void {
    this.#source.unstarted?.delete(this);
    if (this.#running !== undefined) {
      if (this.#host?.executor.session.canCancel === false) throw uncancellable();
      return this.#running.cancel(cancelled());
    }
    this.#isCancelled = true;
    this.#promise ??= neverSent();
  }

  /**
   * @internal Returns the query as one of a batch.
   *
   * @throws {InterfaceError} the query has options other than `rows` and types by OID.
   */
  batched(host: QueryContext): BatchItem {
    this.#source.unstarted?.delete(this);
    const { rows, parameterTypes = [], ...others } = this.#options;
    const oids = parameterTypes.filter((type) => typeof type === "number");
    const isPlain = Object.values(others).every((option) => option === undefined);
    if (!isPlain || oids.length < parameterTypes.length) {
      throw new InterfaceError(
        "in a batch, a query may only have rows and parameterTypes by OID",
      );
    }
    const values = this.#valuesOn(host);
    const rewritten = rewrittenOf(this.#origin);
    const own = oids.length > 0 ? oids : undefined;
    return { text: this.#text, values, parameterTypes: own, rows, rewritten };
  }

  /**
   * @internal Appends the query as a part of another.
   *
   * @throws {InterfaceError} the query was not made by `sql`.
   */
  writeTo(assembly: Assembly): void {
    this.#source.unstarted?.delete(this);
    const origin = this.#origin;
    if (origin === undefined || rewrittenOf(origin) !== undefined) {
      throw new InterfaceError(
        "a query made from a text cannot be part of another; make it with sql",
      );
    }
    if (isFragment(origin)) origin.writeTo(assembly);
    else assembly.template(origin as TemplateStringsArray, this.#parameters as readonly unknown[]);
  }

  #start(): Promise<Result<Row>> {
    return this.#promise ??= this.#begin();
  }

  #begin(): Promise<Result<Row>> {
    const source = this.#source;
    source.unstarted?.delete(this);
    if (isHost(source)) return this.#runOn(source);
    return source.lend(this.#purpose("query"), (host) => this.#runOn(host));
  }

  #runOn(host: QueryContext): Promise<Result<Row>> {
    try {
      const options = withDefaults(this.#options, host);
      if (!(options instanceof Promise)) return this.#run(host, options);
      return options.then((known) => this.#run(host, known));
    } catch (error) {
      return Promise.reject(withCallSite(error, this.#site));
    }
  }

  #run(host: QueryContext, options: ExecuteOptions): Promise<Result<Row>> {
    if (this.#isCancelled) throw cancelled();
    const { executor } = host;
    const values = this.#valuesOn(host);
    const execution = new ExtendedQuery(executor.context, this.#text, values, options);
    execution.rewritten = rewrittenOf(this.#origin);
    this.#host = host;
    this.#running = execution;
    return executor.query(execution, this.#site) as Promise<Result<Row>>;
  }

  async #describe(host: QueryContext): Promise<StatementDescription> {
    try {
      this.#valuesOn(host);
      const unkept = own<QueryOptions>(this.#options, { prepare: false });
      const options = await withDefaults(unkept, host);
      const { parameters, columns } = await host.executor.describe(this.#text, options);
      return { parameterTypes: parameters.map(({ oid }) => oid), columns };
    } catch (error) {
      throw withCallSite(inOriginal(error, rewrittenOf(this.#origin)), this.#site);
    }
  }

  /** Returns the values by position. Replaces names in the text by the rules of the connection. */
  #valuesOn(host: QueryContext): readonly unknown[] {
    if (Array.isArray(this.#parameters)) return this.#parameters;
    const scanned = host.names.scan(this.#text, host.executor.context.escapesInStrings);
    const values = bindNames(scanned, this.#parameters as Readonly<Record<string, unknown>>);
    this.#text = scanned.text;
    this.#origin = scanned;
    return this.#parameters = values;
  }

  #purpose(use: Purpose["use"], site: Error | undefined = this.#site): Purpose {
    return { use, text: this.#text, options: this.#options, site };
  }

  #streaming<S extends RowStream<Row> | BatchStream<Row>>(stream: S): S {
    refuseObserver(this.#options, "streams");
    this.#source.unstarted?.delete(this);
    if (this.#isCancelled) stream.cancel(cancelled());
    this.#running = stream;
    return stream;
  }

  #streamed(): StreamSource {
    const source = this.#source;
    // V8's async stacks end where calls of next() wait for each other, so take the stack here.
    const site = this.#site ?? (isHost(source) ? takeCallSite(false) : source.site("stream"));
    const purpose = this.#purpose("stream", site);
    const { signal } = this.#options;
    return {
      take: () => takeHost(source, purpose),
      statementOn: (host) => {
        const values = this.#valuesOn(host);
        return { text: this.#text, values, rewritten: rewrittenOf(this.#origin) };
      },
      ...{ options: this.#options, signal, site },
    };
  }
}

function rewrittenOf(
  origin: TemplateStringsArray | Fragment | Rewritten | undefined,
): Rewritten | undefined {
  return origin !== undefined && "edits" in origin ? origin : undefined;
}

function only<Row>(rows: readonly Row[], method: string): Row | undefined {
  if (rows.length > 1) {
    throw new TooManyRowsError(`${method}: the query returned ${rows.length} rows`);
  }
  return rows[0];
}

/** Declares queries as promises, so that linters report one that is not awaited. */
export interface Query<Row = ObjectRow> extends Promise<Result<Row>> {}
