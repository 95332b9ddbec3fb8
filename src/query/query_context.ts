/** The things a query runs on, and its options over the connection's. */
import { own } from "../errors/own.ts";
import { cancelled } from "../session/exchange.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import type { Executor } from "./executor.ts";
import type { NamedTexts } from "./named.ts";
import { NO_OPTIONS, overlaid, type QueryOptions } from "./options.ts";
import type { Templates } from "./template.ts";
import type { Unstarted } from "./unstarted.ts";

/** What a query runs on. */
export interface QueryContext {
  readonly executor: Executor;
  /** What options are when a query has none of its own. */
  readonly defaults: ExecuteOptions;
  readonly asyncStacks: boolean;
  readonly templates: Templates;
  readonly names: NamedTexts;
  /** What it was made of: a connection of a pool is not lost while a transaction on it is in use. */
  readonly outer?: QueryContext;
  /** The queries of a transaction that were made and not started. */
  readonly unstarted?: Unstarted;
}

/** A host that is lent for a time. */
export interface HostLoan {
  readonly host: QueryContext;
  /** Ends that time; a promise while the host is not free yet. */
  readonly giveBack?: () => Promise<void> | undefined;
}

/**
 * The options of a query over the connection's, with types by their OIDs; a promise only when the
 * server has to be asked for those.
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
  const { types } = merged as QueryOptions;
  if (types === undefined) return merged;
  return own<ExecuteOptions>(merged, { types: host.executor.types.ownTypes(types) });
}

/** What a query comes to that was cancelled before it was sent; nobody need hear of it. */
export function neverSent(): Promise<never> {
  const promise = Promise.reject(cancelled());
  promise.catch(() => {});
  return promise;
}

function isName(type: number | string): boolean {
  return typeof type === "string";
}
