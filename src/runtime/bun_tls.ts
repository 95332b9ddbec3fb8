import type { PeerCertificate } from "node:tls";
import { readCertificate } from "../certificates/certificate.ts";
import { isAddress } from "../certificates/identity.ts";
import { InterfaceError, NotSupportedError, OperationalError } from "../errors/errors.ts";
import type { BunSocket, BunTlsOptions } from "./bun_socket.ts";
import { checkIdentity, clientIdentity, handshakeError } from "./node_tls.ts";
import type { TlsFacts, TlsSettings } from "./runtime.ts";

/** TLS versions by the numbers that the protocol gives them (RFC 8446, section 4.1.2). */
const VERSIONS = { TLSv1: 0x301, "TLSv1.1": 0x302, "TLSv1.2": 0x303, "TLSv1.3": 0x304 } as const;

/**
 * The settings in `upgradeTLS`'s own terms. Nothing is refused by Bun itself; {@linkcode conclude}
 * decides.
 *
 * @throws {InterfaceError} the private key cannot be read, or is not the certificate's.
 */
export function tlsOptions(tls: TlsSettings): BunTlsOptions {
  const { ca, crl, minVersion, maxVersion, alpn } = tls;
  return {
    rejectUnauthorized: false,
    serverName: tls.sni && !isAddress(tls.serverName) ? tls.serverName : "",
    ...(ca && { ca: [...ca] }),
    ...clientIdentity(tls),
    ...(crl && { crl: [...crl] }),
    ...(minVersion && { minVersion: VERSIONS[minVersion] }),
    ...(maxVersion && { maxVersion: VERSIONS[maxVersion] }),
    ...(alpn && { ALPNProtocols: alpnList(alpn) }),
  };
}

/** `upgradeTLS` takes the list as it goes over the wire (RFC 7301): each name after its length. */
function alpnList(protocols: readonly string[]): Uint8Array {
  const names = protocols.map((name) => new TextEncoder().encode(name));
  return Uint8Array.from(names.flatMap((name) => [name.length, ...name]));
}

/**
 * Judges a handshake that Bun says is over.
 *
 * Bun's `success` is no guide: it is `true` for an untrusted certificate when `rejectUnauthorized`
 * is off. `error` is; it names the first thing that is wrong, and a name that does not match only
 * when the chain holds. The name is checked here, by libpq's rules and as on the other runtimes.
 *
 * @throws {OperationalError} the handshake failed, or something asked in `tls` does not hold.
 */
export function conclude(
  socket: BunSocket,
  error: (Error & { code?: string }) | null | undefined,
  tls: TlsSettings,
): TlsFacts {
  const cipher = socket.getCipher();
  if (!cipher?.name || error && UNFINISHED.has(error.code)) {
    throw handshakeError(error ?? undefined, tls);
  }
  const isTrusted = !error || error.code === "ERR_TLS_CERT_ALTNAME_INVALID";
  const certificate = socket.getPeerCertificate();
  if (tls.verify !== "none" && !isTrusted) {
    throw isFromChain(error, certificate) ? chainError(error, tls) : handshakeError(error, tls);
  }
  checkIdentity(certificate, tls, "Bun");
  const version = socket.getTLSVersion();
  checkVersion(version, tls);
  const raw = certificate?.raw;
  if (raw === undefined && tls.needsCertificate) {
    throw new NotSupportedError("Bun does not tell the server's certificate");
  }
  return {
    version,
    cipher: cipher.standardName ?? cipher.name,
    alpn: socket.alpnProtocol || "",
    certificate: raw && new Uint8Array(raw),
  };
}

/** What Bun calls a handshake that broke off; other errors are the certificate's. */
const UNFINISHED: ReadonlySet<string | undefined> = new Set(["EPROTO", "ECONNRESET"]);

/**
 * Reports whether a certificate has expired that is not the server's own. BoringSSL takes the first
 * issuer that fits by name; OpenSSL goes on to a valid one of the same name and key.
 */
function isFromChain(error: Error & { code?: string }, { raw }: PeerCertificate): boolean {
  if (error.code !== "CERT_HAS_EXPIRED" || raw === undefined) return false;
  return readCertificate(new Uint8Array(raw)).notAfter > Date.now();
}

function chainError(cause: Error, { serverName }: TlsSettings): OperationalError {
  return new OperationalError(
    `the TLS handshake with ${
      JSON.stringify(serverName)
    } failed: a certificate in the server's chain ` +
      "has expired; Bun does not look for a valid one beside it",
    { cause },
  );
}

/** `minVersion` and `maxVersion` work in `upgradeTLS` but are not documented: trust, but verify. */
function checkVersion(version: string, { minVersion, maxVersion }: TlsSettings): void {
  const agreed = VERSIONS[version as keyof typeof VERSIONS] ?? 0;
  const least = VERSIONS[minVersion ?? "TLSv1"];
  const most = VERSIONS[maxVersion ?? "TLSv1.3"];
  if (agreed >= least && agreed <= most) return;
  throw new OperationalError(`the server agreed to ${version}, which the options exclude`);
}

/** What `upgradeTLS` throws for certificates and keys it cannot read. */
export function unusable(cause: unknown): InterfaceError {
  if (cause instanceof InterfaceError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new InterfaceError(`the TLS options cannot be used: ${reason}`, { cause });
}
