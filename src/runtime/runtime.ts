/**
 * The interfaces between the driver and a runtime. All other folders use these interfaces only; the
 * adapters in this folder are the only files that name a runtime. A `Runtime` is a value that
 * `connect()` passes down; there is no registry.
 */

/**
 * The platform's `AbortSignal` where its types are installed, and otherwise the part of it that the
 * driver uses. So the driver's types need neither those of the DOM nor those of a runtime.
 */
export type Signal = typeof globalThis extends { AbortSignal: { prototype: infer S } } ? S : {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
};

/** The address that a server listens at. */
export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** The path of the socket file; a leading `\0` or `@` names Linux's abstract namespace. */
  | { readonly kind: "unix"; readonly path: string };

/** TCP keepalive, in seconds; `undefined` leaves the system's default. */
export interface KeepAlive {
  /** Seconds without traffic before the first probe. */
  readonly idle?: number;
  /** Seconds between probes. */
  readonly interval?: number;
  /** Lost probes until the connection is given up. */
  readonly count?: number;
}

/** The demands on TLS that must hold before anything is sent over it. */
export interface TlsSettings {
  /**
   * `none`: any certificate is accepted (libpq's `require` without a root certificate); `ca`: the
   * certificate must chain to a trusted root; `full`: it must also be issued for `serverName`.
   */
  readonly verify: "none" | "ca" | "full";
  /** The name or address that the certificate must be issued for. */
  readonly serverName: string;
  /** Whether to send `serverName` to the server (SNI). An IP address is never sent. */
  readonly sni: boolean;
  /** The trusted roots, PEM; `undefined` stands for the platform's. */
  readonly ca?: readonly string[];
  /** The client's certificate chain, PEM. */
  readonly cert?: string;
  /** The private key of `cert`, PEM. */
  readonly key?: string;
  /** The passphrase that decrypts `key`. */
  readonly passphrase?: string;
  /** Certificate revocation lists, PEM. */
  readonly crl?: readonly string[];
  /** The least version to accept. */
  readonly minVersion?: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";
  /** The greatest version to offer. */
  readonly maxVersion?: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";
  /** The ALPN protocols to offer, in order. */
  readonly alpn?: readonly string[];
  /** Replaces the check of the name; returns the reason for a refusal, or `undefined`. */
  readonly checkServerIdentity?: (host: string, certificate: unknown) => Error | undefined;
  /** Whether {@linkcode TlsFacts.certificate} is needed (SCRAM channel binding). */
  readonly needsCertificate: boolean;
}

/** Facts about an established TLS layer; `undefined` where the runtime does not tell. */
export interface TlsFacts {
  /** The version, such as `"TLSv1.3"`. */
  readonly version?: string;
  /** The cipher suite by the standard's name, or else by OpenSSL's. */
  readonly cipher?: string;
  /** The protocol that ALPN agreed on; `""` for none. */
  readonly alpn?: string;
  /** The server's certificate, DER. It is present if `needsCertificate` is set. */
  readonly certificate?: Uint8Array;
  /** The reason why nothing can be bound to `certificate`: nothing proves that the server holds the key. */
  readonly unbindable?: string;
  /**
   * `true` where the runtime has checked the certificate and the server's name although the settings
   * did not ask for it.
   */
  readonly isVerified?: boolean;
}

/**
 * The receiver of a stream's bytes. The sink owns the read buffer: the stream writes into
 * {@linkcode Sink.space}, or passes a chunk that the sink copies, and keeps neither.
 *
 * The methods are called from the event loop, one at a time, and never throw.
 */
export interface Sink {
  /** Returns free space, never empty. The stream may write there until {@linkcode Sink.received}. */
  space(): Uint8Array<ArrayBuffer>;
  /**
   * Takes the `count` > 0 bytes at the start of `space()`. `false` stops reading until
   * {@linkcode Stream.resume}.
   */
  received(count: number): boolean;
  /** Copies bytes from a buffer of the runtime's; returns as {@linkcode Sink.received} does. */
  chunk(bytes: Uint8Array): boolean;
  /**
   * Reports that the peer is gone or that the stream has failed. It is called exactly once, after the
   * last byte, unless the driver has called `close()` or `destroy()`. The cause is the runtime's error,
   * or `undefined` for an orderly end (FIN).
   */
  lost(cause: unknown): void;
}

