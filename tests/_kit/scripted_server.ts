/**
 * A PostgreSQL server that follows a script: it expects messages, sends the scripted answers, and
 * fails the test with a transcript of both sides when the client does something else.
 *
 * @example A whole test
 * ```ts
 * await withServer([
 *   handshake(),
 *   expect("Q", (m) => assert.equal(m.text, "select 1")),
 *   send(rowDescription(["n"]), dataRow(["1"]), commandComplete("SELECT 1"), readyForQuery()),
 *   expectClose(),
 * ], async (server) => {
 *   const db = await connect({ host: server.host, port: server.port, user: "u" });
 *   …
 *   await db.close();
 * }, { delivery: "bytes" });
 * ```
 *
 * A script is an array of steps; arrays nest. Steps: `expect`, `expectAll`, `expectClose`, `send`,
 * `close`, `reset`, `wait`, `ignore`, `deaf`, `answerSsl`, `startTls`, `serve`, `call` and the whole
 * conversations `handshake` here and `scram` in scram_server.ts. Message builders: server_messages.ts.
 * One script serves the first connection and a second one is a failure; for several connections
 * pass `(index) => script`. When a script is over the server goes on reading, answers nothing, and
 * closes when the client does. `eachDelivery` registers nothing: call it inside a test.
 *
 * Written without the driver's code, on node:net and node:tls, which all three runtimes have.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientMessage } from "./client_messages.ts";
import { type Delivery, EndOfScript, Peer } from "./peer.ts";
import type { Script, Step } from "./steps.ts";

export * from "./steps.ts";
export type { ClientMessage, Delivery, Peer };

/** How a scripted server listens and answers. */
export interface ServerOptions {
  /** How its bytes arrive; `whole` by default. */
  readonly delivery?: Delivery;
  /** Listen on a Unix socket, `<directory>/.s.PGSQL.5432`, instead of 127.0.0.1. */
  readonly unix?: boolean;
  /** Seconds an `expect` waits for its message; 10 by default. */
  readonly patience?: number;
}

/** A running scripted server. */
export interface ScriptedServer {
  /** `127.0.0.1`, or the socket's directory. */
  readonly host: string;
  /** The TCP port; 5432 for a Unix socket. */
  readonly port: number;
  /** The Unix socket's path, when there is one. */
  readonly path: string | undefined;
  /** The connections so far, in order of arrival. */
  readonly peers: readonly Peer[];
  /** Every message received so far, over all connections. */
  readonly received: readonly ClientMessage[];
  /** Both sides of every connection, one line a message. */
  transcript(): string;
  /** Resolves when every connection's script is over; rejects, with the transcript, when one failed. */
  done(): Promise<void>;
  /** Cuts all connections and stops listening. */
  close(): Promise<void>;
}

/** The delivery modes, for tests that want them all. */
export const DELIVERIES: readonly Delivery[] = ["whole", "bytes", "coalesced"];

/** Starts a server; the caller must `close()` it. Most tests want {@linkcode withServer}. */
export async function scriptedServer(
  script: Script | ((connection: number) => Script | undefined),
  options: ServerOptions = {},
): Promise<ScriptedServer> {
  const running = new Running(script, options);
  await running.listen();
  return running;
}

/**
 * Runs `body` against a server and then waits for its script to end. Whatever fails, on either side,
 * rejects with the transcript in its message; the server is closed in any case.
 */
export async function withServer<T>(
  script: Script | ((connection: number) => Script | undefined),
  body: (server: ScriptedServer) => Promise<T>,
  options: ServerOptions = {},
): Promise<T> {
  const server = await scriptedServer(script, options);
  try {
    const result = await body(server).catch((error) => explain(error, server));
    await server.done();
    return result;
  } finally {
    await server.close();
  }
}

/** {@linkcode withServer} once per delivery mode. A script function is called for each. */
export async function eachDelivery(
  script: Script | ((connection: number) => Script | undefined),
  body: (server: ScriptedServer, delivery: Delivery) => Promise<void>,
  options: ServerOptions = {},
): Promise<void> {
  for (const delivery of DELIVERIES) {
    await withServer(script, (server) => body(server, delivery), { ...options, delivery });
  }
}

function explain(error: unknown, server: ScriptedServer): never {
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  throw new Error(`${text}\n\n${server.transcript()}`, { cause: error });
}

class Running implements ScriptedServer {
  readonly peers: Peer[] = [];
  readonly received: ClientMessage[] = [];
  readonly path: string | undefined;
  readonly #directory: string | undefined;
  readonly #server: Server;
  readonly #script: (connection: number) => Script | undefined;
  readonly #options: ServerOptions;
  readonly #running: Promise<void>[] = [];
  #connected: () => void = () => {};

  constructor(script: Script | ((i: number) => Script | undefined), options: ServerOptions) {
    this.#options = options;
    this.#script = typeof script === "function" ? script : (i) => i === 0 ? script : undefined;
    this.#directory = options.unix ? mkdtempSync(join(tmpdir(), "pgs-")) : undefined;
    this.path = this.#directory && join(this.#directory, ".s.PGSQL.5432");
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  get host(): string {
    return this.#directory ?? "127.0.0.1";
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 5432;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      if (this.path !== undefined) this.#server.listen(this.path, resolve);
      else this.#server.listen(0, "127.0.0.1", resolve);
    });
  }

  #accept(socket: Socket): void {
    const peer = new Peer(socket, {
      delivery: this.#options.delivery ?? "whole",
      patience: this.#options.patience ?? 10,
      onMessage: (message) => this.received.push(message),
    });
    const script = this.#script(this.peers.length);
    this.peers.push(peer);
    const run = follow(peer, script);
    run.catch(() => {}); // done() reports it
    this.#running.push(run);
    this.#connected();
  }

  async done(): Promise<void> {
    if (this.#running.length === 0) await this.#firstConnection();
    for (let i = 0; i < this.#running.length; i++) {
      await this.#running[i]!.catch((error) => {
        throw new Error(
          `scripted server, connection ${i + 1}: ${error.message}\n\n` +
            this.transcript(),
          { cause: error },
        );
      });
    }
  }

  #firstConnection(): Promise<void> {
    const patience = this.#options.patience ?? 10;
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error("scripted server: the client never connected"));
      const timer = setTimeout(late, patience * 1000);
      this.#connected = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  transcript(): string {
    if (this.peers.length === 0) return "(no connection)";
    return this.peers
      .map((peer, i) => `connection ${i + 1}\n${peer.transcript.map((l) => `  ${l}\n`).join("")}`)
      .join("");
  }

  async close(): Promise<void> {
    for (const peer of this.peers) peer.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Promise.allSettled(this.#running);
    if (this.#directory) rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function follow(peer: Peer, script: Script | undefined): Promise<void> {
  try {
    if (script === undefined) throw new Error("this connection was not expected");
    await run(peer, flatten(script));
    await peer.flush();
    peer.finish();
  } catch (error) {
    peer.note(`FAILED: ${error instanceof Error ? error.message : error}`);
    peer.destroy();
    throw error;
  }
}

async function run(peer: Peer, steps: readonly Step[]): Promise<void> {
  try {
    for (const step of steps) {
      peer.note(`   [${step.title}]`);
      await step.run(peer);
    }
  } catch (error) {
    if (!(error instanceof EndOfScript)) throw error;
  }
}

function flatten(script: Script): Step[] {
  return script.flatMap((part) => Array.isArray(part) ? flatten(part as Script) : [part as Step]);
}
