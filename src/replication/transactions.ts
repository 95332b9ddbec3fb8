/** Transactions of a change stream, one at a time or several at once. */
import type { AnyTables, Change } from "./change.ts";
import type { StreamEvent } from "./stream_event.ts";
import { Lsn } from "./lsn.ts";
import { END, ended, moreOf, nextUnit, type Source, StreamClosedError } from "./reading.ts";
import type { Origin } from "./transaction_info.ts";
import type { Unit } from "./unit.ts";

/**
 * A transaction of a change stream: an iterable of its changes, which can be read once. Changes come as
 * they are received, so that a transaction may be larger than memory.
 */
export interface Transaction<Tables = AnyTables> extends AsyncIterable<Change<Tables>> {
  /**
   * The kind: a committed transaction (`commit`); with `twoPhase` one that was prepared (`prepare`), and
   * later its fate, without changes (`commitPrepared`, `rollbackPrepared`); a part of the copy of a table
   * (`snapshot`); a message outside of transactions (`message`).
   */
  readonly kind:
    | "commit"
    | "prepare"
    | "commitPrepared"
    | "rollbackPrepared"
    | "snapshot"
    | "message";
  /** The transaction's ID; `undefined` for the snapshot and for a message outside of transactions. */
  readonly xid: number | undefined;
  /** The name of a prepared transaction. */
  readonly gid: string | undefined;
  /** The origin, if the transaction was replicated from elsewhere. */
  readonly origin: Origin | undefined;
  /**
   * The position of the commit: a transaction's stable name. For the snapshot, the position at which it
   * was taken. `test_decoding` sends it at the end; until then it is `0/0`.
   */
  readonly commitLsn: Lsn;
  /** The position behind the commit; `undefined` until the transaction was received completely. */
  readonly endLsn: Lsn | undefined;
  /** The time of the commit, by the server's clock; `undefined` if the server sends none. */
  readonly at: Date | undefined;
  /** Whether this transaction, or a later one, was handed over before. */
  readonly redelivered: boolean;
  /** Reads all changes. They are in memory at once. */
  all(): Promise<Change<Tables>[]>;
  /**
   * Confirms the transaction, with `confirm: "manual"`. The server is sent the end of the longest sequence
   * of confirmed transactions, so that none is lost that was confirmed out of order.
   */
  confirm(): void;
}

/** The transaction over a unit. */
export class UnitTransaction implements Transaction {
  readonly #source: Source;
  readonly #unit: Unit<StreamEvent>;
  /** The last call that waits for changes; calls behind it wait, too. */
  #waiting: Promise<unknown> | undefined;

  constructor(source: Source, unit: Unit<StreamEvent>) {
    this.#source = source;
    this.#unit = unit;
  }

  get kind(): Transaction["kind"] {
    return this.#unit.start.kind as Transaction["kind"];
  }

  get xid(): number | undefined {
    return this.#unit.start.transaction?.xid;
  }

  get gid(): string | undefined {
    return this.#unit.start.transaction?.gid;
  }

  get origin(): Origin | undefined {
    return this.#unit.start.transaction?.origin;
  }

  get commitLsn(): Lsn {
    const { commitLsn, transaction } = this.#unit.start;
    return transaction?.commitLsn ?? new Lsn(commitLsn);
  }

  get endLsn(): Lsn | undefined {
    const { endLsn } = this.#unit;
    return endLsn === 0n ? undefined : new Lsn(endLsn);
  }

  get at(): Date | undefined {
    return this.#unit.start.transaction?.at ?? this.#unit.start.at;
  }

  get redelivered(): boolean {
    return this.#unit.isRedelivered;
  }

  /** Returns an iterator of the changes that were not read yet. */
  [Symbol.asyncIterator](): AsyncIterator<Change, undefined> {
    const take = (): IteratorResult<Change, undefined> => ({ done: false, value: this.#take() });
    const wait = async () => await moreOf(this.#unit) ? take() : END;
    return {
      next: () => {
        const isReady = this.#waiting === undefined && this.#unit.ready > 0;
        return isReady ? Promise.resolve(take()) : this.#queued(wait);
      },
    };
  }

  all(): Promise<Change[]> {
    return this.#queued(async () => {
      const changes: Change[] = [];
      for (;;) {
        if (!await moreOf(this.#unit)) return changes;
        while (this.#unit.ready > 0) changes.push(this.#take());
      }
    });
  }

  confirm(): void {
    this.#source.inbox.confirm(this.#unit);
  }

  #take(): Change {
    return this.#source.inbox.take(this.#unit) as Change;
  }

  /** Runs `read` when earlier calls have their changes: only one can wait for the unit. */
  #queued<T>(read: () => Promise<T>): Promise<T> {
    const before = this.#waiting;
    const found = before === undefined ? read() : before.then(read, read);
    this.#waiting = found;
    const clear = (): void => {
      if (this.#waiting === found) this.#waiting = undefined;
    };
    found.then(clear, clear);
    return found;
  }
}

/** The transactions of a stream, one after another. Each is confirmed when the next one is requested. */
export class TransactionIterator implements AsyncIterableIterator<Transaction, undefined> {
  readonly #source: Source;
  #unit: Unit<StreamEvent> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: Source) {
    this.#source = source;
  }

  /** The iterator is its own iterable. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Returns the next transaction. */
  next(): Promise<IteratorResult<Transaction, undefined>> {
    const found = this.#last.then(() => this.#next());
    this.#last = found.catch(() => {});
    return found;
  }

  /** Closes the stream. Leaving a loop calls this. */
  async return(): Promise<IteratorResult<Transaction, undefined>> {
    await this.#source.close();
    return END;
  }

  async #next(): Promise<IteratorResult<Transaction, undefined>> {
    if (this.#unit !== undefined) this.#source.inbox.handled(this.#unit);
    this.#unit = undefined;
    const unit = await nextUnit(this.#source).catch((error) => this.#failed(error));
    if (unit === undefined) {
      await this.#source.close();
      ended(this.#source.inbox);
      return END;
    }
    this.#unit = unit;
    return { done: false, value: new UnitTransaction(this.#source, unit) };
  }

  async #failed(error: unknown): Promise<never> {
    await this.#source.close();
    throw error;
  }
}

/** Calls `handler` for each transaction, at most `concurrency` at once. See `ChangeStream.run()`. */
export async function runHandlers(
  source: Source,
  handler: (transaction: Transaction) => unknown,
  concurrency: number,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let oneEnded = (): void => {};
  const handle = async (unit: Unit<StreamEvent>): Promise<void> => {
    try {
      await handler(new UnitTransaction(source, unit));
      source.inbox.handled(unit);
    } catch (error) {
      failures.push(error);
      // What it has not read would keep the changes of other handlers from coming.
      source.inbox.leave(unit);
      source.inbox.wakeReader();
    }
  };
  try {
    while (failures.length === 0) {
      if (running.size >= concurrency) {
        // Promise.race() would add a reaction to the slowest handler for each of the others.
        await new Promise<void>((resolve) => oneEnded = resolve);
        continue;
      }
      const unit = await nextUnit(source, () => failures.length > 0);
      if (unit === undefined) break;
      const work = handle(unit).finally(() => (running.delete(work), oneEnded()));
      running.add(work);
    }
  } catch (error) {
    failures.unshift(error);
  }
  await Promise.all(running);
  await source.close();
  const failure = failures.find((error) => !(error instanceof StreamClosedError));
  if (failure !== undefined) throw failure;
  ended(source.inbox);
}
