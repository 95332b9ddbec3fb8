/**
 * Statements that the user prepares and closes.
 */
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import { close, sync } from "../protocol/frontend.ts";
import { Backend, Kind } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import { expect } from "./parse_describe.ts";
import { checkQueryOptions } from "./foreign.ts";
import { bindNames, type NamedText } from "./named.ts";
import { overlaid, type QueryOptions, type QueryParameters } from "./options.ts";
import { type QueryContext, withDefaults } from "./query_context.ts";
import { inOriginal } from "./rewritten.ts";
import { Query } from "./query.ts";
import { isHost, type QuerySource } from "./query_source.ts";
import type { ObjectRow } from "./result.ts";
import type { Statement } from "./statement.ts";
import type { PreparedStore } from "./statement_cache.ts";

/** Options of one run of a prepared statement. */
export type StatementOptions = Omit<QueryOptions, "prepare" | "parameterTypes" | "types">;

/**
 * A statement that is parsed once and run often. Ordinary queries are kept as prepared statements, too;
 * this one is never closed to make room, and its types can be read.
 *
 * It is parsed again when the server has lost it, when something has changed that it depends on, and
 * after `statementLifetime`. Where the server finds that out inside a transaction, the transaction fails
 * with a `StaleStatementError`.
 */
export class PreparedStatement<Row = ObjectRow> implements AsyncDisposable {
  /** OIDs of the parameters' types when it was prepared, `$1` first. */
  readonly parameterTypes: readonly number[];
  /** The columns of its result when it was prepared; none if it returns no rows. */
  readonly columns: readonly ColumnDescription[];
  readonly #source: QuerySource;
  readonly #text: NamedText;
  readonly #options: QueryOptions;
  /** The place on the server. Absent for a pool, each of whose connections prepares the statement. */
  readonly #store: PreparedStore | undefined;
  #isClosed = false;

  /** Called by the driver; use `prepare()` of a connection. */
  constructor(
    source: QuerySource,
    text: NamedText,
    options: QueryOptions,
    store: PreparedStore | undefined,
    { parameters, columns }: Statement,
  ) {
    this.#source = source;
    this.#text = text;
    this.#options = options;
    this.#store = store;
    this.parameterTypes = parameters.map(({ oid }) => oid);
    this.columns = columns;
  }

  /**
   * Runs the statement with these parameters, by position or, if its text has `:name`s, by name. The
   * options override those of `prepare()`.
   *
   * @throws {InterfaceError} it is closed, or a value is missing.
   */
  query<Arrays extends readonly unknown[] = unknown[]>(
    parameters: QueryParameters | undefined,
    options: StatementOptions & { rows: "array" },
  ): Query<Arrays>;
  /** Runs the statement; the rows are as the options of `prepare()` say. */
  query(
    parameters?: QueryParameters,
    options?: StatementOptions & { rows?: undefined },
  ): Query<Row>;
  /** Runs the statement; the rows are objects or arrays, as the options say. */
  query(
    parameters: QueryParameters | undefined,
    options: StatementOptions | undefined,
  ): Query<Row | unknown[]>;
  query(parameters: QueryParameters = [], options?: StatementOptions): Query<Row> {
    if (this.#isClosed) throw new InterfaceError("the prepared statement is closed");
    if (options !== undefined) checkQueryOptions(options);
    const values = Array.isArray(parameters)
      ? parameters
      : bindNames(this.#text, parameters as Readonly<Record<string, unknown>>);
    const how = options === undefined
      ? this.#options
      : overlaid<QueryOptions>(this.#options, options);
    return new Query<Row>(this.#source, this.#text.text, values, how, this.#text);
  }

  /** Closes the statement on the server. Closing it twice is allowed. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const statement = this.#store?.leave();
    if (statement === undefined || !isHost(this.#source)) return;
    const { executor, defaults: { lock } } = this.#source;
    await executor.session.request(new StatementClose(statement), { lock }).catch(() => {
      // Refused while another holds the lock: it is closed with the next Parse.
      executor.cache.closeLater(statement.name);
    });
  }

  /** `await using` closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Query options with the place of the statement on the server. */
type Kept = QueryOptions & { store: PreparedStore };

/**
 * Prepares a statement. On a pool it is only described; each connection prepares it when it first runs
 * it.
 *
 * @throws {DatabaseError} the server refuses the text.
 */
export async function prepareOn<Row>(
  source: QuerySource,
  host: QueryContext,
  text: string,
  options: QueryOptions,
): Promise<PreparedStatement<Row>> {
  const { executor } = host;
  const scanned = host.names.scan(text, executor.context.escapesInStrings);
  const store = isHost(source) ? executor.cache.preparedStore() : undefined;
  try {
    const kept = own<Kept>(options, store === undefined ? { prepare: false } : { store });
    const how = await withDefaults(kept, host);
    const { parameterTypes } = how;
    const fixed = own<Kept>(options, store && { store }, parameterTypes && { parameterTypes });
    const statement = await executor.describe(scanned.text, how);
    return new PreparedStatement<Row>(source, scanned, fixed, store, statement);
  } catch (error) {
    store?.leave();
    throw inOriginal(error, scanned);
  }
}

/** The request that closes a statement. */
class StatementClose implements Request<void> {
  readonly #statement: Statement;

  constructor(statement: Statement) {
    this.#statement = statement;
  }

  write(out: Writer): void {
    close(out, Kind.Statement, this.#statement.name);
    sync(out);
  }

  *talk(): Conversation<void> {
    expect(yield, Backend.CloseComplete);
  }
}
