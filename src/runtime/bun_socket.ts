import type { PeerCertificate } from "node:tls";

/** The part of Bun's `Socket` that is used here. Source: bun.com/reference/bun/Socket. */
export interface BunSocket {
  readonly remoteAddress: string | undefined;
  /** The listener that has accepted the socket, if one has. */
  readonly listener?: unknown;
  readonly alpnProtocol: string | false | null;
  /**
   * Returns how many bytes were taken, which may be 0, or -1 if the connection is gone. Without
   * `length`, Bun counts from the start of the buffer rather than from `offset`.
   */
  write(bytes: Uint8Array, offset: number, length: number): number;
  end(): void;
  terminate(): void;
  shutdown(): void;
  pause(): void;
  resume(): void;
  ref(): void;
  unref(): void;
  setNoDelay(on: boolean): boolean;
  /** Sets the idle time in milliseconds. */
  setKeepAlive(on: boolean, idle: number): boolean;
  reload(options: { socket: BunHandlers }): void;
  upgradeTLS(
    options: { tls: BunTlsOptions; socket: BunHandlers },
  ): [raw: BunSocket, tls: BunSocket];
  /** Returns the cipher; the name is `null` before the handshake and after a failed one. */
  getCipher(): { name: string | null; standardName?: string } | null | undefined;
  getTLSVersion(): string;
  getPeerCertificate(): PeerCertificate;
}

/** The handlers of a {@linkcode BunSocket}. */
export interface BunHandlers {
  readonly binaryType?: "uint8array";
  open?(socket: BunSocket): void;
  data?(socket: BunSocket, bytes: Uint8Array): void;
  drain?(socket: BunSocket): void;
  end?(socket: BunSocket): void;
  close?(socket: BunSocket, cause?: unknown): void;
  error?(socket: BunSocket, cause: unknown): void;
  handshake?(socket: BunSocket, success: boolean, cause: Error | null): void;
}

/** The part of Bun's `TLSOptions` that is used here. */
export interface BunTlsOptions {
  readonly rejectUnauthorized: false;
  /** The name for SNI; `""` sends none. */
  readonly serverName: string;
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
  readonly crl?: string[];
  readonly minVersion?: number;
  readonly maxVersion?: number;
  readonly ALPNProtocols?: Uint8Array;
}

/** The part of the `Bun` global that is used here. */
export interface BunGlobal {
  connect(
    options: ({ hostname: string; port: number } | { unix: string }) & { socket: BunHandlers },
  ): Promise<BunSocket>;
}

/** Reports whether `sock` is a socket of `Bun.connect`, which alone has these methods. */
export function isBunSocket(sock: unknown): sock is BunSocket {
  if (typeof sock !== "object" || sock === null) return false;
  const { reload, upgradeTLS, terminate } = sock as Partial<BunSocket>;
  return [reload, upgradeTLS, terminate].every((method) => typeof method === "function");
}
