/**
 * The one table of connection parameters: libpq's keyword, our option, the environment variable.
 * Parsing, precedence, validation and the README's table are all driven from it.
 *
 * Source: PostgreSQL 18 manual, "Parameter Key Words" and "Environment Variables", and the array
 * `PQconninfoOptions` of `fe-connect.c`; `servicefile` as a keyword is PostgreSQL 19's.
 */

/**
 * What a parameter's value is. A list holds the only values allowed; `path` is a file's name,
 * `pem` a file's name or PEM text, `hosts` and `ports` are comma-separated lists.
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
  /** libpq's keyword, as in a connection string or a service file. */
  readonly keyword: string;
  /** The property of `ConnectOptions`; absent where only libpq's keyword exists. */
  readonly option?: string;
  /** The environment variable; absent where libpq has none. */
  readonly env?: string;
  /** What its value is. */
  readonly kind: Kind;
  /** Never to be shown. */
  readonly secret?: true;
  /**
   * Present where the driver does not do what the parameter asks for: the values that ask for
   * nothing. Any other is refused with a `NotSupportedError`; the empty value always asks for nothing.
   */
  readonly harmless?: readonly string[];
  /** How the driver differs from libpq, in a phrase; absent: it is the same. */
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

/** The longest time a timer can be set for, in seconds; more overflows to at once. */
export const LONGEST_TIME = 2147483;

const NO_GSS = "the driver has no GSSAPI";
const KEEPALIVE = "tcpKeepalive";

