import { InterfaceError } from "../errors/errors.ts";
import { takeCallSite, withCallSite } from "../query/call_site.ts";
import { OutAdapters } from "./adapters.ts";
import { type Database, escapesInStrings, type ExecutionHost } from "./execution_host.ts";

/** A connection whose statements run one after another, in a transaction if one is wanted. */
export interface TransactionalDatabase extends Database {
  readonly transactionStatus: "idle" | "transaction" | "failed";
  /** Whether BEGIN stands in front of the next statement, which is skipped if BEGIN fails. */
  isToBegin: boolean;
  /** The names of the prepared transactions of this database. */
  preparedHere(): Promise<string[]>;
}

/**
 * Runs the statements of one `./dbapi` or `./native` connection.
 *
 * The statements of all cursors run one after another, because what has to be sent before a
 * statement depends on how the one before it has ended.
 */
export class Host implements ExecutionHost {
  readonly db: TransactionalDatabase;
  readonly adapters: OutAdapters = new OutAdapters();
  readonly #wantsTransaction: () => boolean;
  #turn: Promise<void> = Promise.resolve();
  #firstFailure: unknown;
  /** The number of COPYs that were called and have not ended. */
  #copies = 0;

  constructor(db: TransactionalDatabase, wantsTransaction: () => boolean) {
    this.db = db;
    this.#wantsTransaction = wantsTransaction;
  }

  get firstFailure(): unknown {
    return this.#firstFailure;
  }

  get begins(): boolean {
    return this.db.isToBegin;
  }

  get backslashes(): boolean {
    return escapesInStrings(this.db);
  }

  /**
   * Runs a COPY, and refuses statements meanwhile. A statement that waited would never run where
   * the source or the sink of the COPY awaits it.
   */
  async copy<T>(work: () => Promise<T>): Promise<T> {
    const copying = this.run(work, true);
    this.#copies++;
    try {
      return await copying;
    } finally {
      this.#copies--;
    }
  }

  async run<T>(work: () => Promise<T>, begins: boolean): Promise<T> {
    if (this.#copies > 0) throw new InterfaceError(COPYING);
    // Taken on every runtime, because after the wait no engine knows the caller.
    const site = takeCallSite(false);
    const before = this.#turn;
    let release!: () => void;
    this.#turn = new Promise((resolve) => release = resolve);
    await before;
    try {
      return await this.#run(work, begins);
    } catch (error) {
      throw withCallSite(error, site);
    } finally {
      release();
    }
  }

  adapt(values: readonly unknown[]): readonly unknown[] {
    return this.adapters.adapt(values);
  }

  async #run<T>(work: () => Promise<T>, begins: boolean): Promise<T> {
    const { db } = this;
    const idle = db.transactionStatus === "idle";
    if (idle) this.#firstFailure = undefined;
    try {
      db.isToBegin = begins && idle && this.#wantsTransaction();
      return await work();
    } catch (error) {
      if (db.transactionStatus === "failed") this.#firstFailure ??= error;
      throw error;
    }
  }
}

const COPYING =
  "a COPY is in progress on this connection: run the statement after it, or on another connection";
