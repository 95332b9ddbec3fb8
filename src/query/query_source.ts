/**
 * Where queries get their connections. A connection or a transaction answers with itself, at once; a
 * pool lends a connection for each query and takes it back.
 */
import type { JsonFunctions } from "../types/scalars.ts";
import { takeCallSite } from "./call_site.ts";
import type { QueryOptions } from "./options.ts";
import type { HostLoan, QueryContext } from "./query_context.ts";
import type { BatchEntry } from "./batch.ts";
import type { Templates } from "./template.ts";

/** What queries are made on. */
export type QuerySource = QueryContext | ConnectionLender;

/** A pool, as its queries see it. */
export interface ConnectionLender {
  /** The texts of the templates that queries are made of. */
  readonly templates: Templates;
  /** How `sql.json()` writes. */
  readonly stringify: JsonFunctions["stringify"] | undefined;
  readonly unstarted?: undefined;
  /** Takes the caller's stack, where it will be wanted and cannot be had later. */
  site(use: Purpose["use"]): Error | undefined;
  /** Runs `work` with a connection, and takes that back when `work` has settled. */
  lend<T>(purpose: Purpose, work: (host: QueryContext) => Promise<T>): Promise<T>;
  /** Lends a connection for as long as a stream is read. */
  take(purpose: Purpose): Promise<HostLoan>;
}

/** What a connection is wanted for. */
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

/** Runs `work` with a connection: at once where the source is one. */
export function withHost<T>(
  source: QuerySource,
  purpose: Purpose,
  work: (host: QueryContext) => Promise<T>,
): Promise<T> {
  return isHost(source) ? work(source) : source.lend(purpose, work);
}

/** Takes a connection for a stream: a promise only where it is lent. */
export function takeHost(source: QuerySource, purpose: Purpose): HostLoan | Promise<HostLoan> {
  return isHost(source) ? { host: source } : source.take(purpose);
}

/** Takes the caller's stack, where that is needed. */
export function siteOf(source: QuerySource): Error | undefined {
  return isHost(source) ? takeCallSite(source.asyncStacks) : source.site("query");
}

/** Returns how `sql.json()` writes on a source. */
export function stringifyOf(source: QuerySource): JsonFunctions["stringify"] | undefined {
  return isHost(source) ? source.executor.types.registry.json?.stringify : source.stringify;
}
