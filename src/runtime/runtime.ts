/**
 * The seam between the driver and whatever runs it. Everything above this file speaks to these
 * interfaces; `deno.ts`, `bun.ts` and `node.ts` are the only files that name a runtime. A `Runtime`
 * is a value that is passed down from `connect()`; nothing registers itself anywhere.
 */

/**
 * The platform's `AbortSignal`, where its types are installed; where they are not, as much of it as
 * the driver uses, so that the driver's types need neither DOM nor a runtime's.
 */
export type Signal = typeof globalThis extends { AbortSignal: { prototype: infer S } } ? S : {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
};

/** Where a server listens. */
export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** The path of the socket file; a leading `\0` or `@` names Linux's abstract namespace. */
  | { readonly kind: "unix"; readonly path: string };

/** TCP keepalive; times in seconds, `undefined` leaves the system's default. */
export interface KeepAlive {
  /** Seconds without traffic before the first probe. */
  readonly idle?: number;
  /** Seconds between probes. */
  readonly interval?: number;
  /** Lost probes before the connection is given up. */
  readonly count?: number;
}

/** One resolved TLS request: what must hold before a byte of ours is sent encrypted. */
export interface TlsSettings {
  /**
   * `none`: any certificate will do (libpq's `require` without a root certificate); `ca`: it must
   * chain to a trusted root; `full`: and be issued for `serverName`.
   */
  readonly verify: "none" | "ca" | "full";
  /** Name or address the certificate must be for. */
  readonly serverName: string;
  /** Whether to tell the server `serverName` (SNI). Never sent for an IP address. */
  readonly sni: boolean;
  /** Trusted roots, PEM; `undefined`: the platform's own. */
  readonly ca?: readonly string[];
  /** Client certificate chain, PEM. */
  readonly cert?: string;
  /** The private key of `cert`, PEM. */
  readonly key?: string;
  /** Decrypts `key`. */
  readonly passphrase?: string;
  /** Certificate revocation lists, PEM. */
  readonly crl?: readonly string[];
  /** The least version to accept. */
  readonly minVersion?: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";
  /** The best version to offer. */
  readonly maxVersion?: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";
  /** ALPN protocols to offer, in order. */
  readonly alpn?: readonly string[];
  /** Replaces the check of the name; returns the reason to refuse, or `undefined`. */
  readonly checkServerIdentity?: (host: string, certificate: unknown) => Error | undefined;
  /** The peer certificate will be wanted (SCRAM channel binding). */
  readonly needsCertificate: boolean;
}

/** What is known of an established TLS layer; `undefined` where the runtime does not tell. */
export interface TlsFacts {
  /** `"TLSv1.3"`. */
  readonly version?: string;
  /** OpenSSL's or the standard's name of the cipher suite. */
  readonly cipher?: string;
  /** The protocol agreed by ALPN; `""` when none was. */
  readonly alpn?: string;
  /** The server's certificate, DER. Present whenever `needsCertificate` was asked. */
  readonly certificate?: Uint8Array;
  /** Why nothing can be bound to `certificate`: the server has not proved that it holds the key. */
  readonly unbindable?: string;
  /**
   * `true` where the runtime has checked the certificate and the server's name although the settings
   * did not ask for it.
   */
  readonly isVerified?: boolean;
}

/**
 * Who receives a stream's bytes. The sink owns the read buffer: the stream writes into
 * {@linkcode Sink.space} or hands over a chunk for copying, and keeps nothing.
 *
 * All methods are called from the event loop, one at a time, and never throw.
 */
export interface Sink {
  /** Free space to write into, never empty; the stream's until it calls {@linkcode Sink.received}. */
  space(): Uint8Array<ArrayBuffer>;
  /** `count` > 0 bytes were written at the start of `space()`. `false`: stop reading until `resume()`. */
  received(count: number): boolean;
  /** The same for a runtime that brings its own buffer; the sink copies what it needs before it returns. */
  chunk(bytes: Uint8Array): boolean;
  /**
   * The peer is gone or the stream failed. Called exactly once, after the last byte, unless the
   * stream was `close()`d or `destroy()`ed by us. `undefined` is an orderly end (FIN); everything
   * else is the runtime's own error.
   */
  lost(cause: unknown): void;
}

