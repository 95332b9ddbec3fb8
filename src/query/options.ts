/** Options of queries. */
import { own } from "../errors/own.ts";
import type { Signal } from "../session/exchange.ts";
import type { TypesOptions } from "../types/registry.ts";
import type { RowShape } from "./rows.ts";

/** Values for `$1`, `$2`, … in order, or for `:name`s. */
export type QueryParameters = readonly unknown[] | Readonly<Record<string, unknown>>;

/** Options of one query. */
export interface QueryOptions {
  /** Rows as objects by column name, or as arrays in column order. Default: the connection's. */
  rows?: RowShape | undefined;
  /** `false`: not kept as a prepared statement, for a text that will not come again. Default `true`. */
  prepare?: boolean | undefined;
  /**
   * Types of the parameters where the server is not to choose, by name (`"int4"`, `"my.enum"`) or
   * OID; 0 leaves it the choice. For a name that is not a built-in type's the server is asked first,
   * each time: `prepare()` does that once.
   */
  parameterTypes?: readonly (number | string)[] | undefined;
  /**
   * Policies and codecs of this query, over the connection's. Give the same object again for its
   * statement to stay prepared.
   */
  types?: TypesOptions | undefined;
  /** Aborts the query: it is not sent any more, or cancelled on the server. */
  signal?: Signal | undefined;
  /**
   * Seconds before it is cancelled on the server; 0: no limit. Of a query that is iterated, for each
   * wait for rows. Default: `queryTimeout`.
   */
  timeout?: number | undefined;
}

/** Options with which rows are objects, as they are by default. */
export type ObjectRows = QueryOptions & { rows?: "object" | undefined };

/** Options with which rows are arrays. */
export type ArrayRows = QueryOptions & { rows: "array" };

/** How long a call may take that is one query, and nothing to choose about it. */
export type CallOptions = Pick<QueryOptions, "signal" | "timeout">;

/** Returns `options` over `base`; an option that is `undefined` counts as not given. */
export function overlaid<T extends object>(base: T, options: T): T {
  const merged = own<T>(base, options);
  for (const name of Object.keys(options) as (keyof T)[]) {
    if (merged[name] === undefined && Object.hasOwn(base, name)) merged[name] = base[name];
  }
  return merged;
}

/** The options of a query that has none. */
export const NO_OPTIONS: QueryOptions = Object.freeze(own<QueryOptions>({}));
