import type { PeerCertificate } from "node:tls";

/** What of Bun's `Socket` is used here. Source: bun.com/reference/bun/Socket. */
export interface BunSocket {
  readonly remoteAddress: string | undefined;
  /** Set on a socket that a listener accepted. */
  readonly listener?: unknown;
  readonly alpnProtocol: string | false | null;
  /**
   * How many bytes it took, which may be none; -1 when the connection is gone. Left out, `length`
   * would count from the start of the buffer, not from `offset`.
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
  /** Idle time in milliseconds. */
  setKeepAlive(on: boolean, idle: number): boolean;
  reload(options: { socket: BunHandlers }): void;
  upgradeTLS(
    options: { tls: BunTlsOptions; socket: BunHandlers },
  ): [raw: BunSocket, tls: BunSocket];
  /** Its name is `null` before the handshake and after one that failed. */
  getCipher(): { name: string | null; standardName?: string } | null | undefined;
  getTLSVersion(): string;
  getPeerCertificate(): PeerCertificate;
}

/** Who hears from a {@linkcode BunSocket}. */
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

/** What of Bun's `TLSOptions` is used here. */
export interface BunTlsOptions {
  readonly rejectUnauthorized: false;
  /** `""`: no SNI. */
  readonly serverName: string;
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
  readonly crl?: string[];
  readonly minVersion?: number;
  readonly maxVersion?: number;
  readonly ALPNProtocols?: Uint8Array;
}

/** What of the `Bun` global is used here. */
export interface BunGlobal {
  connect(
    options: ({ hostname: string; port: number } | { unix: string }) & { socket: BunHandlers },
  ): Promise<BunSocket>;
}

/** Whether `sock` is a socket of `Bun.connect`: nothing else has these methods. */
export function isBunSocket(sock: unknown): sock is BunSocket {
  if (typeof sock !== "object" || sock === null) return false;
  const { reload, upgradeTLS, terminate } = sock as Partial<BunSocket>;
  return [reload, upgradeTLS, terminate].every((method) => typeof method === "function");
}
