/**
 * A dialect for Kysely over this driver: streams by portals, cancelling by the protocol's own request,
 * values as the driver's type policies say, and no package but `kysely` itself.
 *
 * Kysely (`kysely`) is a peer dependency: install it beside this package.
 *
 * @example
 * ```ts ignore
 * import { CornacDialect } from "@cornac/pg/kysely";
 * import { Kysely } from "kysely";
 *
 * const db = new Kysely<Database>({
 *   dialect: new CornacDialect("postgres://myuser@db.example.com/mydb", { max: 20 }),
 * });
 * ```
 *
 * @module
 */
import {
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryCompiler,
} from "kysely";
import type { ConnectOptions, Url } from "../connect.ts";
import { Connection } from "../connection.ts";
import { createPool, Pool, type PoolOptions } from "../pool.ts";
import { CornacDriver, type Place } from "./driver.ts";

/**
 * A dialect for `new Kysely({ dialect })`. The SQL, the schema's description and the lock of migrations
 * are those of Kysely's own PostgreSQL dialect.
 *
 * Values are read as the options `types` of the connections say; by default int8 is a `bigint` and a
 * `date` is a string. A text of several statements without parameters runs by the simple protocol.
 *
 * BEGIN travels with the first query of a transaction. A stream may be left at any time. Aborting a
 * stream cancels its query on the server; aborting another query does so with
 * `inflightQueryAbortStrategy: "cancel query"`.
 *
 * @example
 * ```ts
 * import { CornacDialect } from "@cornac/pg/kysely";
 * import { Kysely } from "kysely";
 *
 * interface Database {
 *   users: { id: number; name: string; email: string | null };
 * }
 * const db = new Kysely<Database>({ dialect: new CornacDialect() });
 * const [user] = await db.selectFrom("users").select("name").where("id", "=", 2).execute(); // → { name: "Grace" }
 * await db.destroy();
 * ```
 */
export class CornacDialect implements Dialect {
  readonly #place: Place;

  /**
   * Makes a dialect over a pool, over one connection (of PGlite, for example), or over a pool of its
   * own, whose options are those of `createPool()`. A function is called when the first query runs.
   * Kysely's `destroy()` closes the pool or the connection.
   *
   * @throws {InterfaceError} an option or the connection string is wrong; the message names it.
   */
  constructor(
    source: Pool | Connection | (() => Pool | Promise<Pool>) | string | Url | ConnectOptions = {},
    poolOptions?: PoolOptions,
  ) {
    this.#place = placeOf(source, poolOptions);
  }

  /** Makes the driver. Called by Kysely. */
  createDriver(): Driver {
    return new CornacDriver(this.#place);
  }

  /** Makes Kysely's compiler for PostgreSQL. Called by Kysely. */
  createQueryCompiler(): QueryCompiler {
    return new PostgresQueryCompiler();
  }

  /** Makes Kysely's adapter for PostgreSQL. Called by Kysely. */
  createAdapter(): DialectAdapter {
    return "connection" in this.#place ? new SingleConnectionAdapter() : new PostgresAdapter();
  }

  /** Makes Kysely's introspector for PostgreSQL. Called by Kysely. */
  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new PostgresIntrospector(db);
  }
}

/** An adapter that makes Kysely use the only connection for one caller after another. */
class SingleConnectionAdapter extends PostgresAdapter {
  override get supportsMultipleConnections(): boolean {
    return false;
  }
}

function placeOf(
  source: Pool | Connection | (() => Pool | Promise<Pool>) | string | Url | ConnectOptions,
  poolOptions: PoolOptions | undefined,
): Place {
  if (source instanceof Connection) return { connection: source };
  if (source instanceof Pool) return { pool: () => source };
  if (typeof source === "function") return { pool: source };
  // Wrong options are reported here, and not by the first query.
  const pool = createPool(source, poolOptions);
  return { pool: () => pool };
}
