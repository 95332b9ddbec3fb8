/**
 * The sockets of tests that run in workerd, which can dial and neither listen nor reset: servers
 * and clients of node:net and node:tls, driven over one connection by inside/net.ts.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { BYTES, eventFrame, frame, Frames, type SocketEvent } from "./frames.ts";

/** Listens for channels on the loopback; resolves to the port. Does not keep the process alive. */
export function listenForChannels(): Promise<number> {
  const server = createServer((socket) => new Channel(socket));
  server.unref();
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}

/** One channel, with the sockets and servers of one test file. */
class Channel {
  readonly #channel: Socket;
  readonly #sockets = new Map<number, Socket>();
  readonly #servers = new Map<number, Server>();
  /** Odd numbers are given here, even ones inside. */
  #next = 1;

  constructor(channel: Socket) {
    this.#channel = channel;
    channel.setNoDelay(true);
    const frames = new Frames(
      (id, bytes) => this.#sockets.get(id)?.write(bytes, () => this.#tell(id, "written")),
      (id, event) => this.#act(id, event),
    );
    channel.on("data", (bytes) => frames.push(bytes));
    channel.on("error", () => {});
    channel.on("close", () => this.#end());
  }

  #tell(id: number, event: string, facts: object = {}): void {
    if (!this.#channel.destroyed) this.#channel.write(eventFrame(id, { event, ...facts }));
  }

  #end(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
    for (const server of this.#servers.values()) server.close();
  }

  #act(id: number, { event, ...options }: SocketEvent): void {
    const socket = this.#sockets.get(id);
    if (event === "listen") this.#listen(id, options);
    else if (event === "unlisten") this.#servers.get(id)?.close(() => this.#tell(id, "unlistened"));
    else if (event === "connect") this.#connect(id, options);
    else if (event === "end") socket?.end(() => this.#tell(id, "ended"));
    else if (event === "pause") socket?.pause();
    else if (event === "resume") socket?.resume();
    else if (event === "reset") socket?.resetAndDestroy();
    else if (event === "destroy") socket?.destroy();
  }

  #listen(id: number, { at, tls, allowHalfOpen }: Record<string, unknown>): void {
    const accept = (socket: Socket): void => this.#accept(id, socket);
    const options = { ...tls as object, allowHalfOpen: allowHalfOpen === true };
    const server = tls === undefined
      ? createServer(options, accept)
      : createTlsServer(options, accept);
    this.#servers.set(id, server);
    server.on("error", (error) => this.#tell(id, "error", facts(error)));
    server.on("tlsClientError", (error) => this.#tell(id, "tlsClientError", facts(error)));
    server.listen(at as object, () => this.#tell(id, "listening", { address: server.address() }));
  }

  #accept(server: number, socket: Socket): void {
    const id = this.#next;
    this.#next += 2;
    const { alpnProtocol, servername } = socket as TLSSocket & { servername?: string };
    const protocol = (socket as Partial<TLSSocket>).getProtocol?.();
    const { remoteAddress, remotePort, localPort } = socket;
    const shown = { remoteAddress, remotePort, localPort, alpnProtocol, servername, protocol };
    this.#tell(server, "accepted", { id, ...shown });
    this.#adopt(id, socket);
  }

  #connect(id: number, { at }: Record<string, unknown>): void {
    const socket = connect({ ...at as { port: number }, allowHalfOpen: true });
    const shown = () => ({ localPort: socket.localPort, remotePort: socket.remotePort });
    socket.on("connect", () => this.#tell(id, "connected", shown()));
    this.#adopt(id, socket);
  }

  #adopt(id: number, socket: Socket): void {
    this.#sockets.set(id, socket);
    socket.setNoDelay(true);
    socket.on("data", (bytes) => {
      if (!this.#channel.destroyed) this.#channel.write(frame(id, BYTES, bytes));
    });
    socket.on("end", () => this.#tell(id, "end"));
    socket.on("error", (error) => this.#tell(id, "error", facts(error)));
    socket.on("close", () => this.#tell(id, "close"));
  }
}

function facts(error: Error & { code?: string }): object {
  return { message: error.message, code: error.code };
}
