import { inheritFromPromise } from "../../query/fragment.ts";
import { type Cursor, type CursorCallback, cursorOver } from "./cursor.ts";
import type { Template } from "./interpolation.ts";
import type { NodeReadable, NodeWritable } from "./node_library.ts";
import { cancelledError } from "./postgres_error.ts";
import type { Result, Row } from "./postgres_result.ts";
import type { QueryOptions, Use } from "./runnable.ts";
import type { Source } from "./source.ts";
import type { Parsed } from "./statement_view.ts";
import type { Anything } from "./value_types.ts";

/**
 * A query. It is sent when it is awaited or `execute()`d; as a value of another template it becomes a
 * part of that one. Awaiting it twice runs it once.
 */
export class PendingQuery<T = Row[]> implements Template {
  /** @internal The texts between the values. */
  readonly strings: readonly string[];
  /** @internal The values. */
  readonly args: readonly unknown[];
  /** @internal Whether the query was made by a template. */
  readonly tagged: boolean;
  /** @internal How it is run. */
  options: QueryOptions;
  /** @internal Its purpose. */
  use: Use = "rows";
  /** @internal The shape of its rows. */
  shape: "object" | "values" | "raw" = "object";
  /** @internal The function that takes each row. */
  each: ((row: Anything, result: Anything) => void) | undefined;
  /** @internal Whether it was cancelled before it was sent. */
  isCancelled = false;
  /** @internal The parameters as they were sent. */
  sent: { readonly parameters: readonly unknown[] } | undefined;
  /** @internal Cancels it on the server. */
  stop: (() => void) | undefined;
  /** @internal The stack of the caller. */
  readonly origin: Error | undefined;
  /** @internal Fulfils the query. */
  resolve!: (value: Anything) => void;
  /** @internal Rejects the query. */
  reject!: (error: unknown) => void;
  readonly #source: Source;
  #promise: Promise<T> | undefined;

  static {
    inheritFromPromise(this.prototype);
  }

  /** For the driver: use the tag. */
  constructor(
    source: Source,
    strings: readonly string[],
    args: readonly unknown[],
    tagged: boolean,
    options: QueryOptions,
    origin: Error | undefined,
  ) {
    this.#source = source;
    this.strings = strings;
    this.args = args;
    this.tagged = tagged;
    this.options = options;
    this.origin = origin;
  }

  /** Starts the query if it has not started, and returns a promise for its result. */
  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: Anything) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#start().then(onfulfilled, onrejected);
  }

  /** Starts the query as `then()` does, and handles its error. */
  catch<B = never>(
    onrejected?: ((reason: Anything) => B | PromiseLike<B>) | null,
  ): Promise<T | B> {
    return this.#start().then(undefined, onrejected);
  }

  /** Starts the query as `then()` does, and calls `onfinally` when it has settled. */
  finally(onfinally?: (() => void) | null): Promise<T> {
    return this.#start().finally(onfinally);
  }

  /** The name that `Object.prototype.toString` shows. */
  get [Symbol.toStringTag](): string {
    return "Query";
  }

  /** Sends the query now. Its error is ignored if it is never awaited. */
  execute(): this {
    this.#start().catch(() => {});
    return this;
  }

  /** Returns the query with rows as arrays of values. */
  values(): PendingQuery<Anything[][]> {
    this.shape = "values";
    return this as unknown as PendingQuery<Anything[][]>;
  }

  /** Returns the query with rows as arrays of Buffers with the server's text; NULL is `null`. */
  raw(): PendingQuery<(Uint8Array | null)[][]> {
    this.shape = "raw";
    return this as unknown as PendingQuery<(Uint8Array | null)[][]>;
  }

  /** Returns the query for the simple protocol: several statements, without parameters. */
  simple(): this {
    this.options = { ...this.options, simple: true, prepare: false };
    return this;
  }

  /** Describes the statement without running it. */
  describe(): PendingQuery<Parsed> {
    this.use = "describe";
    this.options = { ...this.options, simple: false };
    return this as unknown as PendingQuery<Parsed>;
  }

  /** Calls `fn` with each row as it arrives. Resolves to a result without rows. */
  forEach(fn: (row: Anything, result: Result) => void): this {
    this.use = "each";
    this.each = fn;
    return this.execute();
  }

  /**
   * Refuses the old name of `forEach()`.
   *
   * @throws {Error} always.
   */
  stream(): never {
    throw new Error(".stream has been renamed to .forEach");
  }

  /** Reads the rows in batches of `rows`, each when the callback for the one before has settled. */
  cursor(rows: number, fn: CursorCallback): Promise<Result>;
  /** Reads the rows one by one. */
  cursor(fn: CursorCallback): Promise<Result>;
  /** Returns an iterable of batches of `rows`, by default 1. */
  cursor(rows?: number): AsyncIterable<Anything[]>;
  cursor(
    rows: number | CursorCallback = 1,
    fn?: CursorCallback,
  ): Promise<Result> | AsyncIterable<Anything[]> {
    this.use = "cursor";
    const [size, callback] = typeof rows === "function" ? [1, rows] : [rows, fn];
    const cursor: Cursor = cursorOver(this, this.#source, size);
    return callback === undefined ? cursor : cursor.run(callback);
  }

  /** Runs a `copy … to stdout` and resolves to the stream of its data. */
  readable(): Promise<NodeReadable> {
    return this.#copy() as Promise<NodeReadable>;
  }

  /** Runs a `copy … from stdin` and resolves to the stream that takes its data. */
  writable(): Promise<NodeWritable> {
    return this.#copy() as Promise<NodeWritable>;
  }

  /** Cancels this query. One that is not sent is never sent. It rejects with the code 57014. */
  cancel(): void {
    if (this.stop !== undefined) return this.stop();
    this.isCancelled = true;
    if (this.#promise !== undefined && this.#source.forget(this)) this.reject(cancelledError());
  }

  #copy(): Promise<unknown> {
    this.use = "copy";
    return this.#start();
  }

  #start(): Promise<T> {
    if (this.#promise !== undefined) return this.#promise;
    this.#promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    if (this.isCancelled) this.reject(cancelledError());
    else this.#source.dispatch(this as PendingQuery<Anything>);
    return this.#promise;
  }
}

/** Declares queries as promises, so that linters report one that is not awaited. */
export interface PendingQuery<T = Row[]> extends Promise<T> {}

/** Reports whether a value is a query, which becomes a part of the one that it stands in. */
export function isPart(value: unknown): value is Template {
  return value instanceof PendingQuery;
}
