import { environment } from "../../runtime/node_events.ts";
import {
  getTypeParser,
  parseBigInteger,
  setTypeParser,
  type TypeParser,
} from "./types.ts";

/** The values of options that are neither given nor set in the environment. */
export interface Defaults {
  host: string;
  user: string | undefined;
  database: string | undefined;
  password: string | null;
  connectionString: string | undefined;
  port: number;
  /** Rows of one portal at a time; 0: all. */
  rows: number;
  binary: boolean;
  /** Connections of a pool. */
  max: number;
  idleTimeoutMillis: number;
  client_encoding: string;
  ssl: boolean;
  sslnegotiation: string | undefined;
  application_name: string | undefined;
  fallback_application_name: string | undefined;
  options: string | undefined;
  /** Whether a `Date` parameter is written in UTC, not in local time. */
  parseInputDatesAsUTC: boolean;
  statement_timeout: number | false;
  lock_timeout: number | false;
  idle_in_transaction_session_timeout: number | false;
  query_timeout: number | false;
  connect_timeout: number;
  keepalives: number;
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
