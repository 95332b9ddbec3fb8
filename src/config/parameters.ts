/**
 * The table of connection parameters: libpq's keyword, the option, the environment variable. Parsing,
 * precedence, validation and the table in the documentation are derived from it. The other differences
 * from libpq stand in `scripts/parameter_differences.ts`, for that table.
 *
 * Source: PostgreSQL 18 manual, "Parameter Key Words" and "Environment Variables", and the array
 * `PQconninfoOptions` of `fe-connect.c`; `servicefile` as a keyword is PostgreSQL 19's.
 */

/**
 * The kind of a parameter's value. A list holds the allowed values; `path` is the name of a file, `pem`
 * the name of a file or PEM text; `hosts` and `ports` are comma-separated lists.
 */
export type Kind =
  | "text"
  | "path"
  | "pem"
  | "bool"
  | "whole"
  | "seconds"
  | "hosts"
  | "ports"
  | "replication"
  | readonly string[];

/** One row of {@linkcode PARAMETERS}. */
export interface Parameter {
  /** The keyword of libpq, as in a connection string or a service file. */
  readonly keyword: string;
  /** The property of `ConnectOptions`, if there is one. */
  readonly option?: string | undefined;
  /** The environment variable, if libpq has one. */
  readonly env?: string | undefined;
  /** The kind of its value. */
  readonly kind: Kind;
  /** Whether the value must not be shown. */
  readonly secret?: true;
  /**
   * The values without effect, for a parameter that the driver does not support. Any other value is
   * refused with a `NotSupportedError`.
   */
  readonly harmless?: readonly string[];
  /** The reason why the parameter is not supported, in a phrase. */
  readonly remark?: string;
}

/** Values of `sslmode`, from the weakest to the strongest. */
export const SSL_MODES = [
  "disable",
  "allow",
  "prefer",
  "require",
  "verify-ca",
  "verify-full",
] as const;

/** Values of `target_session_attrs`. */
export const SESSION_ATTRS = [
  "any",
  "read-write",
  "read-only",
  "primary",
  "standby",
  "prefer-standby",
] as const;

/** Values of `ssl_min_protocol_version` and `ssl_max_protocol_version`, in order. */
export const TLS_VERSIONS = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;

/** Values of `min_protocol_version` and `max_protocol_version`, in order. */
export const PROTOCOL_VERSIONS = ["3.0", "3.2", "latest"] as const;

const NO_GSS = "the driver has no GSSAPI";
const KEEPALIVE = "tcpKeepalive";

