import { InterfaceError, NotSupportedError, OperationalError } from "../errors/errors.ts";
import { adoptGiven, connectNode, nodeServices } from "./node.ts";
import type { NodeTraits } from "./node_tls.ts";
import type {
  Address,
  DialOptions,
  Runtime,
  Sink,
  Stream,
  TlsFacts,
  TlsSettings,
} from "./runtime.ts";
import { isAddress } from "./tls_identity.ts";

/**
 * What node:net and node:tls do under Deno 2.9: a socket opened with `onread` never finishes a TLS
 * handshake, and TLS is rustls, which speaks nothing below 1.2.
 */
const NODE_UNDER_DENO: NodeTraits = {
  name: "Deno",
  upgradesOnRead: false,
  refuse: (tls) => {
    if (tls.maxVersion !== "TLSv1" && tls.maxVersion !== "TLSv1.1") return undefined;
    return new NotSupportedError(`Deno cannot speak a TLS version as old as ${tls.maxVersion}`);
  },
  keepAliveProbes: () => false,
};

/** Deno's own sockets, and node:net and node:tls for what those cannot do. */
export const runtime: Runtime = {
  ...nodeServices,
  name: "Deno",
  asyncStacks: true,
  connect: (address, options) =>
    needsNode(address, options)
      ? connectNode(address, options, NODE_UNDER_DENO)
      : connectDeno(address, options),
  adopt: (sock) => adoptGiven(sock, NODE_UNDER_DENO),
  // With a grant for a name only, its addresses may not be dialled: then the name stays.
  lookup: async (host) => granted({ name: "net" }) ? await nodeServices.lookup(host) : [host],
  env: (variable) => granted({ name: "env", variable }) ? Deno.env.get(variable) : undefined,
  readTextFile: async (path) =>
    granted({ name: "read", path }) ? await nodeServices.readTextFile(path) : undefined,
  fileMode: async (path) =>
    granted({ name: "read", path }) ? await nodeServices.fileMode(path) : undefined,
  userName: () => USER_INFO.every(granted) ? nodeServices.userName() : undefined,
  homeDirectory: () =>
    granted({ name: "sys", kind: "homedir" }) ? nodeServices.homeDirectory() : undefined,
};

/** What `os.userInfo()` asks for, all of it. */
const USER_INFO: readonly Deno.SysPermissionDescriptor[] = [
  { name: "sys", kind: "uid" },
  { name: "sys", kind: "gid" },
  { name: "sys", kind: "username" },
];

/** Asks first: what is merely not granted yet would stop the program at a prompt. */
function granted(permission: Deno.PermissionDescriptor): boolean {
  try {
    return Deno.permissions.querySync(permission).state === "granted";
  } catch {
    return false;
  }
}

function needsNode(address: Address, { tls, source, keepAlive }: DialOptions): boolean {
  if (source !== undefined && address.kind === "tcp") return true;
  if (address.kind === "unix") return tls !== undefined;
  const { idle, interval, count } = keepAlive ?? {};
  if (idle !== undefined || interval !== undefined || count !== undefined) return true;
  return tls !== undefined && !isNative(tls);
}

/**
 * Whether `Deno.startTls` can do all of this. It always verifies, tells no certificate, drops client
 * certificates silently, and trusts `caCerts` in addition to the platform's roots, not instead.
 */
function isNative(tls: TlsSettings): boolean {
  const { minVersion, maxVersion } = tls;
  return tls.verify !== "none" && !tls.needsCertificate && tls.checkServerIdentity === undefined &&
    tls.ca === undefined && tls.cert === undefined && tls.key === undefined &&
    tls.crl === undefined && minVersion !== "TLSv1.3" &&
    (maxVersion === undefined || maxVersion === "TLSv1.3") &&
    (tls.sni || isAddress(tls.serverName));
}

async function connectDeno(address: Address, options: DialOptions): Promise<Stream> {
  options.signal?.throwIfAborted();
  if (address.kind === "unix") {
    const conn = await openUnix(address.path, options.signal);
    return new DenoStream(conn, "unix", address.path);
  }
  const { host: hostname, port } = address;
  const conn = await openTcp(hostname, port, options.signal);
  conn.setNoDelay(true);
  if (options.keepAlive !== undefined) conn.setKeepAlive(true);
  return new DenoStream(conn, "tcp", conn.remoteAddr.hostname);
}

async function openTcp(
  hostname: string,
  port: number,
  signal: AbortSignal | undefined,
): Promise<Deno.TcpConn> {
  try {
    return await Deno.connect({ hostname, port, signal });
  } catch (cause) {
    // Deno reports an error of its own making.
    signal?.throwIfAborted();
    throw cause;
  }
}

