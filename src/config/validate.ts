import {
  bool,
  callback,
  type Check,
  fail,
  object,
  oneOf,
  seconds,
  signal,
  whole,
} from "../errors/checks.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own, withoutPrototype } from "../errors/own.ts";
import type { ConnectOptions, TlsOptions } from "./options.ts";
import { type Kind, type Parameter, PARAMETERS, TLS_VERSIONS } from "./parameters.ts";
import { suggestion } from "./spelling.ts";

/**
 * Checks the names and types of all options, and that no two contradict each other.
 *
 * @throws {InterfaceError} an option is wrong; the message names the option and quotes no value.
 */
export function checkOptions(options: ConnectOptions): void {
  options = withoutPrototype(options);
  for (const [name, value] of Object.entries(options)) {
    const check = OPTION_CHECKS.get(name);
    if (check === undefined) throw unknown(name);
    if (value !== undefined) check(name, value);
  }
  checkTogether(options);
}

function unknown(name: string): InterfaceError {
  if (POOL_OPTIONS.includes(name)) {
    return new InterfaceError(`"${name}" is an option of a pool: createPool(url, { ${name}: … })`);
  }
  const near = name === "connectionString"
    ? ": a connection string is the first argument"
    : suggestion(name, [...OPTION_CHECKS.keys()]);
  return new InterfaceError(`unknown option "${name}"${near}`);
}

/** Reports whether `connect()` has an option of this name. */
export function isConnectOption(name: string): boolean {
  return OPTION_CHECKS.has(name);
}

/** The options that only pools have; a test compares them with those of `createPool()`. */
export const POOL_OPTIONS: readonly string[] = [
  "acquireTimeout",
  "connectBackoff",
  "connection",
  "heartbeat",
  "idleTimeout",
  "leakWarning",
  "max",
  "maxLifetime",
  "maxUses",
  "maxWaiting",
  "min",
  "name",
  "onAcquire",
  "onConnect",
  "onDirtyRelease",
  "onLeak",
  "onRelease",
  "onRemove",
  "pooler",
  "reset",
  "unref",
  "validateAfterIdle",
  "verify",
  "waitForServer",
];

/** The options that are objects of options. */
const NESTED = ["sslContext", "tcpKeepalive", "sourceAddress", "startupParams"] as const;

/**
 * Returns a copy of the options' own properties, at every level. Nothing is read from
 * `Object.prototype`.
 *
 * @throws {InterfaceError} the options are not an object.
 */
export function ownOptions<T extends ConnectOptions>(options: T): T {
  object("options", options);
  const copy: { -readonly [K in keyof ConnectOptions]: unknown } = own(options);
  for (const name of NESTED) {
    const value = copy[name];
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      copy[name] = own(value);
    }
  }
  return copy as T;
}

/**
 * Returns the options that are parameters of libpq, as `[keyword, text, option]`, but no absent or
 * empty ones and no password that is not text.
 */
export function optionTexts(options: ConnectOptions): OptionText[] {
  const values = options as Readonly<Record<string, unknown>>;
  const texts: OptionText[] = [];
  for (const row of PARAMETERS) {
    if (row.option === undefined || row.option === "tcpKeepalive") continue;
    const text = optionText(row, values[row.option]);
    if (text !== "") texts.push([row.keyword, text, row.option]);
  }
  addKeepalive(texts, options.tcpKeepalive);
  return texts;
}

type OptionText = [keyword: string, text: string, option: string];

const text: Check = (name, value) => {
  if (typeof value !== "string") fail(name, "a string");
  else if (value.includes("\0")) throw new InterfaceError(`${name} contains a NUL byte`);
  else if (!value.isWellFormed()) throw new InterfaceError(`${name} contains a lone surrogate`);
};

const oneOrMany = (check: Check): Check => (name, value) => {
  if (!Array.isArray(value)) return check(name, value);
  if (value.length === 0) fail(name, "a list that is not empty");
  for (const item of value) check(name, item);
};

const record = (checks: Readonly<Record<string, Check>>): Check => (name, value) => {
  object(name, value);
  for (const [key, item] of Object.entries(value as object)) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check === undefined) {
      const near = suggestion(key, Object.keys(checks));
      throw new InterfaceError(`unknown option "${key}" in ${name}${near}`);
    }
    if (item !== undefined) check(`${name}.${key}`, item);
  }
};

const password: Check = (name, value) => {
  if (typeof value === "function") return;
  if (value instanceof Uint8Array) {
    if (value.includes(0)) throw new InterfaceError(`${name} contains a NUL byte`);
  } else if (typeof value === "string") text(name, value);
  else fail(name, "a string, a Uint8Array or a function");
};

const pem: Check = (name, value) => {
  const found = value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
  if (typeof found !== "string" || !found.includes("-----BEGIN ")) fail(name, "PEM text");
};

/** Startup parameters with options of their own. */
const RESERVED: Readonly<Record<string, string>> = {
  user: "user",
  database: "database",
  application_name: "applicationName",
  replication: "replication",
  options: "options",
  client_encoding: "clientEncoding",
};

const startupParams: Check = (name, value) => {
  object(name, value);
  for (const [key, item] of Object.entries(value as object)) {
    const reserved = key.toLowerCase();
    if (Object.hasOwn(RESERVED, reserved)) {
      throw new InterfaceError(
        `${name} must not name ${key}; use the option ${RESERVED[reserved]}`,
      );
    }
    if (!key.isWellFormed()) throw new InterfaceError(`${name} has a name with a lone surrogate`);
    // An empty name would end the startup packet early.
    if (key === "" || key.includes("\0")) {
      throw new InterfaceError(`${name} has an empty name or one with a NUL byte`);
    }
    text(`${name}.${key}`, item);
  }
};

