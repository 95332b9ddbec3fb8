/** Transactions and savepoints for users: around a callback, with retries, or by explicit calls. */
import {
  bool,
  CALL_OPTIONS,
  type Check,
  checkOptions,
  type Checks,
  object,
  oneOf,
  whole,
} from "../errors/checks.ts";
import { InterfaceError, PgError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { QueryContext } from "../query/query_context.ts";
import { Query } from "../query/query.ts";
import { SimpleQuery } from "../query/simple_query.ts";
import { Unstarted } from "../query/unstarted.ts";
import { limit, unlessAborted } from "../session/deadline.ts";
import type { Signal } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import type { TracedOperation, TransactionTrace } from "../trace.ts";
import { Block, type TransactionOptions } from "./block.ts";
import { BulkQueries } from "./bulk.ts";
import { LargeObjects } from "./large_object.ts";
import { within } from "./within.ts";

export type { TransactionOptions } from "./block.ts";

/** Options of a transaction, and of its retries. */
export interface TransactionRunOptions extends TransactionOptions {
  /**
   * How often the callback is run again when the transaction failed through no fault of its own: it
   * could not be serialized (40001), was the victim of a deadlock (40P01) or met a stale statement.
   * A random pause of up to one second precedes each attempt. Default 0.
   */
  readonly retries?: number | undefined;
}

const OPTIONS: Checks = {
  ...CALL_OPTIONS,
  isolation: oneOf("read uncommitted", "read committed", "repeatable read", "serializable"),
  readOnly: bool,
  deferrable: bool,
};

const retries: Check = (name, value) => {
  if (value !== Infinity) whole(0)(name, value);
};

const RUN_OPTIONS: Checks = { ...OPTIONS, retries };

/** The callback of a transaction. It rolls back by rejecting. */
export type TransactionCallback<T> = (tx: Transaction) => T | PromiseLike<T>;

/** The queries that a transaction's callback may return, to be run before COMMIT. */
export type Promises = readonly PromiseLike<unknown>[];

/** A promise for the results of the queries that a transaction's callback returns. */
export type QueriesDone<T extends Promises> = Promise<
  0 extends (1 & T) ? T : { -readonly [I in keyof T]: Awaited<T[I]> }
>;

/**
 * Runs `work` in a transaction, and commits when it fulfils.
 *
 * @throws the reason with which `work` rejects, after a rollback.
 * @throws {InternalError} the server answered COMMIT with ROLLBACK, because a statement had failed
 * although `work` fulfilled. The cause is that statement's error.
 */
export async function runTransaction<T>(
  host: QueryContext,
  work: TransactionCallback<T>,
  given: TransactionRunOptions = {},
): Promise<T> {
  object("options", given);
  const options = own(given);
  checkOptions(options, RUN_OPTIONS);
  const { retries = 0 } = options;
  const { signal, lift } = limit("transaction", options.timeout, options.signal);
  try {
    for (let attempt = 0;; attempt++) {
      try {
        const begin = () => new Block(host, options, signal);
        return await runWatched(host, attempt + 1, begin, work);
      } catch (error) {
        if (attempt >= retries || !isWorthRetrying(error)) throw error;
      }
      // Rejects with the reason if the time is over.
      await pause(attempt, signal);
    }
  } finally {
    lift();
  }
}

/**
 * Begins a transaction that its user ends.
 *
 * @throws {InterfaceError} a transaction is already open.
 */
export async function beginTransaction(
  host: QueryContext,
  given: TransactionOptions = {},
): Promise<Transaction> {
  object("options", given);
  const options = own(given);
  checkOptions(options, OPTIONS);
  const { executor: { trace: { transaction }, session } } = host;
  const { signal, lift } = limit("transaction", options.timeout, options.signal);
  const watched = transaction.isWatched ? transaction.open(told(host, 1)) : undefined;
  const make = () => new Block(host, options, signal);
  try {
    const block = watched === undefined ? make() : watched.run(make);
    block.left = lift;
    const tx = new Transaction(host, block);
    await block.begin().catch(async (error) => {
      await tx[Symbol.asyncDispose]();
      throw error;
    });
    if (watched !== undefined) settleWhenLeft(watched, block, session);
    return tx;
  } catch (error) {
    lift();
    watched?.failed(error);
    throw error;
  }
}

/** Settles the tracing operation when the block ends, at the latest with the session. */
function settleWhenLeft(
  watched: TracedOperation<TransactionTrace>,
  block: Block,
  session: Session,
): void {
  const settle = (error?: unknown): void => {
    const { outcome } = block;
    if (error === undefined) watched.succeeded({ outcome });
    else watched.failed(error, { outcome });
  };
  const { left } = block;
  block.left = (error) => {
    left?.();
    settle(error);
  };
  void session.ended.then(settle);
}

/** Returns the fields that tracing reports at the beginning of a block. */
function told(
  { defaults }: QueryContext,
  attempt: number,
): Pick<TransactionTrace, "db.operation.name" | "attempt"> {
  const isSavepoint = defaults.lock !== undefined;
  return { "db.operation.name": isSavepoint ? "SAVEPOINT" : "TRANSACTION", attempt };
}

/**
 * An open transaction, or a savepoint within one. While it is open, queries on its connection are
 * refused: run them on the transaction.
 *
 * @example
 * ```ts
 * await db.transaction(async (tx) => {
 *   await tx.query("update accounts set balance = balance - 5 where id = 1");
 *   await tx.query("update accounts set balance = balance + 5 where id = 2");
 * }, { isolation: "serializable", retries: 5 });
 * ```
 */
export class Transaction extends BulkQueries implements AsyncDisposable {
  readonly #host: QueryContext;
  readonly #block: Block;
  readonly #unstarted: Unstarted;

  /** For the driver: use `transaction()` or `begin()` of a connection. */
  constructor(host: QueryContext, block: Block) {
    const unstarted = new Unstarted();
    const own = within(host, block, unstarted);
    super(own);
    this.#unstarted = unstarted;
    this.#host = own;
    this.#block = block;
  }

  /**
   * Commits; releases a savepoint.
   *
   * @throws {InternalError} the transaction was rolled back instead, because a statement had
   * failed, whose error is the cause.
   * @throws {InterfaceError} the transaction has already ended, or queries were made in it and
   * never awaited; it is rolled back then.
   */
  commit(): Promise<void> {
    return this.#unlessUnstarted(() => this.#block.commit());
  }

  /** Rolls back; to the savepoint, if it is one. Further calls have no effect. */
  rollback(): Promise<void> {
    return this.#block.rollback();
  }

  /**
   * Runs `work` in a savepoint. Its changes are kept when it fulfils and undone when it rejects.
   * Meanwhile queries on the transaction itself are refused.
   *
   * @throws {InterfaceError} options were given: a savepoint has none.
   */
  transaction<T extends Promises>(
    work: TransactionCallback<readonly [...T]>,
    options?: TransactionRunOptions,
  ): QueriesDone<T>;
  /** Runs `work` in a savepoint, and resolves to its value. */
  transaction<T>(work: TransactionCallback<T>, options?: TransactionRunOptions): Promise<T>;
  transaction<T>(work: TransactionCallback<T>, options?: TransactionRunOptions): Promise<T> {
    return runSavepoint(this.#host, this.#block, work, options);
  }

  /** Runs `work` in a savepoint, as `transaction()` of a transaction does. */
  savepoint<T extends Promises>(work: TransactionCallback<readonly [...T]>): QueriesDone<T>;
  /** Runs `work` in a savepoint, and resolves to its value. */
  savepoint<T>(work: TransactionCallback<T>): Promise<T>;
  savepoint<T>(work: TransactionCallback<T>): Promise<T> {
    return this.transaction(work);
  }

  /**
   * Prepares the transaction under a name, for `commitPrepared()` or `rollbackPrepared()` on any
   * connection to its database. The transaction has ended here.
   *
   * @throws {InternalError} it was rolled back instead, because a statement had failed.
   * @throws {DatabaseError} the name is taken, or the server takes no prepared transactions; it is
   * rolled back then.
   * @throws {InterfaceError} it has already ended, is a savepoint, or a savepoint is open in it.
   */
  prepareTransaction(gid: string): Promise<void> {
    return this.#unlessUnstarted(() => this.#block.prepare(gid));
  }

  /**
   * The large objects of the database. Those that are open are closed when the transaction ends.
   */
  get largeObjects(): LargeObjects {
    return new LargeObjects(this.#host);
  }

  /** Rolls back unless the transaction has ended. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#block.rollback().catch(() => {});
  }

  #unlessUnstarted(end: () => Promise<void>): Promise<void> {
    const error = this.#unstarted.error();
    if (error === undefined) return end();
    return this[Symbol.asyncDispose]().then(() => Promise.reject(error));
  }
}

async function runSavepoint<T>(
  host: QueryContext,
  outer: Block,
  work: TransactionCallback<T>,
  options: TransactionRunOptions = {},
): Promise<T> {
  if (Object.keys(options).length > 0) {
    throw new InterfaceError("a savepoint has no options: give them to the transaction");
  }
  return await runWatched(host, 1, () => new Block(host, {}, undefined, outer), work);
}

/** Runs one attempt, and reports it to tracing. */
async function runWatched<T>(
  host: QueryContext,
  attempt: number,
  begin: () => Block,
  work: TransactionCallback<T>,
): Promise<T> {
  const { trace: { transaction } } = host.executor;
  if (!transaction.isWatched) return await runOnce(host, begin(), work);
  const watched = transaction.open(told(host, attempt));
  let block: Block | undefined;
  try {
    const value = await watched.run(async () => await runOnce(host, block = begin(), work));
    watched.succeeded({ outcome: block!.outcome });
    return value;
  } catch (error) {
    watched.failed(error, { outcome: block?.outcome });
    throw error;
  }
}

async function runOnce<T>(
  host: QueryContext,
  block: Block,
  work: TransactionCallback<T>,
): Promise<T> {
  const tx = new Transaction(host, block);
  let value: T;
  try {
    value = await unlessAborted(work(tx), block.signal);
    if (areQueries(value)) value = await unlessAborted(Promise.all(value), block.signal) as T;
  } catch (error) {
    await tx[Symbol.asyncDispose]();
    // A failure to begin is the reason why nothing could run in the transaction.
    await block.begun;
    throw error;
  }
  try {
    await tx.commit();
  } catch (error) {
    // COMMIT was refused because something in the transaction is still open.
    await tx[Symbol.asyncDispose]();
    throw error;
  }
  return value;
}

/** Reports whether a callback has returned an array of queries, to be run. */
function areQueries(value: unknown): value is readonly (Query | SimpleQuery)[] {
  return Array.isArray(value) && value.length > 0 &&
    value.every((item) => item instanceof Query || item instanceof SimpleQuery);
}

/** Reports whether an error, or one of its causes, says that the same transaction may succeed. */
function isWorthRetrying(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    if (!(at instanceof PgError)) continue;
    if (at.code === "40001" || at.code === "40P01" || at.name === "StaleStatementError") {
      return true;
    }
  }
  return false;
}

/** Waits before the next attempt: a random time up to a bound that doubles. */
async function pause(attempt: number, signal: Signal | undefined): Promise<void> {
  const milliseconds = Math.random() * Math.min(1000, 10 * 2 ** attempt);
  let clock: ReturnType<typeof setTimeout> | undefined;
  const paused = new Promise<void>((resolve) => clock = setTimeout(resolve, milliseconds));
  await unlessAborted(paused, signal).finally(() => clearTimeout(clock));
}
