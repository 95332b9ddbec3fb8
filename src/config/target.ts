import type { Address, TlsSettings } from "../runtime/runtime.ts";

/** The six modes of libpq's `sslmode`. */
export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

/** A password, or a function that returns one and is called for every attempt. */
export type Password =
  | string
  | Uint8Array
  | (() => string | Uint8Array | Promise<string | Uint8Array>);

/** A password from a password file. */
export interface FoundPassword {
  readonly password: string | undefined;
  /** The reason why the file gave none, for the error that misses it. */
  readonly hint: string | undefined;
}

/** One server to try. */
export interface Target {
  /** The host as the user named it: for messages, certificates and password files. */
  readonly host: string;
  /** The address to dial; `undefined` for an open connection (`Settings.sock`). */
  readonly address: Address | undefined;
  /** The port, for messages and password files; for a Unix socket, the number in its file name. */
  readonly port: number;
  /** The mode of TLS for this server; `disable` for Unix sockets unless TLS was demanded. */
  readonly sslMode: SslMode;
  /** The settings of TLS; present unless `sslMode` is `disable`. */
  readonly tls: TlsSettings | undefined;
  /** The password, if one was given. */
  readonly password: Password | undefined;
  /**
   * Looks for this host in the password file; absent if a password was given. Called when a server asks
   * for a password, because most servers that are given none do not ask.
   */
  readonly passwordFile?: (() => Promise<FoundPassword>) | undefined;
  /** The reason why the host is the default one, for the error that cannot reach it. */
  readonly hostHint?: string | undefined;
}
