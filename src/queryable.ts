import type {
  Promises,
  QueriesDone,
  TransactionCallback,
  TransactionRunOptions,
} from "./features/transaction.ts";
import type { Queries } from "./query/queries.ts";

/** The methods that a connection, a transaction and a pool share. */
export interface Queryable
  extends Pick<Queries, "query" | "sql" | "prepare" | "batch" | "executeMany"> {
  /**
   * Runs `work` in a transaction: commits if it fulfils, rolls back if it rejects, and settles like it.
   * Within a transaction it is a savepoint. If `work` returns an array of queries, they are run, and the
   * promise resolves to their results.
   *
   * @throws {InterfaceError} `work` made queries that it did not await; the transaction is rolled back.
   * @throws {InternalError} a statement failed and `work` fulfilled nevertheless, so that the server
   * answered COMMIT with ROLLBACK; the statement's error is the cause.
   */
  transaction<T extends Promises>(
    work: TransactionCallback<readonly [...T]>,
    options?: TransactionRunOptions,
  ): QueriesDone<T>;
  /** Runs `work` in a transaction, and resolves to its value. */
  transaction<T>(work: TransactionCallback<T>, options?: TransactionRunOptions): Promise<T>;
}