/** A connected byte stream. It reads nothing before {@linkcode Stream.start}. */
export interface Stream {
  /** The kind of connection; `"given"` is one that the user brought. */
  readonly kind: "tcp" | "unix" | "given";
  /** The peer's address, for messages; `undefined` where the runtime does not tell. */
  readonly remoteAddress: string | undefined;
  /** Begins to read into `sink`, which stays the stream's for its whole life. */
  start(sink: Sink): void;
  /** Reads on after `received` or `chunk` has returned `false`. */
  resume(): void;
  /**
   * Sends all of `bytes` or fails. `undefined` means that they have left, and that the caller may use
   * the buffer again. Otherwise the buffer belongs to the stream until the promise settles. The caller
   * makes one write at a time. A failed write rejects *and* calls `lost`.
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined;
  /**
   * Reports whether {@linkcode Stream.secure} can do all that `tls` asks for. A stream that was dialled
   * with `DialOptions.tls` can.
   */
  canSecure(tls: TlsSettings): boolean;
  /**
   * Begins TLS. Resolves when the handshake is done and everything that `tls` asks for holds; otherwise
   * destroys the stream and rejects with the reason. The caller has paused the stream after exactly
   * one byte, and has no write pending. Reading is still paused afterwards.
   */
  secure(tls: TlsSettings, signal?: Signal): Promise<TlsFacts>;
  /** Notes that the server has no TLS, so that its address may be dialled in a faster way. */
  hasNoTls?: () => void;
  /** Sends FIN and goes on reading. Never rejects. */
  closeWrite(): Promise<void>;
  /**
   * Sends pending bytes and closes both ways. Resolves when the socket is closed; never rejects. The
   * system resets a socket with unread bytes, which drops what it holds: large writes must be answered
   * before.
   */
  close(): Promise<void>;
  /** Closes at once and drops pending bytes; a second call does nothing. */
  destroy(): void;
  /** Keeps the process alive while the stream is open, which is the default. */
  ref(): void;
  /** Lets the process end while the stream is open. */
  unref(): void;
}

/** Options of {@linkcode Runtime.connect}. */
export interface DialOptions {
  /** Aborts the attempt; no socket and no timer of it may remain. */
  readonly signal?: Signal;
  /** Keepalive, for TCP only; off by default. */
  readonly keepAlive?: KeepAlive;
  /** The local address to bind. */
  readonly source?: { readonly host: string; readonly port?: number };
  /** The settings that a later {@linkcode Stream.secure} may be called with. */
  readonly tls?: TlsSettings;
  /** Whether TLS will begin in any case, rather than only if the server offers it. */
  readonly isTlsCertain?: boolean;
}

/** A value that follows a chain of calls through its awaits; the part of it that the driver uses. */
export interface AsyncContext<T> {
  /** Calls `work` with `value` in force. */
  run<R>(value: T, work: () => R): R;
  /** Returns the value in force. */
  getStore(): T | undefined;
}

/** A channel of `node:diagnostics_channel`; the part of it that the driver uses. */
export interface DiagnosticsChannel {
  /** Whether the channel has listeners. */
  readonly hasSubscribers: boolean;
  /** Passes a message to the listeners. The runtime reports the errors that they throw. */
  publish(message: object): void;
  /** Passes a message and calls `work` in the contexts that listeners have bound to the channel. */
  runStores<R>(message: object, work: () => R): R;
}

/** The channels of one kind of operation, as those of Node's `TracingChannel`. */
export interface OperationChannels {
  /** The operation begins. */
  readonly start: DiagnosticsChannel;
  /** The call that began the operation returns. */
  readonly end: DiagnosticsChannel;
  /** The operation ends. */
  readonly asyncStart: DiagnosticsChannel;
  /** The operation has ended. */
  readonly asyncEnd: DiagnosticsChannel;
  /** The operation has failed. */
  readonly error: DiagnosticsChannel;
}

/** A running operation. Only its first end counts. */
export interface TracedOperation<M extends object> {
  /** Calls `work`, which begins the operation, in the contexts that subscribers have bound to `start`. */
  run<R>(work: () => R): R;
  /** Reports the success, with these properties of the message. */
  succeeded(added: Partial<M>): void;
  /** Reports the failure, with these properties of the message. */
  failed(error: unknown, added?: Partial<M>): void;
}

