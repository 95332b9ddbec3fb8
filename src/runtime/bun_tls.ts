import type { PeerCertificate } from "node:tls";
import { readCertificate } from "../certificates/certificate.ts";
import { isAddress } from "../certificates/identity.ts";
import { InterfaceError, NotSupportedError, OperationalError } from "../errors/errors.ts";
import type { BunSocket, BunTlsOptions } from "./bun_socket.ts";
import { checkIdentity, clientIdentity, handshakeError } from "./node_tls.ts";
import type { TlsFacts, TlsSettings } from "./runtime.ts";

/** The numbers of TLS versions in the protocol (RFC 8446, section 4.1.2). */
const VERSIONS = { TLSv1: 0x301, "TLSv1.1": 0x302, "TLSv1.2": 0x303, "TLSv1.3": 0x304 } as const;

/**
 * Returns the settings as options of `upgradeTLS`. Bun itself refuses nothing; {@linkcode conclude}
 * decides.
 *
 * @throws {InterfaceError} the private key cannot be read, or does not belong to the certificate.
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

/** Returns the list as `upgradeTLS` takes it: in wire format, each name after its length (RFC 7301). */
function alpnList(protocols: readonly string[]): Uint8Array {
  const names = protocols.map((name) => new TextEncoder().encode(name));
  return Uint8Array.from(names.flatMap((name) => [name.length, ...name]));
}

/**
 * Decides whether a handshake that has ended satisfies `tls`.
 *
 * Bun's `success` does not tell: with `rejectUnauthorized` off it is `true` for an untrusted
 * certificate. `error` tells: it names the first fault, and a name that does not match only if the
 * chain holds. The name is checked here, by libpq's rules as on every runtime.
 *
 * @throws {OperationalError} the handshake failed, or a demand of `tls` does not hold.
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
  checkIdentity(certificate?.raw, tls, "Bun", () => certificate);
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

/** Bun's codes for a handshake that broke off; other errors concern the certificate. */
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

/** Checks the version: `upgradeTLS` obeys the limits, but its documentation does not say so. */
function checkVersion(version: string, { minVersion, maxVersion }: TlsSettings): void {
  const agreed = VERSIONS[version as keyof typeof VERSIONS] ?? 0;
  const least = VERSIONS[minVersion ?? "TLSv1"];
  const most = VERSIONS[maxVersion ?? "TLSv1.3"];
  if (agreed >= least && agreed <= most) return;
  throw new OperationalError(`the server agreed to ${version}, which the options exclude`);
}

/** Makes the error for certificates and keys that `upgradeTLS` cannot read. */
export function unusable(cause: unknown): InterfaceError {
  if (cause instanceof InterfaceError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new InterfaceError(`the TLS options cannot be used: ${reason}`, { cause });
}
