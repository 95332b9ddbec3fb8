/** The things a query runs on, and its options over the connection's. */
import { own } from "../errors/own.ts";
import { cancelled } from "../session/exchange.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import type { Executor } from "./executor.ts";
import type { NamedTexts } from "./named.ts";
import { checkReading } from "./observer.ts";
import { NO_OPTIONS, overlaid, type QueryOptions } from "./options.ts";
import type { Templates } from "./template.ts";
import type { Unstarted } from "./unstarted.ts";

/** The executor of a query, and its defaults. */
export interface QueryContext {
  readonly executor: Executor;
  /** The options of a query that has none. */
  readonly defaults: ExecuteOptions;
  readonly asyncStacks: boolean;
  readonly templates: Templates;
  readonly names: NamedTexts;
  /** The context that this one was made from: it keeps a pool's connection alive while a transaction is in use. */
  readonly outer?: QueryContext;
  /** The queries of a transaction that were made and not started. */
  readonly unstarted?: Unstarted;
  /** Absent: a connection is used itself, not lent. */
  readonly lend?: undefined;
}

/** A context that is lent for a time. */
export interface HostLoan {
  readonly host: QueryContext;
  /** Gives the context back. Returns a promise while it is not free yet. */
  readonly giveBack?: () => Promise<void> | undefined;
}

/**
 * Returns the options of a query over the connection's, with types by their OIDs. Returns a promise only
 * if the server must be asked for OIDs.
 */
export function withDefaults(
  options: QueryOptions,
  host: QueryContext,
): ExecuteOptions | Promise<ExecuteOptions> {
  if (options === NO_OPTIONS) return host.defaults;
  const types = own(options).parameterTypes;
  if (!types?.some(isName)) return over(options, host);
  return host.executor.types.oidsOf(types, host.defaults.lock)
    .then((parameterTypes) => over(own<QueryOptions>(options, { parameterTypes }), host));
}

/** Returns the options of a query over the connection's; for a query without any, these themselves. */
export function over(options: QueryOptions, host: QueryContext): ExecuteOptions {
  const { defaults } = host;
  if (options === NO_OPTIONS) return defaults;
  const merged = overlaid<object>(defaults, options) as Omit<ExecuteOptions, "types">;
  checkReading(merged as QueryOptions);
  const { types } = merged as QueryOptions;
  if (types === undefined) return merged;
  return own<ExecuteOptions>(merged, { types: host.executor.types.ownTypes(types) });
}

/** Returns the promise of a query that was cancelled before it was sent. Its rejection may be ignored. */
export function neverSent(): Promise<never> {
  const promise = Promise.reject(cancelled());
  promise.catch(() => {});
  return promise;
}

function isName(type: number | string): boolean {
  return typeof type === "string";
}
