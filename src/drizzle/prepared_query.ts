/** A query of Drizzle's on this driver. */
import {
  DrizzleQueryError,
  fillPlaceholders,
  type Logger,
  type Query as DrizzleQuery,
} from "drizzle-orm";
import type { Cache } from "drizzle-orm/cache/core";
import type { WithCacheConfig } from "drizzle-orm/cache/core/types";
import { PgPreparedQuery, type PreparedQueryConfig } from "drizzle-orm/pg-core";
import * as drizzleUtilities from "drizzle-orm/utils";
import type { Connection } from "../connection.ts";
import type { Transaction } from "../features/transaction.ts";
import type { Pool } from "../pool.ts";
import type { QueryOptions } from "../query/options.ts";
import type { Query } from "../query/query.ts";
import type { Result } from "../query/result.ts";
import type { RowShape } from "../query/rows.ts";
import { isScript } from "../query/script.ts";
import type { Signal } from "../runtime/runtime.ts";
import type { ColumnParsers } from "./column_parsers.ts";

/** Everything that the queries of a database object need. */
export interface Host {
  readonly client: Pool | Connection | Transaction;
  readonly parsers: ColumnParsers;
  readonly logger: Logger;
  readonly cache: Cache;
}

/** The tables of a query, by which Drizzle's cache is kept. */
export interface QueryMetadata {
  type: "select" | "update" | "delete" | "insert";
  tables: string[];
}

/** How the rows of a query become its result. Without both, the result is the driver's. */
export interface Mapping {
  /** The selected fields with the paths to their places in a row. */
  readonly fields: readonly object[] | undefined;
  /** Makes the result of a relational query. */
  readonly custom: ((rows: unknown[][]) => unknown) | undefined;
}

/** Options of a stream. */
export interface StreamOptions {
  /** Values of the query's placeholders. */
  readonly values?: Record<string, unknown> | undefined;
  /** Aborts the stream, and cancels its query on the server. */
  readonly signal?: Signal | undefined;
}

/** A member of `drizzle-orm/utils` that its declarations leave out: all its drivers use it. */
interface RowMapping {
  mapResultRow(
    fields: readonly object[],
    row: unknown[],
    joinsNotNullableMap: Record<string, boolean> | undefined,
  ): unknown;
}

const { mapResultRow } = drizzleUtilities as unknown as RowMapping;

/** A query with its mapping. It may be run often, with other values for its placeholders. */
export class CornacPreparedQuery<T extends PreparedQueryConfig = PreparedQueryConfig>
  extends PgPreparedQuery<T> {
  /** Set by Drizzle's builders: the joined tables that may be absent. */
  declare joinsNotNullableMap: Record<string, boolean> | undefined;
  /** Runs a query by way of Drizzle's cache. */
  declare queryWithCache: <R>(sql: string, params: unknown[], run: () => Promise<R>) => Promise<R>;
  readonly #host: Host;
  readonly #mapping: Mapping;

  constructor(
    host: Host,
    query: DrizzleQuery,
    mapping: Mapping,
    metadata?: QueryMetadata,
    cacheConfig?: WithCacheConfig,
  ) {
    super(query, host.cache, metadata, cacheConfig);
    this.#host = host;
    this.#mapping = mapping;
  }

  async execute(values: Record<string, unknown> = {}): Promise<T["execute"]> {
    return this.mapResult(await this.#run(values, this.#rows));
  }

  /** Returns the rows as objects by column name. */
  async all(values: Record<string, unknown> = {}): Promise<T["all"]> {
    return (await this.#run(values, "object")).slice();
  }

  /** Returns Drizzle's result for the rows that the driver has returned. */
  override mapResult(rows: unknown): unknown {
    const { fields, custom } = this.#mapping;
    if (custom !== undefined) return custom([...rows as unknown[][]]);
    if (fields === undefined) return Object.defineProperty(rows as object, "rows", { value: rows });
    return (rows as unknown[][]).map((row) => mapResultRow(fields, row, this.joinsNotNullableMap));
  }

  /** Streams the rows that `execute()` would return. */
  async *stream({ values = {}, signal }: StreamOptions): AsyncIterableIterator<unknown> {
    const { sql } = this.query;
    const parameters = this.#parameters(values);
    this.#host.logger.logQuery(sql, parameters);
    try {
      for await (const row of this.#query(parameters, { rows: this.#rows, signal })) {
        const mapped = this.mapResult([row]);
        yield Array.isArray(mapped) ? mapped[0] : mapped;
      }
    } catch (error) {
      throw new DrizzleQueryError(sql, parameters, error as Error);
    }
  }

  /** Returns the driver's query for a batch, whose options have the parsers, and logs it. */
  batched(): Query<unknown[]> {
    const { sql } = this.query;
    const parameters = this.#parameters({});
    this.#host.logger.logQuery(sql, parameters);
    const how: QueryOptions = { rows: this.#rows };
    return this.#host.client.query(sql, parameters, how) as Query<unknown[]>;
  }

  /** The shape of the rows: arrays if they are mapped. */
  get #rows(): RowShape {
    const { fields, custom } = this.#mapping;
    return fields === undefined && custom === undefined ? "object" : "array";
  }

  #parameters(values: Record<string, unknown>): unknown[] {
    return fillPlaceholders(this.query.params, values);
  }

  #query(parameters: unknown[], options: QueryOptions): Query<unknown[]> {
    const { client, parsers } = this.#host;
    const how = { ...options, parsers: parsers.of };
    return client.query(this.query.sql, parameters, how) as Query<unknown[]>;
  }

  async #run(
    values: Record<string, unknown>,
    rows: RowShape,
  ): Promise<Result<unknown[]>> {
    const { sql } = this.query;
    const parameters = this.#parameters(values);
    this.#host.logger.logQuery(sql, parameters);
    return await this.queryWithCache(sql, parameters, async () => {
      const query = this.#query(parameters, { rows });
      return parameters.length === 0 && isScript(sql) ? await query.simple() : await query;
    });
  }
}
