/**
 * Connects to a target, up to the StartupMessage: dial, ask for TLS, handshake.
 * Source: manual, "SSL Session Encryption" in the protocol's message flow, and libpq's sslmode table.
 */
import { NotSupportedError, OperationalError, ProtocolError } from "../errors/errors.ts";
import { ONCE, own } from "../errors/own.ts";
import { sslRequest } from "../protocol/frontend.ts";
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import type { DialOptions, Signal, Stream, TlsSettings } from "../runtime/runtime.ts";
import { Wire } from "./wire.ts";

/** One attempt: the signal that ends it, and the stage that a timeout names. */
export interface Attempt {
  readonly signal: Signal;
  /** The current wait: `"connecting"`, `"waiting for the TLS handshake"` and so on. */
  stage: string;
}

const YES = 0x53; // S
const NO = 0x4e; // N
const ERROR = 0x45; // E
/** The ALPN protocol that a server must agree to if TLS begins without SSLRequest (manual, "ALPN"). */
const ALPN = "postgresql";

/** Whether to encrypt: not at all, if the server offers TLS, or in any case. */
export type TlsWish = "never" | "if offered" | "always";

/** Dials a target. The resulting wire satisfies `wish` and the target's TLS settings. */
export async function dial(
  settings: Settings,
  target: Target,
  wish: TlsWish,
  attempt: Attempt,
): Promise<Wire> {
  const tls = target.tls;
  if (wish === "never" || tls === undefined) {
    return wireOver(settings, await open(settings, target, wish, attempt), attempt);
  }
  // The socket must be able to do TLS before the server offers it. A second connection for TLS would
  // appear in the server's log.
  const wire = wireOver(settings, await open(settings, target, wish, attempt), attempt);
  if (settings.sslNegotiation === "direct") {
    await shake(wire, own<TlsSettings>(tls, { alpn: [ALPN] }), settings, attempt);
    checkAlpn(wire, settings);
  } else if (await ask(wire, wish, attempt)) {
    await shake(wire, tls, settings, attempt);
  }
  return wire;
}

/** Returns a wire that breaks when the attempt is aborted. */
function wireOver({ runtime }: Settings, stream: Stream, { signal }: Attempt): Wire {
  const wire = new Wire(stream, runtime);
  if (runtime.decodeUtf8 !== undefined) wire.reader.decode = runtime.decodeUtf8;
  const abort = (): void => void wire.fail(signal.reason as Error);
  if (signal.aborted) throw wire.fail(signal.reason as Error);
  signal.addEventListener("abort", abort, ONCE);
  return wire;
}

/** Checks ALPN: without agreement the peer may be a TLS server of another protocol (ALPACA). */
function checkAlpn(wire: Wire, { runtime }: Settings): void {
  const agreed = wire.tls?.alpn;
  if (agreed === ALPN) return;
  throw wire.fail(
    agreed === undefined
      ? new NotSupportedError(`${runtime.name} does not tell what was agreed by ALPN`)
      : new ProtocolError("direct TLS: the server did not agree to ALPN protocol postgresql"),
  );
}

async function open(
  settings: Settings,
  target: Target,
  wish: TlsWish,
  attempt: Attempt,
): Promise<Stream> {
  attempt.stage = "connecting";
  const { runtime, keepAlive, source } = settings;
  if (target.address === undefined) return runtime.adopt(settings.sock);
  const tls = wish === "never" ? undefined : target.tls;
  const isTlsCertain = wish === "always";
  const options: DialOptions = { signal: attempt.signal, keepAlive, source, tls, isTlsCertain };
  return await runtime.connect(target.address, options);
}

/** Sends SSLRequest. Returns `false` if the server has no TLS and `wish` does not demand it. */
async function ask(wire: Wire, wish: TlsWish, attempt: Attempt): Promise<boolean> {
  attempt.stage = "waiting for the answer to SSLRequest";
  sslRequest(wire.out);
  wire.flush();
  const answer = await wire.pullByte();
  if (answer === YES) return true;
  if (answer === NO) {
    if (wish === "if offered") {
      wire.stream.hasNoTls?.();
      return false;
    }
    throw wire.fail(new OperationalError("the server does not support TLS", { code: "08001" }));
  }
  throw wire.fail(
    answer === ERROR
      // The text is not shown: it came unencrypted, and an attacker can write it (CVE-2024-10977).
      ? new OperationalError("the server answered SSLRequest with an error", { code: "08001" })
      : new ProtocolError(
        `the server answered SSLRequest with byte 0x${
          answer.toString(16)
        }; is that a PostgreSQL server?`,
      ),
  );
}

async function shake(
  wire: Wire,
  tls: TlsSettings,
  { runtime }: Settings,
  attempt: Attempt,
): Promise<void> {
  attempt.stage = "waiting for the TLS handshake";
  if (!wire.stream.canSecure(tls)) {
    // Only a given sock cannot do what was asked for.
    const what = `${runtime.name} cannot start TLS on the given sock with these TLS settings`;
    throw wire.fail(new NotSupportedError(what));
  }
  await wire.secure(tls, attempt.signal);
}
