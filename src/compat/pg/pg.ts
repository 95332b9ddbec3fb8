/**
 * The module `pg` on this driver: `Client`, `Pool`, `types` and the rest, with the same results, errors
 * and events. `docs/compat.md` lists what differs.
 *
 * @example
 * ```ts
 * import pg from "@cornac/pg/compat/pg";
 *
 * const client = new pg.Client({ user: "myuser", password: "mypassword", database: "mydb" });
 * await client.connect();
 * const { rows } = await client.query("select name from users where id = $1", [2]);
 * console.log(rows); // → [{ name: "Grace" }]
 * await client.end();
 * ```
 *
 * @module
 */
import { BoundPool } from "./bound_pool.ts";
import { Client } from "./client.ts";
import { Connection } from "./connection.ts";
import { DatabaseError } from "./database_error.ts";
import { type Defaults, defaults } from "./defaults.ts";
import { escapeIdentifier, escapeLiteral } from "./escape.ts";
import { Query } from "./query.ts";
import { Result } from "./result.ts";
import { TypeOverrides } from "./type_overrides.ts";
import { type Types, types } from "./types.ts";

export { Client, type ConnectCallback } from "./client.ts";
export type { ClientConfig, SslConfig } from "./client_config.ts";
export { Connection } from "./connection.ts";
export type {
  CommandCompleteMessage,
  CopyDataMessage,
  DataRowMessage,
  RowDescriptionMessage,
  Submittable,
} from "./submittable.ts";
export type { ConnectionStream } from "./connection_stream.ts";
export type { ConnectionParameters } from "./connection_parameters.ts";
export type { NoticeMessage, NotificationResponseMessage as Notification } from "./messages.ts";
export { type FieldDef, Result } from "./result.ts";
export { BoundPool as Pool } from "./bound_pool.ts";
export type { Pool as BasePool, PoolCallback, PoolClient, Release } from "./pool.ts";
export type { ClientClass, PoolConfig } from "./pool_config.ts";
export { Query, type QueryCallback, type QueryConfig } from "./query.ts";
export {
  type ArrayParser,
  type CustomTypes,
  type TypeFormat,
  type TypeParser,
  type Types,
  types,
} from "./types.ts";
export { TypeOverrides } from "./type_overrides.ts";
export { type Defaults, defaults } from "./defaults.ts";
export { DatabaseError, type ReportField, type ReportFields } from "./database_error.ts";
export { escapeIdentifier, escapeLiteral } from "./escape.ts";
export type { Signal } from "../../session/exchange.ts";

/** A row, by the names of the columns. */
export type QueryResultRow = Record<string, unknown>;

/** The result of a query whose rows are objects. */
export type QueryResult<Row = QueryResultRow> = Result<Row>;

/** The result of a query with `rowMode: "array"`. */
export type QueryArrayResult<Row extends unknown[] = unknown[]> = Result<Row>;

/** The module as one object, which `require("pg")` returns. */
export interface Pg {
  /** The defaults of options. */
  readonly defaults: Defaults;
  /** The class of clients. */
  Client: typeof Client;
  /** The class of queries. */
  Query: typeof Query;
  /** The class of pools. */
  Pool: typeof BoundPool;
  /** The class of a client's connection. */
  Connection: typeof Connection;
  /** The parsers of types. */
  readonly types: Types;
  /** The class of the server's errors. */
  DatabaseError: typeof DatabaseError;
  /** The class of parsers on top of others. */
  TypeOverrides: typeof TypeOverrides;
  /** Quotes a name. */
  escapeIdentifier: typeof escapeIdentifier;
  /** Quotes a string constant. */
  escapeLiteral: typeof escapeLiteral;
  /** The class of results. */
  Result: typeof Result;
  /** Always `null`: there are no bindings to libpq. Not enumerated. */
  readonly native: null;
}

/** The module as one object. */
const pg: Pg = Object.defineProperty(
  {
    ...{ defaults, Client, Query, Pool: BoundPool, Connection, types, DatabaseError },
    ...{ TypeOverrides, escapeIdentifier, escapeLiteral, Result },
  } as unknown as Pg,
  "native",
  { configurable: true, enumerable: false, value: null },
);

export { pg as default };
