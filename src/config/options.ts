import type { Dial } from "../runtime/dialled.ts";
import type { ServerReport } from "../errors/errors.ts";
import type { Runtime, Signal } from "../runtime/runtime.ts";
import type { GssProvider, OAuthPrompt, OAuthTokenProvider } from "./login.ts";
import type { Password, SslMode } from "./target.ts";

/** PEM text, as a string or as the bytes of a file. */
export type Pem = string | Uint8Array;

/** A version of TLS. */
export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

/** Demands TLS and says how it is checked: the object form of `sslContext`. */
export interface TlsOptions {
  /**
   * Trusted roots; one value may hold several certificates. Default: `sslRootCert` when it was
   * given, else the platform's own.
   */
  ca?: Pem | readonly Pem[] | undefined;
  /** The client's certificate chain. Default: `sslCert` when it was given. */
  cert?: Pem | undefined;
  /** The private key of `cert`. Default: `sslKey` when it was given. */
  key?: Pem | undefined;
  /** Decrypts `key`. Default: `sslPassword`. */
  passphrase?: string | undefined;
  /** Certificate revocation lists. Default: `sslCrl` when it was given. */
  crl?: Pem | readonly Pem[] | undefined;
  /** `false`: any certificate will do. Default `true`: it must be trusted and for this host. */
  rejectUnauthorized?: boolean | undefined;
  /** The name that the certificate must be for, and that is told to the server. Default: the host. */
  servername?: string | undefined;
  /** Replaces the check of the name; returns the reason to refuse, or `undefined`. */
  checkServerIdentity?: ((host: string, certificate: unknown) => Error | undefined) | undefined;
  /** Default: `sslMinProtocolVersion`. */
  minVersion?: TlsVersion | undefined;
  /** Default: `sslMaxProtocolVersion`. */
  maxVersion?: TlsVersion | undefined;
  /** ALPN protocols to offer, in order. Default: `["postgresql"]` with `sslNegotiation: "direct"`. */
  alpn?: readonly string[] | undefined;
}

/** Keepalive of a TCP connection; what is absent is the operating system's default. */
export interface KeepAliveOptions {
  /** Seconds without traffic before the first probe. */
  idle?: number | undefined;
  /** Seconds between probes. */
  interval?: number | undefined;
  /** Lost probes before the connection is given up. */
  count?: number | undefined;
}

