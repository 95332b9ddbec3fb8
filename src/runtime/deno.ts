import { isAddress } from "../certificates/identity.ts";
import { NotSupportedError, OperationalError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import { inspectPeer } from "./deno_chain.ts";
import { DenoStream } from "./deno_stream.ts";
import { adoptGiven, connectNode, nodeServices } from "./node.ts";
import type { NodeStream } from "./node_stream.ts";
import type { NodeTraits } from "./node_tls.ts";
import type { Address, DialOptions, Readable, Runtime, Stream } from "./runtime.ts";
import { withShortText } from "./short_text.ts";

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
  loadEarly: loader(),
  connect: dialer(),
  adopt: (sock) => adoptGiven(sock, NODE_UNDER_DENO),
  decodeUtf8: withShortText((bytes, start, end) =>
    end - start > LONG || nodeServices.decodeUtf8 === undefined
      ? UTF8.decode(bytes.subarray(start, end))
      : nodeServices.decodeUtf8(bytes, start, end)
  ),
  // With a grant for a name only, the name is kept, because its addresses may not be dialled.
  lookup: async (host) => granted({ name: "net" }) ? await nodeServices.lookup(host) : [host],
  env: (variable) => {
    const mayRead = hasWholeEnvironment() || granted({ name: "env", variable });
    return mayRead ? Deno.env.get(variable) : undefined;
  },
  readTextFile: async (path) =>
    granted({ name: "read", path }) ? await nodeServices.readTextFile(path) : undefined,
  fileMode: async (path) =>
    granted({ name: "read", path }) ? await nodeServices.fileMode(path) : undefined,
  isMissing: async (path) => granted({ name: "read", path }) && await nodeServices.isMissing!(path),
  userName: () => USER_INFO.every(granted) ? nodeServices.userName() : undefined,
  homeDirectory: () =>
    granted({ name: "sys", kind: "homedir" }) ? nodeServices.homeDirectory() : undefined,
  lacks,
};

/** Returns a function that loads each part once. After a failure, the next call tries again. */
function loader(): NonNullable<Runtime["loadEarly"]> {
  const parts = new Map<string, Promise<unknown>>();
  return (part, load) => {
    const begun = parts.get(part);
    if (begun !== undefined) return begun;
    const loading = load();
    parts.set(part, loading);
    loading.catch(() => parts.delete(part));
    return loading;
  };
}

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

const ENV = { name: "env" } as const;
const whole: { env?: boolean | undefined } = {};

/**
 * Reports whether all variables may be read. The answer holds for one turn of the event loop, in which
 * `connect()` reads them all, as a question for each costs more than reading it.
 */
function hasWholeEnvironment(): boolean {
  if (whole.env === undefined) queueMicrotask(() => whole.env = undefined);
  return whole.env ??= granted(ENV) && !Deno.permissions.querySync(ENV).partial;
}

/** Reports whether a permission is granted. Using one that is not would stop at a prompt. */
function granted(permission: Deno.PermissionDescriptor): boolean {
  try {
    return Deno.permissions.querySync(permission).state === "granted";
  } catch {
    return false;
  }
}

/** As many addresses are remembered as servers without TLS. */
const MAX_REMEMBERED = 1000;

/**
 * Returns the function that dials. `Deno.startTls` cannot do what the driver needs (see ARCHITECTURE.md,
 * "The stream"), so that node:net dials where TLS is possible. Where a server has answered that
 * it has no TLS, Deno's own sockets dial its address from then on, because they are faster. TLS works
 * over those, too, if the server offers it after all; the address is forgotten then.
 */
function dialer(): Runtime["connect"] {
  const plain = new Set<string>();
  return async (address, options) => {
    if (needsNode(address, options)) return await connectByNode(address, options);
    if (options.tls === undefined) return await connectDeno(address, options, () => {});
    const key = address.kind === "tcp" ? `${address.host} ${address.port}` : address.path;
    if (plain.has(key) && !options.isTlsCertain) {
      return await connectDeno(address, options, () => plain.delete(key));
    }
    if (address.kind === "tcp" && !isAddress(address.host)) return connectName(address, options);
    const stream = await connectByNode(address, options);
    stream.hasNoTls = () => {
      if (plain.size < MAX_REMEMBERED) plain.add(key);
    };
    return stream;
  };
}

