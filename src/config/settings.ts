import { LONGEST_TIME } from "../errors/checks.ts";
import { InterfaceError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import { own } from "../errors/own.ts";
import type { KeepAlive, Readable, Runtime } from "../runtime/runtime.ts";
import { type Given, given, givenChoice, givenText, givenWhole, wholeNumber } from "./given.ts";
import type { GssProvider, OAuthSettings, ScramSecret } from "./login.ts";
import type { ConnectOptions } from "./options.ts";
import { PROTOCOL_VERSIONS, SESSION_ATTRS } from "./parameters.ts";
import type { PassfileKey } from "./passfile.ts";
import { permissionHint } from "./permissions.ts";
import { type Place, resolvePlaces } from "./places.ts";
import type { RequiredAuth } from "./required_auth.ts";
import { type Early, gather, gatherWithoutFiles, sessionVariables } from "./sources.ts";
import type { Target } from "./target.ts";
import { placeTls, resolveTls } from "./tls.ts";
import { isUri } from "./uri.ts";
import { checkOptions, ownOptions } from "./validate.ts";

/** The options of a connection, checked and resolved; nothing below reads options again. */
export interface Settings {
  /** The runtime that dials and reads files. */
  readonly runtime: Runtime;
  /** The servers to try, in order; at least one. */
  readonly targets: readonly Target[];
  /** An open connection of the caller's. */
  readonly sock: unknown;
  /** The role to log in as. */
  readonly user: string;
  /** The database to connect to; `undefined` leaves it to the server. */
  readonly database: string | undefined;
  /**
   * The other parameters of the startup packet: application_name, client_encoding, options,
   * replication, run-time parameters.
   */
  readonly parameters: Readonly<Record<string, string>>;
  /** `direct` begins TLS with the first byte, with ALPN `postgresql`. */
  readonly sslNegotiation: "postgres" | "direct";
  /** Whether SCRAM must be bound to the TLS channel. */
  readonly channelBinding: "disable" | "prefer" | "require";
  /** The authentication methods that the server may ask for; `undefined` allows any. */
  readonly requireAuth: RequiredAuth | undefined;
  /** The keys that replace the password in SCRAM. */
  readonly scramKeys: ScramSecret | undefined;
  /** The source of bearer tokens. */
  readonly oauth: OAuthSettings | undefined;
  /** The provider for GSSAPI logins, and the service's name for it. */
  readonly gss: { readonly provider: GssProvider | undefined; readonly service: string };
  /** The protocol version to ask for. */
  readonly maxProtocolVersion: "3.0" | "3.2";
  /** The least protocol version to accept. */
  readonly minProtocolVersion: "3.0" | "3.2";
  /** The kind of server to connect to. Source: manual, `target_session_attrs`. */
  readonly targetSessionAttrs:
    | "any"
    | "read-write"
    | "read-only"
    | "primary"
    | "standby"
    | "prefer-standby";
  /** `random` tries the targets, and the addresses of each, in random order. */
  readonly loadBalanceHosts: "disable" | "random";
  /** TCP keepalive; `undefined` turns it off. */
  readonly keepAlive: KeepAlive | undefined;
  /** The local address to bind. */
  readonly source: { readonly host: string; readonly port?: number } | undefined;
  /**
   * Seconds for each lookup of a name, and for each attempt at an address, TLS and authentication
   * included; 0: no limit.
   */
  readonly connectTimeout: number;
  /** Seconds of silence from the server while an answer is due; 0: no limit. */
  readonly timeout: number;
  /** Seconds after which a query is cancelled; 0: no limit. */
  readonly queryTimeout: number;
  /** Seconds that `close()` waits for queued requests. */
  readonly closeTimeout: number;
  /** The longest message from the server, in bytes. */
  readonly maxMessageBytes: number;
  /** The number of requests that may be on the wire at once. */
  readonly maxPipelined: number;
  /** The number of prepared statements kept per connection; 0: none. */
  readonly statementCacheSize: number;
  /** Seconds after which a prepared statement is parsed again; 0: no limit. */
  readonly statementLifetime: number;
}

/**
 * Checks the arguments of `connect()` and resolves them, together with the service file, the
 * environment, the password file and the defaults. Reads files; dials nothing.
 *
 * `dsn` is a URI or `keyword=value` pairs; `options` override it. `early` is the part that
 * {@linkcode timeForFiles} has read.
 *
 * @throws {InterfaceError} an option, the string or a file is wrong. The message shows no value that
 * may be secret.
 * @throws {NotSupportedError} the driver does not support the value of a parameter.
 */
export async function resolveSettings(
  dsn: string | URL | undefined,
  options: ConnectOptions,
  runtime: Runtime,
  early?: Early,
): Promise<Settings> {
  options = ownOptions(options);
  checkOptions(options);
  const text = dsnText(dsn);
  checkDatabase(options);
  const values = await gather(text, options, runtime, early);
  const user = givenText(values, "user") ?? runtime.userName();
  if (user === undefined || user === "") {
    const hint = permissionHint(runtime, { kind: "env", name: "PGUSER" }, { kind: "user" });
    throw new InterfaceError(
      `user is not given, and neither PGUSER nor the system names one${hint}`,
    );
  }
  const database = givenText(values, "dbname") ?? user;
  const places = resolvePlaces(values, options);
  const targets = await resolveTargets(values, options, places, { user, database }, runtime);
  const channelBinding = givenChoice(
    values,
    "channel_binding",
    ["disable", "prefer", "require"],
    "prefer",
  );
  if (channelBinding === "require" && targets.every((target) => target.tls === undefined)) {
    throw new InterfaceError(
      `${given(values, "channel_binding")!.name} is "require", but TLS is off everywhere`,
    );
  }
  const login = await loginSettings(values, options);
  return {
    runtime,
    targets,
    sock: options.sock,
    user,
    database,
    parameters: startupParameters(values, options, runtime),
    sslNegotiation: givenChoice(values, "sslnegotiation", ["postgres", "direct"], "postgres"),
    channelBinding,
    ...login,
    gss: { provider: options.gssProvider, service: givenText(values, "krbsrvname") ?? "postgres" },
    ...protocolVersions(values),
    targetSessionAttrs: givenChoice(values, "target_session_attrs", SESSION_ATTRS, "any"),
    loadBalanceHosts: givenChoice(values, "load_balance_hosts", ["disable", "random"], "disable"),
    keepAlive: keepAlive(values),
    source: options.sourceAddress,
    ...limits(values, options),
  };
}

type LoginSettings = Pick<Settings, "requireAuth" | "scramKeys" | "oauth">;

const NO_LOGIN: LoginSettings = {
  requireAuth: undefined,
  scramKeys: undefined,
  oauth: undefined,
};

/** Resolves what is asked of logins. The code for it is loaded if anything is. */
async function loginSettings(values: Given, options: ConnectOptions): Promise<LoginSettings> {
  const keywords = [...values.keys()].filter((keyword) => given(values, keyword) !== undefined);
  const isAsked = keywords.some((keyword) => /^(?:require_auth|scram_|oauth_)/.test(keyword)) ||
    options.oauthToken !== undefined || options.oauthPrompt !== undefined;
  if (!isAsked) return NO_LOGIN;
  const code = await loaded(import("./login.ts"), "the code for the settings of logins");
  return {
    requireAuth: code.requiredAuth(values),
    scramKeys: code.scramSecret(values),
    oauth: code.oauthSettings(values, options),
  };
}

/** @throws {InterfaceError} `database` is a connection string. */
export function checkDatabase({ database = "" }: ConnectOptions): void {
  if (!isUri(database)) return;
  throw new InterfaceError(
    "database is a connection string; give it as connect()'s first argument",
  );
}

/**
 * Returns the seconds that {@linkcode resolveSettings} may take to read files, 0 for no limit or if it
 * reads none: `connectTimeout` as far as it is known without the files. `early` is what was read for
 * that. `resolveSettings` reports faults.
 */
export async function timeForFiles(
  dsn: string | URL | undefined,
  options: ConnectOptions,
  runtime: Runtime,
): Promise<{ seconds: number; early?: Early }> {
  try {
    const early = await gatherWithoutFiles(dsnText(dsn), options, runtime);
    // A service and certificates are read from files.
    const isFree = early.isComplete && !options.sslContext &&
      givenText(early.values, "sslmode") === "disable";
    return { seconds: isFree ? 0 : limits(early.values, options).connectTimeout, early };
  } catch {
    return { seconds: DEFAULT_CONNECT_TIMEOUT };
  }
}

const DEFAULT_CONNECT_TIMEOUT = 30;

/** Returns the text of a connection string. @throws {InterfaceError} it is neither text nor a URL. */
export function dsnText(dsn: string | URL | undefined): string | undefined {
  if (dsn === undefined || typeof dsn === "string") return dsn;
  if (dsn instanceof URL) return dsn.href;
  throw new InterfaceError("the connection string must be a string or a URL");
}

/** Returns the limits on times, sizes and numbers. @throws {InterfaceError} one is wrong. */
export function limits(values: Given, options: ConnectOptions): Pick<
  Settings,
  | "connectTimeout"
  | "timeout"
  | "queryTimeout"
  | "closeTimeout"
  | "maxMessageBytes"
  | "maxPipelined"
  | "statementCacheSize"
  | "statementLifetime"
> {
  const timeout = options.timeout ?? 0;
  const connect = connectTimeout(values);
  return {
    // The socket's timeout limits connecting, too; 0 is no limit.
    connectTimeout: timeout > 0 && (connect === 0 || timeout < connect) ? timeout : connect,
    timeout,
    queryTimeout: options.queryTimeout ?? 0,
    closeTimeout: options.closeTimeout ?? 5,
    maxMessageBytes: options.maxMessageBytes ?? 2 ** 30,
    maxPipelined: options.maxPipelined ?? 1000,
    statementCacheSize: options.statementCacheSize ?? 256,
    statementLifetime: options.statementLifetime ?? 300,
  };
}

/** Returns the seconds for connecting; a negative number is no limit, as in libpq. */
function connectTimeout(values: Given): number {
  const value = given(values, "connect_timeout");
  if (value === undefined) return DEFAULT_CONNECT_TIMEOUT;
  const fraction = /^\s*\d+\.\d+\s*$/.test(value.text) ? Number(value.text) : undefined;
  const seconds = value.source === "option"
    ? Number(value.text)
    : wholeNumber(value.text) ?? fraction;
  if (seconds === undefined) throw new InterfaceError(`${value.name} must be a number of seconds`);
  return Math.min(Math.max(seconds, 0), LONGEST_TIME);
}

/** Returns the times of TCP keepalive. @throws {InterfaceError} one is wrong. */
export function keepAlive(values: Given): KeepAlive | undefined {
  if (givenWhole(values, "keepalives") === 0) return undefined;
  const time = (keyword: string): number | undefined => {
    const value = givenWhole(values, keyword);
    return value !== undefined && value > 0 ? value : undefined;
  };
  return {
    idle: time("keepalives_idle"),
    interval: time("keepalives_interval"),
    count: time("keepalives_count"),
  };
}

/**
 * Resolves the versions: "latest" is the greatest here; libpq's default is 3.0 for both.
 *
 * @throws {InterfaceError} a version is unknown, or the least is above the greatest.
 */
export function protocolVersions(
  values: Given,
): Pick<Settings, "minProtocolVersion" | "maxProtocolVersion"> {
  const version = (keyword: string, fallback: "3.0" | "3.2"): "3.0" | "3.2" => {
    const asked = givenChoice(values, keyword, PROTOCOL_VERSIONS, fallback);
    return asked === "latest" ? "3.2" : asked;
  };
  const minProtocolVersion = version("min_protocol_version", "3.0");
  const maxProtocolVersion = version("max_protocol_version", "3.0");
  if (minProtocolVersion > maxProtocolVersion) {
    throw new InterfaceError(
      `minProtocolVersion is ${minProtocolVersion}, above maxProtocolVersion, ${maxProtocolVersion}`,
    );
  }
  return { minProtocolVersion, maxProtocolVersion };
}

/** Returns the other startup parameters. Source: `build_startup_packet` of `fe-protocol3.c`. */
function startupParameters(
  values: Given,
  options: ConnectOptions,
  runtime: Runtime,
): Record<string, string> {
  const encoding = given(values, "client_encoding");
  // "auto" is the encoding of the locale, which for JavaScript's strings can only be UTF-8.
  if (encoding !== undefined && !/^(?:utf-?8|unicode|auto)$/i.test(encoding.text)) {
    throw new InterfaceError(`${encoding.name} must be UTF8`);
  }
  const parameters: Record<string, string> = {};
  const name = givenText(values, "application_name") ??
    givenText(values, "fallback_application_name");
  if (name !== undefined) parameters.application_name = name;
  parameters.client_encoding = "UTF8";
  const commandLine = givenText(values, "options");
  if (commandLine !== undefined) parameters.options = commandLine;
  const replication = replicationMode(values);
  if (replication !== undefined) parameters.replication = replication;
  const own = Object.entries(options.startupParams ?? {});
  const named = new Set(own.map(([key]) => key.toLowerCase()));
  for (const [key, text] of Object.entries(sessionVariables(runtime))) {
    if (!named.has(key)) own.unshift([key, text]);
  }
  return { ...parameters, ...Object.fromEntries(own) };
}

/** Reads a boolean like the server's `parse_bool`, or "database"; "physical" means true. */
function replicationMode(values: Given): string | undefined {
  const value = given(values, "replication");
  if (value === undefined) return undefined;
  const text = value.text.toLowerCase();
  if (text === "database") return text;
  if (["true", "on", "yes", "1", "physical"].includes(text)) return "true";
  if (["false", "off", "no", "0"].includes(text)) return undefined;
  throw new InterfaceError(`${value.name} must be a boolean or "database"`);
}

async function resolveTargets(
  values: Given,
  options: ConnectOptions,
  places: readonly Place[],
  login: { user: string; database: string },
  runtime: Runtime,
): Promise<Target[]> {
  const policy = await resolveTls(values, options, places, runtime);
  const isDefault = !given(values, "host") && !given(values, "hostaddr") && !options.unixSock;
  const hostHint = isDefault ? permissionHint(runtime, { kind: "env", name: "PGHOST" }) : "";
  const hint = hostHint === "" ? {} : { hostHint };
  const password = passwords(values, options, login, runtime);
  return places.map((place) => {
    const { sslMode, tls } = placeTls(policy, place);
    const { host, address, port } = place;
    return { host, address, port, sslMode, tls: tls && own(tls), ...password(place), ...hint };
  });
}

type Secret = Pick<Target, "password" | "passwordFile">;

function passwords(
  values: Given,
  options: ConnectOptions,
  login: { user: string; database: string },
  runtime: Runtime,
): (place: Place) => Secret {
  const own = typeof options.password === "string" ? undefined : options.password;
  const known = own ?? givenText(values, "password");
  if (known !== undefined) return () => ({ password: known });
  const named = givenText(values, "passfile");
  // One reading serves all hosts.
  let reading: ReturnType<typeof readPasswords> | undefined;
  return ({ host, port }) => ({
    password: undefined,
    passwordFile: async () => {
      const { hint, find } = await (reading ??= readPasswords(named, runtime));
      return { password: find({ host, port, ...login }), hint };
    },
  });
}

async function readPasswords(
  named: string | undefined,
  runtime: Runtime,
): Promise<{ hint: string | undefined; find(key: PassfileKey): string | undefined }> {
  const code = await loaded(import("./passfile.ts"), "the code for password files");
  const { text, hint = unreadHint(named, runtime) } = await code.readPassfile(named, runtime);
  return { hint, find: (key) => text && code.passfilePassword(text, key) };
}

/** Returns why a password was not looked for in every place, if the program lacks permissions. */
function unreadHint(passfile: string | undefined, runtime: Runtime): string | undefined {
  const home = runtime.homeDirectory();
  const name = passfile ?? (home === undefined ? undefined : `${home}/.pgpass`);
  const file: Readable = name === undefined ? { kind: "home" } : { kind: "file", name };
  const hint = permissionHint(runtime, { kind: "env", name: "PGPASSWORD" }, file);
  return hint === "" ? undefined : `not in PGPASSWORD or the password file${hint}`;
}
