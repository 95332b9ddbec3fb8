import type { SessionLock, Signal } from "../session/exchange.ts";
import type { RowShape } from "./rows.ts";
import type { OwnTypes } from "./statement.ts";
import type { StatementStore } from "./statement_cache.ts";

/** How one query is to be run. */
export interface ExecuteOptions {
  /** Rows as objects by column name (the default) or as arrays. */
  readonly rows?: RowShape;
  /** `false`: not kept as a prepared statement. */
  readonly prepare?: boolean;
  /** OIDs of the parameters' types, where the server's own choice is not wanted; 0 leaves it. */
  readonly parameterTypes?: readonly number[];
  /** Aborts the query: at once while it is not sent. */
  readonly signal?: Signal;
  /** Seconds before it is cancelled; 0: no limit. */
  readonly timeout?: number;
  /** The codecs, unless it is the connection's. */
  readonly types?: OwnTypes;
  /** The lock within which it is made. */
  readonly lock?: SessionLock;
  /** Where its statement is kept; the cache by default. */
  readonly store?: StatementStore;
  /** Sent before all that waits: on behalf of a request that is being recovered. */
  readonly ahead?: boolean;
}

/** How one of the driver's own texts is to be run. */
export type OwnOptions = Omit<ExecuteOptions, "rows" | "types">;
