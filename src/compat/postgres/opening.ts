/** Opens the session of a connection: the options of postgres.js as those of `connect()`. */
import type { TlsOptions } from "../../config/options.ts";
import { type ConnectOptions, openCore } from "../../connect.ts";
import type { ConnectionCore, ConnectionHooks } from "../../connection_core.ts";
import { Executor } from "../../query/executor.ts";
import { detectRuntime } from "../../runtime/detect.ts";
import { withVariables } from "../variables.ts";
import type { ParsedOptions } from "./options.ts";
import { PostgresTypes } from "./postgres_types.ts";

/** One attempt to connect. */
export interface Attempt {
  readonly options: ParsedOptions;
  /** The hosts in the order in which they are tried, with the port of each. */
  readonly places: readonly (readonly [host: string, port: number])[];
  readonly hooks: ConnectionHooks;
  readonly signal: AbortSignal;
  /** Called with what the program's `socket` has thrown. */
  socketFailed(error: unknown): void;
}

/** Opens a session. @throws what the driver or the program's functions throw. */
export async function openLink(attempt: Attempt): Promise<ConnectionCore> {
  const { options } = attempt;
  const runtime = withVariables(await detectRuntime(), []);
  return await openCore(undefined, connectOptions(attempt), runtime, {
    makeExecutor: (session, _types, limits, trace) =>
      new Executor(session, new PostgresTypes(options), limits, trace),
  });
}

function connectOptions(attempt: Attempt): ConnectOptions {
  const { options, places, hooks, signal } = attempt;
  const { path, user, database, pass, socket, keep_alive: keepAlive } = options;
  const place = path
    ? { unixSock: path, host: undefined }
    : { host: places.map(([host]) => host), port: places.map(([, port]) => port) };
  return {
    ...place,
    ...tlsOptions(options.ssl, !!path),
    ...options.sslnegotiation === "direct" && { sslNegotiation: "direct" as const },
    user: String(user),
    database: String(database),
    ...pass && { password: pass },
    ...sessionOptions(options),
    ...options.target_session_attrs && { targetSessionAttrs: options.target_session_attrs },
    tcpKeepalive: keepAlive ? { idle: keepAlive } : false,
    maxPipelined: options.max_pipeline,
    ...socket && { dial: dialBy(attempt, socket) },
    ...{ connectTimeout: 0, signal },
    ...hooks,
  };
}

function dialBy(
  attempt: Attempt,
  socket: NonNullable<ParsedOptions["socket"]>,
): NonNullable<ConnectOptions["dial"]> {
  return async () => {
    try {
      return await socket(attempt.options);
    } catch (error) {
      attempt.socketFailed(error);
      throw error;
    }
  };
}

function sessionOptions({ connection }: ParsedOptions): ConnectOptions {
  const { application_name: name, options, replication, ...others } = connection;
  const texts = Object.entries(others)
    .filter(([key]) => key !== "client_encoding")
    .map(([key, value]) => [key, String(value)]);
  return {
    applicationName: String(name),
    ...options !== undefined && { options: String(options) },
    ...replication !== undefined && { replication: replication as "database" },
    startupParams: Object.fromEntries(texts),
  };
}

function tlsOptions(ssl: ParsedOptions["ssl"], isLocal: boolean): ConnectOptions {
  if (!ssl || isLocal) return { sslMode: "disable" };
  if (ssl === "prefer" || ssl === "allow") return { sslMode: ssl };
  if (ssl === "require") return { sslContext: { rejectUnauthorized: false } };
  if (ssl === true || ssl === "verify-full") return { sslContext: { rejectUnauthorized: true } };
  return { sslContext: tlsObject(ssl as Readonly<Record<string, unknown>>) };
}

/** Takes what the driver knows of the options of `tls.connect()`. */
function tlsObject(given: Readonly<Record<string, unknown>>): TlsOptions {
  const { ALPNProtocols: alpn } = given;
  const known = KNOWN.filter((name) => given[name] !== undefined)
    .map((name) => [name, given[name]]);
  return { ...Object.fromEntries(known), ...alpn !== undefined && { alpn } } as TlsOptions;
}

const KNOWN = [
  ...["ca", "cert", "key", "passphrase", "crl", "rejectUnauthorized", "servername"],
  ...["checkServerIdentity", "minVersion", "maxVersion"],
] as const;
