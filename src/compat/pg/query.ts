import { calling, type EventEmitter, inheritFromEmitter, uncaught } from "../node.ts";
import type { ResultDescription, RowReceiver } from "../../query/observer.ts";
import type { Parsers } from "../../query/parsers.ts";
import type { Result as CoreResult } from "../../query/result.ts";
import { binaryParsers, textParsers } from "./column_parsers.ts";
import { Result } from "./result.ts";
import type { Signal } from "../../session/exchange.ts";
import type { CustomTypes } from "./types.ts";

/** Called with the error, or with `null` and the result: an array of results for several statements. */
export type QueryCallback = {
  /** A method's parameters may be narrower than these. */
  call(error: unknown, result?: unknown): void;
}["call"];

/** The texts of named statements: those that are parsed, and those that are on their way. */
interface NamedTexts {
  readonly parsedStatements: Readonly<Record<string, string>>;
  readonly submittedNamedStatements: Readonly<Record<string, string>>;
}

/** A query as an object. Unknown properties are ignored. */
export interface QueryConfig {
  /** The SQL text. */
  text?: string;
  /** The parameters. */
  values?: unknown[];
  /** Prepares the statement once for each client, under this name. */
  name?: string;
  /** `"array"`: rows are arrays. */
  rowMode?: string;
  /** Chooses the parsers of this query. */
  types?: CustomTypes;
  /** Ignored: all rows are read at once. */
  rows?: number;
  /** Ignored: the driver names portals. */
  portal?: string;
  /** Whether values come in binary format. */
  binary?: boolean;
  /** `"extended"`: the extended protocol is used in any case. */
  queryMode?: string;
  /** Milliseconds after which the query fails, and is stopped on the server. */
  query_timeout?: number;
  /** The function that is called once, with the error or the result. */
  callback?: QueryCallback;
  /** Aborts the query; not in `pg`. */
  signal?: Signal;
}

/**
 * A query. It emits `row`, `end` and `error`, and its callback is called once. Its properties may be
 * replaced until it has ended, as tools for tracing do with `callback`.
 */
export class Query {
  /** The SQL text. */
  text: string | undefined;
  /** The parameters. */
  values: unknown[] | undefined;
  /** Ignored: all rows are read at once. */
  rows: number | undefined;
  /** The parsers of the query; those of the client by default. */
  types: CustomTypes | undefined;
  /** The name of the prepared statement. */
  name: string | undefined;
  /** `"extended"`: the extended protocol is used in any case. */
  queryMode: string | undefined;
  /** Whether values come in binary format. */
  binary: boolean | undefined;
  /** Ignored: the driver names portals. */
  portal: string;
  /** The function that is called once, with the error or the result. */
  callback: QueryCallback | undefined;
  /** Aborts the query. */
  signal: Signal | undefined;
  /** @internal */
  _rowMode: string | undefined;
  /** @internal Whether the callback settles a promise, so that it runs no code of the application. */
  _isPromised = false;
  /** @internal The result of the statement that is being answered. */
  _result: Result;
  /** @internal The result, or the results of several statements. */
  _results: Result | Result[];

  static {
    inheritFromEmitter(this.prototype);
  }

  /** Creates a query from a text or its options, values and a callback. */
  constructor(
    config: string | QueryConfig,
    values?: unknown[] | QueryCallback,
    callback?: QueryCallback,
  ) {
    const given: QueryConfig = typeof config === "string" ? { text: config } : config;
    const isCallback = typeof values === "function";
    this.text = given.text;
    this.values = values && !isCallback ? values : given.values;
    this.rows = given.rows;
    this.types = given.types;
    this.name = given.name;
    this.queryMode = given.queryMode;
    this.binary = given.binary;
    this.portal = given.portal || "";
    this.callback = callback ?? (isCallback ? values : given.callback);
    this.signal = given.signal;
    this._rowMode = given.rowMode;
    this._results = this._result = new Result(this._rowMode, this.types);
  }

  /** Reports whether the extended protocol is needed: several statements are not allowed then. */
  requiresPreparation(): boolean {
    if (this.queryMode === "extended" || this.name || this.rows) return true;
    return Boolean(this.text && this.values) && this.values!.length > 0;
  }

  /** @internal Whether values come in binary format, which the simple protocol has not. */
  get _isBinary(): boolean {
    return this.binary === true && this.requiresPreparation();
  }

  /** @internal Returns the reason why the query cannot be sent at all. */
  _refusal(
    { parsedStatements, submittedNamedStatements }: NamedTexts,
  ): Error | undefined {
    const { text, name, values } = this;
    if (typeof text !== "string" && typeof name !== "string") {
      return new Error(
        "A query must have either text or a name. Supplying neither is unsupported.",
      );
    }
    const previous = name ? parsedStatements[name] ?? submittedNamedStatements[name] : undefined;
    if (text && previous && text !== previous) {
      return new Error(
        `Prepared statements must be unique - '${name}' was used for a different statement`,
      );
    }
    if (values && !Array.isArray(values)) return new Error("Query values must be an array");
    return undefined;
  }

  /** @internal Called before the rows of a statement. */
  described({ columns }: ResultDescription): RowReceiver {
    this._nextResult();
    const result = this._result;
    // The driver runs a query again at times.
    if (result.rows.length > 0) result.rows = [];
    result.describe(columns, this._isBinary ? "binary" : "text");
    if (this.listenerCount("row") === 0) return result.rows;
    return (row) => this._take(row);
  }

  /** @internal Called with the tag of each statement. */
  completed(rows: CoreResult<unknown>): void {
    const { tag } = rows;
    this._nextResult();
    // Rows without columns, which are not described.
    if (rows.length > 0) { for (const row of rows) this._take(row); }
    if (tag !== "") this._result.addCommandComplete({ text: tag });
  }

  /** @internal Returns the parsers of this query's columns. */
  _parsers(): Parsers {
    const types = this._result._types!;
    return this._isBinary ? binaryParsers(types) : textParsers(types);
  }

  /** Ends the query with an error. */
  handleError(error: unknown): void {
    if (this.callback) this.#call(error, undefined);
    else if (this.listenerCount("error") > 0) this.emit("error", error);
  }

  /** Ends the query with its results. */
  handleReadyForQuery(): void {
    if (this.callback) this.#call(null, this._results);
    this.emit("end", this._results);
  }

  /** Calls the callback, whose error ends the process, as one in a callback of the socket. */
  #call(error: unknown, results: unknown): void {
    try {
      if (error) this.callback!(error);
      else this.callback!(null, results);
    } catch (thrown) {
      uncaught(thrown);
    }
  }

  /** Emits a row, and keeps it for the callback. */
  private _take(row: unknown): void {
    calling(() => this.emit("row", row, this._result));
    if (this.callback !== undefined) this._result.rows.push(row as Record<string, unknown>);
  }

  /** Begins another result behind one that is complete. */
  private _nextResult(): void {
    if (this._result.command === null) return;
    if (!Array.isArray(this._results)) this._results = [this._result];
    this._result = new Result(this._rowMode, this._result._types);
    this._results.push(this._result);
  }
}

/** Declares queries as emitters. */
export interface Query extends EventEmitter {}
