/** The use of one connection by one caller: reserved connections and transactions. */
import { Beginning, NOTHING } from "../../features/begin.ts";
import * as ownSql from "../../own_sql.ts";
import * as transactionSql from "../../query/transaction_sql.ts";
import type { Request, SessionLock } from "../../session/exchange.ts";
import type { Session } from "../../session/session.ts";
import { explain } from "./failures.ts";
import { quoteName } from "./identifiers.ts";
import { connectionError, genericError, PostgresError } from "./postgres_error.ts";
import type { Runnable } from "./runnable.ts";
import type { Lease, Source } from "./source.ts";

/** A connection that one caller uses alone. */
export class Scope implements Source {
  readonly #lease: Lease;
  readonly #lock: SessionLock | undefined;
  /** Called with the error of each query that has failed. */
  readonly #failed: ((error: unknown) => void) | undefined;
  /** Why no more queries are accepted. */
  #ended: string | undefined;

  constructor(lease: Lease, lock?: SessionLock, failed?: (error: unknown) => void) {
    this.#lease = lease;
    this.#lock = lock;
    this.#failed = failed;
  }

  dispatch(query: Runnable): void {
    const { link } = this.#lease;
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      query.reject(explain(refusal, query, undefined, !!link.client.options.debug));
      this.#failed?.(refusal);
      return;
    }
    const failed = this.#failed;
    if (failed !== undefined) {
      const reject = query.reject;
      query.reject = (error) => {
        failed(error);
        reject.call(query, error);
      };
    }
    link.run(query, this.#lock);
  }

  forget(_query: Runnable): boolean {
    return false;
  }

  take(): Promise<Lease> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return Promise.resolve({ link: this.#lease.link, lock: this.#lock, giveBack: () => {} });
  }

  /** Refuses further queries with `reason`. */
  end(reason: string): void {
    this.#ended ??= reason;
  }

  #refusal(): Error | undefined {
    const { link } = this.#lease;
    if (this.#ended !== undefined) return genericError("UNSAFE_TRANSACTION", this.#ended);
    if (!link.isOpen) return connectionError("CONNECTION_CLOSED", link.place);
    if (!link.isCopying) return undefined;
    return genericError("COPY_IN_PROGRESS", "You cannot execute queries during copy");
  }
}

/** A transaction as a lock of its session. BEGIN travels in front of the first query. */
class TransactionLock implements SessionLock {
  readonly refusal = "a transaction of sql.begin() is open on this connection";
  readonly isTransaction = true;
  readonly #session: Session;
  readonly #beginning: Beginning;

  constructor(session: Session, modes: string) {
    this.#session = session;
    this.#beginning = new Beginning(ownSql.begin(modes));
    session.lock = this;
  }

  /** Whether BEGIN was answered. */
  get isBegun(): boolean {
    return !this.#beginning.isDue;
  }

  prelude(): Request<void> | undefined {
    return this.#beginning.isDue ? this.#beginning : undefined;
  }

  begin(): Promise<void> {
    if (this.isBegun) return Promise.resolve();
    return this.#session.request(NOTHING, { lock: this });
  }

  end(): void {
    if (this.#session.lock === this) this.#session.lock = undefined;
  }
}

/** The functions of a transaction that its tag needs. */
export interface TransactionContext {
  /** Runs `work` within a savepoint. */
  savepoint<T>(work: (source: Source, context: TransactionContext) => T, name?: string): Promise<T>;
  /** Has the transaction prepared under a name instead of committed. */
  prepare(name: string): void;
}

/** The work of a transaction. An array of queries that it returns is run. */
export type Work<T> = (source: Source, context: TransactionContext) => T;

/** Runs `work` in a transaction on a leased connection, which is given back afterwards. */
export async function runTransaction<T>(lease: Lease, modes: string, work: Work<T>): Promise<T> {
  const { link } = lease;
  const lost = new Promise<never>((_, reject) => link.onLost = reject);
  lost.catch(() => {});
  const lock = new TransactionLock(link.executor.session, modes);
  try {
    // Modes that the server refuses are an error of begin(), whether or not a query follows.
    if (modes !== "") {
      await lock.begin().catch((error) => {
        throw link.explained(error, ownSql.begin(modes));
      });
    }
    return await Promise.race([lost, new Transaction(lease, lock).run(work)]);
  } finally {
    link.onLost = undefined;
    lock.end();
    lease.giveBack();
  }
}

/** One transaction, with its savepoints. */
class Transaction {
  readonly #lease: Lease;
  readonly #lock: TransactionLock;
  #savepoints = 0;
  #prepared: string | undefined;

  constructor(lease: Lease, lock: TransactionLock) {
    this.#lease = lease;
    this.#lock = lock;
  }

  async run<T>(work: Work<T>): Promise<T> {
    const result = await this.#scope(work, undefined);
    if (!this.#lock.isBegun) return result;
    const { link } = this.#lease;
    const prepared = this.#prepared;
    await link.command(
      prepared === undefined
        ? transactionSql.COMMIT
        : transactionSql.prepareTransaction(`'${prepared}'`),
      this.#lock,
    );
    return (prepared ?? result) as T;
  }

  /** Runs `work`, and undoes what it did if it or one of its queries fails. */
  async #scope<T>(work: Work<T>, name: string | undefined): Promise<T> {
    const { link } = this.#lease;
    let uncaught: { error: unknown } | undefined;
    const scope = new Scope(this.#lease, this.#lock, (error) => void (uncaught ??= { error }));
    const context: TransactionContext = {
      savepoint: (inner, given) => {
        const suffix = given === undefined ? "" : `_${given}`;
        return this.#scope(inner, `s${this.#savepoints++}${suffix}`);
      },
      prepare: (gid) => void (this.#prepared = gid),
    };
    try {
      if (name !== undefined) {
        await link.command(transactionSql.savepoint(quoteName(name)), this.#lock);
      }
      const made = work(scope, context);
      const result = await (Array.isArray(made) ? Promise.all(made) : made) as T;
      if (uncaught !== undefined) throw uncaught.error;
      scope.end("the transaction has ended; start another one with sql.begin()");
      return result;
    } catch (error) {
      scope.end("the transaction has ended; start another one with sql.begin()");
      await this.#undo(name);
      const isAborted = error instanceof PostgresError && error.code === "25P02";
      throw isAborted && uncaught !== undefined ? uncaught.error : error;
    }
  }

  async #undo(name: string | undefined): Promise<void> {
    const { link } = this.#lease;
    if (!link.isOpen || !this.#lock.isBegun) return;
    const text = name === undefined ? ownSql.ROLLBACK : ownSql.rollbackToSavepoint(quoteName(name));
    await link.undo(text, this.#lock).catch(() => {});
  }
}
