import { InterfaceError, PgError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import { own } from "../errors/own.ts";
import { codeOf, withCode } from "../session/loading.ts";
import type { BatchEntry, BatchItem, BatchQuery } from "./batch.ts";
import { withCallSite } from "./call_site.ts";
import {
  checkNamed,
  checkQueryOptions,
  FOREIGN_CLIENT,
  foreignQuery,
  refuseForeign,
} from "./foreign.ts";
import { assemble, type Fragment, isFragment, isSql } from "./fragment.ts";
import { bindNames, type NamedText } from "./named.ts";
import { refuseObserver } from "./observer.ts";
import type { PreparedStatement } from "./prepared.ts";
import {
  type ArrayRows,
  NO_OPTIONS,
  type ObjectRows,
  type QueryOptions,
  type QueryParameters,
} from "./options.ts";
import { over, type QueryContext, withDefaults } from "./query_context.ts";
import { Query } from "./query.ts";
import {
  isHost,
  type Purpose,
  type QuerySource,
  siteOf,
  stringifyOf,
  withHost,
} from "./query_source.ts";
import type { ObjectRow, Result } from "./result.ts";
import type { RowShape } from "./rows.ts";
import { inOriginal } from "./rewritten.ts";
import { boundSql, type Sql, templateFragment } from "./sql.ts";

/** The results of a batch in order. Each has the row type of its query. */
export type BatchResults<Entries extends readonly BatchEntry[], Shape extends RowShape> = {
  -readonly [I in keyof Entries]: Result<
    Entries[I] extends Fragment<infer Row> ? BatchRow<Row, Shape> : BatchRow<unknown, Shape>
  >;
};

/** The type of the rows of one query of a batch. */
export type BatchRow<Row, Shape extends RowShape> = Shape extends "object" ? RowOr<Row, ObjectRow>
  : Row extends readonly unknown[] ? Row
  : unknown[];

/** The row type of a fragment, or `Default` if the fragment has none. */
export type RowOr<Row, Default> = unknown extends Row ? Default : Row;

/** Options of a whole batch. */
export type BatchOptions = Omit<QueryOptions, "parameterTypes" | "observer">;

/** The methods that run queries, on a connection, in a transaction and on a pool. */
export abstract class Queries {
  readonly #source: QuerySource;
  #sql: Sql | undefined;

  static {
    refuseForeign(this.prototype, "a connection", FOREIGN_CLIENT);
  }

  /** Called by the driver. */
  constructor(source: QuerySource) {
    this.#source = source;
  }

  /**
   * The template tag for queries. A value becomes a parameter; a fragment is inserted as SQL. It works
   * without its object: `const { sql } = db`.
   *
   * @example
   * ```ts
   * const { sql } = db;
   * const [user] = await sql`select id, name from users where id = ${2}`; // → { id: 2, name: "Grace" }
   * const names = await sql`select name from users where id in ${sql([1, 2])}`; // → [{ name: "Ada" }, { name: "Grace" }]
   * ```
   */
  get sql(): Sql {
    return this.#sql ??= boundSql(
      (strings, values) => this.#template(strings, values),
      stringifyOf(this.#source),
    );
  }

  /**
   * Makes a query, which is sent when it is awaited. It is a text with `$1`, `$2`, … and an array of
   * parameters, a text with `:name`s and an object, or a fragment made by `sql`.
   *
   * On a pool the query runs on the next free connection. A query that has an effect only within a
   * session (BEGIN, SET, LISTEN, a temporary table) is rejected there with an error that says what to
   * call.
   *
   * Parameters are read when the server has described the statement, and again if the query is repeated:
   * a `Uint8Array`, array, `Date` or object among them must not be changed before the query settles.
   *
   * @throws {InterfaceError} a `:name` has no value, an option is unknown, or the arguments are none of
   * these.
   *
   * @example
   * ```ts
   * const users = await db.query("select id, name from users where id < $1", [3]);
   * for (const user of users) console.log(user.name); // → Ada, Grace
   * const [row] = await db.query("select :a::int + :b::int as sum", { a: 1, b: 2 }); // → { sum: 3 }
   * ```
   */
  query<Row>(
    fragment: Fragment<Row>,
    parameters?: readonly never[],
    options?: ObjectRows,
  ): Query<RowOr<Row, ObjectRow>>;
  /** Makes a query whose rows are arrays. */
  query<Row extends readonly unknown[] = unknown[]>(
    text: string | Fragment,
    parameters: QueryParameters | undefined,
    options: ArrayRows,
  ): Query<Row>;
  /** Makes a query whose rows are objects, unless the connection's are arrays. */
  query<Row = ObjectRow>(
    text: string | Fragment,
    parameters?: QueryParameters,
    options?: ObjectRows,
  ): Query<Row>;
  /** Makes a query whose rows are objects or arrays, as the options say. */
  query<Row = ObjectRow>(
    text: string | Fragment,
    parameters: QueryParameters | undefined,
    options: QueryOptions | undefined,
  ): Query<Row | unknown[]>;
  query<Row>(
    text: string | Fragment,
    parameters: QueryParameters = NO_PARAMETERS,
    options: QueryOptions = NO_OPTIONS,
  ): Query<Row> {
    if (options !== NO_OPTIONS) checkQueryOptions(options);
    if (typeof text !== "string") return this.#fragment(text, parameters, options);
    const source = this.#source;
    if (Array.isArray(parameters)) return new Query<Row>(source, text, parameters, options);
    checkNamed(parameters);
    // How strings are written depends on the connection, which a pool's query does not have yet.
    if (!isHost(source)) return new Query<Row>(source, text, parameters, options);
    const { text: numbered, values, rewritten } = named(source, text, parameters);
    return new Query<Row>(source, numbered, values, options, rewritten);
  }

  /**
   * Parses a statement on the server, to be run often. Ordinary queries are prepared automatically. On a
   * pool each connection prepares the statement when it first runs it.
   *
   * @throws {DatabaseError} the server refuses the text.
   */
  prepare<Row extends readonly unknown[] = unknown[]>(
    text: string,
    options: ArrayRows,
  ): Promise<PreparedStatement<Row>>;
  /** Parses a statement whose rows are objects, unless the connection's are arrays. */
  prepare<Row = ObjectRow>(text: string, options?: ObjectRows): Promise<PreparedStatement<Row>>;
  /** Parses a statement whose rows are objects or arrays, as its options say. */
  prepare<Row = ObjectRow>(
    text: string,
    options: QueryOptions | undefined,
  ): Promise<PreparedStatement<Row | unknown[]>>;
  async prepare<Row>(
    text: string,
    options: QueryOptions = NO_OPTIONS,
  ): Promise<PreparedStatement<Row>> {
    const site = siteOf(this.#source);
    try {
      checkText(text, "prepare()");
      checkQueryOptions(options);
      const source = this.#source;
      const how = own<QueryOptions>(options);
      const purpose: Purpose = { use: "prepare", text, options: how, site: undefined };
      return await withHost(source, purpose, async (host) => {
        const { prepareOn } = await codeOf(host.executor.session, preparing);
        return await prepareOn<Row>(source, host, text, how);
      });
    } catch (error) {
      throw withCallSite(error, site);
    }
  }

  /**
   * Runs statements in one round trip and one transaction, and resolves to a result for each. If one
   * fails, none has any effect, and the error's `index` is its position. A new statement with an array,
   * object, date or bytes among its parameters costs one more round trip.
   *
   * @throws {DatabaseError} a statement failed.
   *
   * @example
   * ```ts
   * const results = await db.batch([
   *   { text: "update accounts set balance = balance - $1 where id = 1", parameters: [5] },
   *   sql`update accounts set balance = balance + ${5} where id = 2`,
   * ]);
   * results.map((result) => result.rowCount); // → [1, 1]
   * ```
   */
  batch<const Entries extends readonly BatchEntry[]>(
    queries: Entries,
    options: BatchOptions & { rows: "array" },
  ): Promise<BatchResults<Entries, "array">>;
  /** Runs statements in one round trip. Each result has the row type of its query. */
  batch<const Entries extends readonly BatchEntry[]>(
    queries: Entries,
    options?: BatchOptions,
  ): Promise<BatchResults<Entries, "object">>;
  async batch(
    queries: readonly BatchEntry[],
    options: BatchOptions = NO_OPTIONS,
  ): Promise<unknown> {
    const site = siteOf(this.#source);
    try {
      checkQueryOptions(options);
      refuseObserver(options, "batch()");
      if (!Array.isArray(queries)) throw new InterfaceError("batch() takes an array of queries");
      const purpose: Purpose = { use: "batch", text: queries, options, site: undefined };
      return await withHost(this.#source, purpose, (host) => runBatch(host, queries, options));
    } catch (error) {
      throw withCallSite(error, site);
    }
  }

  /**
   * Runs one statement with each of many sets of parameters, in one transaction and without waiting
   * between them. The result holds all rows, and the sum of the counts. The error of a set that fails
   * has its `index`. All sets are encoded before the first is sent; for millions, use COPY.
   *
   * @throws {DatabaseError} a set failed, and none has any effect.
   *
   * @example
   * ```ts
   * const rows = [["Alan", "alan@example.com"], ["Barbara", null]];
   * const result = await db.executeMany("insert into users (name, email) values ($1, $2)", rows);
   * result.rowCount; // → 2
   * ```
   */
  executeMany<Row extends readonly unknown[] = unknown[]>(
    text: string,
    rows: Iterable<QueryParameters>,
    options: ArrayRows,
  ): Promise<Result<Row>>;
  /** Runs one statement with each of many sets of parameters; the rows are objects. */
  executeMany<Row = ObjectRow>(
    text: string,
    rows: Iterable<QueryParameters>,
    options?: ObjectRows,
  ): Promise<Result<Row>>;
  /** Runs one statement with each of many sets of parameters; the rows are as the options say. */
  executeMany<Row = ObjectRow>(
    text: string,
    rows: Iterable<QueryParameters>,
    options: QueryOptions | undefined,
  ): Promise<Result<Row | unknown[]>>;
  async executeMany<Row>(
    text: string,
    rows: Iterable<QueryParameters>,
    options: QueryOptions = NO_OPTIONS,
  ): Promise<Result<Row>> {
    const site = siteOf(this.#source);
    try {
      checkText(text, "executeMany()");
      checkQueryOptions(options);
      refuseObserver(options, "executeMany()");
      const sets = [...checkRows(rows)];
      const purpose: Purpose = { use: "executeMany", text, options, site: undefined };
      const run = (host: QueryContext) => runMany(host, text, sets, options);
      return await withHost(this.#source, purpose, run) as Result<Row>;
    } catch (error) {
      throw withCallSite(error, site);
    }
  }

  #template(strings: TemplateStringsArray, values: readonly unknown[]): Query<unknown> {
    const source = this.#source;
    for (let i = 0; i < values.length; i++) {
      if (isSql(values[i])) return this.#composed(strings, values);
    }
    return new Query(source, source.templates.text(strings), values, NO_OPTIONS, strings);
  }

  #composed(strings: TemplateStringsArray, values: readonly unknown[]): Query<unknown> {
    return this.#fragment(templateFragment(strings, values), NO_PARAMETERS, NO_OPTIONS);
  }

  #fragment<Row>(
    fragment: Fragment,
    parameters: QueryParameters,
    options: QueryOptions,
  ): Query<Row> {
    if (!(isFragment(fragment))) throw foreignQuery(fragment);
    if (!isArray(parameters) || parameters.length > 0) {
      throw new InterfaceError("query(): a fragment contains its parameters; pass none");
    }
    const { text, values, types, isTyped } = assemble(fragment);
    const how = isTyped ? own<QueryOptions>(options, { parameterTypes: types }) : options;
    return new Query<Row>(this.#source, text, values, how, fragment);
  }
}

const preparing = () => loaded(import("./prepared.ts"), "prepared statements");
const batching = () => loaded(import("./batch.ts"), "batches");

async function runBatch(
  host: QueryContext,
  queries: readonly BatchEntry[],
  options: BatchOptions,
): Promise<Result[]> {
  let items: BatchItem[] = [];
  try {
    items = queries.map((query, i) => batchItem(host, query, i));
    const { context, session } = host.executor;
    const how = over(options, host);
    return await withCode(session, batching, how, (code) => code.executeBatch(context, items, how));
  } catch (error) {
    const failed = error instanceof PgError ? items[error.index ?? -1] : undefined;
    throw inOriginal(error, failed?.rewritten);
  }
}

async function runMany(
  host: QueryContext,
  text: string,
  sets: readonly QueryParameters[],
  options: QueryOptions,
): Promise<Result> {
  let scanned: NamedText | undefined;
  try {
    scanned = sets.every(isArray) ? undefined : scan(host, text);
    const { context, session } = host.executor;
    const values = sets.map((set) => isArray(set) ? [...set] : bindNames(scanned!, set));
    const asked = withDefaults(options, host);
    const how = asked instanceof Promise ? await asked : asked;
    return await withCode(
      session,
      batching,
      how,
      (code) => code.executeMany(context, scanned?.text ?? text, values, how),
    );
  } catch (error) {
    throw inOriginal(error, scanned);
  }
}

function batchItem(host: QueryContext, query: BatchEntry, i: number): BatchItem {
  if (query instanceof Query) return query.batched(host);
  if (isFragment(query)) {
    const { text, values, types, isTyped } = assemble(query);
    return { text, values, parameterTypes: isTyped ? types : undefined, rows: undefined };
  }
  const { text, parameters = NO_PARAMETERS } = own<BatchQuery>(Object(query));
  if (typeof text !== "string") {
    throw new InterfaceError(`queries[${i}] must be { text, parameters? } or made by sql`);
  }
  if (isArray(parameters)) {
    return { text, values: [...parameters], parameterTypes: undefined, rows: undefined };
  }
  checkNamed(parameters);
  return named(host, text, parameters);
}

function named(
  host: QueryContext,
  text: string,
  parameters: Readonly<Record<string, unknown>>,
): BatchItem {
  const scanned = scan(host, text);
  const values = bindNames(scanned, parameters);
  return {
    text: scanned.text,
    values,
    parameterTypes: undefined,
    rows: undefined,
    rewritten: scanned,
  };
}

function scan(host: QueryContext, text: string): NamedText {
  return host.names.scan(text, host.executor.context.escapesInStrings);
}

const NO_PARAMETERS: readonly unknown[] = Object.freeze([]);

function checkText(text: unknown, method: string): void {
  if (typeof text !== "string") throw new InterfaceError(`${method} takes the text of a statement`);
}

function checkRows(rows: Iterable<QueryParameters>): Iterable<QueryParameters> {
  if (typeof rows === "object" && rows !== null && Symbol.iterator in rows) return rows;
  throw new InterfaceError("executeMany(): the rows must be iterable");
}

function isArray(value: QueryParameters): value is readonly unknown[] {
  return Array.isArray(value);
}
