/** Opens the session of a client: the options of `pg` as those of `connect()`. */
import type { TlsOptions } from "../../config/options.ts";
import { type ConnectOptions, openCore } from "../../connect.ts";
import type { ConnectionCore } from "../../connection_core.ts";
import { detectRuntime } from "../../runtime/detect.ts";
import type { ClientConfig } from "./client_config.ts";
import type { ConnectionParameters } from "./connection_parameters.ts";
import { withVariables } from "../variables.ts";
import { dialOf } from "./given_stream.ts";

/** The functions that are called for messages beside the replies. */
export type Hooks = Pick<ConnectOptions, "onNotice" | "onNotification" | "onParameterStatus">;

/** The password of a client, which is asked for when the server wants one. */
export type AskPassword = () => Promise<string>;

/** Opens a session. */
export async function openSession(
  parameters: ConnectionParameters,
  config: ClientConfig,
  askPassword: AskPassword | undefined,
  hooks: Hooks,
  signal: AbortSignal,
): Promise<ConnectionCore> {
  const runtime = withVariables(await detectRuntime(), ["PGPASSFILE"]);
  const options: ConnectOptions = {
    ...loginOf(parameters),
    ...hooks,
    ...(askPassword !== undefined && { password: askPassword }),
    ...(config.stream !== undefined && { dial: dialOf(config.stream) }),
    ...(config.prepare === false && { statementCacheSize: 0 }),
    ...{ tcpKeepalive: keepaliveOf(config), connectTimeout: 0, signal },
  };
  return await openCore(undefined, options, runtime);
}

function loginOf(parameters: ConnectionParameters): ConnectOptions {
  const { user, database, host, port, application_name, fallback_application_name } = parameters;
  const { options, replication, sslnegotiation } = parameters;
  return {
    ...{ user, database, host, port, sslContext: tlsContext(parameters.ssl) },
    ...(options && { options }),
    ...(sslnegotiation === "direct" && { sslNegotiation: "direct" as const }),
    ...(replication && { replication: replicationOf(replication) }),
    applicationName: application_name || fallback_application_name || "",
    startupParams: limitsOf(parameters),
  };
}

function replicationOf(text: string): boolean | "database" {
  return String(text) === "database" ? "database" : true;
}

/** Returns the limits of the session, in milliseconds, as the server takes them. */
function limitsOf(parameters: ConnectionParameters): Record<string, string> {
  const limits: Record<string, string> = {};
  for (const name of LIMITS) {
    const value = parameters[name];
    if (value) limits[name] = String(parseInt(String(value), 10));
  }
  return limits;
}

const LIMITS = [
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
] as const;

function keepaliveOf(config: ClientConfig): ConnectOptions["tcpKeepalive"] {
  if (!config.keepAlive) return false;
  const delay = config.keepAliveInitialDelayMillis ?? 0;
  return delay >= 1000 ? { idle: Math.floor(delay / 1000) } : true;
}

/** Returns the options of TLS that the driver has. Without options, the certificate is verified in full. */
function tlsContext(ssl: ConnectionParameters["ssl"]): false | TlsOptions {
  if (!ssl) return false;
  if (ssl === true) return {};
  const context: Record<string, unknown> = {};
  const given: Record<string, unknown> = ssl;
  for (const name of TLS_OPTIONS) {
    const value = given[name];
    if (value !== undefined && value !== null) context[name] = value;
  }
  if (context.rejectUnauthorized !== undefined) {
    context.rejectUnauthorized = context.rejectUnauthorized !== false;
  }
  return context as TlsOptions;
}

const TLS_OPTIONS: readonly (keyof TlsOptions)[] = [
  ...["ca", "cert", "key", "passphrase", "crl", "rejectUnauthorized"] as const,
  ...["servername", "checkServerIdentity", "minVersion", "maxVersion"] as const,
];
