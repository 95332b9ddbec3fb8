/**
 * What went wrong below the driver, in plain words that are the same on every runtime: where Deno
 * writes `Connection refused (os error 111)`, Node and Bun write `connect ECONNREFUSED 127.0.0.1:1`.
 * An error of which nothing is known speaks for itself.
 */
export function reasonOf(cause: unknown): string {
  const { code } = Object(cause) as { code?: unknown };
  const message = cause instanceof Error ? cause.message : String(cause);
  const name = codeIn(message) ?? code;
  if (typeof name !== "string") return message;
  const words = Object.hasOwn(REASONS, name) ? REASONS[name] : alert(name);
  if (words === undefined) return message;
  // OpenSSL's names of what is wrong with a certificate say nothing more; others can be looked up.
  return name.startsWith("E") ? `${words} (${name})` : words;
}

/** Where the code says nothing: Deno's resolver has none, Bun's own TLS calls everything EPROTO. */
function codeIn(message: string): string | undefined {
  const alert = /SSL routines:OPENSSL_internal:([A-Z0-9_]+)$/.exec(message);
  if (alert !== null) return `ERR_SSL_${alert[1]}`;
  if (!message.startsWith("failed to lookup address information")) return undefined;
  return message.includes("emporary") ? "EAI_AGAIN" : "ENOTFOUND";
}

/** Of TLS only the code is the same everywhere; OpenSSL's message has source files and addresses. */
function alert(code: string): string | undefined {
  if (!code.startsWith("ERR_SSL_")) return undefined;
  return code.slice("ERR_SSL_".length).toLowerCase().replaceAll("_", " ");
}

const OTHER_VERSIONS = "the server speaks none of the TLS versions that are allowed";
const NO_ROOT = "no trusted root has signed the server's certificate";

const REASONS: Readonly<Record<string, string>> = {
  // The system's, of connecting and of connections.
  ECONNREFUSED: "connection refused",
  ECONNRESET: "reset by the server",
  EPIPE: "closed by the server",
  ETIMEDOUT: "the network gave up waiting for an answer",
  EHOSTUNREACH: "there is no route to the host",
  ENETUNREACH: "the network is unreachable",
  EADDRNOTAVAIL: "the local address is not available",
  EADDRINUSE: "the local address is in use",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EMFILE: "too many open files",
  ENFILE: "too many open files",
  ENOENT: "there is no such socket",
  EAGAIN: "too many wait to be let in",
  ENOTFOUND: "the name is not known",
  EAI_AGAIN: "the name cannot be looked up at the moment",
  // X509_V_ERR_…, as Node spells them.
  CERT_HAS_EXPIRED: "the server's certificate has expired, or one in its chain",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  CERT_REVOKED: "the server's certificate has been revoked",
  UNABLE_TO_GET_CRL: "no revocation list covers the server's certificate",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is self-signed and not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate chains to a root that is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NO_ROOT,
  UNABLE_TO_GET_ISSUER_CERT: NO_ROOT,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NO_ROOT,
  // OpenSSL's and the server's alerts.
  ERR_SSL_WRONG_VERSION_NUMBER: "the server does not speak TLS",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: OTHER_VERSIONS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: OTHER_VERSIONS,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the server does not trust the client certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the client certificate has expired",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: "the client certificate has been revoked",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the server demands a client certificate",
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: "the server does not know the ALPN protocol",
};
