import { environment } from "../node.ts";
import type { ClientConfig, SslConfig } from "./client_config.ts";
import { parseConnectionString, type ParsedString } from "./connection_string.ts";
import { defaults } from "./defaults.ts";

/** The parameters of a connection: options, then `PG…` variables, then `defaults`. */
export class ConnectionParameters {
  /** The role that logs in. */
  user: string | undefined;
  /** The database. */
  database: string | undefined;
  /** The port of the server. */
  port: number;
  /** The host of the server, or the directory of its Unix socket. */
  host: string;
  /** The password, or the function that returns it. Not enumerated. */
  declare password: ClientConfig["password"] | null;
  /** Whether values come in binary format. */
  binary: boolean;
  /** Command-line options for the backend. */
  options: string | undefined;
  /** The TLS options, or `false`. */
  ssl: boolean | SslConfig;
  /** `"direct"`: TLS begins without a request. */
  sslnegotiation: string | undefined;
  /** Only `UTF8` is supported. */
  client_encoding: string | undefined;
  /** The kind of replication connection, if it is one. */
  replication: string | undefined;
  /** Whether `host` is the directory of a Unix socket. */
  isDomainSocket: boolean;
  /** The name in `pg_stat_activity`. */
  application_name: string | undefined;
  /** The name that is used without `application_name`. */
  fallback_application_name: string | undefined;
  /** The limit of each statement on the server. */
  statement_timeout: number | false;
  /** The limit of each wait for a lock. */
  lock_timeout: number | false;
  /** The limit of idling in a transaction. */
  idle_in_transaction_session_timeout: number | false;
  /** The limit of each query. */
  query_timeout: number | false;
  /** The limit of connecting, in seconds. */
  connect_timeout: number | string;
  /** Whether TCP keepalive is on. */
  declare keepalives?: number;
  /** Seconds before the first keepalive. */
  declare keepalives_idle?: number;

  /** @throws {Error} `sslnegotiation` is unknown, or direct without TLS. */
  /** Creates the object from its options. */
  constructor(given?: string | ClientConfig) {
    const config = optionsOf(given);
    const value = valueOf(config);
    this.user = value("user");
    this.database = value("database") ?? this.user;
    this.port = parseInt(String(value("port")), 10);
    this.host = value("host");
    hidden(this, "password", value("password"));
    this.binary = value("binary");
    this.options = value("options");
    this.ssl = tlsOf(config);
    this.sslnegotiation = value("sslnegotiation");
    checkNegotiation(this.sslnegotiation, this.ssl);
    this.client_encoding = value("client_encoding");
    this.replication = value("replication");
    this.isDomainSocket = (this.host || "").startsWith("/");
    this.application_name = value("application_name", "PGAPPNAME");
    this.fallback_application_name = value("fallback_application_name", false);
    this.statement_timeout = value("statement_timeout", false);
    this.lock_timeout = value("lock_timeout", false);
    this.idle_in_transaction_session_timeout = value("idle_in_transaction_session_timeout", false);
    this.query_timeout = value("query_timeout", false);
    this.connect_timeout = config.connectionTimeoutMillis === undefined
      ? environment("PGCONNECT_TIMEOUT") || 0
      : Math.floor(config.connectionTimeoutMillis / 1000);
    if (config.keepAlive !== undefined) this.keepalives = config.keepAlive ? 1 : 0;
    if (typeof config.keepAliveInitialDelayMillis === "number") {
      this.keepalives_idle = Math.floor(config.keepAliveInitialDelayMillis / 1000);
    }
  }
}

/** Sets a property that is neither enumerated nor shown. */
export function hidden(target: object, name: string, value: unknown): void {
  const how = { configurable: true, enumerable: false, writable: true };
  Object.defineProperty(target, name, { ...how, value });
}

function optionsOf(given: string | ClientConfig | undefined): ParsedString {
  const config: ParsedString = typeof given === "string"
    ? parseConnectionString(given)
    : given ?? {};
  if (!config.connectionString) return config;
  return { ...config, ...parseConnectionString(config.connectionString) };
}

/** Returns an option in the type that its place has; nothing is checked, as in `pg`. */
type Value = <T>(name: string, variable?: string | false) => T;

/** Returns the function that looks an option up: given, in the environment, among the defaults. */
function valueOf(config: ParsedString): Value {
  return (name, variable = `PG${name.toUpperCase()}`) => {
    const fromEnvironment = variable === false ? undefined : environment(variable);
    return (config[name] || fromEnvironment || Reflect.get(defaults, name)) as never;
  };
}

function tlsOf({ ssl }: ParsedString): boolean | SslConfig {
  if (ssl === undefined) return tlsOfEnvironment();
  if (ssl === "true") return true;
  if (ssl === "no-verify") return { rejectUnauthorized: false };
  if (typeof ssl === "object" && ssl?.key) hidden(ssl, "key", ssl.key);
  return ssl as boolean | SslConfig;
}

function tlsOfEnvironment(): boolean | SslConfig {
  switch (environment("PGSSLMODE")) {
    case "disable":
      return false;
    case "prefer":
    case "require":
    case "verify-ca":
    case "verify-full":
      return true;
    case "no-verify":
      return { rejectUnauthorized: false };
    default:
      return defaults.ssl;
  }
}

function checkNegotiation(how: string | undefined, ssl: unknown): void {
  if (how !== undefined && how !== "postgres" && how !== "direct") {
    throw new Error(
      `Invalid sslnegotiation value: "${how}". Valid values are "postgres" and "direct".`,
    );
  }
  if (how === "direct" && !ssl) throw new Error("sslnegotiation=direct requires SSL to be enabled");
}
