/**
 * A driver adapter for Prisma over this driver, on every runtime on which Prisma's client runs.
 *
 * `@prisma/driver-adapter-utils` is a peer dependency: install it beside this package, in the version
 * of your `@prisma/client`.
 *
 * @example
 * ```ts ignore
 * import { PrismaCornac } from "@cornac/pg/prisma";
 * import { PrismaClient } from "./generated/client.ts";
 *
 * const adapter = new PrismaCornac("postgres://myuser@db.example.com/mydb");
 * const prisma = new PrismaClient({ adapter });
 * ```
 *
 * @module
 */
import type {
  SqlDriverAdapter,
  SqlMigrationAwareDriverAdapterFactory,
} from "@prisma/driver-adapter-utils";
import type { ConnectOptions, Url } from "../connect.ts";
import { bool, checkOptions, type Checks, fail, object } from "../errors/checks.ts";
import { InterfaceError } from "../errors/errors.ts";
import * as ownSql from "../own_sql.ts";
import { createPool, Pool, type PoolOptions } from "../pool.ts";
import { poolArguments } from "../pool/pool_arguments.ts";
import { quoteIdentifier } from "../query/quote.ts";
import { ADAPTER_NAME, PrismaCornacAdapter } from "./adapter.ts";
import { rethrow } from "./errors.ts";

/** Options of the adapter. */
export interface PrismaCornacOptions {
  /** The schema in which Prisma's tables are. Default: Prisma's, `public`. */
  readonly schema?: string | undefined;
  /** Options of the pool, unless a pool is given. */
  readonly pool?: PoolOptions | undefined;
  /** Whether `$disconnect()` closes a given pool. Default `false`. */
  readonly disposeExternalPool?: boolean | undefined;
}

const OPTIONS: Checks = {
  schema: (name, value) => {
    if (typeof value !== "string" || value === "") fail(name, "a string that is not empty");
  },
  pool: object,
  disposeExternalPool: bool,
};

/**
 * A factory of adapters, for `new PrismaClient({ adapter })`.
 *
 * Instants are read and written in UTC, whatever the session's `TimeZone`. A column of a type without a
 * kind of Prisma's is text. Statements are prepared as the driver prepares them, and a transaction's
 * BEGIN costs no round trip.
 *
 * @example
 * ```ts
 * import { createPool } from "@cornac/pg";
 * import { PrismaCornac } from "@cornac/pg/prisma";
 *
 * await using pool = createPool();
 * const adapter = await new PrismaCornac(pool).connect();
 * const query = { sql: "select name from users where id = $1", args: [2], argTypes: [] };
 * const { columnNames, rows } = await adapter.queryRaw(query);
 * columnNames; // → ["name"]
 * rows; // → [["Grace"]]
 * ```
 */
export class PrismaCornac implements SqlMigrationAwareDriverAdapterFactory {
  /** The kind of database. */
  readonly provider = "postgres";
  /** The name by which Prisma's messages call the adapter. */
  readonly adapterName: string = ADAPTER_NAME;
  readonly #source: Pool | string | Url | ConnectOptions;
  readonly #options: PrismaCornacOptions;

  /**
   * Makes a factory over a pool, or over a pool of its own for a connection string or options.
   *
   * @throws {InterfaceError} an option or the connection string is wrong; the message names it.
   */
  constructor(
    source: Pool | string | Url | ConnectOptions = {},
    options: PrismaCornacOptions = {},
  ) {
    checkOptions(options, OPTIONS);
    this.#source = source;
    this.#options = options;
    if (!(source instanceof Pool)) poolArguments(source, options.pool ?? {});
  }

  /** Makes an adapter. Called by Prisma, again after `$disconnect()`. */
  connect(): Promise<SqlDriverAdapter> {
    const { schema, disposeExternalPool = false } = this.#options;
    const source = this.#source;
    if (source instanceof Pool) {
      const release = () => disposeExternalPool ? source.close() : Promise.resolve();
      return Promise.resolve(new PrismaCornacAdapter(source, schema, release));
    }
    const pool = createPool(source, this.#options.pool);
    return Promise.resolve(new PrismaCornacAdapter(pool, schema, () => pool.close()));
  }

  /**
   * Creates a database for `prisma migrate` and makes an adapter for it, whose `dispose()` drops the
   * database.
   *
   * @throws {InterfaceError} the factory was made with a pool: then the options are not known.
   */
  async connectToShadowDb(): Promise<SqlDriverAdapter> {
    const source = this.#source;
    if (source instanceof Pool) {
      throw new InterfaceError("a shadow database needs connection options instead of a pool");
    }
    const database = `prisma_migrate_shadow_db_${crypto.randomUUID()}`;
    const name = quoteIdentifier(database);
    await this.#run(source, ownSql.createDatabase(name));
    const { pool: options } = this.#options;
    const connection = { ...options?.connection, database };
    const pool = createPool(source, { ...options, connection });
    const drop = async () => {
      await pool.close();
      await this.#run(source, ownSql.dropDatabase(name));
    };
    let dropping: Promise<void> | undefined;
    return new PrismaCornacAdapter(pool, undefined, () => dropping ??= drop());
  }

  /** Runs one command on a connection of its own. */
  async #run(source: string | Url | ConnectOptions, text: string): Promise<void> {
    const pool = createPool(source, { ...this.#options.pool, min: 0, max: 1 });
    try {
      await pool.query(text);
    } catch (error) {
      rethrow(error);
    } finally {
      await pool.close();
    }
  }
}
