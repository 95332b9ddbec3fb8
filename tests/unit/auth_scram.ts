/** Both sides of a SCRAM exchange, for tests of the client. */
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { Scram, type ScramOptions } from "../../src/auth/scram.ts";

export const BOTH: readonly string[] = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];
export const PLAIN: readonly string[] = ["SCRAM-SHA-256"];
export const END_POINT: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
export const RFC_7677: {
  readonly random: Uint8Array;
  readonly serverFirst: string;
  readonly serverFinal: string;
} = {
  random: base64("rOprNGfwEbeRWgbNEkqO"),
  serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

export function base64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Returns bytes that are not UTF-8, which SASLprep leaves unchanged. */
export function notUtf8(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(0xff, ...bytes);
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The reason why a certificate cannot be bound to. */
export const NO_HASH = "the signature of the server's certificate has no hash to bind to";

export function client(options: Partial<ScramOptions> = {}): Scram {
  return new Scram({
    mechanisms: PLAIN,
    secret: "pencil",
    channelBinding: "prefer",
    tls: false,
    endPoint: NO_HASH,
    verified: false,
    random: RFC_7677.random,
    ...options,
  });
}

/** The server's side, written from RFC 5802 without the client's code. */
export class Server {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
  #first = "";
  #bare = "";
  #header = "";

  constructor(salt: Uint8Array, iterations: number, storedKey: Buffer, serverKey: Buffer) {
    this.salt = Buffer.from(salt);
    this.iterations = iterations;
    this.storedKey = storedKey;
    this.serverKey = serverKey;
  }

  static forPassword(password: string | Uint8Array, salt: Uint8Array, iterations: number): Server {
    const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
    const storedKey = createHash("sha256").update(mac(salted, "Client Key")).digest();
    return new Server(salt, iterations, storedKey, mac(salted, "Server Key"));
  }

  /** Reads the part of `pg_authid.rolpassword` after mechanism and iteration count. */
  static forSecret(secret: string): Server {
    const [salt, storedKey, serverKey] = secret.split(/[$:]/).map((part) =>
      Buffer.from(part, "base64")
    );
    return new Server(salt!, 4096, storedKey!, serverKey!);
  }

  first(clientFirst: Uint8Array, nonce = "3rfcNHYJY1ZVvWVs7j"): Uint8Array {
    const [, header, bare] = /^((?:n|y|p=[a-z-]+),,)(n=.*)$/.exec(text(clientFirst))!;
    this.#header = header!;
    this.#bare = bare!;
    const clientNonce = /r=([^,]+)$/.exec(bare!)![1];
    this.#first = `r=${clientNonce}${nonce},s=${this.salt.toString("base64")},i=${this.iterations}`;
    return bytes(this.#first);
  }

  /** Returns the server-final-message, or `undefined` if the proof or the channel binding is wrong. */
  final(clientFinal: Uint8Array, endPoint: Uint8Array = new Uint8Array(0)): Uint8Array | undefined {
    const [, withoutProof, binding, proof] = /^(c=([^,]+),r=[^,]+),p=(.+)$/.exec(
      text(clientFinal),
    )!;
    const signed = `${this.#bare},${this.#first},${withoutProof}`;
    const signature = mac(this.storedKey, signed);
    const clientKey = Buffer.from(proof!, "base64").map((byte, i) => byte ^ signature[i]!);
    const bound = Buffer.concat([Buffer.from(this.#header), endPoint]);
    if (!Buffer.from(binding!, "base64").equals(bound)) return undefined;
    if (!createHash("sha256").update(clientKey).digest().equals(this.storedKey)) return undefined;
    return bytes(`v=${mac(this.serverKey, signed).toString("base64")}`);
  }
}

export function mac(key: Uint8Array, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}
