import { isAddress } from "../certificates/identity.ts";
import { InterfaceError, NotSupportedError, OperationalError } from "../errors/errors.ts";
import { inspectPeer } from "./deno_chain.ts";
import { adoptGiven, connectNode, nodeServices } from "./node.ts";
import type { NodeTraits } from "./node_tls.ts";
import type {
  Address,
  DialOptions,
  Readable,
  Runtime,
  Sink,
  Stream,
  TlsFacts,
  TlsSettings,
} from "./runtime.ts";

/**
 * The behaviour of node:net and node:tls under Deno 2.9: a socket opened with `onread` never finishes a
 * TLS handshake, revocation lists are parsed and then ignored, and TLS below 1.2 is not available.
 */
const NODE_UNDER_DENO: NodeTraits = {
  name: "Deno",
  upgradesOnRead: false,
  refuse: ({ crl, maxVersion }) => {
    if (crl !== undefined) {
      return new NotSupportedError("Deno cannot check certificate revocation lists");
    }
    if (maxVersion !== "TLSv1" && maxVersion !== "TLSv1.1") return undefined;
    return new NotSupportedError(`Deno cannot speak a TLS version as old as ${maxVersion}`);
  },
  confusesReasons: true,
  inspect: inspectPeer,
  keepAliveProbes: () => false,
  triesAddresses: false,
};

/** Deno: its own sockets, and node:net and node:tls where those do not suffice. */
export const runtime: Runtime = {
  ...nodeServices,
  name: "Deno",
  asyncStacks: true,
  connect: (address, options) => {
    if (!needsNode(address, options)) return connectDeno(address, options);
    return canDialName(address, options)
      ? connectName(address, options)
      : connectByNode(address, options);
  },
  adopt: (sock) => adoptGiven(sock, NODE_UNDER_DENO),
  decodeUtf8: (bytes, start, end) =>
    end - start > LONG || nodeServices.decodeUtf8 === undefined
      ? UTF8.decode(bytes.subarray(start, end))
      : nodeServices.decodeUtf8(bytes, start, end),
  // With a grant for a name only, the name is kept, because its addresses may not be dialled.
  lookup: async (host) => granted({ name: "net" }) ? await nodeServices.lookup(host) : [host],
  env: (variable) => granted({ name: "env", variable }) ? Deno.env.get(variable) : undefined,
  readTextFile: async (path) =>
    granted({ name: "read", path }) ? await nodeServices.readTextFile(path) : undefined,
  fileMode: async (path) =>
    granted({ name: "read", path }) ? await nodeServices.fileMode(path) : undefined,
  userName: () => USER_INFO.every(granted) ? nodeServices.userName() : undefined,
  homeDirectory: () =>
    granted({ name: "sys", kind: "homedir" }) ? nodeServices.homeDirectory() : undefined,
  lacks,
};

function lacks(what: Readable): string | undefined {
  const [needed, flag] = permissionOf(what);
  return needed.every(granted) ? undefined : flag;
}

