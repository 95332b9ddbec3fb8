/** A connection as Kysely uses it: queries, streams, a transaction at a time. */
import {
  CompiledQuery,
  type DatabaseConnection,
  type QueryResult,
  type TransactionSettings,
} from "kysely";
import type { Connection } from "../connection.ts";
import { InternalError } from "../errors/errors.ts";
import { OpenTransaction } from "../features/open_transaction.ts";
import type { TransactionOptions } from "../features/transaction.ts";
import * as ownSql from "../own_sql.ts";
import type { Query } from "../query/query.ts";
import { isScript } from "../query/script.ts";
import type { SimpleQuery } from "../query/simple_query.ts";
import * as transactionSql from "../query/transaction_sql.ts";
import type { Queryable } from "../queryable.ts";
import type { Signal } from "../runtime/runtime.ts";

/** The options with which Kysely 0.29 runs a query that can be aborted. */
interface Abortable {
  readonly signal?: Signal | undefined;
}

/** A connection of a pool, or a connection of the user's. */
export class KyselyConnection implements DatabaseConnection {
  readonly #db: Connection;
  #transaction: OpenTransaction | undefined;
  /** The queries that are not answered, with the signals that abort them. */
  readonly #running = new Map<Query<unknown> | SimpleQuery<unknown>, Signal>();
  /** Work that stands behind a text. Kysely logs the text as it logs queries. */
  readonly #work = new WeakMap<CompiledQuery, () => Promise<void>>();

  constructor(db: Connection) {
    this.#db = db;
  }

  async executeQuery<R>(
    compiled: CompiledQuery,
    options: Abortable = {},
  ): Promise<QueryResult<R>> {
    const work = this.#work.get(compiled);
    if (work !== undefined) {
      await work();
      return { rows: [] };
    }
    const { sql, parameters } = compiled;
    const query = this.#queries.query<R>(sql, parameters);
    const sent = parameters.length === 0 && isScript(sql) ? query.simple() : query;
    const { signal } = options;
    if (signal !== undefined) this.#running.set(sent, signal);
    try {
      const result = await sent;
      const { command } = result;
      // A plain array: what applications compare, and plugins copy.
      const rows = result.slice();
      return CHANGING.has(command) ? { rows, numAffectedRows: BigInt(result.rowCount) } : { rows };
    } finally {
      if (signal !== undefined) this.#running.delete(sent);
    }
  }

  async *streamQuery<R>(
    { sql, parameters }: CompiledQuery,
    chunkSize: number,
    { signal }: Abortable = {},
  ): AsyncIterableIterator<QueryResult<R>> {
    try {
      const batches = this.#queries.query<R>(sql, parameters, { signal }).batches(chunkSize);
      for await (const rows of batches) yield { rows };
    } catch (error) {
      // Kysely has thrown the reason already.
      if (signal?.aborted !== true) throw error;
    }
  }

  /** Cancels the queries whose signals were aborted, and no other. */
  async cancelQuery(): Promise<void> {
    for (const [query, signal] of this.#running) if (signal.aborted) query.cancel();
    await Promise.resolve();
  }

  /** Cancels what runs, and ends the session. */
  async killSession(): Promise<void> {
    // Without a way to cancel, the server ends the session when it next writes to it.
    await this.#db.cancel().catch(() => {});
    this.#db.destroy(new Error("Kysely has killed the session of an aborted query"));
  }

  /** Begins a transaction. The server receives BEGIN with the first query. */
  async begin({ isolationLevel, accessMode }: TransactionSettings): Promise<void> {
    const modes = [isolationLevel && `isolation level ${isolationLevel}`, accessMode]
      .filter((mode) => mode !== undefined);
    const text = modes.length === 0 ? ownSql.begin() : ownSql.startTransaction(modes.join(" "));
    await this.#log(text, async () => {
      const readOnly = accessMode === undefined ? undefined : accessMode === "read only";
      // The driver refuses "snapshot", which PostgreSQL does not have.
      const isolation = isolationLevel as TransactionOptions["isolation"];
      this.#transaction = await OpenTransaction.begin(this.#db, { isolation, readOnly });
    });
  }

  /**
   * Commits.
   *
   * @throws {InternalError} the server has rolled back, because a statement had failed. Kysely takes the
   * error for one of its class `AbortedTransactionError`.
   */
  async commit(): Promise<void> {
    await this.#log(transactionSql.COMMIT, async () => {
      const transaction = this.#transaction;
      this.#transaction = undefined;
      await transaction?.commit().catch((error) => {
        throw error instanceof InternalError ? Object.assign(error, ABORTED) : error;
      });
    });
  }

  /** Rolls back. If that fails, the connection is destroyed. */
  async rollback(): Promise<void> {
    await this.#log(ownSql.ROLLBACK, async () => {
      const transaction = this.#transaction;
      this.#transaction = undefined;
      await transaction?.rollback().catch((error) => {
        this.#db.destroy(error);
        throw error;
      });
    });
  }

  /** Returns the connection to its pool. */
  async release(): Promise<void> {
    await this.#transaction?.rollback().catch(() => {});
    await this.#db.close();
  }

  get #queries(): Pick<Queryable, "query"> {
    return this.#transaction?.tx ?? this.#db;
  }

  /** Does work by way of `executeQuery()`, which Kysely replaces to log queries. */
  async #log(text: string, work: () => Promise<void>): Promise<void> {
    const compiled = CompiledQuery.raw(text);
    this.#work.set(compiled, work);
    await this.executeQuery(compiled);
  }
}

/** The commands whose count is the number of changed rows. */
const CHANGING: ReadonlySet<string> = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);

/** The mark of Kysely's `AbortedTransactionError`, which versions before 0.29.6 do not export. */
const ABORTED = { [Symbol.for("kysely.AbortedTransactionError")]: true } as const;
