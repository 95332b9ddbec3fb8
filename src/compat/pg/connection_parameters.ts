import { environment } from "../../runtime/node_events.ts";
import type { ClientConfig, SslConfig } from "./client_config.ts";
import { parseConnectionString, type ParsedString } from "./connection_string.ts";
import { defaults } from "./defaults.ts";

/** The parameters of a connection: options, then `PG…` variables, then `defaults`. */
export class ConnectionParameters {
  user: string | undefined;
  database: string | undefined;
  port: number;
  host: string;
  declare password: ClientConfig["password"] | null;
  binary: boolean;
  options: string | undefined;
  ssl: boolean | SslConfig;
  sslnegotiation: string | undefined;
  client_encoding: string | undefined;
  replication: string | undefined;
  /** Whether `host` is the directory of a Unix socket. */
  isDomainSocket: boolean;
  application_name: string | undefined;
  fallback_application_name: string | undefined;
  statement_timeout: number | false;
  lock_timeout: number | false;
  idle_in_transaction_session_timeout: number | false;
  query_timeout: number | false;
  connect_timeout: number | string;
  declare keepalives?: number;
  declare keepalives_idle?: number;

  /** @throws {Error} `sslnegotiation` is unknown, or direct without TLS. */
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

// deno-lint-ignore no-explicit-any
type Value = (name: string, variable?: string | false) => any;

/** Returns the function that looks an option up: given, in the environment, among the defaults. */
function valueOf(config: ParsedString): Value {
  return (name, variable = `PG${name.toUpperCase()}`) => {
    const fromEnvironment = variable === false ? undefined : environment(variable);
    return config[name] || fromEnvironment || Reflect.get(defaults, name);
  };
}

function tlsOf({ ssl }: ParsedString): boolean | SslConfig {
  if (ssl === undefined) return tlsOfEnvironment();
  if (ssl === "true") return true;
  if (ssl === "no-verify") return { rejectUnauthorized: false };
  if (typeof ssl === "object" && ssl?.key) hidden(ssl, "key", ssl.key);
  return ssl;
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
