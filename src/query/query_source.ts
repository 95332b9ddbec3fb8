/**
 * The source of a query's connection. A connection or a transaction is the source itself and is used
 * synchronously; a pool lends a connection for each query and takes it back.
 */
import type { JsonFunctions } from "../types/scalars.ts";
import { takeCallSite } from "./call_site.ts";
import type { QueryOptions } from "./options.ts";
import type { HostLoan, QueryContext } from "./query_context.ts";
import type { BatchEntry } from "./batch.ts";
import type { Templates } from "./template.ts";

/** A connection, a transaction or a pool on which queries are made. */
export type QuerySource = QueryContext | ConnectionLender;

/** The part of a pool that queries use. */
export interface ConnectionLender {
  /** The texts of the templates that queries are made of. */
  readonly templates: Templates;
  /** The function with which `sql.json()` writes. */
  readonly stringify: JsonFunctions["stringify"] | undefined;
  readonly unstarted?: undefined;
  /** Returns the caller's stack if it cannot be taken later. */
  site(use: Purpose["use"]): Error | undefined;
  /** Runs `work` with a connection, and takes the connection back when `work` has settled. */
  lend<T>(purpose: Purpose, work: (host: QueryContext) => Promise<T>): Promise<T>;
  /** Lends a connection for a stream, until `giveBack()`. */
  take(purpose: Purpose): Promise<HostLoan>;
}

/** The purpose for which a connection is lent. */
export interface Purpose {
  readonly use: "query" | "describe" | "simple" | "stream" | "prepare" | "batch" | "executeMany";
  /** The text, or the queries of a batch. */
  readonly text: string | readonly BatchEntry[];
  readonly options: QueryOptions;
  /** The caller's stack. */
  readonly site: Error | undefined;
}

/** Reports whether a source is a connection itself. */
export function isHost(source: QuerySource): source is QueryContext {
  return source.lend === undefined;
}

/** Runs `work` with a connection: synchronously if the source is one. */
export function withHost<T>(
  source: QuerySource,
  purpose: Purpose,
  work: (host: QueryContext) => Promise<T>,
): Promise<T> {
  return isHost(source) ? work(source) : source.lend(purpose, work);
}

/** Returns a connection for a stream, or a promise if it must be lent. */
export function takeHost(source: QuerySource, purpose: Purpose): HostLoan | Promise<HostLoan> {
  return isHost(source) ? { host: source } : source.take(purpose);
}

/** Returns the caller's stack if it cannot be taken later. */
export function siteOf(source: QuerySource): Error | undefined {
  return isHost(source) ? takeCallSite(source.asyncStacks) : source.site("query");
}

/** Returns the function with which `sql.json()` of a source writes. */
export function stringifyOf(source: QuerySource): JsonFunctions["stringify"] | undefined {
  return isHost(source) ? source.executor.types.registry.json?.stringify : source.stringify;
}
