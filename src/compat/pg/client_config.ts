import type { Signal } from "../../runtime/runtime.ts";
import type { CustomTypes } from "./types.ts";

/** TLS options as of `tls.connect()`; those that the driver has are used. */
// deno-lint-ignore no-explicit-any
export type SslConfig = Record<string, any>;

/** Options of a client. Times are in milliseconds. Other properties are ignored. */
export interface ClientConfig {
  user?: string;
  database?: string;
  /** The password, or a function that is called with the connection's parameters at each login. */
  password?: string | ((parameters: unknown) => string | Promise<string>);
  port?: number | string;
  /** The host, or the directory of a Unix socket. */
  host?: string;
  /** A connection string; its parts override the other options. */
  connectionString?: string;
  keepAlive?: boolean;
  keepAliveInitialDelayMillis?: number;
  /** A socket that is not connected yet, or a function that makes one. */
  stream?: unknown;
  /** Limits each statement, on the server. */
  statement_timeout?: false | number;
  /** `true`: TLS with a verified certificate; an object: as for `tls.connect()`. */
  ssl?: boolean | string | SslConfig;
  sslnegotiation?: string;
  /** Limits each query; it is stopped on the server, too. */
  query_timeout?: false | number;
  lock_timeout?: false | number;
  idle_in_transaction_session_timeout?: false | number;
  /** Limits connecting. */
  connectionTimeoutMillis?: number;
  application_name?: string;
  fallback_application_name?: string;
  options?: string;
  client_encoding?: string;
  replication?: string;
  /** Chooses the parsers of all queries. */
  types?: CustomTypes;
  /** Whether values come in binary format. */
  binary?: boolean;
  /** Ignored: queries are always pipelined. */
  pipeline?: boolean;
  /** Whether SCRAM is bound to the TLS channel; by default it is where both sides can. */
  enableChannelBinding?: boolean;
  Promise?: unknown;
  /** Whether texts are prepared by themselves. Default `true`; not in `pg`. */
  prepare?: boolean;
  /** Aborts connecting; not in `pg`. */
  signal?: Signal;
  [other: string]: unknown;
}