/** Deno ignores a signal here: an attempt that comes through after all is closed. */
function openUnix(path: string, signal: AbortSignal | undefined): Promise<Deno.UnixConn> {
  const name = path.startsWith("@") ? `\0${path.slice(1)}` : path;
  const opening = Deno.connect({ transport: "unix", path: name });
  if (signal === undefined) return opening;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    opening.then((conn) => {
      signal.removeEventListener("abort", onAbort);
      if (signal.aborted) conn.close();
      else resolve(conn);
    }, (cause) => {
      signal.removeEventListener("abort", onAbort);
      reject(cause);
    });
  });
}

/** A `Stream` over a connection of Deno's; at most one read is under way, none while paused. */
class DenoStream implements Stream {
  readonly kind: "tcp" | "unix";
  readonly remoteAddress: string;
  #conn: Deno.Conn;
  #sink: Sink | undefined;
  #flowing = false;
  #reading = false;
  #sending: Promise<void> | undefined;
  #over = false;
  /** The peer's doing or the network's, not ours. */
  #failed = false;
  #cause: unknown;
  #referenced = true;

  constructor(conn: Deno.Conn, kind: "tcp" | "unix", remoteAddress: string) {
    this.#conn = conn;
    this.kind = kind;
    this.remoteAddress = remoteAddress;
  }

  start(sink: Sink): void {
    if (this.#sink !== undefined) throw new InterfaceError("the stream was started before");
    this.#sink = sink;
    if (this.#failed) queueMicrotask(() => sink.lost(this.#cause));
    this.resume();
  }

  resume(): void {
    if (this.#over || this.#sink === undefined) return;
    this.#flowing = true;
    if (!this.#reading) this.#read(this.#sink);
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#over) return Promise.reject(closedError());
    // Deno interleaves the parts of overlapping writes; that there are none is the contract.
    return this.#sending = this.#send(bytes);
  }

  canSecure(tls: TlsSettings): boolean {
    return this.kind === "tcp" && isNative(tls);
  }

  async secure(tls: TlsSettings, signal?: AbortSignal): Promise<TlsFacts> {
    if (!this.canSecure(tls)) {
      this.destroy();
      throw new NotSupportedError("Deno.startTls cannot do what these TLS settings ask");
    }
    const onAbort = () => this.destroy();
    signal?.addEventListener("abort", onAbort);
    try {
      signal?.throwIfAborted();
      return await this.#shake(tls);
    } catch (cause) {
      this.destroy();
      signal?.throwIfAborted();
      throw handshakeError(cause, tls);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#sending;
      if (!this.#over) await this.#conn.closeWrite();
    } catch {
      // The peer is gone already; reading tells so.
    }
  }

  async close(): Promise<void> {
    this.#flowing = false;
    await this.closeWrite();
    this.destroy();
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.#flowing = false;
    try {
      this.#conn.close();
    } catch {
      // Closed by the failure that brought us here.
    }
  }

  ref(): void {
    this.#referenced = true;
    this.#conn.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#conn.unref();
  }

  /** Never rejects: whatever goes wrong is the sink's to know. */
  async #read(sink: Sink): Promise<void> {
    this.#reading = true;
    const conn = this.#conn;
    try {
      while (this.#flowing) {
        const count = await conn.read(sink.space());
        if (this.#over) return;
        if (count === null) return this.#lost(undefined);
        if (count > 0 && !sink.received(count)) this.#flowing = false;
      }
    } catch (cause) {
      // A TLS peer that ends without close_notify: the end of the stream on other runtimes.
      this.#lost(cause instanceof Deno.errors.UnexpectedEof ? undefined : cause);
    } finally {
      this.#reading = false;
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    try {
      let rest = bytes;
      while (true) {
        const count = await this.#conn.write(rest);
        if (count === rest.length) return;
        rest = rest.subarray(count);
      }
    } catch (cause) {
      const failure = this.#over ? closedError(cause) : cause;
      this.#lost(cause);
      throw failure;
    }
  }

  #lost(cause: unknown): void {
    if (this.#over) return;
    this.destroy();
    this.#failed = true;
    this.#cause = cause;
    this.#sink?.lost(cause);
  }

  async #shake(tls: TlsSettings): Promise<TlsFacts> {
    const conn = await Deno.startTls(this.#conn as Deno.TcpConn, {
      hostname: tls.serverName,
      alpnProtocols: tls.alpn && [...tls.alpn],
      unsafelyDisableHostnameVerification: tls.verify === "ca",
    });
    if (this.#over) {
      conn.close();
      throw closedError();
    }
    this.#conn = conn;
    if (!this.#referenced) conn.unref();
    const { alpnProtocol } = await conn.handshake();
    return { alpn: alpnProtocol ?? "" };
  }
}

function closedError(cause?: unknown): OperationalError {
  return new OperationalError("the connection is closed", { code: "08003", cause });
}

function handshakeError(cause: unknown, tls: TlsSettings): OperationalError {
  const said = cause instanceof Error ? cause.message : String(cause);
  const what = `the TLS handshake with ${JSON.stringify(tls.serverName)} failed: ${said}`;
  return new OperationalError(what, { cause });
}
