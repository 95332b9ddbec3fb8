/** Kysely's driver: lends connections and runs transactions. */
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type TransactionSettings,
} from "kysely";
import type { Connection } from "../connection.ts";
import { InterfaceError } from "../errors/errors.ts";
import * as ownSql from "../own_sql.ts";
import type { Pool } from "../pool.ts";
import { quoteIdentifier } from "../query/quote.ts";
import * as transactionSql from "../query/transaction_sql.ts";
import { KyselyConnection } from "./kysely_connection.ts";

/** The pool, or the only connection, that the driver uses. */
export type Place = { readonly pool: () => Pool | Promise<Pool> } | {
  readonly connection: Connection;
};

/** The driver of `CornacDialect`. */
export class CornacDriver implements Driver {
  readonly #place: Place;
  #pool: Pool | undefined;
  #only: KyselyConnection | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  async init(): Promise<void> {
    const place = this.#place;
    if ("pool" in place) this.#pool = await place.pool();
    else this.#only = new KyselyConnection(place.connection);
  }

  /**
   * Takes a connection. A signal does not end the wait: Kysely returns a connection that comes too late
   * by itself, but reports a wait that fails to the console.
   */
  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#only !== undefined) return this.#only;
    if (this.#pool === undefined) throw new InterfaceError("this dialect was destroyed");
    return new KyselyConnection(await this.#pool.connect());
  }

  async beginTransaction(
    connection: DatabaseConnection,
    settings: TransactionSettings,
  ): Promise<void> {
    await of(connection).begin(settings);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await of(connection).commit();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await of(connection).rollback();
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await command(connection, transactionSql.savepoint(quoteIdentifier(name)));
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await command(connection, ownSql.rollbackTo(quoteIdentifier(name)));
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await command(connection, ownSql.release(quoteIdentifier(name)));
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    if (this.#only === undefined) await of(connection).release();
  }

  async destroy(): Promise<void> {
    const place = this.#place;
    const pool = this.#pool;
    this.#pool = undefined;
    if ("connection" in place) await place.connection.close();
    else await pool?.close();
  }
}

async function command(connection: DatabaseConnection, text: string): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(text));
}

function of(connection: DatabaseConnection): KyselyConnection {
  if (connection instanceof KyselyConnection) return connection;
  throw new InterfaceError("the connection is not one of this dialect's");
}