const sslContext: Check = (name, value) => {
  if (typeof value === "boolean") return;
  if (typeof value !== "object" || value === null) fail(name, "a boolean or an object");
  TLS_OPTIONS(name, value);
  const { cert, key, minVersion, maxVersion } = value as TlsOptions;
  if (key !== undefined && cert === undefined) fail(`${name}.cert`, `given with ${name}.key`);
  if (
    minVersion !== undefined && maxVersion !== undefined &&
    TLS_VERSIONS.indexOf(minVersion) > TLS_VERSIONS.indexOf(maxVersion)
  ) fail(`${name}.minVersion`, `at most ${name}.maxVersion`);
};

const TLS_OPTIONS: Check = record({
  ca: oneOrMany(pem),
  cert: pem,
  key: pem,
  passphrase: text,
  crl: oneOrMany(pem),
  rejectUnauthorized: bool,
  servername: text,
  checkServerIdentity: callback,
  minVersion: oneOf(...TLS_VERSIONS),
  maxVersion: oneOf(...TLS_VERSIONS),
  alpn: oneOrMany(text),
});

const KEEPALIVE_TIMES: Check = record({
  idle: whole(1, 0x7fff),
  interval: whole(1, 0x7fff),
  count: whole(1, 127),
});

const sourceAddress: Check = (name, value) => {
  record({ host: text, port: whole(0, 65535) })(name, value);
  const { host } = value as { host?: string };
  if (host === undefined || host === "") fail(`${name}.host`, "given");
};

const allowedDsnKeys: Check = (name, value) => {
  if (!Array.isArray(value)) return fail(name, "a list of keywords");
  const keywords = PARAMETERS.map((row) => row.keyword);
  for (const item of value) {
    if (keywords.includes(item)) continue;
    const near = typeof item === "string" ? suggestion(item, keywords) : "";
    throw new InterfaceError(`${name} has an item that is no libpq keyword${near}`);
  }
};

/** Checks of the options that are no parameters of libpq, or of another type than there. */
const OWN_CHECKS: Readonly<Record<string, Check>> = {
  password,
  sourceAddress,
  unixSock: text,
  sslContext,
  timeout: seconds,
  tcpKeepalive: (name, value) => {
    if (typeof value !== "boolean") KEEPALIVE_TIMES(name, value);
  },
  startupParams,
  sock: object,
  dial: callback,
  oauthToken: callback,
  oauthPrompt: callback,
  oauthSslMode: oneOf("require", "verify-ca", "verify-full"),
  gssProvider: callback,
  allowedDsnKeys,
  queryTimeout: seconds,
  closeTimeout: seconds,
  maxMessageBytes: whole(1024, 0x7fffffff),
  maxPipelined: whole(1, 0x7fffffff),
  statementCacheSize: whole(0, 0x7fffffff),
  statementLifetime: seconds,
  types: object,
  rows: oneOf("object", "array"),
  onNotice: callback,
  onNotification: callback,
  onParameterStatus: callback,
  signal,
  runtime: object,
};

function kindCheck(kind: Kind): Check {
  switch (kind) {
    case "text":
    case "path":
    case "pem":
      return text;
    case "bool":
      return bool;
    case "seconds":
      return seconds;
    case "whole":
      return whole(0, 0x7fffffff);
    case "hosts":
      return oneOrMany(text);
    case "ports":
      return oneOrMany(whole(1, 65535));
    case "replication":
      return oneOf(true, false, "database", "physical");
    default:
      return (name, value) => {
        if (value !== "") oneOf(...kind)(name, value);
      };
  }
}

const OPTION_CHECKS: ReadonlyMap<string, Check> = new Map([
  ...PARAMETERS.flatMap((row): [string, Check][] =>
    row.option === undefined ? [] : [[row.option, kindCheck(row.kind)]]
  ),
  ...Object.entries(OWN_CHECKS),
]);

function optionText(row: Parameter, value: unknown): string {
  if (value === undefined || typeof value === "function" || value instanceof Uint8Array) return "";
  if (row.kind === "bool") return value ? "1" : "0";
  return Array.isArray(value) ? value.join(",") : String(value);
}

function addKeepalive(texts: OptionText[], value: ConnectOptions["tcpKeepalive"]): void {
  if (value === undefined) return;
  texts.push(["keepalives", value === false ? "0" : "1", "tcpKeepalive"]);
  if (typeof value !== "object") return;
  for (const name of ["idle", "interval", "count"] as const) {
    const time = value[name];
    if (time === undefined) continue;
    texts.push([`keepalives_${name}`, String(time), `tcpKeepalive.${name}`]);
  }
}

function checkTogether(options: ConnectOptions): void {
  const { sock, dial, sourceAddress, unixSock, sslContext, sslMode } = options;
  if (dial !== undefined && (sock !== undefined || sourceAddress !== undefined)) {
    const other = sock === undefined ? "sourceAddress" : "sock";
    throw new InterfaceError(`dial and ${other} exclude each other`);
  }
  if (sock !== undefined && unixSock) {
    throw new InterfaceError("unixSock and sock exclude each other");
  }
  if (
    sslContext === false && sslMode && sslMode !== "disable" && sslMode !== "allow" &&
    sslMode !== "prefer"
  ) {
    throw new InterfaceError(`sslContext: false contradicts sslMode: "${sslMode}"`);
  }
  if (sslContext && sslMode === "disable") {
    throw new InterfaceError('sslContext demands TLS, which sslMode: "disable" forbids');
  }
}
