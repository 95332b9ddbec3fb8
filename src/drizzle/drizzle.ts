/**
 * Drizzle over this driver: `drizzle()` as Drizzle's own drivers have it, without `pg` or another
 * driver installed, on every runtime.
 *
 * Drizzle (`drizzle-orm`) is a peer dependency: install it beside this package.
 *
 * @example
 * ```ts
 * import { createPool } from "@cornac/pg";
 * import { drizzle } from "@cornac/pg/drizzle";
 * import { eq } from "drizzle-orm";
 * import { integer, pgTable, text } from "drizzle-orm/pg-core";
 *
 * const users = pgTable("users", { id: integer(), name: text().notNull() });
 * const pool = createPool();
 * const db = drizzle(pool);
 * const names = await db.select({ name: users.name }).from(users).where(eq(users.id, 2)); // → [{ name: "Grace" }]
 * await pool.close();
 * ```
 *
 * @module
 */
import {
  createTableRelationsHelpers,
  DefaultLogger,
  type DrizzleConfig,
  extractTablesRelationalConfig,
  type ExtractTablesWithRelations,
  NoopLogger,
} from "drizzle-orm";
import type { BatchItem, BatchResponse } from "drizzle-orm/batch";
import { type Cache, NoopCache } from "drizzle-orm/cache/core";
import { PgDatabase, PgDialect, type PgTransactionConfig } from "drizzle-orm/pg-core";
import type { RelationalSchemaConfig, TablesRelationalConfig } from "drizzle-orm/relations";
import type { ConnectOptions, Url } from "../connect.ts";
import type { Connection } from "../connection.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Transaction } from "../features/transaction.ts";
import { createPool, type Pool } from "../pool.ts";
import { ColumnParsers } from "./column_parsers.ts";
import type { Host, StreamOptions } from "./prepared_query.ts";
import {
  type CornacQueryResult,
  type CornacQueryResultHKT,
  CornacSession,
  type CornacTransaction,
  isClient,
  type RowsQuery,
} from "./session.ts";

export type {
  CornacQueryResult,
  CornacQueryResultHKT,
  CornacTransaction,
  RowsQuery,
  StreamOptions,
};

/** A pool, a connection or a transaction of this driver. */
export type CornacClient = Pool | Connection | Transaction;

/** The database object of `drizzle()`. */
export class CornacDatabase<TSchema extends Record<string, unknown> = Record<string, never>>
  extends PgDatabase<CornacQueryResultHKT, TSchema> {
  readonly #session: CornacSession<TSchema, ExtractTablesWithRelations<TSchema>>;

  /** Called by `drizzle()`. */
  constructor(
    dialect: PgDialect,
    session: CornacSession<TSchema, ExtractTablesWithRelations<TSchema>>,
    schema: RelationalSchemaConfig<ExtractTablesWithRelations<TSchema>> | undefined,
  ) {
    super(dialect, session, schema);
    this.#session = session;
  }

  /**
   * Runs `work` in a transaction, on a connection of its own if this is a pool's; rolls back if it
   * rejects. `transaction()` of the transaction is a savepoint.
   *
   * @throws {InternalError} a statement failed and `work` fulfilled nevertheless, so that the server
   * answered COMMIT with ROLLBACK; the statement's error is the cause.
   */
  override transaction<T>(
    work: (tx: CornacTransaction<TSchema, ExtractTablesWithRelations<TSchema>>) => Promise<T>,
    config?: PgTransactionConfig,
  ): Promise<T> {
    return this.#session.transaction(work, config);
  }

  /**
   * Streams the rows of a query, which is a builder or was prepared. Leaving the loop closes the
   * query; a pool gets its connection back.
   *
   * @example
   * ```ts
   * import { drizzle } from "@cornac/pg/drizzle";
   * import { pgTable, text } from "drizzle-orm/pg-core";
   *
   * const users = pgTable("users", { name: text().notNull() });
   * const orm = drizzle(db);
   * for await (const { name } of orm.stream(orm.select().from(users))) console.log(name); // → Ada, Grace, Edsger
   * ```
   */
  stream<Row>(query: RowsQuery<Row>, options: StreamOptions = {}): AsyncIterableIterator<Row> {
    return this.#session.stream(query, options);
  }

  /**
   * Runs queries in one round trip and one transaction, and resolves to a result for each. If one
   * fails, none has any effect.
   *
   * @example
   * ```ts
   * import { drizzle } from "@cornac/pg/drizzle";
   * import { pgTable, text } from "drizzle-orm/pg-core";
   *
   * const users = pgTable("users", { name: text().notNull() });
   * const orm = drizzle(db);
   * const [, all] = await orm.batch([
   *   orm.insert(users).values({ name: "Alan" }),
   *   orm.select().from(users),
   * ]);
   * all.length; // → 4
   * ```
   */
  batch<U extends BatchItem<"pg">, T extends Readonly<[U, ...U[]]>>(
    queries: T,
  ): Promise<BatchResponse<T>> {
    return this.#session.batch(queries) as Promise<BatchResponse<T>>;
  }
}

