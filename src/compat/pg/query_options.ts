import type { ExecuteOptions } from "../../query/execute_options.ts";
import type { ResultObserver } from "../../query/observer.ts";
import type { Parsers } from "../../query/parsers.ts";
import type { Signal } from "../../session/exchange.ts";

/** The properties of a query that decide about its request. */
interface Asking extends ResultObserver {
  readonly signal: Signal | undefined;
  readonly _rowMode: string | undefined;
  readonly _isBinary: boolean;
  _parsers(): Parsers;
}

/** The options of one request. Every option is an own property: none is read from `Object.prototype`. */
export class QueryOptions implements ExecuteOptions {
  readonly rows: ExecuteOptions["rows"];
  readonly prepare: undefined = undefined;
  readonly parameterTypes: undefined = undefined;
  readonly signal: Signal | undefined;
  readonly timeout: undefined = undefined;
  readonly types: undefined = undefined;
  readonly lock: undefined = undefined;
  readonly store: undefined = undefined;
  readonly ahead: undefined = undefined;
  readonly parsers: Parsers;
  readonly binary: boolean;
  readonly rawParameters = true;
  readonly observer: ResultObserver;

  /** Makes the options of a query, which observes the result itself. */
  constructor(query: Asking) {
    this.rows = query._rowMode === "array" ? "array" : "object";
    this.signal = query.signal;
    this.parsers = query._parsers();
    this.binary = query._isBinary;
    this.observer = query;
  }
}