/**
 * Dials a name of which only the name is granted, all addresses in turn; TLS is done by node:tls over
 * Deno's own connection. node:net would need a grant for each address, and throws where no caller can
 * catch it if one is missing.
 */
async function connectName(address: Address, options: DialOptions): Promise<Stream> {
  const refusal = options.tls && NODE_UNDER_DENO.refuse(options.tls);
  if (refusal !== undefined) throw refusal;
  return adoptGiven(await dialDeno(address, options), NODE_UNDER_DENO);
}

/** Reports whether only node:net can bind a local address and set the times of keepalive as asked. */
function needsNode(address: Address, { source, keepAlive }: DialOptions): boolean {
  if (address.kind === "unix") return false;
  const { idle, interval, count } = keepAlive ?? {};
  return source !== undefined || idle !== undefined || interval !== undefined ||
    count !== undefined;
}

/** Dials by node:net, which throws where no caller can catch it if the local address is not granted. */
async function connectByNode(address: Address, options: DialOptions): Promise<NodeStream> {
  const { source } = options;
  if (address.kind === "tcp" && source !== undefined) {
    const host = `${source.host}:${source.port ?? 0}`;
    if (!granted({ name: "net", host })) {
      throw new OperationalError(`Deno needs --allow-net=${host} to bind the source address`);
    }
  }
  return await connectNode(address, options, NODE_UNDER_DENO);
}

async function connectDeno(
  address: Address,
  options: DialOptions,
  onTls: () => void,
): Promise<Stream> {
  const refusal = options.tls && NODE_UNDER_DENO.refuse(options.tls);
  if (refusal !== undefined) throw refusal;
  const conn = await dialDeno(address, options);
  const peer = address.kind === "unix" ? address.path : (conn.remoteAddr as Deno.NetAddr).hostname;
  return new DenoStream(conn, address.kind, peer, NODE_UNDER_DENO, onTls);
}

async function dialDeno(address: Address, options: DialOptions): Promise<Deno.Conn> {
  options.signal?.throwIfAborted();
  if (address.kind === "unix") return await openUnix(address.path, options.signal);
  const conn = await openTcp(address.host, address.port, options.signal);
  conn.setNoDelay(true);
  if (options.keepAlive !== undefined) conn.setKeepAlive(true);
  return conn;
}

/**
 * Dials by TCP. Deno 2.9 loses a connection that opens at the moment of the abort: it stays open and
 * cannot be closed. Therefore Deno's attempt goes on for a while, and is aborted if it hangs.
 */
function openTcp(
  hostname: string,
  port: number,
  signal: AbortSignal | undefined,
): Promise<Deno.TcpConn> {
  const attempt = new AbortController();
  const opening = Deno.connect({ hostname, port, signal: attempt.signal });
  return unlessAborted(opening, signal, () => {
    const timer = setTimeout(() => attempt.abort(), GRACE);
    const stop = () => clearTimeout(timer);
    opening.then(stop, stop);
  });
}

/** The time in milliseconds in which an aborted attempt may still open a connection. */
const GRACE = 100;

/** Dials a Unix socket, where Deno ignores a signal. */
function openUnix(path: string, signal: AbortSignal | undefined): Promise<Deno.UnixConn> {
  const name = path.startsWith("@") ? `\0${path.slice(1)}` : path;
  return unlessAborted(Deno.connect({ transport: "unix", path: name }), signal, () => {});
}

/** Rejects on abort and calls `abort`; a connection that opens after that is closed. */
function unlessAborted<Conn extends Deno.Conn>(
  opening: Promise<Conn>,
  signal: AbortSignal | undefined,
  abort: () => void,
): Promise<Conn> {
  if (signal === undefined) return opening;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason);
      abort();
    };
    signal.addEventListener("abort", onAbort, ONCE);
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
