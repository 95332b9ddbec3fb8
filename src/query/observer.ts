import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import type { ParserOptions } from "./parsers.ts";
import type { Result } from "./result.ts";
import type { Statement } from "./statement.ts";

/** The description of a result, which comes before its rows. */
export interface ResultDescription {
  /** The columns. Empty for a statement that returns no rows. */
  readonly columns: readonly ColumnDescription[];
  /** The prepared statement's name on the server; `""` for a statement without one. */
  readonly statementName: string;
  /** OIDs of the parameters' types. Empty in the simple protocol, which does not describe them. */
  readonly parameterTypes: readonly number[];
}

/**
 * Functions that receive the parts of a result as they arrive, also those before a failing statement.
 * They are called synchronously while the answer is read. An error that one throws fails the query.
 * A query that has passed rows on is not run again by the driver.
 */
export interface ResultObserver {
  /** Called before the rows of each statement that returns rows. */
  described?(description: ResultDescription): void;
  /** Called with each row. Rows that are passed here are not collected in the result. */
  row?(row: unknown): void;
  /** Called with each statement's result when the statement is complete. */
  completed?(result: Result<unknown>): void;
}

/** Passes the description of a statement's result on, if the statement returns rows. */
export function describeTo(observer: ResultObserver, statement: Statement): void {
  const { columns, name, parameters } = statement;
  if (columns.length === 0) return;
  const parameterTypes = parameters.map(({ oid }) => oid);
  observer.described?.({ columns, statementName: name, parameterTypes });
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
