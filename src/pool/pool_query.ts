import type { Connection } from "../connection.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Fragment } from "../query/fragment.ts";
import type { QueryOptions } from "../query/options.ts";
import { type HostLoan, neverSent, type QueryContext } from "../query/query_context.ts";
import { Query, type StatementDescription } from "../query/query.ts";
import { SimpleQuery } from "../query/simple_query.ts";
import type { ObjectRow, Result } from "../query/result.ts";
import { BatchStream, RowStream } from "../query/stream.ts";
import { cancelled } from "../session/exchange.ts";
import type { Kind, Wish } from "./waiting_list.ts";

/** What a query of a pool needs of it. */
export interface QueryPool {
  /** What queries are made with, before there is a connection. */
  readonly host: QueryContext;
  /** Runs `work` with a connection, and gives that back when `work` has settled. */
  lend<T>(need: Need, work: (db: Connection) => PromiseLike<T>): Promise<T>;
  /** The caller's stack, where it will be wanted and cannot be had later. */
  site(): Error | undefined;
  /** The caller's stack, for whoever is told that he has lost what he begins now. */
  place(what: string): Error | undefined;
  /** Takes a connection for a stream. */
  take(need: Need): Promise<Loan>;
}

/** What a connection is needed for. */
export interface Need extends Wish {
  /**
   * It is one query: it may be made again on another connection when this one was lost before it was
   * sent, and its errors get the caller's stack.
   */
  readonly isQuery?: boolean;
  /** Why it is refused, if it is. */
  readonly refusal?: string | undefined;
}

/** A connection taken. */
export interface Loan extends Required<HostLoan> {
  readonly db: Connection;
}

/** How a query is made, once there is a connection to make it on. */
export interface Recipe<Row> {
  make(db: Connection): Query<Row>;
  /** Whether it minds others on its connection: it changes the session's state. */
  readonly kind: Kind;
  /** Why the pool does not run it, if it does not. */
  readonly refusal?: string | undefined;
  readonly options: QueryOptions;
  /** What it is as a part of another query. */
  readonly origin?: TemplateStringsArray | Fragment;
  readonly values: readonly unknown[];
}

/** A query on whichever connection of the pool comes free. */
export class PoolQuery<Row = ObjectRow> extends Query<Row> {
  readonly #pool: QueryPool;
  readonly #recipe: Recipe<Row>;
  readonly #site: Error | undefined;
  #promise: Promise<Result<Row>> | undefined;
  #inner: { cancel(reason?: unknown): void } | undefined;
  #isCancelled = false;

  constructor(pool: QueryPool, recipe: Recipe<Row>) {
    super(pool.host, "", recipe.values, recipe.options, recipe.origin);
    this.#pool = pool;
    this.#recipe = recipe;
    this.#site = pool.site();
  }

