import { type ConnectOptions, openCore, runtimeOf, type Url } from "../connect.ts";
import { Connection } from "../connection.ts";
import type { ConnectionCore } from "../connection_core.ts";
import { own } from "../errors/own.ts";
import type { Signal } from "../runtime/runtime.ts";

/** The seconds after which an unused connection is closed, and those that an answer may take. */
const IDLE = 30;
const PATIENCE = 60;

/** A connection and its core, which runs the driver's own texts. */
export interface Ordinary {
  readonly core: ConnectionCore;
  readonly connection: Connection;
  /** Runs one of the driver's own texts; rows are arrays of values by the built-in codecs. */
  ask(text: string, values: readonly unknown[], timeout?: number): Promise<readonly unknown[][]>;
}

/** Opens an ordinary connection. */
export async function openOrdinary(
  dsn: string | Url | undefined,
  options: ConnectOptions,
  signal: Signal | undefined,
): Promise<Ordinary> {
  const runtime = await runtimeOf(options);
  const core = await openCore(
    dsn,
    own<ConnectOptions>(options, { signal, queryTimeout: PATIENCE }),
    runtime,
  );
  const connection = new Connection(core);
  return { core, connection, ask: (text, values, timeout) => askOn(core, text, values, timeout) };
}

async function askOn(
  core: ConnectionCore,
  text: string,
  values: readonly unknown[],
  timeout = PATIENCE,
): Promise<readonly unknown[][]> {
  const rows = await core.host.executor.execute(text, values, own({ timeout }));
  return rows as unknown as unknown[][];
}

/**
 * The ordinary connection beside a walsender, which cannot run queries while it streams. It is opened when
 * it is needed, and closed when it was not used for half a minute.
 */
export class SideConnection {
  readonly #open: (signal: Signal) => Promise<Ordinary>;
  readonly #idle: number;
  readonly #stopper = new AbortController();
  #opening: Promise<Ordinary> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** A connection that was not used for `idle` seconds is closed. */
  constructor(open: (signal: Signal) => Promise<Ordinary>, idle: number = IDLE) {
    this.#open = open;
    this.#idle = idle;
  }

  /** Returns the connection, opened if need be. */
  async connection(): Promise<Connection> {
    return (await this.#take()).connection;
  }

  /** Returns the core of the connection. */
  async core(): Promise<ConnectionCore> {
    return (await this.#take()).core;
  }

  /** Runs one of the driver's own texts. */
  async ask(text: string, values: readonly unknown[]): Promise<readonly unknown[][]> {
    return await (await this.#take()).ask(text, values);
  }

  /** Closes the connection at once; further uses are refused with the reason. */
  destroy(reason: unknown): void {
    clearTimeout(this.#timer);
    this.#stopper.abort(reason);
    this.#opening?.then(({ connection }) => connection.destroy(reason), () => {});
  }

  #take(): Promise<Ordinary> {
    const { signal } = this.#stopper;
    if (signal.aborted) return Promise.reject(signal.reason);
    this.#touch();
    return this.#opening ??= this.#begin(signal);
  }

  #begin(signal: Signal): Promise<Ordinary> {
    const opening = this.#open(signal);
    // Another connection may have taken its place while this one was being closed.
    const forget = (): void => {
      if (this.#opening === opening) this.#opening = undefined;
    };
    opening.then(({ connection }) => connection.closed.then(forget), forget);
    return opening;
  }

  #touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const idle = this.#opening;
      this.#opening = undefined;
      idle?.then(({ connection }) => connection.close(), () => {});
    }, this.#idle * 1000);
  }
}
