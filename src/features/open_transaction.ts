/** A transaction of the driver that is ended by a later call, not by the end of a callback. */
import type { Transaction, TransactionCallback, TransactionOptions } from "./transaction.ts";

/** A connection or a pool, as far as a transaction needs it. */
interface Transactional {
  transaction<T>(work: TransactionCallback<T>, options?: TransactionOptions): Promise<T>;
}

/** An open transaction. Unlike one by `begin()`, its BEGIN costs no round trip. */
export class OpenTransaction {
  /** The transaction, for queries. */
  readonly tx: Transaction;
  readonly #end: (isCommitted: boolean) => void;
  readonly #done: Promise<void>;
  #isCommitted = false;

  private constructor(tx: Transaction, end: (isCommitted: boolean) => void, done: Promise<void>) {
    this.tx = tx;
    this.#end = end;
    this.#done = done;
  }

  /**
   * Begins a transaction.
   *
   * @throws {InterfaceError} an option is wrong, or a transaction is open already.
   */
  static async begin(
    db: Transactional,
    options: TransactionOptions,
  ): Promise<OpenTransaction> {
    let end!: (isCommitted: boolean) => void;
    const ended = new Promise<boolean>((resolve) => end = resolve);
    let done!: Promise<void>;
    const tx = await new Promise<Transaction>((resolve, reject) => {
      done = db.transaction(async (tx) => {
        resolve(tx);
        if (!await ended) throw ROLLED_BACK;
      }, options);
      done.catch(reject);
    });
    return new OpenTransaction(tx, end, done);
  }

  /** Commits; rejects if the transaction was rolled back instead. */
  async commit(): Promise<void> {
    this.#isCommitted = true;
    this.#end(true);
    await this.#done;
  }

  /** Rolls back. After a commit, which has ended the transaction in any case, it has no effect. */
  async rollback(): Promise<void> {
    this.#end(false);
    await this.#done.catch((error) => {
      if (error !== ROLLED_BACK && !this.#isCommitted) throw error;
    });
  }
}

const ROLLED_BACK = new Error("rolled back");
