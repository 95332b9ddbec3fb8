import tlsModule, {
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
} from "node:tls";
import type { TlsSettings } from "./runtime.ts";

/** The most contexts that are kept. */
const MAX_KEPT = 8;
/** Characters of the roots of a context that is kept; a parsed root takes a few times as much memory. */
const LONGEST_ROOTS = 32_768;

interface Kept {
  /** All that the context was made of. */
  readonly source: readonly unknown[];
  readonly context: SecureContext;
}

/** The contexts, the one that was used last at the end. */
const kept: Kept[] = [];

/**
 * Returns a context that was made of the same settings before, or a new one. Making one takes as long
 * as half a handshake, because the roots are parsed.
 *
 * Contexts are compared by their contents: a file with roots is read for each `connect()`, and after a
 * change of it a new context is made. node:tls's defaults, which a program can set, are compared, too.
 * Only public data is kept: no context with a client's key, or with a revocation list. Nor is one that
 * verifies by the platform's roots, which a program can replace. A context holds no session to resume:
 * each handshake is a whole one that verifies the certificate, its validity included.
 */
export function keptContext(tls: TlsSettings, options: ConnectionOptions): SecureContext {
  const { ca, crl, cert, key, verify } = tls;
  const roots = ca?.join("\n") ?? "";
  const isKept = cert === undefined && key === undefined && crl === undefined &&
    (ca !== undefined || verify === "none") && roots.length <= LONGEST_ROOTS;
  if (!isKept) return createSecureContext(options);
  const source = [ca && roots, tls.minVersion, tls.maxVersion, ...defaults()];
  const at = kept.findIndex((one) => one.source.every((value, i) => value === source[i]));
  const found = at < 0 ? { source, context: createSecureContext(options) } : kept.splice(at, 1)[0]!;
  if (kept.length >= MAX_KEPT) kept.shift();
  kept.push(found);
  return found.context;
}

/** Returns node:tls's defaults, as they are now. */
function defaults(): readonly unknown[] {
  const { DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE, DEFAULT_MIN_VERSION, DEFAULT_MAX_VERSION } =
    tlsModule;
  return [DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE, DEFAULT_MIN_VERSION, DEFAULT_MAX_VERSION];
}
