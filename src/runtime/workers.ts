/**
 * Cloudflare Workers (workerd): TCP by `cloudflare:sockets`, with or without `nodejs_compat`.
 * Source: Cloudflare's documentation, "TCP sockets"; behaviour seen on workerd 1.2026.
 */
import { reasonOf } from "../errors/reason.ts";
import { NotSupportedError, OperationalError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import { md5 } from "./md5.ts";
import type { Address, DialOptions, Runtime, Stream, TlsSettings } from "./runtime.ts";
import { adopt } from "./web_stream.ts";
import { type Connect, type WorkersSocket, WorkersStream } from "./workers_stream.ts";

/** As much of the global scope as is used here; `process` is there with `nodejs_compat`. */
interface Globals {
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> };
}

/** The sockets of Cloudflare Workers. */
export const runtime: Runtime = {
  name: "Cloudflare Workers",
  asyncStacks: true,
  reasonOf,
  requestBound: true,
  connect: dial,
  adopt: (sock) => adopt(sock, () => neverSecure()),
  // Names are resolved where the socket is opened.
  lookup: (host) => Promise.resolve([host]),
  env: (name) => {
    const env = (globalThis as Globals).process?.env;
    return env !== undefined && Object.hasOwn(env, name) ? env[name] : undefined;
  },
  readTextFile: () => Promise.resolve(undefined),
  fileMode: () => Promise.resolve(undefined),
  userName: () => undefined,
  homeDirectory: () => undefined,
  md5,
  unrefTimer: () => {},
};

async function dial(address: Address, options: DialOptions): Promise<Stream> {
  const { signal, tls } = options;
  signal?.throwIfAborted();
  if (address.kind === "unix") throw cannot("open a Unix socket");
  if (options.source !== undefined) throw cannot("bind a local address (sourceAddress)");
  const refusal = tls && refuse(tls);
  if (refusal !== undefined) throw refusal;
  const connect = await socketsModule();
  const socket = connect(
    { hostname: address.host, port: address.port },
    { secureTransport: tls === undefined ? "off" : "starttls", allowHalfOpen: true },
  );
  await opened(socket, signal);
  return new WorkersStream(socket, address.host, refuse);
}

async function socketsModule(): Promise<Connect> {
  // @ts-ignore: only workerd has this module.
  const { connect } = await import("cloudflare:sockets");
  return connect as Connect;
}

async function opened(socket: WorkersSocket, signal: DialOptions["signal"]): Promise<void> {
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal!.reason);
    signal?.addEventListener("abort", abort, ONCE);
  });
  socket.closed.catch(() => {});
  try {
    await Promise.race([socket.opened, aborted]);
  } catch (cause) {
    socket.close().catch(() => {});
    if (signal?.aborted) throw signal.reason;
    throw new OperationalError(`the connection was refused (${messageOf(cause)})`, {
      code: "08001",
      cause,
    });
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Returns the reason why `startTls` cannot do this. It always checks the certificate and the name. */
function refuse(tls: TlsSettings): NotSupportedError | undefined {
  if (tls.ca !== undefined) return cannot('trust a root of your own; use sslRootCert "system"');
  if (tls.cert !== undefined) return cannot("present a client certificate");
  if (tls.crl !== undefined) return cannot("check certificate revocation lists");
  if (tls.alpn !== undefined) return cannot('negotiate ALPN, which sslNegotiation "direct" needs');
  if (tls.checkServerIdentity !== undefined) return cannot("call checkServerIdentity");
  if (tls.minVersion === "TLSv1.3") return cannot("insist on TLS 1.3");
  if (tls.maxVersion !== undefined) return cannot("limit the version of TLS");
  return undefined;
}

function neverSecure(): never {
  throw new NotSupportedError(
    "Cloudflare Workers cannot start TLS over a given sock; give sslContext: false",
  );
}

function cannot(what: string): NotSupportedError {
  return new NotSupportedError(`Cloudflare Workers cannot ${what}`);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
