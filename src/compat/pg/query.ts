import { Buffer, calling, EventEmitter } from "../node.ts";
import type { ResultDescription, RowReceiver } from "../../query/observer.ts";
import type { ColumnParser, Parsers } from "../../query/parsers.ts";
import type { Result as CoreResult } from "../../query/result.ts";
import { Result } from "./result.ts";
import type { Signal } from "../../session/exchange.ts";
import { asText, type CustomTypes, FAST_DECODERS, parseBigInteger } from "./types.ts";

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
export class Query extends EventEmitter {
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
  /** @internal The result of the statement that is being answered. */
  _result: Result;
  /** @internal The result, or the results of several statements. */
  _results: Result | Result[];

  /** Creates a query from a text or its options, values and a callback. */
  constructor(
    config: string | QueryConfig,
    values?: unknown[] | QueryCallback,
    callback?: QueryCallback,
  ) {
    super();
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
    result.rows = [];
    result.describe(columns, this._isBinary ? "binary" : "text");
    if (this.listenerCount("row") === 0) return result.rows;
    const isKept = this.callback !== undefined;
    return (row) => {
      this.emit("row", row, result);
      if (isKept) result.rows.push(row as Record<string, unknown>);
    };
  }

  /** @internal Called with the tag of each statement. */
  completed({ tag }: CoreResult<unknown>): void {
    this._nextResult();
    if (tag !== "") this._result.addCommandComplete({ text: tag });
  }

  /** @internal Returns the parsers of this query's columns. */
  _parsers(): Parsers {
    const types = this._result._types!;
    if (this._isBinary) {
      return (oid) => {
        const parser = types.getTypeParser(oid, "binary");
        return { bytes: (value) => parser(bufferOf(value)) };
      };
    }
    return (oid) => chosen(oid, types.getTypeParser(oid, "text"));
  }

  /** Ends the query with an error. */
  handleError(error: unknown): void {
    if (this.callback) return calling(() => this.callback!(error));
    if (this.listenerCount("error") > 0) this.emit("error", error);
  }

  /** Ends the query with its results. */
  handleReadyForQuery(): void {
    if (this.callback) calling(() => this.callback!(null, this._results));
    this.emit("end", this._results);
  }

  /** Begins another result behind one that is complete. */
  private _nextResult(): void {
    if (this._result.command === null) return;
    if (!Array.isArray(this._results)) this._results = [this._result];
    this._result = new Result(this._rowMode, this._result._types);
    this._results.push(this._result);
  }
}

/** Returns the core's parser for one of `pg-types`' form; a default one reads binary, too. */
function chosen(oid: number, parser: (text: string) => unknown): ColumnParser {
  if (parser === asText || parser === parseBigInteger) return TEXT;
  const fast = FAST_DECODERS.get(oid);
  return fast !== undefined && fast.parser === parser ? fast : parser;
}

/** Passes text on as it is. */
const TEXT: ColumnParser = (text) => text;

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
