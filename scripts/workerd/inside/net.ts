/**
 * Stands for `node:net` in tests that run in workerd: servers and clients whose sockets are outside,
 * behind a channel (outside.ts).
 */
import { EventEmitter } from "node:events";
import process from "node:process";
import { Duplex } from "node:stream";
import { BYTES, eventFrame, frame, Frames, type SocketEvent } from "../frames.ts";

interface Connected {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** The connection to the sockets outside. */
class Channel {
  readonly #receivers = new Map<number, Receiver>();
  readonly #writer: Promise<WritableStreamDefaultWriter<Uint8Array>>;
  #next = 2;

  constructor() {
    this.#writer = this.#open();
  }

  /** Gives a number to a new socket or server. */
  add(receiver: Receiver): number {
    const id = this.#next;
    this.#next += 2;
    this.#receivers.set(id, receiver);
    return id;
  }

  /** Takes a socket that has a number. */
  set(id: number, receiver: Receiver): void {
    this.#receivers.set(id, receiver);
  }

  tell(id: number, event: string, facts: object = {}): void {
    this.#send(eventFrame(id, { event, ...facts }));
  }

  write(id: number, bytes: Uint8Array): void {
    this.#send(frame(id, BYTES, bytes));
  }

  #send(bytes: Uint8Array): void {
    this.#writer.then((writer) => writer.write(bytes)).catch(() => {});
  }

  async #open(): Promise<WritableStreamDefaultWriter<Uint8Array>> {
    // @ts-ignore: only workerd has this module.
    const { connect } = await import("cloudflare:sockets");
    const { readable, writable } = connect(process.env.CORNAC_CHANNEL) as Connected;
    void this.#read(readable);
    return writable.getWriter();
  }

  async #read(readable: ReadableStream<Uint8Array>): Promise<void> {
    const frames = new Frames(
      (id, bytes) => this.#receivers.get(id)?.received(bytes),
      (id, event) => this.#receivers.get(id)?.happened(event),
    );
    const reader = readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      frames.push(value);
    }
  }
}

interface Receiver {
  received(bytes: Uint8Array): void;
  happened(event: SocketEvent): void;
}

let opened: Channel | undefined;
const channel = (): Channel => opened ??= new Channel();

/** A socket outside, with what the tests use of Node's. */
export class Socket extends Duplex implements Receiver {
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  localPort: number | undefined;
  readonly id: number;
  readonly #written: (() => void)[] = [];
  #ended: (() => void) | undefined;
  #isPaused = false;
  #hasFailed = false;

  constructor(allowHalfOpen: boolean, id?: number) {
    super({ allowHalfOpen });
    this.id = id ?? channel().add(this);
    if (id !== undefined) channel().set(id, this);
    this.on("error", () => this.#hasFailed = true);
  }

  received(bytes: Uint8Array): void {
    if (this.destroyed || this.push(bytes)) return;
    this.#isPaused = true;
    channel().tell(this.id, "pause");
  }

  happened({ event, ...facts }: SocketEvent): void {
    if (event === "written") this.#written.shift()?.();
    else if (event === "ended") this.#ended?.();
    else if (event === "end") this.push(null);
    else if (event === "error") this.destroy(errorOf(facts));
    else if (event === "close") this.#closed();
    else if (event === "connected") {
      Object.assign(this, facts);
      this.emit("connect");
      this.emit("ready");
    }
  }

  #closed(): void {
    for (const done of this.#written.splice(0)) done();
    this.#ended?.();
    this.destroy();
  }

  override _read(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    channel().tell(this.id, "resume");
  }

  override _write(bytes: Uint8Array, _encoding: string, done: () => void): void {
    this.#written.push(done);
    channel().write(this.id, bytes);
  }

  override _final(done: () => void): void {
    this.#ended = done;
    channel().tell(this.id, "end");
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    channel().tell(this.id, "destroy");
    done(error);
  }

  resetAndDestroy(): this {
    channel().tell(this.id, "reset");
    return this.destroy();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  address(): object {
    return { address: "127.0.0.1", family: "IPv4", port: this.localPort };
  }
}

type Listening = (socket: Socket) => void;

/** A server outside. */
export class Server extends EventEmitter implements Receiver {
  readonly #id = channel().add(this);
  readonly #options: { readonly allowHalfOpen?: boolean };
  readonly #tls: object | undefined;
  #address: unknown = null;

  constructor(options: { readonly allowHalfOpen?: boolean }, tls?: object) {
    super();
    this.#options = options;
    this.#tls = tls;
  }

  listen(...args: unknown[]): this {
    const called = args.findLast((arg) => typeof arg === "function");
    if (called !== undefined) this.once("listening", called as () => void);
    const [first, second] = args;
    const host = typeof second === "string" ? { host: second } : {};
    const at = typeof first === "object" && first !== null
      ? first
      : typeof first === "string"
      ? { path: first }
      : { port: Number(first ?? 0), ...host };
    const { allowHalfOpen } = this.#options;
    channel().tell(this.#id, "listen", { at, tls: this.#tls, allowHalfOpen });
    return this;
  }

  address(): unknown {
    return this.#address;
  }

  close(done?: () => void): this {
    if (done !== undefined) this.once("close", done);
    channel().tell(this.#id, "unlisten");
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  received(): void {}

  happened({ event, ...facts }: SocketEvent): void {
    if (event === "listening") {
      this.#address = facts.address;
      this.emit("listening");
    } else if (event === "unlistened") this.emit("close");
    else if (event === "error" || event === "tlsClientError") this.emit(event, errorOf(facts));
    else if (event === "accepted") {
      const { id, protocol, ...shown } = facts;
      const socket = new Socket(this.#options.allowHalfOpen === true, Number(id));
      Object.assign(socket, shown, { getProtocol: () => protocol });
      this.emit(this.#tls === undefined ? "connection" : "secureConnection", socket);
    }
  }
}

function errorOf({ message, code }: Record<string, unknown>): Error {
  return Object.assign(new Error(String(message)), { code });
}

/** `createServer` of node:net. */
export function createServer(first?: object | Listening, second?: Listening): Server {
  const listener = typeof first === "function" ? first as Listening : second;
  const server = new Server(typeof first === "object" ? first : {});
  if (listener !== undefined) server.on("connection", listener);
  return server;
}

/** `connect` of node:net: by an object, a port and a host, or a path. */
export function connect(...args: unknown[]): Socket {
  const called = args.findLast((arg) => typeof arg === "function");
  const [first, second] = args;
  const at = typeof first === "object"
    ? first as Record<string, unknown>
    : typeof first === "number"
    ? { port: first, ...(typeof second === "string" && { host: second }) }
    : { path: first };
  const socket = new Socket(at.allowHalfOpen === true);
  if (called !== undefined) socket.once("connect", called as () => void);
  channel().tell(socket.id, "connect", { at });
  return socket;
}

export const createConnection: typeof connect = connect;

/** `isIP` of node:net, as far as the tests need it. */
export function isIP(text: string): number {
  return /^[\d.]+$/.test(text) ? 4 : text.includes(":") ? 6 : 0;
}

const all: object = { connect, createConnection, createServer, isIP, Server, Socket };
export default all;
