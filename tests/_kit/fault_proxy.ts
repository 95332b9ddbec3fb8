/**
 * A TCP proxy that makes a network worse. Faults are set at the start or changed while it runs.
 *
 * @example
 * ```ts
 * const proxy = await faultProxy(server, { down: { slice: 1 } });     // replies byte by byte
 * const db = await connect({ host: proxy.host, port: proxy.port, … });
 * proxy.up.stallAt = proxy.up.bytes;                                  // from now on: black hole
 * await assert.rejects(db.query("select 1"), …);
 * await proxy.close();
 * ```
 *
 * `up` is what the client sends, `down` what it receives. A black hole that does not even accept:
 * {@linkcode blackHole}.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { reset } from "./reset.ts";
import { Turns } from "./turn.ts";

/** The faults in one direction of every connection. Positions count bytes per connection. */
export interface Faults {
  /** Seconds added to every piece. */
  latency?: number;
  /** Bytes per write. */
  slice?: number;
  /** Hold pieces back and pass them on together, once none has come for this many seconds. */
  coalesce?: number;
  /** Pass on this many bytes, then nothing, ever; the connection stays open. 0: nothing at all. */
  stallAt?: number;
  /** Cut the connection after this many bytes, on both sides. */
  cutAt?: number;
  /** How: `reset` (RST, the default) or `end` (FIN). */
  cutHow?: "reset" | "end";
  /** Invert the byte at this position. */
  corruptAt?: number;
}

/** One direction: its faults, to be changed at will, and what has been counted. */
export interface Direction extends Faults {
  /** Bytes received in this direction over all connections. */
  readonly bytes: number;
}

/** A running proxy. */
export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  readonly up: Direction;
  readonly down: Direction;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Cuts every connection now. */
  cut(how?: "reset" | "end"): void;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

/** Where the real server listens. */
export type Target =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** Starts a proxy to `target` on 127.0.0.1; the caller must `close()` it. */
export async function faultProxy(
  target: Target,
  faults: { readonly up?: Faults; readonly down?: Faults } = {},
): Promise<FaultProxy> {
  const proxy = new Proxied(target, { ...faults.up, bytes: 0 }, { ...faults.down, bytes: 0 });
  await proxy.listen();
  return proxy;
}

type Counted = Faults & { bytes: number };

class Proxied implements FaultProxy {
  readonly host = "127.0.0.1";
  accepted = 0;
  readonly up: Counted;
  readonly down: Counted;
  readonly #target: Target;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #turns = new Turns();

