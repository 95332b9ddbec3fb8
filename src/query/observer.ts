import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import type { ParserOptions } from "./parsers.ts";
import type { ObjectRow, Result } from "./result.ts";
import type { RowDecoder } from "./rows.ts";
import type { RowSink } from "../session/exchange.ts";
import type { Statement } from "./statement.ts";

/** The description of a statement's result. */
export interface ResultDescription {
  /** The columns. Empty for a statement that returns no rows. */
  readonly columns: readonly ColumnDescription[];
  /** The prepared statement's name on the server; `""` for a statement without one. */
  readonly statementName: string;
  /** OIDs of the parameters' types. Empty in the simple protocol, which does not describe them. */
  readonly parameterTypes: readonly number[];
}

/** A receiver of rows: an array that they are added to, or a function. */
export type RowReceiver = unknown[] | ((row: unknown) => void);

/**
 * Functions that receive the parts of a result as they arrive, also those before a failing statement.
 * They are called synchronously while the answer is read. An error that one throws fails the query.
 * A query that has passed rows on is not run again by the driver.
 */
export interface ResultObserver {
  /**
   * Called before the rows of each statement that returns rows; again, if the driver runs the query
   * again before a row was passed on. May return the receiver of the rows instead of the result: an
   * array that takes them, or a function that is called with each.
   */
  described?(description: ResultDescription): RowReceiver | void;
  /** Called with each row that has no other receiver. Such rows are not collected in the result. */
  row?(row: unknown): void;
  /**
   * Called with each statement's result when the statement is complete, and with its description,
   * which a statement without rows has as well.
   */
  completed?(result: Result<unknown>, description: ResultDescription): void;
}

/**
 * Passes the description of a statement's result on, if the statement returns rows. Returns their
 * receiver; `undefined`: the result takes them.
 */
export function describeTo(
  observer: ResultObserver,
  statement: Pick<Statement, "columns" | "name" | "parameters">,
): RowReceiver | undefined {
  const { columns } = statement;
  if (columns.length === 0) return undefined;
  const receiver = observer.described?.(new Description(statement));
  if (Array.isArray(receiver) || typeof receiver === "function") return receiver;
  return observer.row === undefined ? undefined : (row) => observer.row!(row);
}

/** Passes the result of a statement on. */
export function completeTo(
  observer: ResultObserver,
  result: Result<unknown>,
  statement: Pick<Statement, "columns" | "name" | "parameters">,
): void {
  observer.completed?.(result, new Description(statement));
}

/** A description that lists the parameters' types when they are asked for. */
class Description implements ResultDescription {
  readonly columns: readonly ColumnDescription[];
  readonly statementName: string;
  readonly #parameters: Statement["parameters"];

  constructor({ columns, name, parameters }: Pick<Statement, "columns" | "name" | "parameters">) {
    this.columns = columns;
    this.statementName = name;
    this.#parameters = parameters;
  }

  get parameterTypes(): readonly number[] {
    return this.#parameters.map(({ oid }) => oid);
  }
}

/** Returns the sink that decodes rows and adds them to an array. */
export function collecting(rows: unknown[], decode: RowDecoder): RowSink {
  // V8 inlines push() for plain arrays only; on a subclass it costs ten times as much as an index.
  if (Object.getPrototypeOf(rows) === Array.prototype) {
    return (reader) => void rows.push(decode(reader));
  }
  let count = rows.length;
  return (reader) => {
    const row = decode(reader) as ObjectRow;
    rows[count++] = row;
  };
}

/**
 * Checks the options that decide how a result is read.
 *
 * @throws {InterfaceError} `binary` is set, or the observer takes rows, and there are no `parsers`:
 * values of types that are not known yet could not be decoded in time.
 */
export function checkReading({ parsers, binary, observer }: ReadingOptions): void {
  if (parsers !== undefined) return;
  if (binary === true) throw new InterfaceError("the option binary needs the option parsers");
  if (observer?.row !== undefined) {
    throw new InterfaceError("an observer that takes rows needs the option parsers");
  }
}

/** @throws {InterfaceError} the options have an observer, which `what` does not call. */
export function refuseObserver(options: object, what: string): void {
  if (own<ReadingOptions>(options).observer === undefined) return;
  throw new InterfaceError(`the option observer is for single queries, not for ${what}`);
}

/** Options of a query. */
interface ReadingOptions extends ParserOptions {
  readonly observer?: ResultObserver | undefined;
}