/** Something that a runtime may need a permission to read. */
export type Readable =
  /** An environment variable. */
  | { readonly kind: "env"; readonly name: string }
  /** A file, by its path. */
  | { readonly kind: "file"; readonly name: string }
  /** The name of the operating system's user, or the home directory. */
  | { readonly kind: "user" | "home" };

/** The services of a runtime that the driver uses. */
export interface Runtime {
  /** The name for messages: `"Deno"`, `"Bun"`, `"Node"`, or that of a custom runtime. */
  readonly name: string;
  /** Whether errors have the stack of their `await` chain, as on V8; elsewhere it is taken early. */
  readonly asyncStacks: boolean;
  /**
   * Loads a part of the driver's code, once. Present where the file that an `import()` reads leaves the
   * async context of its caller behind, for what the event loop begins later (Deno): all code is loaded
   * with the first connection there.
   */
  readonly loadEarly?: (part: string, load: () => Promise<unknown>) => Promise<unknown>;
  /**
   * `true` where a connection belongs to the request that opened it (Cloudflare Workers): a pool
   * cannot outlive a request there.
   */
  readonly requestBound?: boolean;
  /**
   * Returns the reason of an error of the system or of TLS in words that are the same on every
   * runtime. Absent: the error's own message is shown.
   */
  reasonOf?(cause: unknown): string;
  /** Connects and sets TCP_NODELAY. Rejects with the system's error. */
  connect(address: Address, options: DialOptions): Promise<Stream>;
  /**
   * Wraps an open connection that the user brought.
   *
   * @throws {InterfaceError} `sock` is of no known kind.
   */
  adopt(sock: unknown): Stream;
  /** Returns all addresses of a host name, in the resolver's order; an address is its own. */
  lookup(host: string): Promise<readonly string[]>;
  /** Returns an environment variable; `undefined` if it is unset or not permitted. */
  env(name: string): string | undefined;
  /**
   * Returns a file's text; `undefined` if it does not exist or may not be read.
   *
   * @throws {InterfaceError} the file is a pipe, a device or a directory, or longer than 16 MiB.
   */
  readTextFile(path: string): Promise<string | undefined>;
  /** Returns `st_mode`, with the type of file, and the owner; `undefined` where there are none. */
  fileMode(path: string): Promise<{ mode: number; uid: number } | undefined>;
  /**
   * Reports whether there is certainly no file or directory of this name. It is absent where files
   * cannot be looked for.
   */
  isMissing?(path: string): Promise<boolean>;
  /** Returns the name of the operating system's user; `undefined` if it is not known. */
  userName(): string | undefined;
  /** Returns the user's home directory; `undefined` if it is not known. */
  homeDirectory(): string | undefined;
  /**
   * Names the flag that permits reading `what` where the program runs without it (Deno's
   * `--allow-env=PGUSER`); `undefined` where it may be read. Absent in runtimes without permissions.
   */
  lacks?(what: Readable): string | undefined;
  /**
   * Returns the UTF-8 of `bytes[start, end)` as TextDecoder reads it with `ignoreBOM`, but faster. It
   * is absent where TextDecoder is the fastest way. It is called without a receiver.
   */
  readonly decodeUtf8?: (bytes: Uint8Array, start: number, end: number) => string;
  /** Returns the MD5 of bytes, for PostgreSQL's md5 authentication; WebCrypto lacks it. */
  md5(bytes: Uint8Array): Uint8Array;
  /**
   * Returns the SHA-256 of bytes, or their HMAC with a key, at once. It is absent where only WebCrypto
   * has it, which uses a thread for each result.
   */
  sha256?(bytes: Uint8Array, key?: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Lets the process end while this timer is pending. */
  unrefTimer(timer: unknown): void;
  /** Makes a context (`AsyncLocalStorage`); absent where there is none. */
  asyncContext?<T>(): AsyncContext<T>;
  /** A channel by its name (`node:diagnostics_channel`); absent where there are none. */
  channel?(name: string): DiagnosticsChannel;
  /** Returns an operation that is about to begin, reported on these channels; beside `channel`. */
  operation?<M extends object>(channels: OperationChannels, message: M): TracedOperation<M>;
}
