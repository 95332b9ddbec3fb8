/** Prisma's adapter on a pool, and its transactions. */
import {
  type ConnectionInfo,
  DriverAdapterError,
  type IsolationLevel,
  type SqlDriverAdapter,
  type SqlQuery,
  type SqlQueryable,
  type SqlResultSet,
  type Transaction as PrismaTransactionContract,
  type TransactionOptions as PrismaTransactionOptions,
} from "@prisma/driver-adapter-utils";
import { OpenTransaction } from "../features/open_transaction.ts";
import type { TransactionOptions } from "../features/transaction.ts";
import * as ownSql from "../own_sql.ts";
import type { Pool } from "../pool.ts";
import type { Result } from "../query/result.ts";
import { quoteIdentifier } from "../query/quote.ts";
import { isScript } from "../query/script.ts";
import * as transactionSql from "../query/transaction_sql.ts";
import type { Queryable } from "../queryable.ts";
import { PrismaArguments } from "./arguments.ts";
import { PrismaColumns } from "./columns.ts";
import { rethrow } from "./errors.ts";

/** The name by which Prisma's messages call the adapter. */
export const ADAPTER_NAME = "@cornac/pg";

/** Everything that the queries of one adapter need. */
class Conversions {
  readonly columns: PrismaColumns = new PrismaColumns();
  readonly parameters: PrismaArguments = new PrismaArguments();
}

/** Runs Prisma's queries on a pool or in a transaction. */
abstract class PrismaQueries implements SqlQueryable {
  readonly provider = "postgres";
  readonly adapterName: string = ADAPTER_NAME;
  readonly #queries: Pick<Queryable, "query">;
  protected readonly conversions: Conversions;

  constructor(queries: Pick<Queryable, "query">, conversions: Conversions) {
    this.#queries = queries;
    this.conversions = conversions;
  }

  async queryRaw(query: SqlQuery): Promise<SqlResultSet> {
    const result = await this.#run(query);
    const { columns } = result;
    return {
      columnNames: columns.map(({ name }) => name),
      columnTypes: columns.map(({ typeOid }) => this.conversions.columns.of(typeOid).type),
      rows: result.slice(),
    };
  }

  async executeRaw(query: SqlQuery): Promise<number> {
    return Math.max(0, (await this.#run(query)).rowCount);
  }

  async #run({ sql, args, argTypes }: SqlQuery): Promise<Result<unknown[]>> {
    const { columns, parameters } = this.conversions;
    try {
      const values = args.map((value, i) => parameters.parameter(value, argTypes[i]));
      const options = { rows: "array", parsers: columns.parserOf } as const;
      if (values.length === 0 && isScript(sql)) {
        return await this.#queries.query(sql, [], options).simple();
      }
      return await this.#queries.query(sql, values, { ...options, rawParameters: true });
    } catch (error) {
      return rethrow(error);
    }
  }
}

/** An adapter over a pool. */
export class PrismaCornacAdapter extends PrismaQueries implements SqlDriverAdapter {
  readonly #pool: Pool;
  readonly #schema: string | undefined;
  readonly #release: () => Promise<void>;

  constructor(pool: Pool, schema: string | undefined, release: () => Promise<void>) {
    super(pool, new Conversions());
    this.#pool = pool;
    this.#schema = schema;
    this.#release = release;
  }

  /** Runs a text of several statements, on one connection. */
  async executeScript(script: string): Promise<void> {
    try {
      const db = await this.#pool.connect();
      try {
        await db.query(script).simple().all();
      } finally {
        await db.close();
      }
    } catch (error) {
      rethrow(error);
    }
  }

  /** Takes a connection and begins a transaction. The server receives BEGIN with the first query. */
  async startTransaction(level?: IsolationLevel): Promise<PrismaTransaction> {
    if (level === "SNAPSHOT") {
      throw new DriverAdapterError({ kind: "InvalidIsolationLevel", level });
    }
    const isolation = level?.toLowerCase() as TransactionOptions["isolation"];
    try {
      const transaction = await OpenTransaction.begin(this.#pool, { isolation });
      return new PrismaTransaction(transaction, this.conversions);
    } catch (error) {
      return rethrow(error);
    }
  }

  getConnectionInfo(): ConnectionInfo {
    const known = { supportsRelationJoins: true };
    return this.#schema === undefined ? known : { ...known, schemaName: this.#schema };
  }

  async dispose(): Promise<void> {
    await this.#release();
  }

  /** Returns the pool. */
  underlyingDriver(): Pool {
    return this.#pool;
  }
}

/** An open transaction. Prisma leaves COMMIT and ROLLBACK to it (`usePhantomQuery`). */
class PrismaTransaction extends PrismaQueries implements PrismaTransactionContract {
  readonly options: PrismaTransactionOptions = { usePhantomQuery: true };
  readonly #transaction: OpenTransaction;

  constructor(transaction: OpenTransaction, conversions: Conversions) {
    super(transaction.tx, conversions);
    this.#transaction = transaction;
  }

  async commit(): Promise<void> {
    await this.#transaction.commit().catch(rethrow);
  }

  async rollback(): Promise<void> {
    await this.#transaction.rollback().catch(rethrow);
  }

  async createSavepoint(name: string): Promise<void> {
    await this.#command(transactionSql.savepoint(quoteIdentifier(name)));
  }

  async rollbackToSavepoint(name: string): Promise<void> {
    await this.#command(ownSql.rollbackTo(quoteIdentifier(name)));
  }

  async releaseSavepoint(name: string): Promise<void> {
    await this.#command(ownSql.release(quoteIdentifier(name)));
  }

  async #command(sql: string): Promise<void> {
    await this.executeRaw({ sql, args: [], argTypes: [] });
  }
}
