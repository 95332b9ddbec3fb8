import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Order, Sample } from "./worker.ts";

/** Seconds that a worker may take beyond what it was asked to measure, starting up included. */
const PATIENCE = 30;

/** One peer in a process of its own, which measures when it is its turn. */
export class Turn {
  readonly peer: string;
  /** Why it measures no more. */
  failure: string | undefined;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #complaint = "";
  #hasEnded = false;
  #ready: Promise<string | undefined>;

  constructor(peer: string, [command = "", ...parameters]: readonly string[]) {
    this.peer = peer;
    const child = spawn(command, parameters);
    child.stderr.on("data", (text) => this.#complaint += text);
    // A process that has ended is noticed by its missing answer, so a failed write needs no handling.
    child.stdin.on("error", () => {});
    child.on("error", (error) => this.#complaint += error.message);
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#ready = this.#line(PATIENCE);
  }

  /** Measures once; `undefined` when this peer has failed, now or before. */
  async take(order: Order): Promise<Sample | undefined> {
    await this.#ready;
    if (this.failure !== undefined) return undefined;
    this.#child.stdin?.write(JSON.stringify(order) + "\n");
    const line = await this.#line(order.seconds + PATIENCE);
    return line === undefined ? undefined : JSON.parse(line);
  }

  /** Whether it measures no more. */
  get isOver(): boolean {
    return this.#hasEnded || this.failure !== undefined;
  }

  /** Lets the process say goodbye, and ends it when it does not. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const killer = setTimeout(() => child.kill("SIGKILL"), 3000);
    child.stdin?.end();
    await exited;
    clearTimeout(killer);
  }

  async #line(seconds: number): Promise<string | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, seconds * 1000));
    const next = await Promise.race([this.#lines.next(), late]);
    clearTimeout(timer);
    if (next && !next.done) return next.value;
    const reason = /^\S*(error|Error): .*$/m.exec(this.#complaint)?.[0] ?? this.#complaint.trim();
    this.failure = next === undefined ? "no answer in time" : reason || "its process ended";
    this.#child.kill("SIGKILL");
    return undefined;
  }
}
