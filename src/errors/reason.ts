/**
 * Returns the reason of a system or TLS error in words that are the same on every runtime. Deno writes
 * `Connection refused (os error 111)`, Node and Bun write `connect ECONNREFUSED 127.0.0.1:1`. For an
 * unknown error it returns the error's own message.
 */
export function reasonOf(cause: unknown): string {
  const { code } = Object(cause) as { code?: unknown };
  const message = cause instanceof Error ? cause.message : String(cause);
  const name = codeIn(message) ?? code;
  if (typeof name !== "string") return message;
  const words = Object.hasOwn(REASONS, name) ? REASONS[name] : alert(name);
  if (words === undefined) return message;
  // Names like ECONNREFUSED can be looked up; OpenSSL's names add nothing to the words.
  return name.startsWith("E") ? `${words} (${name})` : words;
}

/** Finds the code in a message: Deno's resolver sets none, and Bun's TLS sets EPROTO for everything. */
function codeIn(message: string): string | undefined {
  const alert = /SSL routines:OPENSSL_internal:([A-Z0-9_]+)$/.exec(message);
  if (alert !== null) return `ERR_SSL_${alert[1]}`;
  if (!message.startsWith("failed to lookup address information")) return undefined;
  return message.includes("emporary") ? "EAI_AGAIN" : "ENOTFOUND";
}

/** Returns the words of a TLS code. OpenSSL's messages differ and contain source files and addresses. */
function alert(code: string): string | undefined {
  if (!code.startsWith("ERR_SSL_")) return undefined;
  return code.slice("ERR_SSL_".length).toLowerCase().replaceAll("_", " ");
}

const OTHER_VERSIONS = "the server supports none of the allowed TLS versions";
const NO_ROOT = "no trusted root has signed the server's certificate";

const REASONS: Readonly<Record<string, string>> = {
  // Codes of the operating system.
  ECONNREFUSED: "connection refused",
  ECONNRESET: "reset by the server",
  EPIPE: "closed by the server",
  ETIMEDOUT: "the network timed out waiting for an answer",
  EHOSTUNREACH: "there is no route to the host",
  ENETUNREACH: "the network is unreachable",
  EADDRNOTAVAIL: "the local address is not available",
  EADDRINUSE: "the local address is in use",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EMFILE: "too many open files",
  ENFILE: "too many open files",
  ENOENT: "there is no such socket",
  EAGAIN: "the server's queue of new connections is full",
  ENOTFOUND: "the name is not known",
  EAI_AGAIN: "the name cannot be looked up at the moment",
  // X509_V_ERR_…, in Node's spelling.
  CERT_HAS_EXPIRED: "the server's certificate has expired, or one in its chain",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  CERT_REVOKED: "the server's certificate has been revoked",
  UNABLE_TO_GET_CRL: "no revocation list covers the server's certificate",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is self-signed and not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate chains to a root that is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NO_ROOT,
  UNABLE_TO_GET_ISSUER_CERT: NO_ROOT,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NO_ROOT,
  // Errors of OpenSSL and alerts of the server.
  ERR_SSL_WRONG_VERSION_NUMBER: "the server does not speak TLS",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: OTHER_VERSIONS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: OTHER_VERSIONS,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the server does not trust the client certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the client certificate has expired",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: "the client certificate has been revoked",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the server demands a client certificate",
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: "the server does not support the ALPN protocol",
};
