import type { Signal } from "../../session/exchange.ts";
import type { CustomTypes } from "./types.ts";

/** TLS options as of `tls.connect()`; those that the driver has are used. */
export type SslConfig = Record<string, unknown>;

/** Options of a client. Times are in milliseconds. Other properties are ignored. */
export interface ClientConfig {
  /** The role that logs in. */
  user?: string;
  /** The database. */
  database?: string | null;
  /** The password, or a function that is called with the connection's parameters at each login. */
  password?: string | ((parameters: unknown) => string | Promise<string>);
  /** The port of the server. */
  port?: number | string;
  /** The host, or the directory of a Unix socket. */
  host?: string;
  /** A connection string; its parts override the other options. */
  connectionString?: string;
  /** Whether TCP keepalive is on. */
  keepAlive?: boolean;
  /** Milliseconds before the first keepalive. */
  keepAliveInitialDelayMillis?: number;
  /** A socket that is not connected yet, or a function that makes one. */
  stream?: unknown;
  /** Limits each statement, on the server. */
  statement_timeout?: false | number;
  /** `true`: TLS with a verified certificate; an object: as for `tls.connect()`. */
  ssl?: boolean | string | SslConfig;
  /** `"direct"`: TLS begins without a request. */
  sslnegotiation?: string;
  /** Limits each query; it is stopped on the server, too. */
  query_timeout?: false | number;
  /** The limit of each wait for a lock. */
  lock_timeout?: false | number;
  /** The limit of idling in a transaction. */
  idle_in_transaction_session_timeout?: false | number;
  /** Limits connecting. */
  connectionTimeoutMillis?: number;
  /** The name in `pg_stat_activity`. */
  application_name?: string;
  /** The name that is used without `application_name`. */
  fallback_application_name?: string;
  /** Command-line options for the backend. */
  options?: string;
  /** Only `UTF8` is supported. */
  client_encoding?: string | null;
  /** The kind of replication connection, if it is one. */
  replication?: string;
  /** Chooses the parsers of all queries. */
  types?: CustomTypes;
  /** Whether values come in binary format. */
  binary?: boolean;
  /** Ignored: queries are always pipelined. */
  pipeline?: boolean;
  /** Whether SCRAM is bound to the TLS channel; by default it is where both sides can. */
  enableChannelBinding?: boolean;
  /** Ignored: promises are those of the language. */
  Promise?: unknown;
  /** Whether texts are prepared by themselves. Default `true`; not in `pg`. */
  prepare?: boolean;
  /** Aborts connecting; not in `pg`. */
  signal?: Signal;
  /** Other options, which are ignored. */
  [other: string]: unknown;
}