function permissionOf(what: Readable): [readonly Deno.PermissionDescriptor[], flag: string] {
  switch (what.kind) {
    case "env":
      return [[{ name: "env", variable: what.name }], `--allow-env=${what.name}`];
    case "file":
      return [[{ name: "read", path: what.name }], `--allow-read=${what.name}`];
    case "user":
      return [USER_INFO, "--allow-sys=uid,gid,username"];
    case "home":
      return [[{ name: "sys", kind: "homedir" }], "--allow-sys=homedir"];
  }
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** The length in bytes above which Deno's TextDecoder is faster than its Buffer. */
const LONG = 256;

/** All permissions that `os.userInfo()` asks for. */
const USER_INFO: readonly Deno.SysPermissionDescriptor[] = [
  { name: "sys", kind: "uid" },
  { name: "sys", kind: "gid" },
  { name: "sys", kind: "username" },
];

/** Reports whether a permission is granted. Using one that is not would stop at a prompt. */
function granted(permission: Deno.PermissionDescriptor): boolean {
  try {
    return Deno.permissions.querySync(permission).state === "granted";
  } catch {
    return false;
  }
}

/**
 * Reports whether Deno's own sockets cannot do what is asked.
 *
 * They cannot do TLS. `Deno.startTls` always verifies, trusts `caCerts` in addition to the platform's
 * roots rather than in place of them, does not tell the certificate (which SCRAM's channel binding
 * needs), drops client certificates silently, and refuses Unix sockets. If a handshake with a silent
 * server is given up, the connection stays open until the server closes it (Deno 2.9).
 */
function needsNode(address: Address, { tls, source, keepAlive }: DialOptions): boolean {
  if (tls !== undefined) return true;
  if (address.kind === "unix") return false;
  const { idle, interval, count } = keepAlive ?? {};
  return source !== undefined || idle !== undefined || interval !== undefined ||
    count !== undefined;
}

/**
 * Reports whether `address` still is a name, so that only the name is granted, and Deno's own sockets
 * do what is asked of it. Its node:net needs every address of the name to be granted: it throws where
 * no caller can catch that, and never tries the second address.
 */
function canDialName(address: Address, options: DialOptions): boolean {
  return address.kind === "tcp" && !isAddress(address.host) &&
    !needsNode(address, { ...options, tls: undefined });
}

/** Dials by name, all addresses in turn; TLS is done by node:tls over Deno's own connection. */
async function connectName(address: Address, options: DialOptions): Promise<Stream> {
  const refusal = options.tls && NODE_UNDER_DENO.refuse(options.tls);
  if (refusal !== undefined) throw refusal;
  return adoptGiven(await dialDeno(address, options), NODE_UNDER_DENO);
}

/** Dials by node:net, which throws where no caller can catch it if the local address is not granted. */
async function connectByNode(address: Address, options: DialOptions): Promise<Stream> {
  const { source } = options;
  if (address.kind === "tcp" && source !== undefined) {
    const host = `${source.host}:${source.port ?? 0}`;
    if (!granted({ name: "net", host })) {
      throw new OperationalError(`Deno needs --allow-net=${host} to bind the source address`);
    }
  }
  return await connectNode(address, options, NODE_UNDER_DENO);
}

async function connectDeno(address: Address, options: DialOptions): Promise<Stream> {
  const conn = await dialDeno(address, options);
  const peer = address.kind === "unix" ? address.path : (conn.remoteAddr as Deno.NetAddr).hostname;
  return new DenoStream(conn, address.kind, peer);
}

async function dialDeno(address: Address, options: DialOptions): Promise<Deno.Conn> {
  options.signal?.throwIfAborted();
  if (address.kind === "unix") return await openUnix(address.path, options.signal);
  const conn = await openTcp(address.host, address.port, options.signal);
  conn.setNoDelay(true);
  if (options.keepAlive !== undefined) conn.setKeepAlive(true);
  return conn;
}

async function openTcp(
  hostname: string,
  port: number,
  signal: AbortSignal | undefined,
): Promise<Deno.TcpConn> {
  try {
    return await Deno.connect({ hostname, port, signal });
  } catch (cause) {
    // On abort, Deno throws an error of its own.
    signal?.throwIfAborted();
    throw cause;
  }
}

/** Dials a Unix socket. Deno ignores a signal here: a connection that comes after it is closed. */
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

/** A `Stream` over a `Deno.Conn`; it makes one read at a time, and none while paused. */
class DenoStream implements Stream {
  readonly kind: "tcp" | "unix";
  readonly remoteAddress: string;
  readonly #conn: Deno.Conn;
  #sink: Sink | undefined;
  #flowing = false;
  #reading = false;
  #sending: Promise<void> | undefined;
  #over = false;
  /** Whether the peer or the network has ended the connection. */
  #failed = false;
  #cause: unknown;

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
    // Deno interleaves overlapping writes; by the contract of Stream there are none.
    return this.#sending = this.#send(bytes);
  }

  /** Returns `false`; see {@linkcode needsNode}. */
  canSecure(_tls: TlsSettings): boolean {
    return false;
  }

  secure(_tls: TlsSettings, _signal?: AbortSignal): Promise<TlsFacts> {
    this.destroy();
    return Promise.reject(new NotSupportedError("TLS under Deno needs a stream dialled for it"));
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#sending;
      if (!this.#over) await this.#conn.closeWrite();
    } catch {
      // The peer is gone; the read reports it.
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
      // The failure has closed it already.
    }
  }

  ref(): void {
    this.#conn.ref();
  }

  unref(): void {
    this.#conn.unref();
  }

  /** Reads until the stream pauses; never rejects, because the sink gets every failure. */
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
      this.#lost(cause);
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
}

function closedError(cause?: unknown): OperationalError {
  return new OperationalError("the connection is closed", { code: "08003", cause });
}
