/** Stands for `node:tls` in tests that run in workerd: its servers, whose sockets are outside. */
import { missing } from "./missing.ts";
import { Server, type Socket } from "./net.ts";

/** `createServer` of node:tls. */
export function createServer(
  options: { readonly allowHalfOpen?: boolean },
  listener?: (socket: Socket) => void,
): Server {
  const server = new Server(options, options);
  if (listener !== undefined) server.on("secureConnection", listener);
  return server;
}

export const connect: () => never = missing("connect() of node:tls");

const all: object = { connect, createServer };
export default all;
