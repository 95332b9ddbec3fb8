/** Options of queries. */
import { own } from "../errors/own.ts";
import type { Signal } from "../session/exchange.ts";
import type { TypesOptions } from "../types/registry.ts";
import type { ResultObserver } from "./observer.ts";
import type { Parsers } from "./parsers.ts";
import type { RowShape } from "./rows.ts";

/** Values for `$1`, `$2`, … in order, or for `:name`s. */
export type QueryParameters = readonly unknown[] | Readonly<Record<string, unknown>>;

/** Options of one query. */
export interface QueryOptions {
  /** Rows as objects by column name, or as arrays in column order. Default: the connection's. */
  rows?: RowShape | undefined;
  /** Whether to keep the statement prepared. `false` suits a text that runs once. Default `true`. */
  prepare?: boolean | undefined;
  /**
   * Types of the parameters, by name (`"int4"`, `"my.enum"`) or OID; 0 lets the server choose. The
   * name of a type that is not built in is looked up on the server at each run; `prepare()` looks it
   * up once.
   */
  parameterTypes?: readonly (number | string)[] | undefined;
  /**
   * Policies and codecs of this query, which override the connection's. Pass the same object each time,
   * so that the statement stays prepared.
   */
  types?: TypesOptions | undefined;
  /** Aborts the query: it is not sent, or is cancelled on the server. */
  signal?: Signal | undefined;
  /**
   * Seconds until the query is cancelled on the server; 0 is no limit. For a query that is iterated,
   * the limit of each wait for rows. Default: `queryTimeout`.
   */
  timeout?: number | undefined;
  /**
   * Chooses the parser of each column's values, in place of the connection's codecs. Called once for
   * each column of a result. The statement stays prepared, and the catalogue is not asked about types.
   *
   * @example
   * ```ts
   * const texts = { parsers: () => (text: string) => text };
   * await db.query("select 1.50 as price, true as paid", [], texts); // → [{ price: "1.50", paid: "t" }]
   * ```
   */
  parsers?: Parsers | undefined;
  /** Whether to request every column in binary. Needs `parsers` that read bytes. Default `false`. */
  binary?: boolean | undefined;
  /**
   * Whether to send the parameters as they are, without a description of their types: a string as text,
   * a `Uint8Array` as the bytes of the binary form, `null` as NULL. `parameterTypes` may give OIDs.
   * Default `false`.
   */
  rawParameters?: boolean | undefined;
  /** Receives the parts of the result as they arrive. Not for streams, batches and `executeMany()`. */
  observer?: ResultObserver | undefined;
}

/** Options with which rows are objects, as they are by default. */
export type ObjectRows = QueryOptions & { rows?: "object" | undefined };

/** Options with which rows are arrays. */
export type ArrayRows = QueryOptions & { rows: "array" };

/** Options of a call that runs one query of the driver's. */
export type CallOptions = Pick<QueryOptions, "signal" | "timeout">;

/** Returns `base` with `options` on top. An option that is `undefined` counts as not given. */
export function overlaid<T extends object>(base: T, options: T): T {
  const merged = own<T>(base, options);
  for (const name of Object.keys(options) as (keyof T)[]) {
    if (merged[name] === undefined && Object.hasOwn(base, name)) merged[name] = base[name];
  }
  return merged;
}

/** The options of a query that has none. */
export const NO_OPTIONS: QueryOptions = Object.freeze(own<QueryOptions>({}));
