import { environment } from "../node.ts";
import { getTypeParser, parseBigInteger, setTypeParser, type TypeParser } from "./types.ts";

/** The values of options that are neither given nor set in the environment. */
export interface Defaults {
  /** The host of the server, or the directory of its Unix socket. */
  host: string;
  /** The role that logs in. */
  user: string | undefined;
  /** The database. */
  database: string | undefined;
  /** The password, or the function that returns it. Not enumerated. */
  password: string | null;
  /** A connection string. */
  connectionString: string | undefined;
  /** The port of the server. */
  port: number;
  /** Rows of one portal at a time; 0: all. */
  rows: number;
  /** Whether values come in binary format. */
  binary: boolean;
  /** Connections of a pool. */
  max: number;
  /** Milliseconds after which an idle client is closed. */
  idleTimeoutMillis: number;
  /** Only `UTF8` is supported. */
  client_encoding: string;
  /** The TLS options, or `false`. */
  ssl: boolean;
  /** `"direct"`: TLS begins without a request. */
  sslnegotiation: string | undefined;
  /** The name in `pg_stat_activity`. */
  application_name: string | undefined;
  /** The name that is used without `application_name`. */
  fallback_application_name: string | undefined;
  /** Command-line options for the backend. */
  options: string | undefined;
  /** Whether a `Date` parameter is written in UTC, not in local time. */
  parseInputDatesAsUTC: boolean;
  /** The limit of each statement on the server. */
  statement_timeout: number | false;
  /** The limit of each wait for a lock. */
  lock_timeout: number | false;
  /** The limit of idling in a transaction. */
  idle_in_transaction_session_timeout: number | false;
  /** The limit of each query. */
  query_timeout: number | false;
  /** The limit of connecting, in seconds. */
  connect_timeout: number;
  /** Whether TCP keepalive is on. */
  keepalives: number;
  /** Seconds before the first keepalive. */
  keepalives_idle: number;
  /** Set to `true`: `int8` and `int8[]` are read as numbers; to `false`: as strings. */
  parseInt8: boolean;
}

/** The default of the option `user`, unless one is set: the name of the system's user. */
const chosen: { user: string | undefined; hasUser: boolean } = { user: undefined, hasUser: false };

const bigIntegerArray: TypeParser = getTypeParser(1016);

/** The defaults of every client and pool. They may be changed. */
export const defaults: Defaults = {
  host: "localhost",
  get user(): string | undefined {
    if (chosen.hasUser) return chosen.user;
    return environment("USER") ?? environment("USERNAME");
  },
  set user(name: string | undefined) {
    chosen.user = name;
    chosen.hasUser = true;
  },
  database: undefined,
  password: null,
  connectionString: undefined,
  port: 5432,
  rows: 0,
  binary: false,
  max: 10,
  idleTimeoutMillis: 30000,
  client_encoding: "",
  ssl: false,
  sslnegotiation: undefined,
  application_name: undefined,
  fallback_application_name: undefined,
  options: undefined,
  parseInputDatesAsUTC: false,
  statement_timeout: false,
  lock_timeout: false,
  idle_in_transaction_session_timeout: false,
  query_timeout: false,
  connect_timeout: 0,
  keepalives: 1,
  keepalives_idle: 0,
  set parseInt8(isNumber: boolean) {
    setTypeParser(20, isNumber ? getTypeParser(23) : parseBigInteger);
    setTypeParser(1016, isNumber ? getTypeParser(1007) : bigIntegerArray);
  },
} as Defaults;
