/** The option `dial`: streams that the user opens, in place of the runtime's own sockets. */
import { InterfaceError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import type { Address, DialOptions, Runtime, Signal, Stream } from "./runtime.ts";

/** The server to which `dial` is to open a stream. */
export interface DialTarget {
  /** The host as given, which may be a name; for a Unix socket, the path of its file. */
  readonly host: string;
  /** The port; 0 for a Unix socket. */
  readonly port: number;
  /** Aborted when the attempt has ended without the stream, at the latest after `connectTimeout`. */
  readonly signal: Signal;
}

/**
 * Opens a connection: resolves to anything that the option `sock` takes. Called for every connection,
 * those that carry a cancel request included.
 */
export type Dial = (target: DialTarget) => unknown;

/** The runtime with its way to connect replaced by `dial`. Names are resolved by `dial`, too. */
export function dialledBy(runtime: Runtime, dial: Dial): Runtime {
  return {
    ...runtime,
    connect: (address, options) => opened(runtime, dial, address, options),
    lookup: (host) => Promise.resolve([host]),
  };
}

async function opened(
  runtime: Runtime,
  dial: Dial,
  address: Address,
  options: DialOptions,
): Promise<Stream> {
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const target = address.kind === "tcp"
    ? { host: address.host, port: address.port, signal }
    : { host: address.path, port: 0, signal };
  const opening = Promise.resolve(dial(target)).then((sock) => {
    if (sock === undefined || sock === null) {
      throw new InterfaceError(`dial must return an open connection, not ${sock}`);
    }
    return runtime.adopt(sock);
  });
  return await unlessAborted(opening, signal);
}

/** A stream that comes too late is closed. */
async function unlessAborted(opening: Promise<Stream>, signal: Signal): Promise<Stream> {
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      reject(signal.reason);
      opening.then((stream) => stream.destroy(), () => {});
    };
    signal.addEventListener("abort", abort, ONCE);
  });
  try {
    return await Promise.race([opening, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
