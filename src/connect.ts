import type { ConnectOptions as ConfigOptions } from "./config/options.ts";
import { resolveSettings, timeForFiles } from "./config/settings.ts";
import { ownOptions } from "./config/validate.ts";
import type { Settings } from "./config/settings.ts";
import type { Target } from "./config/target.ts";
import { Connection } from "./connection.ts";
import { type ConnectionCore, connectionCore } from "./connection_core.ts";
import { Executor } from "./query/executor.ts";
import { withCallSite } from "./query/call_site.ts";
import type { StatementLimits } from "./query/statement_cache.ts";
import { loaded } from "./errors/loading.ts";
import { CALL_OPTIONS, checkOptions } from "./errors/checks.ts";
import { detectRuntime } from "./runtime/detect.ts";
import type { Dial } from "./runtime/dialled.ts";
import type { Runtime, Signal } from "./runtime/runtime.ts";
import { bound, unlessAborted } from "./session/deadline.ts";
import { type Found, openSession } from "./session/open.ts";
import type { Session } from "./session/session.ts";
import { type TraceOrigin, Tracing } from "./trace.ts";
import { createRegistry, type TypeRegistry, type TypesOptions } from "./types/registry.ts";

/** The platform's `URL` if its types are installed, else any object with an `href`. */
export type Url = typeof globalThis extends { URL: { prototype: infer U } } ? U
  : { readonly href: string };

/** The options of `connect()`; `ConnectionParameters` describes each. */
export interface ConnectOptions extends ConfigOptions {
  /** The conversion between values of PostgreSQL and of JavaScript. */
  types?: TypesOptions | undefined;
}

/**
 * Opens a connection to a PostgreSQL server.
 *
 * `dsn` is a URI or a `key=value` string in libpq's grammar; `options` override it. Absent values come
 * from the service file, the `PG*` environment variables and the defaults.
 *
 * @throws {InterfaceError} an option is wrong; the message names it, and nothing was dialled.
 * @throws {OperationalError} no server could be reached in time, or the server refused the login.
 * @throws {NotSupportedError} the server or an option needs a feature that this runtime lacks.
 *
 * @example
 * ```ts
 * const db = await connect("postgres://myuser:mypassword@db.example.com/mydb?sslmode=verify-full");
 * try {
 *   const [row] = await db.sql`select ${6} * 7 as answer`; // → { answer: 42 }
 * } finally {
 *   await db.close();
 * }
 * ```
 */
export function connect(options?: string | Url | ConnectOptions): Promise<Connection>;
/** Opens a connection with `options` that override the connection string. */
export function connect(dsn: string | Url, options: ConnectOptions): Promise<Connection>;
export async function connect(
  first: string | Url | ConnectOptions = {},
  second: ConnectOptions = {},
): Promise<Connection> {
  // Taken here, because a stack from deeper down has no room for the caller.
  const site = new Error();
  const isDsn = typeof first === "string" || first instanceof URL;
  const options = ownOptions(isDsn ? second : first as ConnectOptions);
  const runtime = await runtimeOf(options);
  try {
    return new Connection(await openCore(isDsn ? first : undefined, options, runtime));
  } catch (error) {
    throw error === options.signal?.reason ? error : withCallSite(error, site);
  }
}

/** Returns the runtime that the options give, or else the detected one. */
export async function runtimeOf({ runtime }: ConnectOptions): Promise<Runtime> {
  return runtime ?? (detected.runtime ??= await detectRuntime());
}

/** The detected runtime, which is the same for all connections. */
const detected: { runtime?: Runtime } = {};

