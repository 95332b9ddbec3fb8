/**
 * Checks the chain of a server's certificate against trusted roots (RFC 5280, section 6), for a
 * runtime whose own check cannot be relied on. It asks for as much as OpenSSL does for libpq; name
 * constraints and revocation remain the runtime's.
 */
import {
  basicConstraints,
  type Certificate,
  commonName,
  equalBytes,
  isForServers,
  isSelfIssued,
  maySignCertificates,
  readCertificate,
} from "./certificate.ts";
import { printable } from "./identity.ts";
import { isKnownSigned } from "./signature.ts";

/** As many certificates as a server may send, and as long as a path may be. */
const MAX_SENT = 16;
/** Signatures that are checked at most: a server must not be able to keep us busy. */
const MAX_CHECKS = 32;

/** The extensions that may be critical: this file or the runtime processes them. */
const PROCESSED: ReadonlySet<string> = new Set([
  "2.5.29.15", // keyUsage
  "2.5.29.17", // subjectAltName
  "2.5.29.19", // basicConstraints
  "2.5.29.30", // nameConstraints
  "2.5.29.31", // cRLDistributionPoints
  "2.5.29.32", // certificatePolicies
  "2.5.29.37", // extKeyUsage
]);

const NO_ROOT = "no trusted root has signed the server's certificate";

/**
 * Returns the reason why the chain of the first certificate in `sent` does not lead to one of
 * `trusted`, or `undefined` when it does.
 *
 * A root must name itself as its issuer and be valid at `now`. Other trusted certificates serve as
 * links of the chain, as in OpenSSL; one that cannot be read is passed over.
 *
 * @throws {ProtocolError} a certificate in `sent` is malformed.
 */
export async function chainFault(
  sent: readonly Uint8Array[],
  trusted: readonly Uint8Array[],
  now: number,
): Promise<string | undefined> {
  if (sent.length > MAX_SENT) return `the server sent more than ${MAX_SENT} certificates`;
  const [leaf, ...links] = sent.map(readCertificate);
  if (leaf === undefined) return "the server sent no certificate";
  const known = trusted.flatMap(readable);
  const search = new Search(links, known, now);
  const fault = search.certificateFault(leaf, "the server's certificate");
  if (fault !== undefined) return fault;
  if (!isForServers(leaf)) return "the server's certificate is not one for servers";
  if (known.some((one) => isSelfIssued(one) && equalBytes(one.bytes, leaf.bytes))) return undefined;
  return await search.leadsToRoot(leaf, 0) ? undefined : search.fault ?? NO_ROOT;
}

/** A search for a path; the first fault it meets on a certificate that fits by name is kept. */
class Search {
  fault: string | undefined;
  readonly #roots: readonly Certificate[];
  readonly #links: readonly Certificate[];
  readonly #now: number;
  #checks = 0;

  constructor(sent: readonly Certificate[], trusted: readonly Certificate[], now: number) {
    this.#roots = trusted.filter(isSelfIssued);
    this.#links = [...trusted.filter((one) => !isSelfIssued(one)), ...sent];
    this.#now = now;
  }

  /** Reports whether a path leads from `below` to a root; `count` links are below it. */
  async leadsToRoot(below: Certificate, count: number): Promise<boolean> {
    const isIssuer = ({ subject }: Certificate) => equalBytes(subject, below.issuer);
    for (const root of this.#roots.filter(isIssuer)) {
      if (await this.#hasIssued(root, below, count, "the trusted root")) return true;
    }
    if (count >= MAX_SENT) return false;
    for (const link of this.#links.filter(isIssuer)) {
      if (isSelfIssued(link)) continue;
      const what = "the intermediate certificate";
      if (!await this.#hasIssued(link, below, count, what)) continue;
      if (await this.leadsToRoot(link, count + 1)) return true;
    }
    return false;
  }

  /** Returns what is wrong with a certificate by itself. */
  certificateFault(certificate: Certificate, what: string): string | undefined {
    if (this.#now < certificate.notBefore) return `${what} is not valid yet`;
    if (this.#now > certificate.notAfter) return `${what} has expired`;
    for (const [id, { critical }] of certificate.extensions) {
      if (critical && !PROCESSED.has(id)) return `${what} has the unknown critical extension ${id}`;
    }
    return undefined;
  }

  async #hasIssued(
    issuer: Certificate,
    below: Certificate,
    count: number,
    kind: string,
  ): Promise<boolean> {
    const fault = this.#issuerFault(issuer, count, `${kind} ${nameOf(issuer)}`);
    if (fault === undefined) {
      return this.#checks++ < MAX_CHECKS && await isKnownSigned(below, issuer.publicKey);
    }
    this.fault ??= fault;
    return false;
  }

  #issuerFault(issuer: Certificate, count: number, what: string): string | undefined {
    const fault = this.certificateFault(issuer, what);
    if (fault !== undefined) return fault;
    const constraints = basicConstraints(issuer);
    // A root of version 1 cannot say that it is an authority; OpenSSL takes it for one.
    const isAuthority = constraints?.isAuthority ?? (issuer.version < 3 && isSelfIssued(issuer));
    if (!isAuthority || !maySignCertificates(issuer)) {
      return `${what} is not that of an authority`;
    }
    const isShort = constraints === undefined || count <= constraints.pathLength;
    return isShort ? undefined : `${what} allows fewer intermediate certificates`;
  }
}

function readable(bytes: Uint8Array): Certificate[] {
  try {
    return [readCertificate(bytes)];
  } catch {
    return [];
  }
}

function nameOf(certificate: Certificate): string {
  const name = commonName(certificate);
  return name === undefined ? "without a common name" : printable(name);
}
