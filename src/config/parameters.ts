/**
 * The table of connection parameters: libpq's keyword, the option, the environment variable. Parsing,
 * precedence, validation and the table in the documentation are derived from it.
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
  readonly option?: string;
  /** The environment variable, if libpq has one. */
  readonly env?: string;
  /** The kind of its value. */
  readonly kind: Kind;
  /** Whether the value must not be shown. */
  readonly secret?: true;
  /**
   * The values without effect, for a parameter that the driver does not support. Any other value is
   * refused with a `NotSupportedError`.
   */
  readonly harmless?: readonly string[];
  /** The difference from libpq, in a phrase, if there is one. */
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

/** The longest time of a timer, in seconds. A longer one overflows and fires at once. */
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
    remark: "a file that others may read is ignored, and named if a password is missing",
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
    remark: "no runtime can find out whether the server asked for a certificate",
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
    remark: "no runtime can find out who owns the other end of a Unix socket",
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
    remark: "passed to gssProvider, without which there is no GSSAPI",
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

/** Returns the row of a keyword, or `undefined` if libpq has no such keyword. */
export function parameter(keyword: string): Parameter | undefined {
  return PARAMETERS.find((row) => row.keyword === keyword);
}