/**
 * Makes a database object over a pool, a connection or a transaction, or over a pool of its own for a
 * connection string or options. `$client` is that pool or connection; close it at the end.
 *
 * Columns have the values that Drizzle's own drivers give: the columns' modes decide about dates, int8
 * and numeric. In raw `sql` of Drizzle's, int8, numeric, dates and times are strings. The result of
 * `execute()` is the driver's: an array of the rows, with `command`, `rowCount`, and `rows` for code
 * that comes from another driver.
 *
 * @throws {InterfaceError} the client is not one of this driver's, or an option is wrong.
 */
export function drizzle<TSchema extends Record<string, unknown> = Record<string, never>>(
  connection: string,
  config?: DrizzleConfig<TSchema>,
): CornacDatabase<TSchema> & { $client: Pool };
/** Makes a database object over a pool, a connection or a transaction. */
export function drizzle<
  TSchema extends Record<string, unknown> = Record<string, never>,
  TClient extends CornacClient = Pool,
>(
  client: TClient,
  config?: DrizzleConfig<TSchema>,
): CornacDatabase<TSchema> & { $client: TClient };
/** Makes a database object over the client in the configuration. */
export function drizzle<
  TSchema extends Record<string, unknown> = Record<string, never>,
  TClient extends CornacClient = Pool,
>(
  config: DrizzleConfig<TSchema> & { client: TClient },
): CornacDatabase<TSchema> & { $client: TClient };
/** Makes a database object over a pool with the options in the configuration. */
export function drizzle<TSchema extends Record<string, unknown> = Record<string, never>>(
  config: DrizzleConfig<TSchema> & { connection: string | Url | ConnectOptions },
): CornacDatabase<TSchema> & { $client: Pool };
export function drizzle<TSchema extends Record<string, unknown>>(
  first: CornacClient | string | Place & DrizzleConfig<TSchema>,
  second: DrizzleConfig<TSchema> = {},
): CornacDatabase<TSchema> & { $client: CornacClient } {
  if (typeof first === "string") return construct(createPool(first), second);
  if (isClient(first)) return construct(first, second);
  const { client, connection }: Place = Object(first);
  if (isClient(client)) return construct(client, first);
  if (client === undefined && connection !== undefined) {
    return construct(createPool(connection), first);
  }
  throw new InterfaceError(
    "drizzle() takes a pool, a connection or a transaction of @cornac/pg, or a connection string",
  );
}

/** The place of the database in a configuration. */
interface Place {
  readonly client?: unknown;
  readonly connection?: string | Url | ConnectOptions;
}

function construct<TSchema extends Record<string, unknown>>(
  client: CornacClient,
  config: DrizzleConfig<TSchema>,
): CornacDatabase<TSchema> & { $client: CornacClient } {
  const { cache } = config;
  const dialect = new PgDialect({ casing: config.casing });
  const schema = relationalSchema(config.schema);
  const host: Host = {
    client,
    parsers: new ColumnParsers(),
    logger: config.logger === true ? new DefaultLogger() : config.logger || new NoopLogger(),
    cache: cache ?? new NoopCache(),
  };
  const session = new CornacSession<TSchema, ExtractTablesWithRelations<TSchema>>(
    ...[host, dialect, schema] as const,
  );
  const db = new CornacDatabase<TSchema>(dialect, session, schema);
  if (cache !== undefined) {
    // As Drizzle's own drivers do: `$cache` is the cache, with one more method.
    const invalidate: Cache["onMutate"] = (changed) => cache.onMutate(changed);
    db.$cache = Object.assign(cache, { invalidate });
  }
  return Object.assign(db, { $client: client });
}

function relationalSchema<TSchema extends Record<string, unknown>>(
  fullSchema: TSchema | undefined,
): RelationalSchemaConfig<ExtractTablesWithRelations<TSchema>> | undefined {
  if (fullSchema === undefined) return undefined;
  const { tables, tableNamesMap } = extractTablesRelationalConfig<TablesRelationalConfig>(
    fullSchema,
    createTableRelationsHelpers,
  );
  const schema = tables as ExtractTablesWithRelations<TSchema>;
  return { fullSchema, schema, tableNamesMap };
}
