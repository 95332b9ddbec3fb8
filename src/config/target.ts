import type { Address, TlsSettings } from "../runtime/runtime.ts";

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
