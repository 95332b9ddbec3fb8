import { InternalError } from "../errors/errors.ts";
import { takeCallSite, withCallSite } from "../query/call_site.ts";
import { OutAdapters } from "./adapters.ts";
import { type Database, escapesInStrings, type ExecutionHost } from "./execution.ts";

/** A connection whose statements run one after another, in a transaction if one is wanted. */
export interface TransactionalDatabase extends Database {
  readonly transactionStatus: "idle" | "transaction" | "failed";
}

/**
 * Runs the statements of one `./dbapi` or `./native` connection.
 *
 * They go one after another, whichever cursors they come from, because what has to be sent before a
 * statement depends on how the one before it has ended.
 */
export class Host implements ExecutionHost {
  readonly db: TransactionalDatabase;
  readonly adapters: OutAdapters = new OutAdapters();
  readonly #wantsTransaction: () => boolean;
  #turn: Promise<void> = Promise.resolve();
  #firstFailure: unknown;

  constructor(db: TransactionalDatabase, wantsTransaction: () => boolean) {
    this.db = db;
    this.#wantsTransaction = wantsTransaction;
  }

  get firstFailure(): unknown {
    return this.#firstFailure;
  }

  get backslashes(): boolean {
    return escapesInStrings(this.db);
  }

  async run<T>(work: () => Promise<T>, begins: boolean): Promise<T> {
    // Taken on every runtime: behind the wait for the turn no engine knows the caller any more.
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
    const idle = this.db.transactionStatus === "idle";
    if (idle) this.#firstFailure = undefined;
    try {
      return await (begins && idle && this.#wantsTransaction() ? this.#begin(work) : work());
    } catch (error) {
      if (this.db.transactionStatus === "failed") this.#firstFailure ??= error;
      throw error;
    }
  }

  /** Sends BEGIN and what `work` sends together: it costs no round trip. */
  async #begin<T>(work: () => Promise<T>): Promise<T> {
    const beginning = this.db.query("begin transaction").simple().all();
    const [begun, done] = await Promise.allSettled([beginning, work()]);
    if (begun.status === "rejected") throw notBegun(begun.reason, done.status === "fulfilled");
    if (done.status === "rejected") throw done.reason;
    return done.value;
  }
}

/** Only something from outside can stop a BEGIN: a cancel, a lost connection. */
function notBegun(cause: unknown, hadEffect: boolean): unknown {
  if (!hadEffect) return cause;
  return new InternalError(
    "BEGIN failed, and the statement sent with it took effect outside of a transaction",
    { cause, code: "25P01" },
  );
}