/** A connected byte stream. Reading is off until {@linkcode Stream.start}. */
export interface Stream {
  /** `"tcp"`, `"unix"` or `"given"` (the user's own). */
  readonly kind: "tcp" | "unix" | "given";
  /** The address of the peer as connected, for cancel requests and messages; `undefined` when not told. */
  readonly remoteAddress: string | undefined;
  /** Begins reading into `sink`, for the stream's whole life. */
  start(sink: Sink): void;
  /** Reads on after a `received` or `chunk` that answered `false`. */
  resume(): void;
  /**
   * Sends all of `bytes` or fails. `undefined`: they have left, the buffer is the caller's again;
   * a promise: the buffer is the stream's until it settles. The caller never overlaps two writes.
   * A failed write rejects *and* reports `lost`.
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined;
  /**
   * Whether {@linkcode Stream.secure} can do all of this here. A stream that was dialled with
   * `DialOptions.tls` can.
   */
  canSecure(tls: TlsSettings): boolean;
  /**
   * Upgrades to TLS and resolves when the handshake is done and everything asked in `tls` holds.
   * Called after the sink paused the stream (exactly one byte was read) and with no write pending;
   * reading is still paused afterwards. Rejects with the reason and destroys the stream otherwise.
   */
  secure(tls: TlsSettings, signal?: Signal): Promise<TlsFacts>;
  /** Sends FIN and goes on reading. Never rejects. */
  closeWrite(): Promise<void>;
  /** Sends what is pending, then closes both ways. Never rejects; resolves when the socket is closed. */
  close(): Promise<void>;
  /** Closes at once and forgets what is pending. Idempotent. */
  destroy(): void;
  /** Whether this stream alone keeps the process alive; it does by default. */
  ref(): void;
  /** Lets the process end although this stream is open. */
  unref(): void;
}

/** How to dial. */
export interface DialOptions {
  /** Aborts the attempt; nothing of it may stay behind. */
  readonly signal?: Signal;
  /** `undefined`: off. Only for TCP. */
  readonly keepAlive?: KeepAlive;
  /** Local address to bind. */
  readonly source?: { readonly host: string; readonly port?: number };
  /** TLS may be asked for on this stream with these settings: pick a way that can do it. */
  readonly tls?: TlsSettings;
}

/** A value that follows a chain of calls, through its awaits: as much of it as the driver uses. */
export interface AsyncContext<T> {
  /** Calls `work` with `value` in force. */
  run<R>(value: T, work: () => R): R;
  /** What is in force here. */
  getStore(): T | undefined;
}

/** A channel of `node:diagnostics_channel`: as much of it as the driver uses. */
export interface DiagnosticsChannel {
  /** Whether anybody listens. */
  readonly hasSubscribers: boolean;
  /** Tells those who listen. What they throw is the runtime's to report. */
  publish(message: object): void;
  /** The same, and calls `work` in the contexts that they have bound to the channel. */
  runStores<R>(message: object, work: () => R): R;
}

/** Something that a runtime may need a permission to read. */
export type Readable =
  /** An environment variable. */
  | { readonly kind: "env"; readonly name: string }
  /** A file, by its path. */
  | { readonly kind: "file"; readonly name: string }
  /** The name of the operating system's user, or the home directory. */
  | { readonly kind: "user" | "home" };

/** What the driver needs of its surroundings, besides the language. */
export interface Runtime {
  /** `"deno"`, `"bun"`, `"node"`, or what the user calls his own. */
  readonly name: string;
  /** V8 rebuilds `await` chains into an error's stack by itself; others need the call site taken early. */
  readonly asyncStacks: boolean;
  /**
   * `true` where a connection belongs to the request that opened it (Cloudflare Workers): a pool
   * cannot outlive a request there.
   */
  readonly requestBound?: boolean;
  /** Connects, with TCP_NODELAY set. Rejects with the system's error. */
  connect(address: Address, options: DialOptions): Promise<Stream>;
  /** Wraps an open connection that the user brought. @throws {InterfaceError} it is none we know. */
  adopt(sock: unknown): Stream;
  /** All addresses of a host name, in the resolver's order; an address resolves to itself. */
  lookup(host: string): Promise<readonly string[]>;
  /** An environment variable; `undefined` when unset or not permitted. */
  env(name: string): string | undefined;
  /**
   * A file's text; `undefined` when it does not exist or may not be read.
   * @throws {InterfaceError} the file is a pipe, a device or a directory, or longer than 16 MiB.
   */
  readTextFile(path: string): Promise<string | undefined>;
  /** `st_mode`, the type of file included, and owner, where there are such; `undefined` otherwise. */
  fileMode(path: string): Promise<{ mode: number; uid: number } | undefined>;
  /** Name of the operating system's user; `undefined` when it cannot be told. */
  userName(): string | undefined;
  /** The user's home directory; `undefined` when it cannot be told. */
  homeDirectory(): string | undefined;
  /**
   * Names the flag that permits reading `what` where the program runs without it (Deno's
   * `--allow-env=PGUSER`); `undefined` where it may be read. Absent in runtimes without permissions.
   */
  lacks?(what: Readable): string | undefined;
  /**
   * UTF-8 of `bytes[start, end)` as TextDecoder reads it with `ignoreBOM`, but faster; absent where
   * there is no such thing.
   */
  decodeUtf8?(bytes: Uint8Array, start: number, end: number): string;
  /** MD5, which WebCrypto lacks: for PostgreSQL's md5 authentication only. */
  md5(bytes: Uint8Array): Uint8Array;
  /** Makes sure that this timer alone does not keep the process alive. */
  unrefTimer(timer: unknown): void;
  /** Makes a context (`AsyncLocalStorage`); absent where there is none. */
  asyncContext?<T>(): AsyncContext<T>;
  /** A channel by its name (`node:diagnostics_channel`); absent where there are none. */
  channel?(name: string): DiagnosticsChannel;
}
