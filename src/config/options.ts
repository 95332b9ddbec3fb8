import type { Dial } from "../runtime/dialled.ts";
import type { ServerReport } from "../errors/errors.ts";
import type { Runtime, Signal } from "../runtime/runtime.ts";
import type { GssProvider, OAuthPrompt, OAuthTokenProvider } from "./login.ts";
import type { Password, SslMode } from "./target.ts";

/** PEM text, as a string or as the bytes of a file. */
export type Pem = string | Uint8Array;

/** A version of TLS. */
export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

/** The object form of `sslContext`: demands TLS and determines how the server is checked. */
export interface TlsOptions {
  /**
   * The trusted roots; one value may hold several certificates. Default: `sslRootCert` if given, else
   * the platform's own.
   */
  ca?: Pem | readonly Pem[] | undefined;
  /** The client's certificate chain. Default: `sslCert` if given. */
  cert?: Pem | undefined;
  /** The private key of `cert`. Default: `sslKey` if given. */
  key?: Pem | undefined;
  /** The passphrase that decrypts `key`. Default: `sslPassword`. */
  passphrase?: string | undefined;
  /** Certificate revocation lists. Default: `sslCrl` if given. */
  crl?: Pem | readonly Pem[] | undefined;
  /** Whether the certificate must be trusted and issued for the host. Default `true`. */
  rejectUnauthorized?: boolean | undefined;
  /** The name that the certificate must be for, also sent to the server (SNI). Default: the host. */
  servername?: string | undefined;
  /** Replaces the check of the name. Returns the reason to refuse the certificate, or `undefined`. */
  checkServerIdentity?: ((host: string, certificate: unknown) => Error | undefined) | undefined;
  /** The least version of TLS. Default: `sslMinProtocolVersion`. */
  minVersion?: TlsVersion | undefined;
  /** The greatest version of TLS. Default: `sslMaxProtocolVersion`. */
  maxVersion?: TlsVersion | undefined;
  /** The ALPN protocols to offer, in order. Default: `["postgresql"]` with `sslNegotiation: "direct"`. */
  alpn?: readonly string[] | undefined;
}

/** TCP keepalive. An absent value is the operating system's default. */
export interface KeepAliveOptions {
  /** Seconds without traffic before the first probe. */
  idle?: number | undefined;
  /** Seconds between probes. */
  interval?: number | undefined;
  /** Unanswered probes after which the connection is given up. */
  count?: number | undefined;
}

/**
 * The options of `connect()`. Durations are seconds, sizes are bytes.
 *
 * The value of an option that is absent, `undefined` or an empty string comes from the connection
 * string, then from the service file, the environment variable and the default, in this order.
 * Connection strings and the environment take the parameters of libpq, by libpq's names. An option of
 * a wrong type, an unknown option and a contradiction are an `InterfaceError` that names the options;
 * nothing is dialled then. Only own properties are read.
 *
 * Source: PostgreSQL 18 manual, "Parameter Key Words".
 *
 * @example
 * ```ts
 * await connect({ user: "myuser", password: "mypassword", database: "mydb" });
 * await connect({
 *   host: ["db1.example.com", "db2.example.com"],
 *   sslMode: "verify-full",
 *   sslRootCert: "/etc/ssl/db-root.crt",
 * });
 * ```
 */
