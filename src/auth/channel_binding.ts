/** The channel binding of SCRAM to a server's certificate (RFC 5929, section 4). */
import type { Reader } from "../bytes/reader.ts";
import {
  contents,
  contextTag,
  nextTag,
  objectIdentifier,
  readDer,
  rest,
  Tag,
  within,
} from "../certificates/der.ts";
import { sha224 } from "./sha224.ts";

const RSASSA_PSS = "1.2.840.113549.1.1.10";
const SHA1 = "1.3.14.3.2.26";

type Hash = "SHA-224" | "SHA-256" | "SHA-384" | "SHA-512";

/** The hash for each signature algorithm; MD5 and SHA-1 count as SHA-256 (RFC 5929, section 4.1). */
const HASH_OF_SIGNATURE: ReadonlyMap<string, Hash> = new Map([
  ["1.2.840.113549.1.1.4", "SHA-256"], // md5WithRSAEncryption
  ["1.2.840.113549.1.1.5", "SHA-256"], // sha1WithRSAEncryption
  ["1.2.840.113549.1.1.14", "SHA-224"], // sha224WithRSAEncryption
  ["1.2.840.113549.1.1.11", "SHA-256"], // sha256WithRSAEncryption
  ["1.2.840.113549.1.1.12", "SHA-384"], // sha384WithRSAEncryption
  ["1.2.840.113549.1.1.13", "SHA-512"], // sha512WithRSAEncryption
  ["1.2.840.10045.4.1", "SHA-256"], // ecdsa-with-SHA1
  ["1.2.840.10045.4.3.1", "SHA-224"], // ecdsa-with-SHA224
  ["1.2.840.10045.4.3.2", "SHA-256"], // ecdsa-with-SHA256
  ["1.2.840.10045.4.3.3", "SHA-384"], // ecdsa-with-SHA384
  ["1.2.840.10045.4.3.4", "SHA-512"], // ecdsa-with-SHA512
  ["1.2.840.10040.4.3", "SHA-256"], // dsa-with-sha1
  ["2.16.840.1.101.3.4.3.1", "SHA-224"], // dsa-with-sha224
  ["2.16.840.1.101.3.4.3.2", "SHA-256"], // dsa-with-sha256
  ["2.16.840.1.101.3.4.3.3", "SHA-384"], // dsa-with-sha384
  ["2.16.840.1.101.3.4.3.4", "SHA-512"], // dsa-with-sha512
]);

/** The hashes in the parameters of RSASSA-PSS. */
const HASH_BY_NAME: ReadonlyMap<string, Hash> = new Map([
  ["1.2.840.113549.2.5", "SHA-256"], // md5
  [SHA1, "SHA-256"],
  ["2.16.840.1.101.3.4.2.4", "SHA-224"], // sha224
  ["2.16.840.1.101.3.4.2.1", "SHA-256"], // sha256
  ["2.16.840.1.101.3.4.2.2", "SHA-384"], // sha384
  ["2.16.840.1.101.3.4.2.3", "SHA-512"], // sha512
]);

/**
 * Returns the channel binding data `tls-server-end-point` of a TLS connection: its server certificate
 * (DER), hashed with the hash of the certificate's own signature.
 *
 * Returns `undefined` when that signature has no hash of its own (Ed25519, Ed448, post-quantum) or one
 * that is not known here (SHA-3, SHA-512/256): such a connection cannot be bound. libpq refuses to log
 * in then ("could not find digest for NID UNDEF").
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
  if (hash === "SHA-224") return sha224(certificate);
  return new Uint8Array(await crypto.subtle.digest(hash, new Uint8Array(certificate)));
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature } (RFC 5280, 4.1). */
function signatureHash(certificate: Uint8Array): Hash | undefined {
  return readDer(certificate, (reader) =>
    within(reader, Tag.SEQUENCE, () => {
      contents(reader, Tag.SEQUENCE);
      const hash = within(reader, Tag.SEQUENCE, () => algorithmHash(reader));
      contents(reader, Tag.BIT_STRING);
      return hash;
    }));
}

/** AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }. */
function algorithmHash(reader: Reader): Hash | undefined {
  const algorithm = objectIdentifier(reader);
  const hash = algorithm === RSASSA_PSS ? pssHash(reader) : HASH_OF_SIGNATURE.get(algorithm);
  rest(reader);
  return hash;
}

/**
 * RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] AlgorithmIdentifier DEFAULT sha1, … }; a
 * signature must have the sequence, even if it is empty (RFC 4055, section 3.1).
 */
function pssHash(reader: Reader): Hash | undefined {
  return within(reader, Tag.SEQUENCE, () => {
    const isGiven = nextTag(reader) === contextTag(0);
    const name = isGiven ? within(reader, contextTag(0), () => algorithmName(reader)) : SHA1;
    rest(reader);
    return HASH_BY_NAME.get(name);
  });
}

function algorithmName(reader: Reader): string {
  return within(reader, Tag.SEQUENCE, () => {
    const name = objectIdentifier(reader);
    rest(reader);
    return name;
  });
}
