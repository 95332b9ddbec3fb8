import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect, type ConnectionOptions, type PeerCertificate, type TLSSocket } from "node:tls";
import { readCertificate } from "../certificates/certificate.ts";
import {
  alternativeNamesText,
  isAddress,
  isIssuedFor,
  issuedFor,
} from "../certificates/identity.ts";
import { keptContext } from "./node_tls_context.ts";
import { InterfaceError, NotSupportedError, OperationalError } from "../errors/errors.ts";
import { reasonOf } from "../errors/reason.ts";
import type { TlsFacts, TlsSettings } from "./runtime.ts";

/** The behaviour of a runtime's node:net and node:tls. */
export interface NodeTraits {
  /** The runtime's name, for messages. */
  readonly name: string;
  /** Whether a socket opened with `onread` can be upgraded to TLS. */
  readonly upgradesOnRead: boolean;
  /** Returns why these settings cannot be honoured, or `undefined` if they can. */
  refuse(tls: TlsSettings): NotSupportedError | undefined;
  /**
   * Whether an expired certificate is reported as one of an unknown root, and an authority's own as
   * self-signed.
   */
  readonly confusesReasons?: boolean;
  /**
   * Checks what the runtime leaves unchecked. Returns the reason why nothing can be bound to the
   * peer's certificate, if there is one.
   */
  inspect?(socket: TLSSocket, tls: TlsSettings): Promise<string | undefined>;
  /** Whether node:net can try the addresses of a name one after another; it can by default. */
  readonly triesAddresses?: boolean;
  /** Whether one TLS context may serve many connections. */
  readonly sharesContexts?: boolean;
  /** Returns the peer's certificate in DER by a way that is cheaper than `getPeerCertificate()`. */
  peerBytes?(socket: TLSSocket): Uint8Array | undefined;
  /** Reports whether keepalive's interval and count can be set. */
  keepAliveProbes(): boolean;
}

/** Node itself. Keepalive's interval and count came within Node 24. */
export const NODE: NodeTraits = {
  name: "Node",
  upgradesOnRead: true,
  refuse: () => undefined,
  sharesContexts: true,
  peerBytes: (socket) => socket.getPeerX509Certificate()?.raw,
  keepAliveProbes: () => Socket.prototype.setKeepAlive.length > 2,
};

/**
 * Upgrades `plain` to TLS. The resulting socket is paused, and all that `tls` asks for holds.
 *
 * @throws {InterfaceError} a certificate or key in `tls` cannot be read.
 * @throws {NotSupportedError} this runtime cannot do what `tls` asks for.
 * @throws {OperationalError} the handshake failed or the certificate was refused; `plain` is
 * unusable then.
 */
export async function handshake(
  plain: Duplex,
  tls: TlsSettings,
  traits: NodeTraits,
  signal?: AbortSignal,
): Promise<{ socket: TLSSocket; facts: TlsFacts }> {
  signal?.throwIfAborted();
  const refusal = traits.refuse(tls);
  if (refusal !== undefined) throw refusal;
  // Bytes sent before the handshake would pass for encrypted ones (CVE-2021-23222).
  if (plain.readableLength > 0) {
    throw new OperationalError("the server sent unencrypted data after it agreed to TLS");
  }
  const socket = begin(plain, tls, traits);
  try {
    await secured(socket, signal);
    const unbindable = await traits.inspect?.(socket, tls);
    const raw = certificateBytes(socket, tls, traits);
    checkIdentity(raw, tls, traits.name, () => socket.getPeerCertificate());
    const facts = factsOf(socket, raw, tls, traits);
    return { socket, facts: unbindable === undefined ? facts : { ...facts, unbindable } };
  } catch (cause) {
    socket.destroy();
    plain.destroy();
    if (cause === signal?.reason && signal?.aborted || cause instanceof OperationalError) {
      throw cause;
    }
    throw handshakeError(cause, tls, traits);
  }
}

/** Returns the peer's certificate in DER if something in `tls` needs it. */
function certificateBytes(
  socket: TLSSocket,
  { verify, needsCertificate }: TlsSettings,
  traits: NodeTraits,
): Uint8Array | undefined {
  if (verify === "none" && !needsCertificate) return undefined;
  if (traits.peerBytes !== undefined) return traits.peerBytes(socket);
  return socket.getPeerCertificate()?.raw;
}

function begin(plain: Duplex, tls: TlsSettings, traits: NodeTraits): TLSSocket {
  const options = connectionOptions(plain, tls);
  try {
    if (traits.sharesContexts) options.secureContext = keptContext(tls, options);
    return connect(options);
  } catch (cause) {
    throw new InterfaceError(`the TLS options cannot be used: ${messageOf(cause)}`, { cause });
  }
}

function connectionOptions(socket: Duplex, tls: TlsSettings): ConnectionOptions {
  const { ca, crl, minVersion, maxVersion, alpn } = tls;
  return {
    socket,
    // Without it Node would send no name, and Deno and Bun the host; an address is refused.
    servername: tls.sni && !isAddress(tls.serverName) ? tls.serverName : "",
    rejectUnauthorized: tls.verify !== "none",
    // checkIdentity() checks the name, by libpq's rules on every runtime.
    checkServerIdentity: () => undefined,
    ...(ca && { ca: [...ca] }),
    ...clientIdentity(tls),
    ...(crl && { crl: [...crl] }),
    ...(minVersion && { minVersion }),
    ...(maxVersion && { maxVersion }),
    ...(alpn && { ALPNProtocols: [...alpn] }),
  };
}