/**
 * Everything `connect()` can be told. All durations are seconds, all sizes bytes.
 *
 * What is absent (or `undefined`, or an empty string) comes from the connection string, then from the
 * service file, then from the environment variable, then from the default. A connection string and
 * the environment know the parameters that libpq knows, by libpq's names. An option of a wrong
 * type, an unknown option and options that contradict each other are an `InterfaceError` that names
 * them, before anything is dialled.
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
   * Name, address, or (starting with `/`, or with `@` for Linux's abstract namespace) the directory
   * of a Unix socket; a list, or text with commas, is tried in order. Default: `PGHOST`, then
   * `"localhost"`.
   */
  host?: string | readonly string[] | undefined;
  /** Default: `PGDATABASE`, then the user's name. */
  database?: string | undefined;
  /** One port for all hosts or one for each, 1 to 65535. Default: `PGPORT`, then 5432. */
  port?: number | readonly number[] | undefined;
  /**
   * The password, or a function that is asked anew for every attempt. Default: `PGPASSWORD`, then
   * the password file.
   */
  password?: Password | undefined;
  /** Local address to bind; port 0 or none: any. */
  sourceAddress?: { host: string; port?: number | undefined } | undefined;
  /** Path of the server's socket file; excludes `sock`, and `host` then only names the server. */
  unixSock?: string | undefined;
  /**
   * `undefined`: as `sslMode` says; `false`: never TLS; `true`: TLS or fail, the certificate is not
   * checked unless `sslRootCert` or a verifying `sslMode` was given; an object: TLS or fail, checked
   * with it. Also demands TLS of a Unix socket, where `sslMode` does not.
   */
  sslContext?: boolean | TlsOptions | undefined;
  /**
   * Seconds without a byte from the server while one is due, connecting included; the connection is
   * given up then. Default: no limit.
   */
  timeout?: number | undefined;
  /** TCP keepalive: off, on with the system's times, or on with these. Default: on. */
  tcpKeepalive?: boolean | KeepAliveOptions | undefined;
  /** Shown in `pg_stat_activity`. Default: `PGAPPNAME`. */
  applicationName?: string | undefined;
  /** Opens a replication connection: `"database"`, or `true` or `"physical"`. Default: `false`. */
  replication?: boolean | "database" | "physical" | undefined;
  /**
   * Run-time parameters for the session, by name. Naming user, database, application_name,
   * replication, options or client_encoding here is an `InterfaceError`: they have options.
   */
  startupParams?: Readonly<Record<string, string>> | undefined;
  /**
   * An open connection to use: a `net.Socket`, a `Deno.Conn`, or a pair of web streams. TLS is still
   * negotiated on it unless `sslContext` is `false`.
   *
   * A cancel request needs a second connection to the same server, which a sock is not: `cancel()` is
   * a `NotSupportedError`, and a `timeout` or `signal` that ends a query under way gives the
   * connection up with it.
   */
  sock?: unknown | undefined;
  /**
   * Opens the connections: an SSH tunnel, a WebSocket, a connector of a cloud. A function of
   * `{ host, port, signal }` that returns or resolves to what `sock` takes. Unlike `sock` it opens a
   * stream for each connection, so that several hosts, pools, `cancel()` and timeouts work as over
   * TCP. TLS is still negotiated on the stream unless `sslContext` is `false`.
   */
  dial?: Dial | undefined;

  /** IP address to dial in place of looking up `host`; a list pairs with `host`. */
  hostaddr?: string | readonly string[] | undefined;
  /** The password file. Default: `PGPASSFILE`, then `~/.pgpass`; ignored when others may read it. */
  passfile?: string | undefined;
  /** Section of the service file that supplies what is not given here. Default: `PGSERVICE`. */
  service?: string | undefined;
  /**
   * The service file. Default: `PGSERVICEFILE`, then `~/.pg_service.conf`, then `pg_service.conf` in
   * `PGSYSCONFDIR`.
   */
  servicefile?: string | undefined;
  /** Command-line options for the server's backend: `-c geqo=off`. Default: `PGOPTIONS`. */
  options?: string | undefined;
  /** `UTF8`; anything else is an `InterfaceError`. */
  clientEncoding?: string | undefined;
  /** Seconds for each address that is tried, TLS and authentication included; 0: no limit. Default 30. */
  connectTimeout?: number | undefined;
  /** Whether and how to use TLS. Default: `PGSSLMODE`, then `prefer`. */
  sslMode?: SslMode | undefined;
  /** `direct`: TLS from the first byte (PostgreSQL 17), for `require` and stronger. Default `postgres`. */
  sslNegotiation?: "postgres" | "direct" | undefined;
  /**
   * Path or PEM text of the trusted roots, or `"system"` for the platform's own, which makes
   * `sslMode` `verify-full`. Default: `~/.postgresql/root.crt`. When there is one, `require` checks
   * the certificate as `verify-ca` does.
   */
  sslRootCert?: string | undefined;
  /** Path or PEM text of the client's certificate. Default: `~/.postgresql/postgresql.crt`. */
  sslCert?: string | undefined;
  /**
   * Path or PEM text of its private key. Default: `~/.postgresql/postgresql.key`. A file that others
   * may read is an `InterfaceError`.
   */
  sslKey?: string | undefined;
  /** Decrypts the private key. */
  sslPassword?: string | undefined;
  /** Path or PEM text of certificate revocation lists. Default: `~/.postgresql/root.crl`. */
  sslCrl?: string | undefined;
  /** Whether to tell the server its name when TLS begins (SNI). Default `true`. */
  sslSni?: boolean | undefined;
  /** The least version of TLS. Default `TLSv1.2`. */
  sslMinProtocolVersion?: TlsVersion | undefined;
  /** The greatest version of TLS. Default: the best that both sides know. */
  sslMaxProtocolVersion?: TlsVersion | undefined;
  /** Whether SCRAM must be bound to the TLS channel. Default `prefer`. */
  channelBinding?: "disable" | "prefer" | "require" | undefined;
  /**
   * Authentication methods that the server may ask for, with commas, or each with `!` those it may
   * not: `password`, `md5`, `gss`, `sspi`, `scram-sha-256`, `oauth`, and `none` for a server that
   * asks for nothing or for a certificate. Default: any.
   */
  requireAuth?: string | undefined;
  /**
   * Which of several servers will do. `prefer-standby`: a standby, and when there is none, any.
   * Default `any`.
   */
  targetSessionAttrs?:
    | "any"
    | "read-write"
    | "read-only"
    | "primary"
    | "standby"
    | "prefer-standby"
    | undefined;
  /** `random`: try hosts, and the addresses of each, in random order. Default `disable`. */
  loadBalanceHosts?: "disable" | "random" | undefined;
  /** The least protocol version to accept. Default 3.0. */
  minProtocolVersion?: "3.0" | "3.2" | "latest" | undefined;
  /** The protocol version to ask for. Default 3.0, which every pooler understands. */
  maxProtocolVersion?: "3.0" | "3.2" | "latest" | undefined;
  /** A SCRAM client key in base64 that, with `scramServerKey`, stands for the password. */
  scramClientKey?: string | undefined;
  /** A SCRAM server key in base64 that, with `scramClientKey`, stands for the password. */
  scramServerKey?: string | undefined;
  /**
   * The issuer of OAuth tokens that is trusted, an https address: its identifier, or that of its
   * metadata (`…/.well-known/openid-configuration`).
   */
  oauthIssuer?: string | undefined;
  /** The OAuth client that logs in. */
  oauthClientId?: string | undefined;
  /** The OAuth client's secret; without it the client is public. */
  oauthClientSecret?: string | undefined;
  /** Scopes to ask the issuer for, separated by spaces. Default: those that the server asks for. */
  oauthScope?: string | undefined;
  /** Provides the bearer token for a server that asks for one (OAUTHBEARER), anew for every attempt. */
  oauthToken?: OAuthTokenProvider | undefined;
  /**
   * Shows the code by which a person authorises the login in a browser; the driver then obtains the
   * token by the device authorization flow (RFC 8628). Needs `oauthIssuer` and `oauthClientId`.
   */
  oauthPrompt?: ((prompt: OAuthPrompt) => void | Promise<void>) | undefined;
  /**
   * The weakest TLS under which a bearer token is sent: whoever gets it can use it. `verify-full`: the
   * server's certificate is checked and is for its host; `verify-ca`: it is checked by roots of your
   * own; `require`: any TLS. Default `verify-full`. It does not change `sslMode`: a login that needs a
   * token over a weaker connection is refused before the token is asked for.
   */
  oauthSslMode?: "require" | "verify-ca" | "verify-full" | undefined;
  /** Carries GSSAPI and SSPI logins, which the driver cannot do by itself. */
  gssProvider?: GssProvider | undefined;

  /**
   * The only libpq keywords (`"host"`, `"dbname"`, …) that the connection string may set; any other
   * in it is an `InterfaceError`. For strings from somewhere untrusted, which could otherwise name
   * files to read (`passfile`, `sslkey`, `service`) or weaken TLS. Default: all.
   */
  allowedDsnKeys?: readonly string[] | undefined;
  /** Seconds for each query before it is cancelled; 0: no limit, the default. */
  queryTimeout?: number | undefined;
  /** Seconds that `close()` waits for what is queued. Default 5. */
  closeTimeout?: number | undefined;
  /** Bytes; a longer message from the server ends the connection. Default 1 GiB. */
  maxMessageBytes?: number | undefined;
  /** Requests on the wire at once. Default 1000. */
  maxPipelined?: number | undefined;
  /** Prepared statements kept per connection; 0: none. Default 256. */
  statementCacheSize?: number | undefined;
  /**
   * Seconds after which a prepared statement is parsed again: the longest time for which a change of
   * tables or functions by another session can go unnoticed. 0: no limit. Default 300.
   */
  statementLifetime?: number | undefined;
  /** How values of PostgreSQL's types become JavaScript's and back. */
  types?: object | undefined;
  /** Rows as objects or as arrays. Default `"object"`. */
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
  /** Aborts connecting; once connected it has no effect. */
  signal?: Signal | undefined;
  /** What runs the driver. Default: detected. */
  runtime?: Runtime | undefined;
}
