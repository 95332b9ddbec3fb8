import { InterfaceError, NoRowsError, TooManyRowsError } from "../errors/errors.ts";
import { takeCallSite, withCallSite } from "./call_site.ts";
import type { ExecuteOptions, Executor } from "./execute.ts";
import { Execution } from "./execution.ts";
import type { Signal } from "../session/exchange.ts";
import type { ObjectRow, Result } from "./result.ts";
import type { RowShape } from "./rows.ts";
import { executeSimple } from "./simple.ts";

/** Options of one query. */
export interface QueryOptions {
  /** Rows as objects by column name, or as arrays in column order. Default: the connection's. */
  rows?: RowShape;
  /** `false`: not kept as a prepared statement, for a text that will not come again. Default `true`. */
  prepare?: boolean;
  /** OIDs of the parameters' types where the server is not to choose; 0 leaves it the choice. */
  parameterTypes?: readonly number[];
  /** Aborts the query: it is not sent any more, or cancelled on the server. */
  signal?: Signal;
  /** Seconds before it is cancelled on the server; 0: no limit. Default: `queryTimeout`. */
  timeout?: number;
}

/** What a query runs on. */
export interface QueryHost {
  readonly executor: Executor;
  /** What options are when a query has none of its own. */
  readonly defaults: ExecuteOptions;
  readonly asyncStacks: boolean;
}

/**
 * One query: nothing is sent until it is awaited or `execute()`d, and then at once, without waiting
 * for earlier ones. Awaiting it twice runs it once.
 *
 * @example
 * ```ts
 * const users = await db.query("select id, name from users where id = $1", [2]); // → [{ id: 2, name: "Grace" }]
 * const count = await db.query("select count(*) from users").scalar(); // → 3n
 * ```
 */
export class Query<Row = ObjectRow> implements PromiseLike<Result<Row>> {
  readonly #host: QueryHost;
  readonly #text: string;
  readonly #parameters: readonly unknown[];
  readonly #options: QueryOptions;
  readonly #site: Error | undefined;
  #promise: Promise<Result<Row>> | undefined;

  /** For the driver: use `query()` of a connection. */
  constructor(
    host: QueryHost,
    text: string,
    parameters: readonly unknown[],
    options: QueryOptions,
  ) {
    this.#host = host;
    this.#text = text;
    this.#parameters = parameters;
    this.#options = options;
    this.#site = takeCallSite(host.asyncStacks);
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

  /** Sends it now, to be awaited later. An error that nobody awaits is dropped. */
  execute(): this {
    this.#start().catch(() => {});
    return this;
  }

  /** The same query with its rows as arrays in column order. */
  values(): Query<unknown[]> {
    return new Query(this.#host, this.#text, this.#parameters, { ...this.#options, rows: "array" });
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
    const row = only(await this.values(), "scalar()");
    if (row === undefined) throw new NoRowsError("scalar(): the query returned no row");
    return row[0] as Value;
  }

  /** The same text by the simple protocol: several statements are allowed, parameters are not. */
  simple(): SimpleQuery<Row> {
    return new SimpleQuery<Row>(this.#host, this.#text, this.#parameters, this.#options);
  }

  #start(): Promise<Result<Row>> {
    const host = this.#host;
    const how = withDefaults(this.#options, host);
    const execution = new Execution(host.executor, this.#text, this.#parameters, how);
    return this.#promise ??= host.executor.run(execution, this.#site) as Promise<Result<Row>>;
  }
}

/** A text sent as it is by the simple protocol; it resolves to the result of its last statement. */
export class SimpleQuery<Row = ObjectRow> implements PromiseLike<Result<Row>> {
  readonly #host: QueryHost;
  readonly #text: string;
  readonly #parameters: readonly unknown[];
  readonly #options: QueryOptions;
  readonly #site: Error | undefined;
  #promise: Promise<Result<Row>[]> | undefined;

  /** For the driver: use `simple()` of a query. */
  constructor(
    host: QueryHost,
    text: string,
    parameters: readonly unknown[],
    options: QueryOptions,
  ) {
    this.#host = host;
    this.#text = text;
    this.#parameters = parameters;
    this.#options = options;
    this.#site = takeCallSite(host.asyncStacks);
  }

  /** Runs it and takes the result of each statement, in order. */
  all(): Promise<Result<Row>[]> {
    return this.#promise ??= this.#run();
  }

  /** Runs it and takes the result of its last statement: what `await` calls. */
  then<A = Result<Row>, B = never>(
    onfulfilled?: ((value: Result<Row>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.all().then((results) => results.at(-1)!).then(onfulfilled, onrejected);
  }

  async #run(): Promise<Result<Row>[]> {
    const host = this.#host;
    try {
      if (this.#parameters.length > 0) {
        throw new InterfaceError("the simple protocol takes no parameters");
      }
      const how = withDefaults(this.#options, host);
      return await executeSimple(host.executor, this.#text, how) as Result<Row>[];
    } catch (error) {
      throw withCallSite(error, this.#site);
    }
  }
}

/** Most queries have no options of their own: nothing is made anew for them. */
function withDefaults(options: QueryOptions, { defaults }: QueryHost): ExecuteOptions {
  return options === NO_OPTIONS ? defaults : { ...defaults, ...options };
}

/** The options of a query that has none. */
export const NO_OPTIONS: QueryOptions = Object.freeze({});

function only<Row>(rows: readonly Row[], method: string): Row | undefined {
  if (rows.length > 1) {
    throw new TooManyRowsError(`${method}: the query returned ${rows.length} rows`);
  }
  return rows[0];
}
