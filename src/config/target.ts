import type { Address, KeepAlive, Runtime, TlsSettings } from "../runtime/runtime.ts";
import type { GssProvider, OAuthSettings, RequiredAuth, ScramSecret } from "./login.ts";

/** libpq's six modes. */
export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

/** A password, or where to ask for one; a function is called anew for every attempt. */
export type Password =
  | string
  | Uint8Array
  | (() => string | Uint8Array | Promise<string | Uint8Array>);

/** One place to try, in order. */
export interface Target {
  /** The host as the user named it: for messages, certificates and password files. */
  readonly host: string;
  /** Where to dial; `undefined` when the user brought an open connection (`Settings.sock`). */
  readonly address: Address | undefined;
  /** The port for messages and password files; of a Unix socket, the number in its file name. */
  readonly port: number;
  /** What to do about TLS here. `mode` is `disable` for Unix sockets unless TLS was demanded. */
  readonly sslMode: SslMode;
  /** How, if so; present unless `sslMode` is `disable`. */
  readonly tls: TlsSettings | undefined;
  /** The password for this host, from the options or the password file. */
  readonly password: Password | undefined;
  /** What to add to the complaint that there is no password. */
  readonly passwordHint: string | undefined;
  /** What to add when the host cannot be reached: why it is the default one. */
  readonly hostHint?: string | undefined;
}

/** Everything `connect()` was told, checked and resolved; nothing below it reads options again. */
export interface Settings {
  /** What dials and reads files. */
  readonly runtime: Runtime;
  /** The places to try, in order; at least one. */
  readonly targets: readonly Target[];
  /** An already open connection, the user's own. */
  readonly sock: unknown;
  /** The role to log in as. */
  readonly user: string;
  /** The database to connect to; `undefined` leaves it to the server. */
  readonly database: string | undefined;
  /** Everything else in the startup packet: application_name, client_encoding, options, replication, run-time parameters. */
  readonly parameters: Readonly<Record<string, string>>;
  /** `direct`: TLS from the first byte, with ALPN `postgresql`. */
  readonly sslNegotiation: "postgres" | "direct";
  /** Whether SCRAM must be bound to the TLS channel. */
  readonly channelBinding: "disable" | "prefer" | "require";
  /** The authentication methods that the server may ask for; `undefined`: any. */
  readonly requireAuth: RequiredAuth | undefined;
  /** Keys that stand for the password in SCRAM. */
  readonly scramKeys: ScramSecret | undefined;
  /** How to come by a bearer token. */
  readonly oauth: OAuthSettings | undefined;
  /** What carries GSSAPI logins, and the service's name for it. */
  readonly gss: { readonly provider: GssProvider | undefined; readonly service: string };
  /** The protocol version to ask for. */
  readonly maxProtocolVersion: "3.0" | "3.2";
  /** The least to accept. */
  readonly minProtocolVersion: "3.0" | "3.2";
  /** Which servers will do; every target is asked in turn. Source: manual, `target_session_attrs`. */
  readonly targetSessionAttrs:
    | "any"
    | "read-write"
    | "read-only"
    | "primary"
    | "standby"
    | "prefer-standby";
  /** `random`: the targets, and the addresses of each, are tried in random order. */
  readonly loadBalanceHosts: "disable" | "random";
  /** TCP keepalive; `undefined`: off. */
  readonly keepAlive: KeepAlive | undefined;
  /** Local address to bind. */
  readonly source: { readonly host: string; readonly port?: number } | undefined;
  /**
   * Seconds for each lookup of a name, and for each attempt at one of its addresses, TLS and
   * authentication included; 0: no limit.
   */
  readonly connectTimeout: number;
  /** Seconds without a byte from the server while one is due; 0: no limit. */
  readonly timeout: number;
  /** Seconds for each query before it is cancelled; 0: no limit. */
  readonly queryTimeout: number;
  /** Seconds that `close()` waits for what is queued. */
  readonly closeTimeout: number;
  /** Bytes; a longer message from the server ends the connection. */
  readonly maxMessageBytes: number;
  /** Requests on the wire at once. */
  readonly maxPipelined: number;
  /** Prepared statements kept per connection; 0: none. */
  readonly statementCacheSize: number;
  /** Seconds after which a prepared statement is parsed again; 0: no limit. */
  readonly statementLifetime: number;
}
