/**
 * The server side of TLS over a socket that is already open. A TLS server of its own listens on the
 * loopback and the ciphertext is passed to and fro: server-side upgrades in place are not the same on
 * the three runtimes, and this is.
 */
import { connect, type Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";

/** The certificates that a scripted server presents and demands. */
export interface ServerTls {
  /** Certificate chain and private key, PEM. */
  readonly cert: string;
  readonly key: string;
  /** Ask for a client certificate signed by this root, PEM; it is checked by the test, not here. */
  readonly clientCa?: string;
  /** Protocols accepted by ALPN. */
  readonly alpn?: readonly string[];
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
  /** The client is expected to break the handshake off. */
  readonly fails?: boolean;
}

/**
 * Shakes hands over `raw`, whose first bytes may have been read already (`early`); `divert` routes
 * what it reads from now on. `undefined`: the client broke off, as `fails` expected.
 */
export async function acceptTls(
  raw: Socket,
  early: Uint8Array,
  tls: ServerTls,
  divert: (feed: (bytes: Uint8Array) => void) => void,
): Promise<TLSSocket | undefined> {
  const server = tlsServer(tls);
  const { secured, failed, abandoned } = outcomes(server, raw);
  try {
    const held = [early];
    let feed = (bytes: Uint8Array): void => void held.push(bytes); // the client does not wait for us
    divert((bytes) => feed(bytes));
    const inner = await connectTo(server);
    feed = (bytes) => void inner.write(bytes);
    bridge(raw, inner);
    for (const bytes of held) if (bytes.length > 0) feed(bytes);
    if (tls.fails) return void await Promise.race([failed.catch(() => {}), abandoned]);
    const gone = abandoned.then(() => {
      throw new Error("the client left during the TLS handshake");
    });
    return await Promise.race([secured, failed, gone]);
  } finally {
    server.close();
  }
}

function tlsServer(tls: ServerTls): Server {
  return createServer({
    cert: tls.cert,
    key: tls.key,
    ca: tls.clientCa === undefined ? undefined : [tls.clientCa],
    requestCert: tls.clientCa !== undefined,
    rejectUnauthorized: false,
    ALPNProtocols: tls.alpn === undefined ? undefined : [...tls.alpn],
    minVersion: tls.minVersion,
    maxVersion: tls.maxVersion,
    allowHalfOpen: true,
  });
}

function outcomes(server: Server, raw: Socket): {
  secured: Promise<TLSSocket>;
  failed: Promise<never>;
  abandoned: Promise<void>;
} {
  const secured = new Promise<TLSSocket>((resolve) => server.once("secureConnection", resolve));
  const failed = new Promise<never>((_, reject) => server.once("tlsClientError", reject));
  failed.catch(() => {});
  const abandoned = new Promise<void>((resolve) => {
    raw.once("end", resolve);
    raw.once("close", () => resolve());
    raw.once("error", () => resolve());
  });
  return { secured, failed, abandoned };
}

async function connectTo(server: Server): Promise<Socket> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const inner = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await new Promise((resolve, reject) => {
    inner.once("connect", resolve);
    inner.once("error", reject);
  });
  inner.setNoDelay(true);
  return inner;
}

function bridge(raw: Socket, inner: Socket): void {
  inner.on("data", (bytes) => raw.writable && raw.write(bytes));
  inner.on("end", () => raw.end());
  inner.on("error", () => raw.destroy());
  inner.on("close", () => raw.end());
  raw.on("end", () => inner.end());
  raw.on("close", () => inner.destroy());
  raw.on("error", () => inner.destroy());
}
