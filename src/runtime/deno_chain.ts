/**
 * Checks of a server's certificate that Deno's node:tls omits (2.9).
 *
 * For a certificate that its verifier cannot parse, one of X.509 version 1 for example, it compares
 * names only: no signature of the chain is checked, nor the server's own in the handshake. It also
 * takes every certificate in `ca` for a root, whether or not it has expired or is one of an
 * authority. Source: `NodeServerCertVerifier` in ext/node/ops/tls_wrap.rs.
 */
import * as tlsModule from "node:tls";
import { readCertificate } from "../certificates/certificate.ts";
import { chainFault } from "../certificates/chain.ts";
import { NotSupportedError, OperationalError, ProtocolError } from "../errors/errors.ts";
import type { TlsSettings } from "./runtime.ts";

const UNPROVEN =
  "Deno does not check that the server holds the key of a certificate of X.509 version ";

/**
 * Checks the chain of the peer's certificate where `tls` asks for it. Returns the reason why nothing
 * can be bound to the certificate, if there is one.
 *
 * @throws {NotSupportedError} the certificate is of a version whose signatures Deno does not check.
 * @throws {OperationalError} the chain does not hold.
 */
export async function inspectPeer(
  socket: tlsModule.TLSSocket,
  tls: TlsSettings,
): Promise<string | undefined> {
  if (tls.verify === "none") return unprovenReason(socket.getPeerCertificate()?.raw);
  const sent = chainOf(socket);
  const unproven = unprovenReason(sent[0]);
  if (unproven !== undefined) throw new NotSupportedError(unproven);
  const trusted = tls.ca ?? platformRoots();
  const fault = await chainFault(sent, trusted.map(derOf), Date.now());
  if (fault === undefined) return undefined;
  throw new OperationalError(
    `the TLS handshake with ${JSON.stringify(tls.serverName)} failed: ${fault}`,
  );
}

/**
 * Returns why the handshake does not prove that the server holds the key of `leaf`, or `undefined` if
 * it does. Deno checks the proof for certificates that its parser reads; this one is no less strict.
 */
function unprovenReason(leaf: Uint8Array | undefined): string | undefined {
  if (leaf === undefined) return "Deno does not tell the server's certificate";
  try {
    const { version } = readCertificate(new Uint8Array(leaf));
    return version === 3 ? undefined : UNPROVEN + version;
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    return `Deno does not check that the server holds the key of a ${cause.message}`;
  }
}

/** Returns the certificates that the server sent, and those of `ca` that Deno appends by name. */
function chainOf(socket: tlsModule.TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined) {
    chain.push(new Uint8Array(certificate.raw));
    const next = certificate.issuerCertificate;
    if (next === certificate || chain.length > 32) break;
    certificate = next;
  }
  return chain;
}

function platformRoots(): readonly string[] {
  const { getCACertificates } = tlsModule as Partial<typeof tlsModule>;
  return getCACertificates?.("default") ?? tlsModule.rootCertificates;
}

function derOf(pem: string): Uint8Array {
  const [, base64 = ""] = /-----BEGIN [A-Z0-9 ]+-----([^-]*)-----END/.exec(pem) ?? [];
  try {
    return Uint8Array.from(atob(base64.replace(/\s/g, "")), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array(0);
  }
}
