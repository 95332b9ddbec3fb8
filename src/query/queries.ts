import { InterfaceError, PgError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { type BatchItem, executeBatch, executeMany } from "./batch.ts";
import { takeCallSite, withCallSite } from "./call_site.ts";
import {
  checkNamed,
  checkQueryOptions,
  FOREIGN_CLIENT,
  foreignQuery,
  refuseForeign,
} from "./foreign.ts";
import { assemble, type Fragment, isFragment } from "./fragment.ts";
import { bindNames, type NamedText } from "./named.ts";
import { type PreparedStatement, prepareStatement } from "./prepared.ts";
import { type ArrayRows, NO_OPTIONS, type ObjectRows, type QueryOptions } from "./options.ts";
import { over, type QueryContext, withDefaults } from "./query_context.ts";
import { Query } from "./query.ts";
import type { ObjectRow, Result } from "./result.ts";
import type { RowShape } from "./rows.ts";
import { inOriginal } from "./rewritten.ts";
import { boundSql, type Sql, templateFragment } from "./sql.ts";

/** Values for `$1`, `$2`, … in order, or for `:name`s. */
export type QueryParameters = readonly unknown[] | Readonly<Record<string, unknown>>;

/** One statement of a batch. */
export interface BatchQuery {
  /** One SQL statement. */
  readonly text: string;
  /** Its parameters, by position or by name. */
  readonly parameters?: QueryParameters | undefined;
}

/** One query of a batch: a text with its parameters, or what the `sql` tag has made. */
export type BatchEntry = BatchQuery | Fragment;

/** The results of a batch, in its order, each with the type of its query's rows. */
export type BatchResults<Entries extends readonly BatchEntry[], Shape extends RowShape> = {
  -readonly [I in keyof Entries]: Result<
    Entries[I] extends Fragment<infer Row> ? BatchRow<Row, Shape> : BatchRow<unknown, Shape>
  >;
};

/** The type of the rows of one query of a batch. */
export type BatchRow<Row, Shape extends RowShape> = Shape extends "object" ? RowOr<Row, ObjectRow>
  : Row extends readonly unknown[] ? Row
  : unknown[];

/** The type of a fragment's rows, or another where the fragment has none. */
export type RowOr<Row, Default> = unknown extends Row ? Default : Row;

/** Options of a whole batch. */
export type BatchOptions = Pick<QueryOptions, "rows" | "prepare" | "types" | "signal" | "timeout">;

/** What can be done with queries, on a connection and within a transaction. */
export abstract class Queries {
  readonly #host: QueryContext;
  #sql: Sql | undefined;

  static {
    refuseForeign(this.prototype, "a connection", FOREIGN_CLIENT);
  }

  /** For the driver. */
  constructor(host: QueryContext) {
    this.#host = host;
  }

  /**
   * The query template tag: a value becomes a parameter, a fragment is put in its place. A property,
   * so that it can be taken off: `const { sql } = db`.
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
      this.#host.executor.types.registry.json?.stringify,
    );
  }

  /**
   * A query, not sent before it is awaited. Its parameters stand in the text as `$1`, `$2`, … and
   * come in an array, or as `:name` and come in an object. Or it is a fragment that `sql` has made.
   *
   * @throws {InterfaceError} a `:name` has no value, or the arguments are none of these.
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
  /** A query whose rows are arrays. */
  query<Row extends readonly unknown[] = unknown[]>(
    text: string | Fragment,
    parameters: QueryParameters | undefined,
    options: ArrayRows,
  ): Query<Row>;
  /** A query whose rows are objects, unless the connection's are arrays. */
  query<Row = ObjectRow>(
    text: string | Fragment,
    parameters?: QueryParameters,
    options?: ObjectRows,
  ): Query<Row>;
  /** A query whose rows are objects or arrays, as its options say. */
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
    if (Array.isArray(parameters)) return new Query<Row>(this.#host, text, parameters, options);
    const { text: numbered, values, rewritten } = this.#named(text, parameters);
    return new Query<Row>(this.#host, numbered, values, options, rewritten);
  }

  /**
   * Parses a statement on the server, to be run often. Ordinary queries are prepared by themselves.
   *
   * @throws {DatabaseError} the server does not understand it.
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
    const site = takeCallSite(this.#host.asyncStacks);
    try {
      checkText(text, "prepare()");
      checkQueryOptions(options);
      return await prepareStatement<Row>(this.#host, text, options);
    } catch (error) {
      throw withCallSite(error, site);
    }
  }

  /**
   * Runs statements in one round trip, and resolves to a result for each. They are one transaction:
   * when one fails, none has any effect, and the error's `index` says which it was. A statement that
   * is new and has an array, object, date or bytes among its parameters costs one more round trip.
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
  /** Runs statements in one round trip; each result has its query's type of row. */
  batch<const Entries extends readonly BatchEntry[]>(
    queries: Entries,
    options?: BatchOptions,
  ): Promise<BatchResults<Entries, "object">>;
  async batch(
    queries: readonly BatchEntry[],
    options: BatchOptions = NO_OPTIONS,
  ): Promise<unknown> {
    const site = takeCallSite(this.#host.asyncStacks);
    let items: BatchItem[] = [];
    try {
      checkQueryOptions(options);
      if (!Array.isArray(queries)) throw new InterfaceError("batch() takes an array of queries");
      items = queries.map((query, i) => this.#item(query, i));
      const how = over(options, this.#host);
      return await executeBatch(this.#host.executor.context, items, how);
    } catch (error) {
      const failed = error instanceof PgError ? items[error.index ?? -1] : undefined;
      throw withCallSite(inOriginal(error, failed?.rewritten), site);
    }
  }

  /**
   * Runs one statement with each of many sets of parameters, in one transaction and without waiting
   * in between. The result holds the rows of all, and their counts together; the error of a set that
   * fails has its `index`. All sets are encoded before the first is sent: for millions, use COPY.
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
    const site = takeCallSite(this.#host.asyncStacks);
    let scanned: NamedText | undefined;
    try {
      const { executor } = this.#host;
      checkText(text, "executeMany()");
      checkQueryOptions(options);
      const sets = [...checkRows(rows)];
      scanned = sets.every(isArray) ? undefined : this.#scan(text);
      const values = sets.map((set) => isArray(set) ? set : bindNames(scanned!, set));
      const asked = withDefaults(options, this.#host);
      const how = asked instanceof Promise ? await asked : asked;
      return await executeMany(executor.context, scanned?.text ?? text, values, how) as Result<Row>;
    } catch (error) {
      throw withCallSite(inOriginal(error, scanned), site);
    }
  }

  #template(strings: TemplateStringsArray, values: readonly unknown[]): Query<unknown> {
    const host = this.#host;
    for (let i = 0; i < values.length; i++) {
      if (isFragment(values[i])) return this.#composed(strings, values);
    }
    return new Query(host, host.templates.text(strings), values, NO_OPTIONS, strings);
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
      throw new InterfaceError("query(): a fragment has its parameters in it");
    }
    const { text, values, types, isTyped } = assemble(fragment);
    const how = isTyped ? own<QueryOptions>(options, { parameterTypes: types }) : options;
    return new Query<Row>(this.#host, text, values, how, fragment);
  }

  #item(query: BatchEntry, i: number): BatchItem {
    if (isFragment(query)) {
      const { text, values, types, isTyped } = assemble(query);
      return { text, values, parameterTypes: isTyped ? types : undefined };
    }
    const { text, parameters = NO_PARAMETERS } = own<BatchQuery>(Object(query));
    if (typeof text !== "string") {
      throw new InterfaceError(`queries[${i}] must be { text, parameters? } or made by sql`);
    }
    return isArray(parameters)
      ? { text, values: parameters, parameterTypes: undefined }
      : this.#named(text, parameters);
  }

  #named(text: string, parameters: QueryParameters): BatchItem {
    checkNamed(parameters);
    const scanned = this.#scan(text);
    const values = bindNames(scanned, parameters);
    return { text: scanned.text, values, parameterTypes: undefined, rewritten: scanned };
  }

  #scan(text: string): NamedText {
    return this.#host.names.scan(text, this.#host.executor.context.escapesInStrings);
  }
}

const NO_PARAMETERS: readonly unknown[] = Object.freeze([]);

function checkText(text: unknown, method: string): void {
  if (typeof text !== "string") throw new InterfaceError(`${method} takes the text of a statement`);
}

function checkRows(rows: Iterable<QueryParameters>): Iterable<QueryParameters> {
  if (typeof rows === "object" && rows !== null && Symbol.iterator in rows) return rows;
  throw new InterfaceError("executeMany(): the rows must be an array or another iterable of them");
}

function isArray(value: QueryParameters): value is readonly unknown[] {
  return Array.isArray(value);
}
