/** Checks the signature of one certificate with the key of another, by WebCrypto. */
import type { Reader } from "../bytes/reader.ts";
import { type Certificate, equalBytes } from "./certificate.ts";
import {
  contents,
  contextTag,
  malformed,
  nextTag,
  objectIdentifier,
  readDer,
  rest,
  smallInteger,
  Tag,
  within,
} from "./der.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How a key is imported, how it verifies, and the signature in WebCrypto's form. */
interface Check {
  readonly key: { name: string; hash?: string; namedCurve?: string };
  readonly how: { name: string; hash?: string; saltLength?: number };
  readonly signature: Uint8Array;
}

const PKCS1: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.11": "SHA-256",
  "1.2.840.113549.1.1.12": "SHA-384",
  "1.2.840.113549.1.1.13": "SHA-512",
};
const ECDSA: Readonly<Record<string, string>> = {
  "1.2.840.10045.4.3.2": "SHA-256",
  "1.2.840.10045.4.3.3": "SHA-384",
  "1.2.840.10045.4.3.4": "SHA-512",
};
const HASHES: Readonly<Record<string, string>> = {
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};
/** Curves with the length of a coordinate. */
const CURVES: Readonly<Record<string, readonly [name: string, bytes: number]>> = {
  "1.2.840.10045.3.1.7": ["P-256", 32],
  "1.3.132.0.34": ["P-384", 48],
  "1.3.132.0.35": ["P-521", 66],
};
const RSASSA_PSS = "1.2.840.113549.1.1.10";
const ED25519 = "1.3.101.112";
const EC_PUBLIC_KEY = "1.2.840.10045.2.1";

/** The most signatures that are remembered. */
const MAX_REMEMBERED = 16;
/** Bytes of a certificate with its issuer's key; longer ones are not remembered. */
const LONGEST_REMEMBERED = 8_192;

/** Certificates with the keys that were found to have signed them. */
const remembered: { readonly certificate: Uint8Array; readonly publicKey: Uint8Array }[] = [];

/**
 * Reports whether the owner of `publicKey` has signed `certificate`, as {@linkcode isSignedBy} does.
 * A signature that holds is remembered with all the bytes that it depends on: for the same bytes the
 * answer stays the same. Validity, names and trust are not part of it and are checked each time. What
 * is remembered are at most 16 certificates of 8 kB, all of them public.
 */
export async function isKnownSigned(
  certificate: Certificate,
  publicKey: Uint8Array,
): Promise<boolean> {
  const { bytes } = certificate;
  const isKnown = remembered.some((one) =>
    equalBytes(one.certificate, bytes) && equalBytes(one.publicKey, publicKey)
  );
  if (isKnown) return true;
  if (!await isSignedBy(certificate, publicKey)) return false;
  if (bytes.length + publicKey.length > LONGEST_REMEMBERED) return true;
  if (remembered.length >= MAX_REMEMBERED) remembered.shift();
  remembered.push({ certificate: bytes.slice(), publicKey: publicKey.slice() });
  return true;
}

/**
 * Reports whether the owner of `publicKey` (SubjectPublicKeyInfo, DER) has signed `certificate`. A
 * signature by an algorithm that is not known here, SHA-1 included, or that WebCrypto lacks, does not
 * hold.
 *
 * @throws {ProtocolError} the key or the signature is malformed.
 */
export async function isSignedBy(
  certificate: Certificate,
  publicKey: Uint8Array,
): Promise<boolean> {
  const check = checkOf(certificate, publicKey);
  if (check === undefined) return false;
  const { subtle } = crypto;
  try {
    const spki = new Uint8Array(publicKey) as Bytes;
    const key = await subtle.importKey("spki", spki, check.key, false, ["verify"]);
    const signature = new Uint8Array(check.signature) as Bytes;
    return await subtle.verify(check.how, key, signature, new Uint8Array(certificate.signed));
  } catch {
    return false;
  }
}

function checkOf(certificate: Certificate, publicKey: Uint8Array): Check | undefined {
  const { algorithm, parameters, signature } = certificate;
  const pkcs1 = PKCS1[algorithm];
  if (pkcs1 !== undefined) {
    const how = { name: "RSASSA-PKCS1-v1_5", hash: pkcs1 };
    return { key: how, how, signature };
  }
  if (algorithm === RSASSA_PSS) {
    const pss = readDer(parameters, pssParameters);
    if (pss === undefined) return undefined;
    return { key: pss, how: { ...pss }, signature };
  }
  if (algorithm === ED25519) {
    return { key: { name: "Ed25519" }, how: { name: "Ed25519" }, signature };
  }
  const hash = ECDSA[algorithm];
  const curve = CURVES[readDer(publicKey, curveOf)];
  if (hash === undefined || curve === undefined) return undefined;
  const [namedCurve, length] = curve;
  return {
    key: { name: "ECDSA", namedCurve },
    how: { name: "ECDSA", hash },
    signature: readDer(signature, (reader) => coordinates(reader, length)),
  };
}

/** RSASSA-PSS-params (RFC 4055, section 3.1); its two hashes must be the same one. */
function pssParameters(
  reader: Reader,
): { name: "RSA-PSS"; hash: string; saltLength: number } | undefined {
  return within(reader, Tag.SEQUENCE, () => {
    if (nextTag(reader) !== contextTag(0)) return rest(reader) && undefined;
    const hash = HASHES[within(reader, contextTag(0), () => algorithmName(reader))];
    if (nextTag(reader) === contextTag(1)) contents(reader, contextTag(1));
    const saltLength = nextTag(reader) === contextTag(2)
      ? within(reader, contextTag(2), () => smallInteger(reader))
      : 20;
    rest(reader);
    return hash === undefined ? undefined : { name: "RSA-PSS", hash, saltLength };
  });
}

function algorithmName(reader: Reader): string {
  return within(reader, Tag.SEQUENCE, () => {
    const name = objectIdentifier(reader);
    rest(reader);
    return name;
  });
}

/** SubjectPublicKeyInfo of an elliptic curve names it (RFC 5480); `""` for other keys. */
function curveOf(reader: Reader): string {
  return within(reader, Tag.SEQUENCE, () => {
    const curve = within(reader, Tag.SEQUENCE, () => {
      const name = objectIdentifier(reader);
      if (name === EC_PUBLIC_KEY) return objectIdentifier(reader);
      rest(reader);
      return "";
    });
    contents(reader, Tag.BIT_STRING);
    return curve;
  });
}

/** ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } as WebCrypto takes it, both padded. */
function coordinates(reader: Reader, length: number): Uint8Array {
  const padded = new Uint8Array(2 * length);
  within(reader, Tag.SEQUENCE, () => {
    for (const end of [length, 2 * length]) {
      const number = contents(reader, Tag.INTEGER);
      const start = number.findIndex((byte) => byte !== 0);
      const digits = start < 0 ? number.subarray(number.length) : number.subarray(start);
      if (digits.length > length) throw malformed("a signature is too long");
      padded.set(digits, end - digits.length);
    }
  });
  return padded;
}
