/** What a query runs on, and how it is to be run: its own options over the connection's. */
import { own } from "../errors/own.ts";
import { cancelled, type Signal } from "../session/exchange.ts";
import type { TypesOptions } from "../types/registry.ts";
import type { Executor } from "./execute.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import type { NamedTexts } from "./named.ts";
import type { RowShape } from "./rows.ts";
import type { Templates } from "./template.ts";
import type { Unstarted } from "./unstarted.ts";

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

/** What a query runs on. */
export interface QueryHost {
  readonly executor: Executor;
  /** What options are when a query has none of its own. */
  readonly defaults: ExecuteOptions;
  readonly asyncStacks: boolean;
  readonly templates: Templates;
  readonly names: NamedTexts;
  /** What it was made of: a connection of a pool is not lost while a transaction on it is in use. */
  readonly outer?: QueryHost;
  /** The queries of a transaction that were made and not started. */
  readonly unstarted?: Unstarted;
}

/** A host that is lent for a time. */
export interface HostLoan {
  readonly host: QueryHost;
  /** Ends that time; a promise while the host is not free yet. */
  readonly giveBack?: () => Promise<void> | undefined;
}

/**
 * The options of a query over the connection's, with types by their OIDs; a promise only when the
 * server has to be asked for those.
 */
export function withDefaults(
  options: QueryOptions,
  host: QueryHost,
): ExecuteOptions | Promise<ExecuteOptions> {
  if (options === NO_OPTIONS) return host.defaults;
  const types = own(options).parameterTypes;
  if (!types?.some(isName)) return over(options, host);
  return host.executor.oidsOf(types, host.defaults.lock)
    .then((parameterTypes) => over(own<QueryOptions>(options, { parameterTypes }), host));
}

/** Returns the options of a query over the connection's; for a query without any, these themselves. */
export function over(options: QueryOptions, host: QueryHost): ExecuteOptions {
  const { defaults } = host;
  if (options === NO_OPTIONS) return defaults;
  const merged = overlaid<object>(defaults, options) as Omit<ExecuteOptions, "types">;
  const { types } = merged as QueryOptions;
  if (types === undefined) return merged;
  return own<ExecuteOptions>(merged, { types: host.executor.ownTypes(types) });
}

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

/** What a query comes to that was cancelled before it was sent; nobody need hear of it. */
export function neverSent(): Promise<never> {
  const promise = Promise.reject(cancelled());
  promise.catch(() => {});
  return promise;
}

function isName(type: number | string): boolean {
  return typeof type === "string";
}