/** Every parameter that libpq 18 knows. */
export const PARAMETERS: readonly Parameter[] = [
  row("service", "text"),
  row("servicefile", "path"),
  row("user", "text"),
  row("password", "text", { secret: true }),
  row("passfile", "path"),
  row("channel_binding", ["disable", "prefer", "require"]),
  row("connect_timeout", "seconds", { env: "PGCONNECT_TIMEOUT" }),
  row("dbname", "text", { option: "database", env: "PGDATABASE" }),
  row("host", "hosts"),
  row("hostaddr", "hosts"),
  row("port", "ports"),
  row("client_encoding", "text"),
  row("options", "text"),
  row("application_name", "text", { env: "PGAPPNAME" }),
  row("fallback_application_name", "text", { option: undefined, env: undefined }),
  row("keepalives", "whole", { option: KEEPALIVE, env: undefined }),
  row("keepalives_idle", "whole", { option: KEEPALIVE, env: undefined }),
  row("keepalives_interval", "whole", { option: KEEPALIVE, env: undefined }),
  row("keepalives_count", "whole", { option: KEEPALIVE, env: undefined }),
  row("tcp_user_timeout", "whole", {
    option: undefined,
    env: undefined,
    harmless: ["0"],
    remark: "no runtime can set it; use timeout",
  }),
  row("sslmode", SSL_MODES, { option: "sslMode" }),
  row("sslnegotiation", ["postgres", "direct"], { option: "sslNegotiation" }),
  row("sslcompression", "bool", {
    option: undefined,
    harmless: ["0"],
    remark: "TLS compression is insecure",
  }),
  row("sslcert", "pem", { option: "sslCert" }),
  row("sslkey", "pem", { option: "sslKey" }),
  row("sslcertmode", ["disable", "allow", "require"], {
    option: undefined,
    harmless: ["disable", "allow"],
    remark: "no runtime can find out whether the server asked for a certificate",
  }),
  row("sslpassword", "text", { option: "sslPassword", env: undefined, secret: true }),
  row("sslrootcert", "pem", { option: "sslRootCert" }),
  row("sslcrl", "pem", { option: "sslCrl" }),
  row("sslcrldir", "path", {
    option: undefined,
    harmless: [],
    remark: "no runtime reads a hashed directory; use sslcrl",
  }),
  row("sslsni", "bool", { option: "sslSni" }),
  row("requirepeer", "text", {
    option: undefined,
    harmless: [],
    remark: "no runtime can find out who owns the other end of a Unix socket",
  }),
  row("require_auth", "text"),
  row("ssl_min_protocol_version", TLS_VERSIONS),
  row("ssl_max_protocol_version", TLS_VERSIONS),
  row("gssencmode", ["disable", "prefer", "require"], {
    option: undefined,
    harmless: ["disable", "prefer"],
    remark: NO_GSS,
  }),
  row("krbsrvname", "text", { option: undefined }),
  row("gsslib", "text", { option: undefined, harmless: ["gssapi"], remark: NO_GSS }),
  row("gssdelegation", "bool", { option: undefined, harmless: ["0"], remark: NO_GSS }),
  row("replication", "replication", { env: undefined }),
  row("target_session_attrs", SESSION_ATTRS),
  row("load_balance_hosts", ["disable", "random"]),
  row("scram_client_key", "text", { env: undefined, secret: true }),
  row("scram_server_key", "text", { env: undefined, secret: true }),
  row("min_protocol_version", PROTOCOL_VERSIONS),
  row("max_protocol_version", PROTOCOL_VERSIONS),
  row("sslkeylogfile", "path", {
    option: undefined,
    env: undefined,
    harmless: [],
    remark: "the driver does not write session keys to files",
  }),
  row("oauth_issuer", "text", { env: undefined }),
  row("oauth_client_id", "text", { env: undefined }),
  row("oauth_client_secret", "text", { env: undefined, secret: true }),
  row("oauth_scope", "text", { env: undefined }),
];

/**
 * Returns a row. Unless `more` names them, the option is the keyword in camel case, and the environment
 * variable is `PG` and the keyword in capitals.
 */
function row(keyword: string, kind: Kind, more: Partial<Parameter> = {}): Parameter {
  const option = keyword.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return { keyword, option, env: `PG${keyword.toUpperCase().replaceAll("_", "")}`, kind, ...more };
}

/**
 * Environment variables that become run-time parameters of the session unless their value is
 * `default`. Source: `EnvironmentOptions` of `fe-connect.c`.
 */
export const SESSION_VARIABLES: readonly (readonly [env: string, parameter: string])[] = [
  ["PGDATESTYLE", "datestyle"],
  ["PGTZ", "timezone"],
  ["PGGEQO", "geqo"],
];

/**
 * Reports whether an empty value is refused in connection strings, service files and environment
 * variables, as libpq does: `sslmode=${UNSET}` must not weaken anything. An empty option, and an
 * empty value of any other parameter, asks for the default.
 *
 * Source: `pqConnectOptions2`, `pqParseIntParam` and `parseServiceInfo` of `fe-connect.c`.
 */
export function refusesEmpty({ keyword, kind }: Parameter): boolean {
  if (typeof kind === "object") return kind !== TLS_VERSIONS;
  return kind === "whole" || kind === "seconds" || keyword === "service" ||
    keyword.startsWith("scram_");
}

/** Returns the row of a keyword, or `undefined` if libpq has no such keyword. */
export function parameter(keyword: string): Parameter | undefined {
  return PARAMETERS.find((row) => row.keyword === keyword);
}
