/** The declarations of the tag `sql` in its forms. */
import type { Builder, Identifier, Parameter } from "./interpolation.ts";
import type { LargeObject } from "./large_object.ts";
import type { Listening } from "./listener.ts";
import type { ParsedOptions } from "./options.ts";
import type { PendingQuery } from "./pending_query.ts";
import type { PostgresError } from "./postgres_error.ts";
import type { Result, Row } from "./postgres_result.ts";
import type { QueryOptions } from "./runnable.ts";
import type { ReplicationEvent, SubscriptionHandle } from "./subscription.ts";
import type { Anything } from "./value_types.ts";

/** The rows of a query together with the facts about its result. */
export type RowList<T> = T & Omit<Result<Anything>, keyof Anything[]>;

/** Makes typed parameters: by an OID, or by the name of a type of the option `types`. */
export interface Typed {
  /** Returns a parameter of the type with this OID. */
  <T>(value: T, oid: number): Parameter<T>;
  /** Returns a parameter of one of the program's types. */
  readonly [name: string]: (value: Anything) => Parameter;
}

/** The results of queries in an array, and other values as they are. */
export type Settled<T> = T extends readonly unknown[] ? { [K in keyof T]: Awaited<T[K]> }
  : Awaited<T>;

/** The tag, on a client, a reserved connection or in a transaction. */
export interface BaseSql {
  /** Makes a query, or a part of one, of a template. */
  <T extends readonly (object | undefined)[] = Row[]>(
    template: TemplateStringsArray,
    ...args: readonly unknown[]
  ): PendingQuery<RowList<T>>;
  /** Quotes a name. */
  (name: string): Identifier;
  /** Lists names, columns or values, as the text before it demands. */
  (first: unknown, ...rest: readonly unknown[]): Builder;
  /** Makes typed parameters. */
  readonly types: Typed;
  /** Makes typed parameters. */
  readonly typed: Typed;
  /** Makes a query of a text that is not checked. */
  unsafe<T extends readonly (object | undefined)[] = Row[]>(
    text: string,
    parameters?: readonly unknown[],
    options?: QueryOptions,
  ): PendingQuery<RowList<T>>;
  /** Notifies a channel. */
  notify(channel: string, payload: string): PendingQuery<RowList<Row[]>>;
  /** Returns a parameter that is an array. */
  array(values: readonly unknown[], type?: number): Parameter;
  /** Returns a parameter that is json. */
  json(value: unknown): Parameter;
  /** Makes a query of the text in a file. */
  file<T extends readonly (object | undefined)[] = Row[]>(
    path: string | URL,
    parameters?: readonly unknown[] | FileOptions,
    options?: FileOptions,
  ): PendingQuery<RowList<T>>;
}

/** Options of `sql.file()`. */
export interface FileOptions extends QueryOptions {
  /** Whether the text is kept. Default `true`. */
  cache?: boolean | undefined;
}

/** The tag within a transaction. */
export interface TransactionSql extends BaseSql {
  /** Runs `work` within a savepoint. */
  savepoint<T>(work: (sql: TransactionSql) => T): Promise<Settled<T>>;
  /** Runs `work` within a savepoint whose name ends with this one. */
  savepoint<T>(name: string, work: (sql: TransactionSql) => T): Promise<Settled<T>>;
  /** Has the transaction prepared under a name when `work` is done, instead of committed. */
  prepare(name: string): void;
}

/** The tag on a connection of its own. */
export interface ReservedSql extends BaseSql {
  /** Returns the connection. */
  release(): void;
}

/** The tag of a client, made by `postgres()`. */
export interface Sql extends BaseSql {
  /** The value with which a cursor's callback ends the cursor. */
  readonly CLOSE: Readonly<Record<never, never>>;
  /** Another name of `CLOSE`. */
  readonly END: Readonly<Record<never, never>>;
  /** The class of the server's errors. */
  readonly PostgresError: typeof PostgresError;
  /** The options. `parsers` and `serializers` may be changed. */
  readonly options: ParsedOptions;
  /** The parameters that the server has reported. */
  readonly parameters: Record<string, string>;
  /** Runs `work` in a transaction. Resolves to its value, or to the results of its array of queries. */
  begin<T>(work: (sql: TransactionSql) => T): Promise<Settled<T>>;
  /** Runs `work` in a transaction with these modes, such as `"read only"`. */
  begin<T>(modes: string, work: (sql: TransactionSql) => T): Promise<Settled<T>>;
  /** Takes a connection out of the pool. */
  reserve(): Promise<ReservedSql>;
  /** Calls `onnotify` with each payload, and `onlisten` whenever the server has confirmed LISTEN. */
  listen(
    channel: string,
    onnotify: (payload: string) => void,
    onlisten?: () => void,
  ): Promise<Listening>;
  /** Calls `fn` with each row that is changed. */
  subscribe(
    event: string,
    fn: (row: Row | null, info: ReplicationEvent) => void,
    onsubscribe?: () => void,
    onerror?: (error: unknown) => void,
  ): Promise<SubscriptionHandle>;
  /** Opens a large object, a new one without an OID, in a transaction that ends with its `close()`. */
  largeObject(oid?: number, mode?: number): Promise<LargeObject>;
  /** Closes the open connections when they are idle. */
  close(): Promise<void>;
  /** Waits for all queries, for `timeout` seconds at most, and closes all connections. */
  end(options?: { timeout?: number | null | undefined }): Promise<void>;
}
