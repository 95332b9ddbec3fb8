import { InterfaceError, NoRowsError, TooManyRowsError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import { uncancellable } from "../session/cancellation.ts";
import { cancelled } from "../session/exchange.ts";
import { takeCallSite, withCallSite } from "./call_site.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { ExtendedQuery } from "./extended_query.ts";
import { FOREIGN_QUERY, refuseForeign } from "./foreign.ts";
import { type Assembly, Fragment, inheritFromPromise, isFragment } from "./fragment.ts";
import { NO_OPTIONS, type QueryOptions } from "./options.ts";
import { neverSent, type QueryContext, withDefaults } from "./query_context.ts";
import type { ObjectRow, Result } from "./result.ts";
import { inOriginal, type Rewritten } from "./rewritten.ts";
import { SimpleQuery } from "./simple_query.ts";
import { BatchStream, RowStream, type StreamSource } from "./stream.ts";
import { isStatement } from "./unstarted.ts";

/** A statement as the server describes it. */
export interface StatementDescription {
  /** OIDs of the parameters' types, `$1` first. */
  readonly parameterTypes: readonly number[];
  /** The columns of its result; none when it returns no rows. */
  readonly columns: readonly ColumnDescription[];
}

/**
 * One query: nothing is sent until it is awaited, iterated or `execute()`d, and then at once,
 * without waiting for earlier ones. Awaiting it twice runs it once. A query is an `instanceof Promise`
 * without the state of one: where a runtime asks for that, as `expect(…).rejects` of Bun's test runner
 * does, give `query.then()`.
 *
 * Iterated, it streams: rows come through a portal, a piece at a time, and no more than one piece
 * is read ahead. Outside of a transaction the stream has the connection to itself, and other queries
 * on it are refused until the loop is left; inside of one they may run in the loop. Leaving the loop
 * closes the portal.
 *
 * @example
 * ```ts
 * const users = await db.query("select id, name from users where id = $1", [2]); // → [{ id: 2, name: "Grace" }]
 * const count = await db.query("select count(*) from users").scalar(); // → 3n
 * for await (const row of db.query("select id from users order by id")) console.log(row.id); // → 1, 2, 3
 * ```
 */
export class Query<Row = ObjectRow> extends Fragment<Row> implements AsyncIterable<Row> {
  readonly #host: QueryContext;
  readonly #text: string;
  readonly #parameters: readonly unknown[];
  readonly #options: QueryOptions;
  readonly #origin: TemplateStringsArray | Fragment | Rewritten | undefined;
  readonly #site: Error | undefined;
  #promise: Promise<Result<Row>> | undefined;
  #running: { cancel(reason: unknown): void } | undefined;
  /** Before it was begun. */
  #isCancelled = false;

  static {
    inheritFromPromise(this.prototype);
    refuseForeign(this.prototype, "a query", FOREIGN_QUERY);
  }

  /**
   * For the driver: use `query()` of a connection. `origin` is what the text was made of: by `sql`, or
   * from a text with names.
   */
  constructor(
    host: QueryContext,
    text: string,
    parameters: readonly unknown[],
    options: QueryOptions,
    origin?: TemplateStringsArray | Fragment | Rewritten,
  ) {
    super();
    this.#host = host;
    this.#text = text;
    this.#parameters = parameters;
    this.#options = options === NO_OPTIONS ? options : own(options);
    this.#origin = origin;
    this.#site = takeCallSite(host.asyncStacks);
    host.unstarted?.add(this);
  }

  /** Runs it, if it does not run yet, and takes the rows: what `await` calls. */
  then<A = Result<Row>, B = never>(
    onfulfilled?: ((value: Result<Row>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#start().then(onfulfilled, onrejected);
  }

  /** As of a promise. */
  catch<B = never>(
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<Result<Row> | B> {
    return this.#start().then(undefined, onrejected);
  }

  /** As of a promise. */
  finally(onfinally?: (() => void) | null): Promise<Result<Row>> {
    return this.#start().finally(onfinally);
  }

  /** Whatever takes a promise takes a query, and runs it with that. */
  get [Symbol.toStringTag](): string {
    return "Query";
  }

  /** @internal The text, unless the query may have been made as a part of another. */
  get statement(): string | undefined {
    const isGiven = this.#origin === undefined || rewrittenOf(this.#origin) !== undefined;
    return isGiven || isStatement(this.#text) ? this.#text : undefined;
  }

  /** Sends it now, to be awaited later. An error that nobody awaits is dropped. */
  execute(): this {
    this.#start().catch(() => {});
    return this;
  }

  /** The same query with its rows as arrays in column order. */
  values<Row extends readonly unknown[] = unknown[]>(): Query<Row> {
    this.#host.unstarted?.delete(this);
    const options = own<QueryOptions>(this.#options, { rows: "array" });
    return new Query(this.#host, this.#text, this.#parameters, options, this.#origin);
  }

  /**
   * Runs it and takes its only row.
   *
   * @throws {NoRowsError | TooManyRowsError} it has none or several.
   */
  async one(): Promise<Row> {
    const row = only(await this, "one()");
    if (row === undefined) throw new NoRowsError("one(): the query returned no row");
    return row;
  }

  /**
   * Runs it and takes its only row, or `undefined` when there is none.
   *
   * @throws {TooManyRowsError} it has several.
   */
  async optional(): Promise<Row | undefined> {
    return only(await this, "optional()");
  }

  /**
   * Runs it and takes the first column of its only row.
   *
   * @throws {NoRowsError | TooManyRowsError} it has none or several.
   */
  async scalar<Value = unknown>(): Promise<Value> {
    const query = this.values();
    if (this.#isCancelled) query.cancel();
    this.#running = query;
    const row = only(await query, "scalar()");
    if (row === undefined) throw new NoRowsError("scalar(): the query returned no row");
    return row[0] as Value;
  }

  /** Streams the rows, one at a time; each iteration runs the query anew. */
  [Symbol.asyncIterator](): RowStream<Row> {
    return this.#streaming(new RowStream<Row>(this.#source()));
  }

  /**
   * Streams the rows in arrays of `size`; the last may be shorter.
   *
   * @throws {InterfaceError} `size` is no whole number from 1 to 2,147,483,647.
   */
  batches(size: number): BatchStream<Row> {
    if (!(Number.isInteger(size) && size > 0 && size < 2 ** 31)) {
      throw new InterfaceError("batches(): the size must be a whole number above 0");
    }
    return this.#streaming(new BatchStream<Row>(this.#source(), () => size));
  }

  /** The same text by the simple protocol: several statements are allowed, parameters are not. */
  simple(): SimpleQuery<Row> {
    this.#host.unstarted?.delete(this);
    return new SimpleQuery<Row>(
      this.#host,
      this.#text,
      this.#parameters,
      this.#options,
      rewrittenOf(this.#origin),
    );
  }

  /** The types of its parameters and columns; it is not run. */
  async describe(): Promise<StatementDescription> {
    const { executor, unstarted } = this.#host;
    unstarted?.delete(this);
    try {
      const options = await withDefaults(
        own<QueryOptions>(this.#options, { prepare: false }),
        this.#host,
      );
      const { parameters, columns } = await executor.describe(this.#text, options);
      return { parameterTypes: parameters.map(({ oid }) => oid), columns };
    } catch (error) {
      throw withCallSite(inOriginal(error, rewrittenOf(this.#origin)), this.#site);
    }
  }

  /**
   * Asks the server to stop this query and no other, and not to begin it when it is not sent yet.
   * Whoever awaits it is told by an `OperationalError` with code 57014, unless it was done already.
   *
   * @throws {NotSupportedError} it has begun, and the connection is over a given `sock`.
   */
  cancel(): void {
    this.#host.unstarted?.delete(this);
    if (this.#running !== undefined) {
      if (this.#host.executor.session?.canCancel === false) throw uncancellable();
      return this.#running.cancel(cancelled());
    }
    this.#isCancelled = true;
    this.#promise ??= neverSent();
  }

  /** @internal A query that `sql` has made can be a part of another. */
  writeTo(assembly: Assembly): void {
    this.#host.unstarted?.delete(this);
    const origin = this.#origin;
    if (origin === undefined || rewrittenOf(origin) !== undefined) {
      throw new InterfaceError("a query with a text of its own cannot be part of another: use sql");
    }
    if (isFragment(origin)) origin.writeTo(assembly);
    else assembly.template(origin as TemplateStringsArray, this.#parameters);
  }

  #start(): Promise<Result<Row>> {
    return this.#promise ??= this.#begin();
  }

  #begin(): Promise<Result<Row>> {
    this.#host.unstarted?.delete(this);
    try {
      const options = withDefaults(this.#options, this.#host);
      if (!(options instanceof Promise)) return this.#run(options);
      return options.then((known) => this.#run(known));
    } catch (error) {
      return Promise.reject(withCallSite(error, this.#site));
    }
  }

  #run(options: ExecuteOptions): Promise<Result<Row>> {
    if (this.#isCancelled) throw cancelled();
    const { executor } = this.#host;
    const execution = new ExtendedQuery(executor.context, this.#text, this.#parameters, options);
    execution.rewritten = rewrittenOf(this.#origin);
    this.#running = execution;
    return executor.query(execution, this.#site) as Promise<Result<Row>>;
  }

  #streaming<S extends RowStream<Row> | BatchStream<Row>>(stream: S): S {
    this.#host.unstarted?.delete(this);
    if (this.#isCancelled) stream.cancel(cancelled());
    this.#running = stream;
    return stream;
  }

  #source(): StreamSource {
    const { context } = this.#host.executor;
    const options = async () => await withDefaults(this.#options, this.#host);
    const [text, values] = [this.#text, this.#parameters];
    // The chain of awaits that V8 follows by itself ends where calls of next() wait for each other.
    const site = this.#site ?? takeCallSite(false);
    const { signal } = this.#options;
    return { context, text, values, options, signal, site, rewritten: rewrittenOf(this.#origin) };
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

/** A query is a promise for type checkers, so that linters find one that is not awaited. */
export interface Query<Row = ObjectRow> extends Promise<Result<Row>> {}
