import type { SessionLock, Signal } from "../session/exchange.ts";
import type { ResultObserver } from "./observer.ts";
import type { Parsers } from "./parsers.ts";
import type { RowShape } from "./rows.ts";
import type { OwnTypes } from "./statement.ts";
import type { StatementStore } from "./statement_cache.ts";

/** How one query is to be run. */
export interface ExecuteOptions {
  /** Rows as objects by column name (the default) or as arrays. */
  readonly rows?: RowShape;
  /** `false`: not kept as a prepared statement. */
  readonly prepare?: boolean;
  /** OIDs of the parameters' types; 0 leaves the choice to the server. */
  readonly parameterTypes?: readonly number[];
  /** Aborts the query. */
  readonly signal?: Signal;
  /** Seconds after which the query is cancelled; 0: no limit. */
  readonly timeout?: number;
  /** The codecs; the connection's by default. */
  readonly types?: OwnTypes;
  /** The lock within which it is made. */
  readonly lock?: SessionLock;
  /** The store of the query's statement; the cache by default. */
  readonly store?: StatementStore;
  /** Whether the query is sent before all that waits, on behalf of a request that is being recovered. */
  readonly ahead?: boolean;
  /** Chooses the parsers of columns, in place of codecs. */
  readonly parsers?: Parsers;
  /** Whether every column is requested in binary. */
  readonly binary?: boolean;
  /** Whether parameters are sent as they are. */
  readonly rawParameters?: boolean;
  /** Receives the parts of the result. */
  readonly observer?: ResultObserver;
}

/** How one of the driver's own texts is to be run. */
export type OwnOptions = Omit<ExecuteOptions, "rows" | "types">;