/**
 * Returns the client's certificate and its key, decrypted. With a wrong passphrase Deno's node:tls
 * would drop the certificate silently, and with another key it would report an unsupported protocol.
 *
 * @throws {InterfaceError} the key cannot be read, or does not belong to the certificate.
 */
export function clientIdentity(
  { cert, key, passphrase }: TlsSettings,
): { cert?: string; key?: string } {
  const certificate = cert === undefined ? {} : { cert };
  if (key === undefined) return certificate;
  const opened = privateKey(key, passphrase);
  if (cert !== undefined && isOthersKey(cert, opened)) {
    throw new InterfaceError("the private key does not belong to the client certificate");
  }
  return { ...certificate, key: opened.export({ type: "pkcs8", format: "pem" }) as string };
}

/**
 * Reports whether `key` belongs to another certificate. For one that cannot be read the answer is
 * `false`: TLS reports that.
 */
function isOthersKey(cert: string, key: KeyObject): boolean {
  const [leaf] = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(cert) ?? [cert];
  try {
    return !new X509Certificate(leaf).checkPrivateKey(key);
  } catch {
    return false;
  }
}

function privateKey(key: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key, passphrase });
  } catch (cause) {
    const encrypted = key.includes("ENCRYPTED");
    const hint = encrypted ? ": its passphrase is wrong or missing" : "";
    throw new InterfaceError(`the private key of the client certificate cannot be read${hint}`, {
      cause,
    });
  }
}

function secured(socket: TLSSocket, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      socket.off("secureConnect", onSecure);
      socket.off("end", onClose);
      socket.off("close", onClose);
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    const onSecure = () => settle(resolve);
    const onError = (cause: unknown) => settle(() => reject(cause));
    const onClose = () => settle(() => reject(undefined));
    const onAbort = () => settle(() => reject(signal?.reason));
    socket.once("secureConnect", onSecure);
    // This listener stays: a second error without a listener would end the process.
    socket.on("error", onError);
    socket.once("close", onClose);
    socket.once("end", onClose);
    signal?.addEventListener("abort", onAbort);
  });
}

/**
 * Compares a trusted certificate with the host in `tls`, by the names in its DER. `described` returns
 * the runtime's description of it, for the user's own check.
 *
 * @throws {OperationalError} the certificate is for another host, or the user's own check refuses it.
 * @throws {NotSupportedError} the runtime does not tell the certificate.
 * @throws {ProtocolError} the certificate is malformed.
 */
export function checkIdentity(
  raw: Uint8Array | undefined,
  tls: TlsSettings,
  runtimeName: string,
  described: () => PeerCertificate,
): void {
  if (tls.verify === "none") return;
  if (tls.checkServerIdentity === undefined && tls.verify === "ca") return;
  if (raw === undefined) throw untold(runtimeName);
  const names = readCertificate(new Uint8Array(raw));
  if (tls.checkServerIdentity !== undefined) {
    // Deno prints names of all kinds without quotes, and tls.checkServerIdentity() would believe them.
    const subjectaltname = alternativeNamesText(names);
    const reason = tls.checkServerIdentity(tls.serverName, { ...described(), subjectaltname });
    if (reason === undefined) return;
    throw new OperationalError(`the server's certificate was refused: ${reason.message}`, {
      cause: reason,
    });
  }
  if (isIssuedFor(names, tls.serverName)) return;
  const host = JSON.stringify(tls.serverName);
  throw new OperationalError(
    `the server's certificate is for ${issuedFor(names)}, not for ${host}`,
  );
}

function untold(runtimeName: string): NotSupportedError {
  return new NotSupportedError(`${runtimeName} does not tell the server's certificate`);
}

function factsOf(
  socket: TLSSocket,
  raw: Uint8Array | undefined,
  tls: TlsSettings,
  traits: NodeTraits,
): TlsFacts {
  if (raw === undefined && tls.needsCertificate) throw untold(traits.name);
  const cipher = socket.getCipher();
  return {
    version: socket.getProtocol() ?? undefined,
    cipher: cipher?.standardName ?? cipher?.name,
    alpn: socket.alpnProtocol || "",
    certificate: raw && new Uint8Array(raw),
  };
}

/** Makes the error for a handshake that failed with `cause`; `undefined` means the peer closed. */
export function handshakeError(
  cause: unknown,
  tls: TlsSettings,
  traits: NodeTraits = NODE,
): Error {
  if (cause instanceof NotSupportedError || cause instanceof InterfaceError) return cause;
  const host = JSON.stringify(tls.serverName);
  const what = `the TLS handshake with ${host} failed: ${handshakeReason(cause, traits)}`;
  return new OperationalError(what, cause === undefined ? {} : { cause });
}

/** The codes by which runtimes report a server that closed the connection. */
const HUNG_UP: readonly unknown[] = ["ECONNRESET", "EPIPE"];

function handshakeReason(cause: unknown, traits: NodeTraits): string {
  const { code } = Object(cause) as { code?: unknown };
  if (cause === undefined || HUNG_UP.includes(code)) return "the server closed the connection";
  const doubt = traits.confusesReasons ? DOUBTS[String(code)] ?? "" : "";
  return reasonOf(cause) + doubt;
}

/** The other meanings of a code on Deno, which confuses reasons. */
const DOUBTS: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ", or it has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    ", or it is an authority's own (CA:TRUE), which Deno does not take from a server",
};

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
