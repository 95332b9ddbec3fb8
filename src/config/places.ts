import { InterfaceError } from "../errors/errors.ts";
import type { Address } from "../runtime/runtime.ts";
import { type Given, given, wholeNumber } from "./given.ts";
import type { ConnectOptions } from "./options.ts";

/** One server to try, before TLS and password are known. */
export interface Place {
  /** The host as the user named it. */
  readonly host: string;
  /** Whether `host` is a name for the server and not only its address. */
  readonly named: boolean;
  /** The address to dial; `undefined` for an open connection. */
  readonly address: Address | undefined;
  /** The port, for messages and password files. */
  readonly port: number;
}

const DEFAULT_HOST = "localhost";
const DEFAULT_PORT = 5432;
/** Bytes on Linux; macOS has four fewer. */
const LONGEST_SOCKET_PATH = 107;

/**
 * Returns the servers to try, in order, from `sock`, `unixSock`, or the lists of hosts, addresses and
 * ports.
 *
 * Source: `pqConnectOptions2` of `fe-connect.c`; PostgreSQL 18 manual, "Specifying Multiple Hosts".
 *
 * @throws {InterfaceError} the lists do not match, or an element is not a host, address or port.
 */
export function resolvePlaces(values: Given, options: ConnectOptions): Place[] {
  if (options.unixSock) return [unixSockPlace(options.unixSock, values)];
  const places = listedPlaces(values);
  if (options.sock === undefined) return places;
  if (places.length > 1) throw new InterfaceError("sock excludes a list of hosts");
  return places.map((place) => ({ ...place, address: undefined }));
}

/** Reports whether a host is an IPv4 address or an IPv6 address, perhaps with a zone. */
export function isIpAddress(host: string): boolean {
  if (/:.*:/.test(host)) return /^[0-9a-fA-F:]{1,39}(?:\d+\.\d+\.\d+\.\d+)?(?:%[^%]+)?$/.test(host);
  const parts = host.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
}

/** Reports whether a host is the directory of a Unix socket, as libpq decides it. */
export function isSocketDirectory(host: string): boolean {
  return host.startsWith("/") || host.startsWith("@");
}

function unixSockPlace(path: string, values: Given): Place {
  const file = /^(.*)\/\.s\.PGSQL\.(\d+)$/s.exec(path);
  const named = values.get("host")?.source === "option";
  const host = named ? elements(values, "host")![0]! : file?.[1] ?? path;
  const port = file === null ? portOf(elements(values, "port")?.[0], values) : Number(file[2]);
  return { host, named, address: socketAddress(path), port };
}

/** Refuses a path that does not fit in a `sockaddr_un`; the system's error would not say so. */
function socketAddress(path: string): Address {
  const { length } = new TextEncoder().encode(path);
  if (length <= LONGEST_SOCKET_PATH) return { kind: "unix", path };
  throw new InterfaceError(
    `the Unix socket's path is ${length} bytes long, ${LONGEST_SOCKET_PATH} is the most: ${path}`,
  );
}

function listedPlaces(values: Given): Place[] {
  const hosts = elements(values, "host");
  const addresses = elements(values, "hostaddr");
  const ports = elements(values, "port") ?? [""];
  const count = (addresses ?? hosts ?? [""]).length;
  if (hosts !== undefined && hosts.length !== count) {
    throw new InterfaceError(`could not match ${hosts.length} hosts to ${count} hostaddr values`);
  }
  if (ports.length !== 1 && ports.length !== count) {
    throw new InterfaceError(`could not match ${ports.length} ports to ${count} hosts`);
  }
  return Array.from({ length: count }, (_, index) => {
    const port = portOf(ports.length === 1 ? ports[0] : ports[index], values);
    return listedPlace(hosts?.[index] ?? "", addresses?.[index] ?? "", port, values);
  });
}

function listedPlace(host: string, hostaddr: string, port: number, values: Given): Place {
  if (hostaddr !== "") {
    if (!isIpAddress(hostaddr)) {
      throw new InterfaceError(`${given(values, "hostaddr")!.name} must be an IP address`);
    }
    const address: Address = { kind: "tcp", host: hostaddr, port };
    return { host: host === "" ? hostaddr : host, named: host !== "", address, port };
  }
  const name = host === "" ? DEFAULT_HOST : host;
  if (isSocketDirectory(name)) {
    const path = `${name}/.s.PGSQL.${port}`;
    return { host: name, named: true, address: socketAddress(path), port };
  }
  checkName(name, values);
  return { host: name, named: true, address: { kind: "tcp", host: name, port }, port };
}

/** Refuses the rest of a password in which "@" or "/" was not percent-encoded. */
function checkName(host: string, values: Given): void {
  if (!/[@\s/]/.test(host)) return;
  const { name, source } = given(values, "host")!;
  const hint = source === "dsn" ? ', "@" and "/" in a password are written %40 and %2F' : "";
  throw new InterfaceError(`${name} must be a name, an address or a directory${hint}`);
}

function elements(values: Given, keyword: string): string[] | undefined {
  return given(values, keyword)?.text.split(",");
}

function portOf(text: string | undefined, values: Given): number {
  if (text === undefined || text === "") return DEFAULT_PORT;
  const port = wholeNumber(text);
  if (port !== undefined && port >= 1 && port <= 65535) return port;
  throw new InterfaceError(`${given(values, "port")!.name} must be a whole number from 1 to 65535`);
}
