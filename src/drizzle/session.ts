/** Drizzle's sessions and transactions on this driver. */
import type { Query as DrizzleQuery } from "drizzle-orm";
import type { WithCacheConfig } from "drizzle-orm/cache/core/types";
import {
  type PgDialect,
  type PgQueryResultHKT,
  PgSession,
  PgTransaction,
  type PgTransactionConfig,
  type PreparedQueryConfig,
  type SelectedFieldsOrdered,
} from "drizzle-orm/pg-core";
import type { RelationalSchemaConfig, TablesRelationalConfig } from "drizzle-orm/relations";
import { InterfaceError } from "../errors/errors.ts";
import type { Transaction, TransactionOptions } from "../features/transaction.ts";
import { Queries } from "../query/queries.ts";
import type { ObjectRow, Result } from "../query/result.ts";
import {
  CornacPreparedQuery,
  type Host,
  type QueryMetadata,
  type StreamOptions,
} from "./prepared_query.ts";

/** The result of a query without fields: the rows, which also have the command and the row count. */
export type CornacQueryResult<Row> = Result<Row> & {
  /** The rows again, where Drizzle's drivers for `pg` and others have them. */
  readonly rows: readonly Row[];
};

/** The type of the result of `execute()`, and of changing statements without `returning()`. */
export interface CornacQueryResultHKT extends PgQueryResultHKT {
  /** The result. */
  type: CornacQueryResult<this["row"] extends object ? this["row"] : ObjectRow>;
}

/** A query of Drizzle's that returns rows: a builder, or one that was prepared. */
export interface RowsQuery<Row> {
  /** Runs the query. */
  execute(...values: never[]): PromiseLike<Row[]>;
}

/** A session of Drizzle's over a pool, a connection or a transaction. */
export class CornacSession<
  TFullSchema extends Record<string, unknown>,
  TSchema extends TablesRelationalConfig,
> extends PgSession<CornacQueryResultHKT, TFullSchema, TSchema> {
  readonly #host: Host;
  readonly #schema: RelationalSchemaConfig<TSchema> | undefined;

  constructor(
    host: Host,
    dialect: PgDialect,
    schema: RelationalSchemaConfig<TSchema> | undefined,
  ) {
    super(dialect);
    this.#host = host;
    this.#schema = schema;
  }

  prepareQuery<T extends PreparedQueryConfig = PreparedQueryConfig>(
    query: DrizzleQuery,
    fields: SelectedFieldsOrdered | undefined,
    _name: string | undefined,
    _isResponseInArrayMode: boolean,
    custom?: (rows: unknown[][]) => T["execute"],
    metadata?: QueryMetadata,
    cacheConfig?: WithCacheConfig,
  ): CornacPreparedQuery<T> {
    return new CornacPreparedQuery(this.#host, query, { fields, custom }, metadata, cacheConfig);
  }

  transaction<T>(
    work: (tx: CornacTransaction<TFullSchema, TSchema>) => Promise<T>,
    config?: PgTransactionConfig,
    depth: number = 0,
  ): Promise<T> {
    const { client } = this.#host;
    const run = (tx: Transaction): Promise<T> => {
      const session = this.over(tx);
      return work(new CornacTransaction(this.dialect, session, this.#schema, depth));
    };
    // In a transaction this is a savepoint, which refuses a configuration.
    return client.transaction(run, config === undefined ? {} : optionsOf(config));
  }

  /** Returns a session of the same database object over a transaction. */
  over(client: Transaction): CornacSession<TFullSchema, TSchema> {
    return new CornacSession({ ...this.#host, client }, this.dialect, this.#schema);
  }

  /** The pool, the connection or the transaction. */
  get client(): Host["client"] {
    return this.#host.client;
  }

  /** Streams the rows of a query. */
  stream<Row>(query: RowsQuery<Row>, options: StreamOptions): AsyncIterableIterator<Row> {
    return this.#prepared(query).stream(options) as AsyncIterableIterator<Row>;
  }

  /** Runs queries in one round trip and one transaction. */
  async batch(queries: readonly object[]): Promise<unknown[]> {
    const prepared = queries.map((query) => this.#prepared(query));
    const results = await this.#host.client.batch(
      prepared.map((query) => query.batched()),
      { parsers: this.#host.parsers.of },
    );
    return results.map((result, i) => prepared[i]!.mapResult(result));
  }

  /** Returns the query of a builder, or of a raw text. */
  #prepared(query: object): CornacPreparedQuery {
    if (query instanceof CornacPreparedQuery) return query;
    const prepared = (query as Preparable)._prepare?.() as Preparable | undefined;
    if (prepared instanceof CornacPreparedQuery) return prepared;
    const raw = prepared?.getQuery?.();
    if (raw === undefined) throw new InterfaceError("a query of this database object is needed");
    return new CornacPreparedQuery(this.#host, raw, { fields: undefined, custom: undefined });
  }
}

/** An open transaction, or a savepoint in one. */
export class CornacTransaction<
  TFullSchema extends Record<string, unknown>,
  TSchema extends TablesRelationalConfig,
> extends PgTransaction<CornacQueryResultHKT, TFullSchema, TSchema> {
  readonly #session: CornacSession<TFullSchema, TSchema>;

  /** Called by `transaction()` of a database object. */
  constructor(
    dialect: PgDialect,
    session: CornacSession<TFullSchema, TSchema>,
    schema: RelationalSchemaConfig<TSchema> | undefined,
    depth: number,
  ) {
    super(dialect, session, schema, depth);
    this.#session = session;
  }

  /** Runs `work` in a savepoint, which is undone when it rejects. */
  override transaction<T>(
    work: (tx: CornacTransaction<TFullSchema, TSchema>) => Promise<T>,
  ): Promise<T> {
    return this.#session.transaction(work, undefined, this.nestedIndex + 1);
  }

  /** Streams the rows of a query. Other queries may run in the loop. */
  stream<Row>(query: RowsQuery<Row>, options: StreamOptions = {}): AsyncIterableIterator<Row> {
    return this.#session.stream(query, options);
  }
}

/** The methods that builders of queries have: `_prepare()`, and what it returns for a raw text. */
interface Preparable {
  _prepare?(): unknown;
  getQuery?(): DrizzleQuery;
}

/** Returns the driver's options of a transaction. */
function optionsOf(config: PgTransactionConfig): TransactionOptions {
  const { isolationLevel, accessMode, deferrable } = config;
  const readOnly = accessMode === undefined ? undefined : accessMode === "read only";
  return { isolation: isolationLevel, readOnly, deferrable };
}

/** Reports whether a value is a pool, a connection or a transaction of this driver. */
export function isClient(value: unknown): value is Host["client"] {
  return value instanceof Queries;
}