export interface ConnectOptions {
  /** The role to log in as. Default: `PGUSER`, then the operating system's user. */
  user?: string | undefined;
  /**
   * A name, an address, or the directory of a Unix socket (which begins with `/`, or with `@` for
   * Linux's abstract namespace). A list, or text with commas, is tried in order. Default: `PGHOST`,
   * then `"localhost"`.
   */
  host?: string | readonly string[] | undefined;
  /** The database to connect to. Default: `PGDATABASE`, then the user's name. */
  database?: string | undefined;
  /** One port for all hosts, or one for each, 1 to 65535. Default: `PGPORT`, then 5432. */
  port?: number | readonly number[] | undefined;
  /**
   * The password, or a function that is called for every attempt. Default: `PGPASSWORD`, then the
   * password file.
   */
  password?: Password | undefined;
  /** The local address to bind. With port 0, or without a port, the system chooses one. */
  sourceAddress?: { host: string; port?: number | undefined } | undefined;
  /** The path of the server's socket file. Excludes `sock`; `host` then only names the server. */
  unixSock?: string | undefined;
  /**
   * `false`: no TLS. `true`: TLS is required, and the certificate is checked only if `sslRootCert` or
   * a verifying `sslMode` is given. An object: TLS is required, and the certificate is checked as the
   * object says. Also requires TLS on a Unix socket, where `sslMode` does not. Default: `sslMode`
   * decides.
   */
  sslContext?: boolean | TlsOptions | undefined;
  /**
   * Seconds of silence from the server, while an answer is due, after which the connection is given
   * up; also limits connecting. Default: no limit.
   */
  timeout?: number | undefined;
  /** TCP keepalive: `false`, `true` with the system's times, or an object with times. Default `true`. */
  tcpKeepalive?: boolean | KeepAliveOptions | undefined;
  /** The name of the application in `pg_stat_activity`. Default: `PGAPPNAME`. */
  applicationName?: string | undefined;
  /** Opens a replication connection: `"database"`, or `true` or `"physical"`. Default: `false`. */
  replication?: boolean | "database" | "physical" | undefined;
  /**
   * Run-time parameters for the session, by name. User, database, application_name, replication,
   * options and client_encoding are refused here, because they have options of their own.
   */
  startupParams?: Readonly<Record<string, string>> | undefined;
  /**
   * An open connection to use: a `net.Socket`, a `Deno.Conn`, or a pair of web streams. TLS is still
   * negotiated on it unless `sslContext` is `false`.
   *
   * A cancel request needs a second connection to the same server, which a `sock` cannot open. So
   * `cancel()` throws a `NotSupportedError`, and a `timeout` or `signal` that ends a running query
   * also ends the connection.
   */
  sock?: unknown | undefined;
  /**
   * Opens the connections: an SSH tunnel, a WebSocket, a connector of a cloud. A function of
   * `{ host, port, signal }` that returns or resolves to what `sock` takes. Unlike `sock` it opens a
   * stream for each connection, so that several hosts, pools, `cancel()` and timeouts work as over
   * TCP. TLS is still negotiated on the stream unless `sslContext` is `false`.
   */
  dial?: Dial | undefined;

  /** The IP address to dial instead of looking up `host`. A list pairs with the list of hosts. */
  hostaddr?: string | readonly string[] | undefined;
  /** The password file; ignored if others may read it. Default: `PGPASSFILE`, then `~/.pgpass`. */
  passfile?: string | undefined;
  /** The section of the service file with values for absent options. Default: `PGSERVICE`. */
  service?: string | undefined;
  /**
   * The service file. Default: `PGSERVICEFILE`, then `~/.pg_service.conf`, then `pg_service.conf` in
   * `PGSYSCONFDIR`.
   */
  servicefile?: string | undefined;
  /** Command-line options for the server's backend: `-c geqo=off`. Default: `PGOPTIONS`. */
  options?: string | undefined;
  /** The encoding of the session: only `UTF8` is accepted. */
  clientEncoding?: string | undefined;
  /**
   * Seconds for each address that is tried, TLS and authentication included, and for reading the
   * files of the settings; 0: no limit. Default 30.
   */
  connectTimeout?: number | undefined;
  /** Whether and how to use TLS. Default: `PGSSLMODE`, then `prefer`. */
  sslMode?: SslMode | undefined;
  /**
   * `direct` begins TLS with the first byte, for `require` and stronger (PostgreSQL 17). Default
   * `postgres`.
   */
  sslNegotiation?: "postgres" | "direct" | undefined;
  /**
   * The path or PEM text of the trusted roots, or `"system"` for the platform's own, which makes
   * `sslMode` `verify-full`. Default: `~/.postgresql/root.crt`. With roots, `require` checks the
   * certificate as `verify-ca` does.
   */
  sslRootCert?: string | undefined;
  /** The path or PEM text of the client's certificate. Default: `~/.postgresql/postgresql.crt`. */
  sslCert?: string | undefined;
  /**
   * The path or PEM text of the client's private key. A file that others may read is refused. Default:
   * `~/.postgresql/postgresql.key`.
   */
  sslKey?: string | undefined;
  /** The passphrase that decrypts the private key. */
  sslPassword?: string | undefined;
  /** The path or PEM text of certificate revocation lists. Default: `~/.postgresql/root.crl`. */
  sslCrl?: string | undefined;
  /** Whether to send the server's name when TLS begins (SNI). Default `true`. */
  sslSni?: boolean | undefined;
  /** The least version of TLS. Default `TLSv1.2`. */
  sslMinProtocolVersion?: TlsVersion | undefined;
  /** The greatest version of TLS. Default: the greatest that both sides support. */
  sslMaxProtocolVersion?: TlsVersion | undefined;
  /** Whether SCRAM must be bound to the TLS channel. Default `prefer`. */
  channelBinding?: "disable" | "prefer" | "require" | undefined;
  /**
   * The authentication methods that the server may ask for, separated by commas; or, each with a `!`,
   * those that it may not. The methods are `password`, `md5`, `gss`, `sspi`, `scram-sha-256`, `oauth`,
   * and `none` for a server that asks for nothing or for a certificate. Default: any method.
   */
  requireAuth?: string | undefined;
  /**
   * The kind of server to connect to. `prefer-standby` takes a standby, or any server if there is
   * none. Default `any`.
   */
  targetSessionAttrs?:
    | "any"
    | "read-write"
    | "read-only"
    | "primary"
    | "standby"
    | "prefer-standby"
    | undefined;
  /** `random` tries the hosts, and the addresses of each, in random order. Default `disable`. */
  loadBalanceHosts?: "disable" | "random" | undefined;
  /** The least protocol version to accept. Default 3.0. */
  minProtocolVersion?: "3.0" | "3.2" | "latest" | undefined;
  /** The protocol version to ask for. Default 3.0, which every pooler supports. */
  maxProtocolVersion?: "3.0" | "3.2" | "latest" | undefined;
  /** A SCRAM client key in base64. Together with `scramServerKey` it replaces the password. */
  scramClientKey?: string | undefined;
  /** A SCRAM server key in base64. Together with `scramClientKey` it replaces the password. */
  scramServerKey?: string | undefined;
  /**
   * The trusted issuer of OAuth tokens: the https address that identifies it, or that of its metadata
   * (`…/.well-known/openid-configuration`).
   */
  oauthIssuer?: string | undefined;
  /** The OAuth client that logs in. */
  oauthClientId?: string | undefined;
  /** The OAuth client's secret; without it the client is public. */
  oauthClientSecret?: string | undefined;
  /** The scopes to request, separated by spaces. Default: those that the server asks for. */
  oauthScope?: string | undefined;
  /** Returns the bearer token for a server that asks for one (OAUTHBEARER); called for every attempt. */
  oauthToken?: OAuthTokenProvider | undefined;
  /**
   * Shows the code with which a person authorises the login in a browser. The driver then obtains the
   * token by the device authorization flow (RFC 8628). Needs `oauthIssuer` and `oauthClientId`.
   */
  oauthPrompt?: ((prompt: OAuthPrompt) => void | Promise<void>) | undefined;
  /**
   * The weakest TLS under which a bearer token is sent, because any server that receives the token can
   * use it. `verify-full`: the certificate is checked and is for the host. `verify-ca`: it is checked
   * against roots of your own. `require`: any TLS. Default `verify-full`. The option does not change
   * `sslMode`: over a weaker connection the login is refused before the token is requested.
   */
  oauthSslMode?: "require" | "verify-ca" | "verify-full" | undefined;
  /** Performs GSSAPI and SSPI logins, which the driver cannot do by itself. */
  gssProvider?: GssProvider | undefined;