/** Every parameter that libpq 18 knows. */
export const PARAMETERS: readonly Parameter[] = [
  { keyword: "service", option: "service", env: "PGSERVICE", kind: "text" },
  { keyword: "servicefile", option: "servicefile", env: "PGSERVICEFILE", kind: "path" },
  { keyword: "user", option: "user", env: "PGUSER", kind: "text" },
  { keyword: "password", option: "password", env: "PGPASSWORD", kind: "text", secret: true },
  {
    keyword: "passfile",
    option: "passfile",
    env: "PGPASSFILE",
    kind: "path",
    remark: "a file that others may read is ignored, and named when a password is missed",
  },
  {
    keyword: "channel_binding",
    option: "channelBinding",
    env: "PGCHANNELBINDING",
    kind: ["disable", "prefer", "require"],
  },
  {
    keyword: "connect_timeout",
    option: "connectTimeout",
    env: "PGCONNECT_TIMEOUT",
    kind: "seconds",
    remark: "30 s by default, fractions allowed",
  },
  { keyword: "dbname", option: "database", env: "PGDATABASE", kind: "text" },
  {
    keyword: "host",
    option: "host",
    env: "PGHOST",
    kind: "hosts",
    remark:
      "localhost by default, not a socket directory; the next host is also tried when one breaks off",
  },
  { keyword: "hostaddr", option: "hostaddr", env: "PGHOSTADDR", kind: "hosts" },
  { keyword: "port", option: "port", env: "PGPORT", kind: "ports" },
  {
    keyword: "client_encoding",
    option: "clientEncoding",
    env: "PGCLIENTENCODING",
    kind: "text",
    remark: "UTF8 only",
  },
  { keyword: "options", option: "options", env: "PGOPTIONS", kind: "text" },
  { keyword: "application_name", option: "applicationName", env: "PGAPPNAME", kind: "text" },
  { keyword: "fallback_application_name", kind: "text" },
  { keyword: "keepalives", option: KEEPALIVE, kind: "whole" },
  { keyword: "keepalives_idle", option: KEEPALIVE, kind: "whole" },
  { keyword: "keepalives_interval", option: KEEPALIVE, kind: "whole" },
  { keyword: "keepalives_count", option: KEEPALIVE, kind: "whole" },
  {
    keyword: "tcp_user_timeout",
    kind: "whole",
    harmless: ["0"],
    remark: "no runtime can set it; use timeout",
  },
  {
    keyword: "sslmode",
    option: "sslMode",
    env: "PGSSLMODE",
    kind: SSL_MODES,
    remark:
      "allow and prefer go the other way only when the server's access rules refuse the first",
  },
  {
    keyword: "sslnegotiation",
    option: "sslNegotiation",
    env: "PGSSLNEGOTIATION",
    kind: ["postgres", "direct"],
  },
  {
    keyword: "sslcompression",
    env: "PGSSLCOMPRESSION",
    kind: "bool",
    harmless: ["0"],
    remark: "TLS compression is insecure",
  },
  {
    keyword: "sslcert",
    option: "sslCert",
    env: "PGSSLCERT",
    kind: "pem",
    remark: "PEM text allowed; a named file must be there",
  },
  {
    keyword: "sslkey",
    option: "sslKey",
    env: "PGSSLKEY",
    kind: "pem",
    remark: "PEM text allowed; no DER, no engines",
  },
  {
    keyword: "sslcertmode",
    env: "PGSSLCERTMODE",
    kind: ["disable", "allow", "require"],
    harmless: ["disable", "allow"],
    remark: "no runtime tells whether the server asked for a certificate",
  },
  { keyword: "sslpassword", option: "sslPassword", kind: "text", secret: true },
  {
    keyword: "sslrootcert",
    option: "sslRootCert",
    env: "PGSSLROOTCERT",
    kind: "pem",
    remark: "PEM text allowed; a named file must be there; system: the runtime's own roots",
  },
  {
    keyword: "sslcrl",
    option: "sslCrl",
    env: "PGSSLCRL",
    kind: "pem",
    remark: "PEM text allowed; a named file must be there",
  },
  {
    keyword: "sslcrldir",
    env: "PGSSLCRLDIR",
    kind: "path",
    harmless: [],
    remark: "no runtime reads a hashed directory; use sslcrl",
  },
  { keyword: "sslsni", option: "sslSni", env: "PGSSLSNI", kind: "bool" },
  {
    keyword: "requirepeer",
    env: "PGREQUIREPEER",
    kind: "text",
    harmless: [],
    remark: "no runtime tells who owns the other end of a Unix socket",
  },
  {
    keyword: "require_auth",
    option: "requireAuth",
    env: "PGREQUIREAUTH",
    kind: "text",
  },
  {
    keyword: "ssl_min_protocol_version",
    option: "sslMinProtocolVersion",
    env: "PGSSLMINPROTOCOLVERSION",
    kind: TLS_VERSIONS,
  },
  {
    keyword: "ssl_max_protocol_version",
    option: "sslMaxProtocolVersion",
    env: "PGSSLMAXPROTOCOLVERSION",
    kind: TLS_VERSIONS,
  },
  {
    keyword: "gssencmode",
    env: "PGGSSENCMODE",
    kind: ["disable", "prefer", "require"],
    harmless: ["disable", "prefer"],
    remark: NO_GSS,
  },
  {
    keyword: "krbsrvname",
    env: "PGKRBSRVNAME",
    kind: "text",
    remark: "told to gssProvider, without which there is no GSSAPI",
  },
  { keyword: "gsslib", env: "PGGSSLIB", kind: "text", harmless: ["gssapi"], remark: NO_GSS },
  {
    keyword: "gssdelegation",
    env: "PGGSSDELEGATION",
    kind: "bool",
    harmless: ["0"],
    remark: NO_GSS,
  },
  { keyword: "replication", option: "replication", kind: "replication" },
  {
    keyword: "target_session_attrs",
    option: "targetSessionAttrs",
    env: "PGTARGETSESSIONATTRS",
    kind: SESSION_ATTRS,
  },
  {
    keyword: "load_balance_hosts",
    option: "loadBalanceHosts",
    env: "PGLOADBALANCEHOSTS",
    kind: ["disable", "random"],
  },
  {
    keyword: "scram_client_key",
    option: "scramClientKey",
    kind: "text",
    secret: true,
    remark: "only together with scram_server_key",
  },
  {
    keyword: "scram_server_key",
    option: "scramServerKey",
    kind: "text",
    secret: true,
    remark: "only together with scram_client_key",
  },
  {
    keyword: "min_protocol_version",
    option: "minProtocolVersion",
    env: "PGMINPROTOCOLVERSION",
    kind: PROTOCOL_VERSIONS,
  },
  {
    keyword: "max_protocol_version",
    option: "maxProtocolVersion",
    env: "PGMAXPROTOCOLVERSION",
    kind: PROTOCOL_VERSIONS,
    remark: "3.0 is asked for when a pooler drops a 3.2 start",
  },
  {
    keyword: "sslkeylogfile",
    kind: "path",
    harmless: [],
    remark: "the driver does not write session keys to files",
  },
  {
    keyword: "oauth_issuer",
    option: "oauthIssuer",
    kind: "text",
    remark: "the token comes from oauthToken or, by the device flow, with oauthPrompt",
  },
  {
    keyword: "oauth_client_id",
    option: "oauthClientId",
    kind: "text",
  },
  {
    keyword: "oauth_client_secret",
    option: "oauthClientSecret",
    kind: "text",
    secret: true,
  },
  { keyword: "oauth_scope", option: "oauthScope", kind: "text" },
];

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

/** The row of a keyword; `undefined` for one that libpq does not know. */
export function parameter(keyword: string): Parameter | undefined {
  return PARAMETERS.find((row) => row.keyword === keyword);
}
