import { Reader } from "../bytes/reader.ts";
import { ProtocolError } from "../errors/errors.ts";

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const BIT_STRING = 0x03;
/** `[0]`, explicit. */
const CONTEXT_0 = 0xa0;

const RSASSA_PSS = "1.2.840.113549.1.1.10";
const SHA1 = "1.3.14.3.2.26";

type Hash = "SHA-256" | "SHA-384" | "SHA-512";

/** The hash for each signature algorithm; MD5 and SHA-1 count as SHA-256 (RFC 5929, section 4.1). */
const HASH_OF_SIGNATURE: ReadonlyMap<string, Hash> = new Map([
  ["1.2.840.113549.1.1.4", "SHA-256"], // md5WithRSAEncryption
  ["1.2.840.113549.1.1.5", "SHA-256"], // sha1WithRSAEncryption
  ["1.2.840.113549.1.1.11", "SHA-256"], // sha256WithRSAEncryption
  ["1.2.840.113549.1.1.12", "SHA-384"], // sha384WithRSAEncryption
  ["1.2.840.113549.1.1.13", "SHA-512"], // sha512WithRSAEncryption
  ["1.2.840.10045.4.1", "SHA-256"], // ecdsa-with-SHA1
  ["1.2.840.10045.4.3.2", "SHA-256"], // ecdsa-with-SHA256
  ["1.2.840.10045.4.3.3", "SHA-384"], // ecdsa-with-SHA384
  ["1.2.840.10045.4.3.4", "SHA-512"], // ecdsa-with-SHA512
  ["1.2.840.10040.4.3", "SHA-256"], // dsa-with-sha1
  ["2.16.840.1.101.3.4.3.2", "SHA-256"], // dsa-with-sha256
  ["2.16.840.1.101.3.4.3.3", "SHA-384"], // dsa-with-sha384
  ["2.16.840.1.101.3.4.3.4", "SHA-512"], // dsa-with-sha512
]);

/** The hashes that RSASSA-PSS names apart from the signature. */
const HASH_BY_NAME: ReadonlyMap<string, Hash> = new Map([
  ["1.2.840.113549.2.5", "SHA-256"], // md5
  [SHA1, "SHA-256"],
  ["2.16.840.1.101.3.4.2.1", "SHA-256"], // sha256
  ["2.16.840.1.101.3.4.2.2", "SHA-384"], // sha384
  ["2.16.840.1.101.3.4.2.3", "SHA-512"], // sha512
]);

/**
 * The channel binding data `tls-server-end-point` of a TLS connection: its server certificate (DER),
 * hashed with the hash of the certificate's own signature.
 *
 * `undefined` when that signature has no hash of its own (Ed25519, Ed448, post-quantum) or one that
 * WebCrypto lacks (SHA-224, SHA-3): such a connection cannot be bound. libpq fails there with "could
 * not find digest for NID UNDEF"; here channel binding counts as not available.
 *
 * Source: RFC 5929, section 4; server file be-secure-openssl.c, be_tls_get_certificate_hash.
 *
 * @throws {ProtocolError} the bytes are not a certificate.
 */
export async function tlsServerEndPoint(
  certificate: Uint8Array,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const hash = signatureHash(certificate);
  if (hash === undefined) return undefined;
  return new Uint8Array(await crypto.subtle.digest(hash, new Uint8Array(certificate)));
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature } (RFC 5280, 4.1). */
function signatureHash(certificate: Uint8Array): Hash | undefined {
  const reader = new Reader(certificate);
  reader.what = "certificate";
  const hash = within(reader, SEQUENCE, () => {
    within(reader, SEQUENCE, () => skipRest(reader));
    const hash = within(reader, SEQUENCE, () => algorithmHash(reader));
    within(reader, BIT_STRING, () => skipRest(reader));
    return hash;
  });
  reader.finish();
  return hash;
}

/** AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }. */
function algorithmHash(reader: Reader): Hash | undefined {
  const algorithm = objectIdentifier(reader);
  const hash = algorithm === RSASSA_PSS ? pssHash(reader) : HASH_OF_SIGNATURE.get(algorithm);
  skipRest(reader);
  return hash;
}

/**
 * RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] AlgorithmIdentifier DEFAULT sha1, … }; in a
 * signature the sequence, be it empty, must be there (RFC 4055, section 3.1).
 */
function pssHash(reader: Reader): Hash | undefined {
  return within(reader, SEQUENCE, () => {
    const given = reader.remaining > 0 && reader.buffer[reader.position] === CONTEXT_0;
    const name = given ? within(reader, CONTEXT_0, () => algorithmName(reader)) : SHA1;
    skipRest(reader);
    return HASH_BY_NAME.get(name);
  });
}

function algorithmName(reader: Reader): string {
  return within(reader, SEQUENCE, () => {
    const name = objectIdentifier(reader);
    skipRest(reader);
    return name;
  });
}

/** Reads one element with `read`, which sees nothing but its contents and must consume them. */
function within<T>(reader: Reader, tag: number, read: () => T): T {
  const found = reader.uint8();
  if (found !== tag) {
    throw new ProtocolError(`malformed certificate: element ${tag} expected, ${found} found`);
  }
  const length = elementLength(reader);
  const outer = reader.end;
  reader.end = reader.take(length) + length;
  reader.position = reader.end - length;
  const value = read();
  reader.finish();
  reader.end = outer;
  return value;
}

/** One byte, or a count of bytes and as many of them; the indefinite form is not DER. */
function elementLength(reader: Reader): number {
  const first = reader.uint8();
  if (first < 0x80) return first;
  const size = first & 0x7f;
  if (size === 0 || size > 3) throw new ProtocolError("malformed certificate: bad length");
  let length = 0;
  for (let i = 0; i < size; i++) length = length * 256 + reader.uint8();
  return length;
}

/** An object identifier in dots (X.690, 8.19). */
function objectIdentifier(reader: Reader): string {
  return within(reader, OBJECT_IDENTIFIER, () => {
    const arcs: number[] = [];
    let arc = 0;
    while (reader.remaining > 0) {
      const byte = reader.uint8();
      arc = arc * 128 + (byte & 0x7f);
      if (byte >= 0x80) continue;
      arcs.push(...(arcs.length === 0 ? firstArcs(arc) : [arc]));
      arc = 0;
    }
    return arcs.join(".");
  });
}

function firstArcs(joined: number): [number, number] {
  const first = Math.min(Math.floor(joined / 40), 2);
  return [first, joined - first * 40];
}

function skipRest(reader: Reader): void {
  reader.position = reader.end;
}