  /**
   * The libpq keywords (`"host"`, `"dbname"`, …) that the connection string may set; others are an
   * `InterfaceError`. Use it for strings from an untrusted source, which could otherwise name files to
   * read (`passfile`, `sslkey`, `service`) or weaken TLS. Default: all keywords.
   */
  allowedDsnKeys?: readonly string[] | undefined;
  /** Seconds after which a query is cancelled; 0, the default, is no limit. */
  queryTimeout?: number | undefined;
  /** Seconds that `close()` waits for queued requests. Default 5. */
  closeTimeout?: number | undefined;
  /** The longest message from the server, in bytes; a longer one ends the connection. Default 1 GiB. */
  maxMessageBytes?: number | undefined;
  /** The number of requests that may be on the wire at once. Default 1000. */
  maxPipelined?: number | undefined;
  /** The number of prepared statements kept per connection; 0: none. Default 256. */
  statementCacheSize?: number | undefined;
  /**
   * Seconds after which a prepared statement is parsed again. This is the longest time for which a
   * change of tables or functions by another session goes unnoticed. 0: no limit. Default 300.
   */
  statementLifetime?: number | undefined;
  /** The conversion between values of PostgreSQL and of JavaScript. */
  types?: object | undefined;
  /** The shape of rows: objects or arrays. Default `"object"`. */
  rows?: "object" | "array" | undefined;
  /** Called for every notice from the server. */
  onNotice?: ((notice: ServerReport) => void) | undefined;
  /** Called for every notification. */
  onNotification?:
    | ((
      notification: { channel: string; payload: string; processId: number },
    ) => void)
    | undefined;
  /** Called whenever the server reports a run-time parameter. */
  onParameterStatus?: ((name: string, value: string) => void) | undefined;
  /** Aborts connecting. It has no effect on an open connection. */
  signal?: Signal | undefined;
  /** The runtime that opens sockets and reads files. Default: detected. */
  runtime?: Runtime | undefined;
}
