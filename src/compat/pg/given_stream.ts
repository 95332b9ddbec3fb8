/** The option `stream`: a socket of the caller's, which `pg` connects. */
import type { Dial } from "../../runtime/dialled.ts";

/** A socket of node:net, as far as it is used. */
interface GivenSocket {
  connect(port: number | string, host?: string): unknown;
  once(event: string, listener: (error?: Error) => void): unknown;
  removeListener(event: string, listener: (error?: Error) => void): unknown;
  destroy(error?: Error): unknown;
}

/** Returns the option `dial` for a socket, or for a function that makes one. */
export function dialOf(stream: unknown): Dial {
  return async ({ host, port, signal }) => {
    const made = typeof stream === "function" ? await stream() : stream;
    const socket = made as GivenSocket;
    const abort = (): void => void socket.destroy();
    signal.addEventListener("abort", abort, { once: true });
    try {
      await connected(socket, host, port);
    } finally {
      signal.removeEventListener("abort", abort);
    }
    return socket;
  };
}

function connected(socket: GivenSocket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.removeListener("error", failed);
      resolve();
    };
    const failed = (error?: Error): void => {
      socket.removeListener("connect", done);
      reject(error);
    };
    socket.once("connect", done);
    socket.once("error", failed);
    if (port === 0) socket.connect(host);
    else socket.connect(port, host);
  });
}