  constructor(target: Target, up: Counted, down: Counted) {
    this.#target = target;
    this.up = up;
    this.down = down;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", resolve);
    });
  }

  #accept(client: Socket): void {
    this.accepted++;
    const where = "path" in this.#target
      ? { path: this.#target.path }
      : { host: this.#target.host, port: this.#target.port };
    const server = connect({ ...where, allowHalfOpen: true });
    const link = new Link(client, server, this.#turns, () => this.#links.delete(link));
    this.#links.add(link);
    link.carry(client, server, this.up);
    link.carry(server, client, this.down);
  }

  cut(how: "reset" | "end" = "reset"): void {
    for (const link of [...this.#links]) link.cut(how);
  }

  async close(): Promise<void> {
    this.cut();
    this.#turns.close();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** One proxied connection. */
class Link {
  readonly #ends: readonly Socket[];
  readonly #turns: Turns;
  readonly #forget: () => void;
  #alive = true;

  constructor(client: Socket, server: Socket, turns: Turns, forget: () => void) {
    this.#turns = turns;
    this.#ends = [client, server];
    this.#forget = forget;
  }

  cut(how: "reset" | "end"): void {
    this.#alive = false;
    this.#forget();
    for (const socket of this.#ends) how === "reset" ? reset(socket) : socket.destroy();
  }

  /** Passes bytes on, one piece after the other, with the faults as they are at that moment. */
  carry(from: Socket, to: Socket, faults: Counted): void {
    const passing = new Passing(to, faults, this.#turns, () => this.cut(faults.cutHow ?? "reset"));
    let queue = Promise.resolve();
    from.setNoDelay(true);
    from.on("data", (bytes: Uint8Array) => {
      faults.bytes += bytes.length;
      queue = queue.then(() => this.#alive ? passing.take(bytes) : undefined);
    });
    from.on("end", () => {
      queue = queue.then(async () => {
        await passing.drain();
        if (!passing.stalled) to.end();
      });
    });
    from.on("error", () => this.cut("reset"));
    from.on("close", () => {
      if (from.errored) this.cut("reset");
    });
  }
}

/** The state of one direction of one connection. */
class Passing {
  stalled = false;
  readonly #to: Socket;
  readonly #faults: Faults;
  readonly #turns: Turns;
  readonly #cut: () => void;
  #passed = 0;
  #held: Uint8Array[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(to: Socket, faults: Faults, turns: Turns, cut: () => void) {
    this.#turns = turns;
    this.#to = to;
    this.#faults = faults;
    this.#cut = cut;
  }

  async take(bytes: Uint8Array): Promise<void> {
    const { latency, coalesce } = this.#faults;
    if (latency) await pause(latency);
    if (!coalesce) return await this.#pass(bytes);
    this.#held.push(bytes);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.drain(), coalesce * 1000);
  }

  async drain(): Promise<void> {
    clearTimeout(this.#timer);
    const held = this.#held;
    this.#held = [];
    if (held.length > 0) await this.#pass(new Uint8Array(Buffer.concat(held)));
  }

  async #pass(whole: Uint8Array): Promise<void> {
    if (this.stalled) return; // something was swallowed: more would be garbage
    const { slice, stallAt = Infinity, cutAt = Infinity, corruptAt } = this.#faults;
    const start = this.#passed;
    const bytes = whole.slice(0, Math.max(0, Math.min(stallAt, cutAt) - start));
    if (corruptAt !== undefined && corruptAt >= start && corruptAt < start + bytes.length) {
      bytes[corruptAt - start]! ^= 0xff;
    }
    for (let at = 0; at < bytes.length;) {
      await this.#write(bytes.subarray(at, at += slice ?? bytes.length));
      if (slice) await this.#turns.next();
    }
    this.#passed += bytes.length;
    if (this.#passed >= cutAt) await this.#cutWhenRead();
    else if (this.#passed >= stallAt) this.stalled = true;
  }

  /** Node 20 reports a reset right behind data as an orderly end. */
  async #cutWhenRead(): Promise<void> {
    await this.#turns.next();
    this.#cut();
  }

  #write(bytes: Uint8Array): Promise<void> {
    if (this.#to.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const gone = () => resolve();
      this.#to.once("close", gone);
      this.#to.write(bytes, () => {
        this.#to.removeListener("close", gone);
        resolve();
      });
    });
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** An address that never answers a connect, not even with a refusal. */
export interface BlackHole {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * A listener whose queue is full: the kernel drops further SYNs (Linux). A worker listens and then
 * blocks, so that no connection is accepted; connections of our own fill its backlog.
 */
export async function blackHole(): Promise<BlackHole> {
  const wake = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(LISTEN_AND_BLOCK, { eval: true, workerData: wake });
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  const fill: Socket[] = [];
  for (let refused = 0; refused < 2;) if (!await connects(port, fill)) refused++;
  return {
    host: "127.0.0.1",
    port,
    async close() {
      for (const socket of fill) socket.destroy();
      Atomics.store(wake, 0, 1);
      Atomics.notify(wake, 0);
      await worker.terminate();
    },
  };
}

const LISTEN_AND_BLOCK = `
  const { parentPort, workerData } = require("node:worker_threads");
  const server = require("node:net").createServer((socket) => socket.destroy());
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(workerData, 0, 0);
    server.close();
  });`;

function connects(port: number, opened: Socket[]): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  opened.push(socket);
  socket.on("error", () => {});
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 200);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
