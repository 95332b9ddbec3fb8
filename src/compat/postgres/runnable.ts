import type { Template } from "./interpolation.ts";
import type { Anything } from "./value_types.ts";

/** How a query is run. */
export interface QueryOptions {
  /** Whether the statement is prepared under a name. */
  prepare?: boolean | undefined;
  /** Whether the query goes by the simple protocol. */
  simple?: boolean | undefined;
}

/** The purpose of a query. */
export type Use = "rows" | "describe" | "each" | "cursor" | "copy";

/** A query as connections run it. */
export interface Runnable extends Template {
  /** Whether the query was made by a template. */
  readonly tagged: boolean;
  readonly options: QueryOptions;
  readonly use: Use;
  /** The shape of its rows. */
  readonly shape: "object" | "values" | "raw";
  /** The function that takes each row. */
  readonly each: ((row: Anything, result: Anything) => void) | undefined;
  /** The stack of the caller. */
  readonly origin: Error | undefined;
  /** Whether it was cancelled before it was sent. */
  readonly isCancelled: boolean;
  /** The parameters as they were sent; set when it runs. */
  sent: { readonly parameters: readonly unknown[] } | undefined;
  /** Cancels it on the server; set while it runs. */
  stop: (() => void) | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}
