import { Connection } from "../connection.ts";
import type { ConnectionCore } from "../connection_core.ts";
import type { Checkout } from "./checkout.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type Role, ServerRole } from "./server_role.ts";
import type { PoolExecutor } from "./pool_executor.ts";

/** The states of a slot. */
export type SlotState =
  /** The connection is being opened, or `onConnect` runs. */
  | "connecting"
  /** The connection is free. */
  | "idle"
  /** The connection was idle for long and is being checked. */
  | "checking"
  /** The connection runs independent queries, `load` of them. */
  | "shared"
  /** One caller has the connection alone. */
  | "held"
  /** The connection was returned and is being cleaned. */
  | "cleaning"
  /** The connection is being closed. */
  | "closing"
  /** The connection has ended. */
  | "gone";

/** All transitions. "gone" can follow every state, because a connection may be lost at any time. */
export const TRANSITIONS: Readonly<Record<SlotState, readonly SlotState[]>> = {
  connecting: ["idle", "gone"],
  idle: ["checking", "shared", "held", "closing", "gone"],
  checking: ["idle", "closing", "gone"],
  shared: ["idle", "cleaning", "closing", "gone"],
  held: ["idle", "cleaning", "closing", "gone"],
  cleaning: ["idle", "closing", "gone"],
  closing: ["gone"],
  gone: [],
};

/** The reasons for which a connection is closed. */
export type RetireReason =
  | "idle"
  | "lifetime"
  | "uses"
  | "lost"
  | "invalid"
  | "dirty"
  | "evicted"
  | "closed";

/**
 * Returns the time at which a connection opened at `now` expires; it varies, so that connections
 * opened together do not expire together.
 */
export function expiry(maxLifetime: number, now: number): number {
  return maxLifetime === 0 ? Infinity : now + maxLifetime * 1000 * (1 - Math.random() / 10);
}

/** The number of slots in each state. */
export type Census = Record<SlotState, number>;

/** Returns a census of no slots. */
export function census(): Census {
  return {
    connecting: 0,
    idle: 0,
    checking: 0,
    shared: 0,
    held: 0,
    cleaning: 0,
    closing: 0,
    gone: 0,
  };
}

/** A connection that was just opened. */
export interface Opened {
  readonly core: ConnectionCore;
  readonly executor: PoolExecutor;
  readonly runtime: Runtime;
  /** The kind of server that was asked for. */
  readonly role: Role;
}

/** The exclusive use of a slot, as far as the pool needs it. */
export interface SlotLease {
  readonly checkout: Checkout;
  readonly isOver: boolean;
  /** An object whose collection shows that the connection was forgotten. */
  anchor: object | undefined;
  /** Records that the connection has ended. */
  lost(): void;
  /** Ends the session and returns the slot. */
  destroy(reason: unknown): void;
}

/** A place in a pool, with its connection once it is open. Times are milliseconds. */
export class Slot {
  readonly #census: Census;
  #state: SlotState = "connecting";
  /** The connection for queries of the pool and for shared use; set when it is open. */
  connection!: Connection;
  core!: ConnectionCore;
  /** The executor, which records changes to the session. */
  executor!: PoolExecutor;
  /** The checkout, while one caller has the connection alone. */
  checkout: Checkout | undefined;
  /** The lease, if that caller has a connection object. */
  lease: SlotLease | undefined;
  /** The number of queries while it is shared. */
  load = 0;
  /** The number of times that it was lent. */
  uses = 0;
  /** The time at which it became idle. */
  idleSince = 0;
  /** The time at which it expires. */
  expires: number = Infinity;
  /** The role of its server. */
  serverRole!: ServerRole;
  /** Whether it must be checked before its next use, however short it was idle. */
  isDoubtful = false;
  /** Whether `onConnect` has left more than settings and must be called after each cleaning. */
  isFurnished = false;

  /** Adds the slot to `census`. */
  constructor(census: Census) {
    this.#census = census;
    census.connecting++;
  }

  get state(): SlotState {
    return this.#state;
  }

  /** Makes a transition. */
  become(state: SlotState): void {
    if (!TRANSITIONS[this.#state].includes(state)) {
      throw new Error(`a ${this.#state} slot cannot become ${state}`);
    }
    this.#census[this.#state]--;
    this.#census[state]++;
    this.#state = state;
  }

  /** Records the open connection. */
  connected({ core, executor }: Opened): void {
    this.core = core;
    this.connection = new Connection(core);
    this.executor = executor;
  }

  /** Records that `onConnect` is done. */
  settled(role: Role): void {
    this.serverRole = new ServerRole(this.core, role, () => this.executor.changes.settings);
  }

  /** Whether the session can take requests. */
  get alive(): boolean {
    return !this.core.session.closed;
  }

  /** Whether the server was promoted or demoted, or refuses what it should take. */
  get misplaced(): boolean {
    return this.serverRole.misplaced;
  }
}