/** Opens the core of a connection, for `connect()` and pools. Throws the errors of `connect()`. */
export async function openCore(
  dsn: string | Url | undefined,
  options: ConnectOptions,
  surroundings: Runtime,
  { makeExecutor, goesTo, role = (asked) => asked, kept }: Opening = PLAIN,
): Promise<ConnectionCore> {
  if (surroundings.loadEarly !== undefined) {
    const load = () => import("./late.ts").then(({ load }) => load());
    await loaded(surroundings.loadEarly("connections", load), "the driver's code");
  }
  const { dial } = options;
  const runtime = dial === undefined ? surroundings : await dialled(surroundings, dial);
  const resolved = kept?.settings ?? await settingsInTime(dsn, options, runtime);
  if (kept !== undefined) kept.settings = resolved;
  const targetSessionAttrs = role(resolved.targetSessionAttrs);
  const settings = targetSessionAttrs === resolved.targetSessionAttrs
    ? resolved
    : { ...resolved, targetSessionAttrs };
  const types = createRegistry(options.types ?? {});
  const origin = originOf(settings, settings.targets);
  const trace = new Tracing(runtime, origin);
  goesTo?.(origin);
  const { session, target } = await openWatched(settings, options.signal, trace);
  if (settings.targets.length > 1) trace.origin = originOf(settings, [target]);
  const { statementCacheSize: size, statementLifetime: lifetime, parameters } = settings;
  const executor = makeExecutor(session, types, { size, lifetime }, trace, parameters);
  for (const [name, value] of Object.entries(parameters)) {
    executor.context.exactness.noteText(`${name}=${value}`);
  }
  return connectionCore(session, executor, settings, options.rows ?? "object", options);
}

/** Returns the runtime whose connections the option `dial` opens. */
async function dialled(runtime: Runtime, dial: Dial): Promise<Runtime> {
  const { dialledBy } = await loaded(import("./runtime/dialled.ts"), "the option dial");
  return dialledBy(runtime, dial);
}

/** Resolves the settings within `connectTimeout`, because a file may be on a disk that is gone. */
async function settingsInTime(
  dsn: string | Url | undefined,
  options: ConnectOptions,
  runtime: Runtime,
): Promise<Settings> {
  const { signal, timeout } = options;
  checkOptions({ signal, timeout }, CALL_OPTIONS);
  const { seconds, early } = await unlessAborted(timeForFiles(dsn, options, runtime), signal);
  if (seconds === 0) {
    return await unlessAborted(resolveSettings(dsn, options, runtime, early), signal);
  }
  const controller = new AbortController();
  const stage = (): string => "reading the files that the settings name";
  const release = bound(controller, seconds, stage, signal);
  try {
    return await unlessAborted(resolveSettings(dsn, options, runtime, early), controller.signal);
  } finally {
    release();
  }
}

/** The differences between the connections of `connect()` and those of a pool. */
export interface Opening {
  /** Makes the executor of its queries; `startup` are the parameters of the startup message. */
  makeExecutor(
    session: Session,
    types: TypeRegistry,
    statements: StatementLimits,
    trace: Tracing,
    startup: Settings["parameters"],
  ): Executor;
  /** Called with the hosts to connect to, before dialling. */
  goesTo?(origin: TraceOrigin): void;
  /** The settings of earlier connections with the same options. Their files are not read again. */
  readonly kept?: { settings: Settings | undefined };
  /** Replaces the kind of server that is asked for. */
  role?(asked: Settings["targetSessionAttrs"]): Settings["targetSessionAttrs"];
}

const PLAIN: Opening = {
  makeExecutor: (session, types, limits, trace) => new Executor(session, types, limits, trace),
};

function openWatched(
  settings: Settings,
  signal: Signal | undefined,
  { connect }: Tracing,
): Promise<Found> {
  const open = () => openSession(settings, signal);
  if (!connect.isWatched) return open();
  return connect.promise({}, open, ({ target }) => originOf(settings, [target]));
}

/** Returns the part of trace messages that says where a connection goes: to one of these hosts. */
function originOf({ database }: Settings, targets: readonly Target[]): TraceOrigin {
  const known = targets.filter(({ address }) => address !== undefined);
  const names = known.map(({ host, address }) => address!.kind === "unix" ? address!.path : host);
  const ports = new Set(known.map(({ address, port }) => address!.kind === "unix" ? 0 : port));
  const [port = 0] = ports.size === 1 ? ports : [];
  return {
    "db.system.name": "postgresql",
    ...(database !== undefined && { "db.namespace": database }),
    ...(names.length > 0 && { "server.address": names.join() }),
    ...(port > 0 && { "server.port": port }),
  };
}