  override then<A = Result<Row>, B = never>(
    onfulfilled?: ((value: Result<Row>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#start().then(onfulfilled, onrejected);
  }

  override catch<B = never>(
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<Result<Row> | B> {
    return this.#start().then(undefined, onrejected);
  }

  override finally(onfinally?: (() => void) | null): Promise<Result<Row>> {
    return this.#start().finally(onfinally);
  }

  override execute(): this {
    this.#start().catch(() => {});
    return this;
  }

  override values<Row extends readonly unknown[] = unknown[]>(): Query<Row> {
    const recipe = this.#recipe;
    return new PoolQuery(this.#pool, { ...recipe, make: (db) => recipe.make(db).values<Row>() });
  }

  override [Symbol.asyncIterator](): RowStream<Row> {
    return this.#streaming(new PoolRowStream(this.#lazy((query) => query[Symbol.asyncIterator]())));
  }

  override batches(size: number): BatchStream<Row> {
    if (!(Number.isInteger(size) && size > 0 && size < 2 ** 31)) {
      throw new InterfaceError("batches(): the size must be a whole number above 0");
    }
    return this.#streaming(new PoolBatchStream(this.#lazy((query) => query.batches(size))));
  }

  override simple(): SimpleQuery<Row> {
    return new PoolSimpleQuery(this.#pool, this.#recipe);
  }

  override describe(): Promise<StatementDescription> {
    return this.#pool.lend(this.#need("shared"), (db) => this.#recipe.make(db).describe());
  }

  override cancel(): void {
    if (this.#inner !== undefined) return this.#inner.cancel(cancelled());
    super.cancel(); // what scalar() has made
    this.#isCancelled = true;
    this.#promise ??= neverSent();
  }

  #start(): Promise<Result<Row>> {
    return this.#promise ??= this.#pool.lend(this.#need(this.#recipe.kind), (db) => {
      if (this.#isCancelled) throw cancelled();
      const query = this.#recipe.make(db);
      this.#inner = query;
      return query;
    });
  }

  #need(kind: Kind): Need {
    const { refusal, options: { signal } } = this.#recipe;
    return { kind, signal, site: this.#site, isQuery: true, refusal };
  }

  #streaming<S extends RowStream<Row> | BatchStream<Row>>(stream: S): S {
    if (this.#isCancelled) stream.cancel(cancelled());
    this.#inner = stream;
    return stream;
  }

  #lazy<Item>(open: (query: Query<Row>) => Stream<Item>): LazyStream<Item> {
    const need = { ...this.#need("held"), site: this.#site ?? this.#pool.place("stream") };
    return new LazyStream(() => this.#pool.take(need), (db) => open(this.#recipe.make(db)));
  }
}

class PoolSimpleQuery<Row> extends SimpleQuery<Row> {
  readonly #pool: QueryPool;
  readonly #recipe: Recipe<Row>;
  readonly #site: Error | undefined;
  #promise: Promise<Result<Row>[]> | undefined;
  #inner: SimpleQuery<Row> | undefined;
  #isCancelled = false;

  constructor(pool: QueryPool, recipe: Recipe<Row>) {
    super(pool.host, "", [], recipe.options);
    this.#pool = pool;
    this.#recipe = recipe;
    this.#site = pool.site();
  }

  override all(): Promise<Result<Row>[]> {
    const { refusal, options: { signal } } = this.#recipe;
    const need = { kind: "held", signal, site: this.#site, isQuery: true, refusal } as const;
    return this.#promise ??= this.#pool.lend(need, (db) => {
      if (this.#isCancelled) throw cancelled();
      this.#inner = this.#recipe.make(db).simple();
      return this.#inner.all();
    });
  }

  override cancel(): void {
    if (this.#inner !== undefined) return this.#inner.cancel();
    this.#isCancelled = true;
    this.#promise ??= neverSent();
  }
}

/** What streams of rows and of batches have in common. */
interface Stream<Item> {
  next(): Promise<IteratorResult<Item, undefined>>;
  return(): Promise<IteratorResult<Item, undefined>>;
  cancel(reason: unknown): void;
}

const END: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** A stream that takes its connection with its first item, and gives it back after its last. */
class LazyStream<Item> implements Stream<Item> {
  readonly #take: () => Promise<Loan>;
  readonly #open: (db: Connection) => Stream<Item>;
  #loan: Loan | undefined;
  #inner: Stream<Item> | undefined;
  #isOver = false;
  #cancelled: { readonly reason: unknown } | undefined;
  /** The reader's calls, one behind the other. */
  #calls: Promise<unknown> = Promise.resolve();

  constructor(take: () => Promise<Loan>, open: (db: Connection) => Stream<Item>) {
    this.#take = take;
    this.#open = open;
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    return this.#call(() => this.#next());
  }

  return(): Promise<IteratorResult<Item, undefined>> {
    return this.#call(async () => {
      await this.#inner?.return();
      return await this.#end();
    });
  }

  cancel(reason: unknown): void {
    this.#cancelled ??= { reason };
    this.#inner?.cancel(reason);
  }

  #call<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#calls.then(work);
    this.#calls = done.catch(() => {});
    return done;
  }

  async #next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#isOver) return END;
    try {
      if (this.#inner === undefined) this.#inner = await this.#begin();
      const item = await this.#inner.next();
      return item.done === true ? await this.#end() : item;
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  async #begin(): Promise<Stream<Item>> {
    this.#checkCancelled();
    this.#loan = await this.#take();
    this.#checkCancelled();
    return this.#open(this.#loan.db);
  }

  #checkCancelled(): void {
    if (this.#cancelled !== undefined) throw this.#cancelled.reason;
  }

  async #end(): Promise<IteratorResult<Item, undefined>> {
    const loan = this.#isOver ? undefined : this.#loan;
    this.#isOver = true;
    await loan?.giveBack();
    return END;
  }
}

/** What a stream would read that gets all from another one. */
const NOTHING = Object.freeze({}) as ConstructorParameters<typeof RowStream>[0];

class PoolRowStream<Row> extends RowStream<Row> {
  readonly #stream: LazyStream<Row>;

  constructor(stream: LazyStream<Row>) {
    super(NOTHING);
    this.#stream = stream;
  }

  override next(): Promise<IteratorResult<Row, undefined>> {
    return this.#stream.next();
  }

  override return(): Promise<IteratorResult<Row, undefined>> {
    return this.#stream.return();
  }

  override cancel(reason: unknown): void {
    this.#stream.cancel(reason);
  }
}

class PoolBatchStream<Row> extends BatchStream<Row> {
  readonly #stream: LazyStream<Row[]>;

  constructor(stream: LazyStream<Row[]>) {
    super(NOTHING, () => 1);
    this.#stream = stream;
  }

  override next(): Promise<IteratorResult<Row[], undefined>> {
    return this.#stream.next();
  }

  override return(): Promise<IteratorResult<Row[], undefined>> {
    return this.#stream.return();
  }

  override cancel(reason: unknown): void {
    this.#stream.cancel(reason);
  }
}
