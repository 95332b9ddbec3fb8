/**
 * Certificates with any contents, also those that no generator would write: for tests of who is
 * believed. Made byte by byte after RFC 5280, with nothing of the driver's own code.
 */
import { Buffer } from "node:buffer";
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** A certificate, its key, and what is needed to issue others by it. */
export interface Forged {
  readonly der: Uint8Array;
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
  readonly subject: Uint8Array;
}

/** The contents of a certificate. The defaults are valid for a server named localhost. */
export interface Forgery {
  /** 3 by default; without extensions otherwise. */
  readonly version?: number;
  /** A common name, or a whole Name in DER. */
  readonly subject?: string | Uint8Array;
  /** The certificate that issues this one; a certificate without it is self-signed. */
  readonly issuer?: Forged;
  /** The issuer's name, if it is not that of `issuer`. */
  readonly issuerName?: Uint8Array;
  /** General names by their tags; `undefined`: no such extension. */
  readonly names?: readonly (readonly [tag: number, bytes: Uint8Array | string])[];
  /** basicConstraints; `undefined`: no such extension. */
  readonly isAuthority?: boolean;
  readonly pathLength?: number;
  /** keyUsage as its bytes. */
  readonly usage?: readonly number[];
  /** Object identifiers of extKeyUsage, in hexadecimal. */
  readonly purposes?: readonly string[];
  /** Whole extensions, DER. */
  readonly extensions?: readonly Uint8Array[];
  /** UTCTime. */
  readonly from?: string;
  readonly until?: string;
  /** The signature's algorithm: its identifier in hexadecimal, and OpenSSL's name of the hash. */
  readonly algorithm?: readonly [identifier: string, hash: string | undefined];
  readonly keyType?: "ec" | "ed25519";
  /** A certificate that shares its keys with this one. */
  readonly keys?: Forged;
  /** Whether an unrelated key signs. */
  readonly isForged?: boolean;
}

/** Tags of GeneralName. */
export const Name = { email: 0x81, dns: 0x82, directory: 0xa4, uri: 0x86, ip: 0x87 } as const;

/** Algorithms for {@linkcode Forgery.algorithm}. */
export const ECDSA_SHA256 = ["300a06082a8648ce3d040302", "sha256"] as const;
/** An algorithm with a hash that WebCrypto lacks. */
export const ECDSA_SHA224 = ["300a06082a8648ce3d040301", "sha224"] as const;
const ED25519 = ["300506032b6570", undefined] as const;

/** Makes a certificate. */
export function forge(forgery: Forgery = {}): Forged {
  const { keyType = "ec", issuer, subject = "localhost", version = 3 } = forgery;
  const pair = forgery.keys === undefined ? keyPair(keyType) : {
    privateKey: forgery.keys.privateKey,
    publicKey: createPublicKey(forgery.keys.key),
  };
  const signer = forgery.isForged ? keyPair("ec").privateKey : issuer?.privateKey;
  const own = keyType === "ed25519" && issuer === undefined ? ED25519 : ECDSA_SHA256;
  const [identifier, hash] = forgery.algorithm ?? own;
  const subjectName = typeof subject === "string" ? commonName(subject) : subject;
  const extensions = version < 3 ? [] : allExtensions(forgery);
  const tbs = der(
    0x30,
    version === 1 ? [] : der(0xa0, der(0x02, [version - 1])),
    der(0x02, [0x10, ...crypto.getRandomValues(new Uint8Array(8))]),
    hex(identifier),
    forgery.issuerName ?? issuer?.subject ?? subjectName,
    der(
      0x30,
      der(0x17, forgery.from ?? "200101000000Z"),
      der(0x17, forgery.until ?? "491231000000Z"),
    ),
    subjectName,
    new Uint8Array(pair.publicKey.export({ type: "spki", format: "der" })),
    extensions.length === 0 ? [] : der(0xa3, der(0x30, ...extensions)),
  );
  const signature = sign(hash, tbs, signer ?? pair.privateKey);
  const whole = der(0x30, tbs, hex(identifier), der(0x03, [0], new Uint8Array(signature)));
  return {
    der: whole,
    cert: pem(whole),
    key: pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    privateKey: pair.privateKey,
    subject: subjectName,
  };
}

/** A root that may issue others. */
export function forgeRoot(subject: string, more: Forgery = {}): Forged {
  return forge({ subject, isAuthority: true, usage: [0x01, 0x06], ...more });
}

/** A certificate as PEM. */
export function pem(bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** A Name with one common name; `tag` is that of its string. */
export function commonName(text: string | Uint8Array, tag = 0x0c): Uint8Array {
  return der(0x30, der(0x31, der(0x30, hex("0603550403"), der(tag, text))));
}

/** An extension that RFC 5280 numbers 2.5.29.`number`. */
export function extension(number: number, value: Uint8Array, isCritical = false): Uint8Array {
  const critical = isCritical ? der(0x01, [0xff]) : [];
  return der(0x30, der(0x06, [0x55, 0x1d, number]), critical, der(0x04, value));
}

/** One element of DER. */
export function der(
  tag: number,
  ...parts: (Uint8Array | readonly number[] | string)[]
): Uint8Array {
  const bytes = Buffer.concat(
    parts.map((part) => typeof part === "string" ? Buffer.from(part) : Uint8Array.from(part)),
  );
  const { length } = bytes;
  const size = length < 0x80
    ? [length]
    : length < 0x100
    ? [0x81, length]
    : length < 0x10000
    ? [0x82, length >> 8, length & 255]
    : [0x83, length >> 16, (length >> 8) & 255, length & 255];
  return new Uint8Array([tag, ...size, ...bytes]);
}

/** Bytes from hexadecimal. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

function keyPair(type: "ec" | "ed25519"): { privateKey: KeyObject; publicKey: KeyObject } {
  return type === "ec"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("ed25519");
}

function allExtensions(forgery: Forgery): Uint8Array[] {
  const { names, isAuthority, pathLength, usage, purposes, extensions = [] } = forgery;
  const made = [...extensions];
  if (names !== undefined) {
    made.push(extension(17, der(0x30, ...names.map(([tag, bytes]) => der(tag, bytes)))));
  }
  if (isAuthority !== undefined) {
    const length = pathLength === undefined ? [] : der(0x02, [pathLength]);
    made.push(extension(19, der(0x30, isAuthority ? der(0x01, [0xff]) : [], length), true));
  }
  if (usage !== undefined) made.push(extension(15, der(0x03, usage), true));
  if (purposes !== undefined) {
    made.push(extension(37, der(0x30, ...purposes.map((id) => der(0x06, hex(id))))));
  }
  return made;
}
