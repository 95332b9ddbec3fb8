import { Connection } from "../connection.ts";
import type { ConnectionCore } from "../connection_core.ts";
import type { Holding } from "./checkout.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Lease } from "./lease.ts";
import { Placement, type Role } from "./server_role.ts";
import type { PoolExecutor } from "./pool_executor.ts";

/** What a slot of a pool is doing. */
export type SlotState =
  /** Dialling, logging in, `onConnect`. */
  | "connecting"
  /** Free. */
  | "idle"
  /** Free for long, and asked whether it lives. */
  | "checking"
  /** Runs independent queries, `load` of them. */
  | "shared"
  /** One lease holds it alone. */
  | "held"
  /** Given back; its transaction is rolled back, its state reset. */
  | "cleaning"
  /** Saying goodbye. */
  | "closing"
  /** Its connection is over. */
  | "gone";

/** All transitions there are. "gone" is reachable from everywhere: a connection may die at any time. */
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

/** Why a connection was closed. */
export type RetireReason =
  | "idle"
  | "lifetime"
  | "lost"
  | "invalid"
  | "dirty"
  | "evicted"
  | "closed";

/** When a connection opened at `now` is to be closed: not all at once, if they were opened at once. */
export function expiry(maxLifetime: number, now: number): number {
  return maxLifetime === 0 ? Infinity : now + maxLifetime * 1000 * (1 - Math.random() / 10);
}

/** How many slots there are in each state. */
export type Census = Record<SlotState, number>;

/** A census of no slots. */
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

/** A connection just opened. */
export interface Opened {
  readonly core: ConnectionCore;
  readonly executor: PoolExecutor;
  readonly runtime: Runtime;
  /** The kind of server that was asked for. */
  readonly role: Role;
}

/** One place in a pool and the connection in it, if there is one yet. Times are milliseconds. */
export class Slot {
  readonly #census: Census;
  #state: SlotState = "connecting";
  /** For the pool's own queries and those that share it; set when it is connected. */
  connection!: Connection;
  core!: ConnectionCore;
  /** What runs its queries, and knows what they have changed in the session. */
  executor!: PoolExecutor;
  /** Who holds it. */
  holding: Holding | undefined;
  /** His lease, if he has the connection itself. */
  lease: Lease | undefined;
  /** Queries on it, while it is shared. */
  load = 0;
  /** When it became idle. */
  idleSince = 0;
  /** When it is to be closed, as soon as nobody needs it. */
  expires: number = Infinity;
  /** Whether its server is what it was. */
  placement!: Placement;
  /** It is checked before it is used again, however short it was idle. */
  isDoubtful = false;
  /** Whether `onConnect` has left more than settings in it, and must be called after each cleaning. */
  isFurnished = false;

  /** It is counted in `census` from now on. */
  constructor(census: Census) {
    this.#census = census;
    census.connecting++;
  }

  get state(): SlotState {
    return this.#state;
  }

  /** Makes a transition of the table. */
  become(state: SlotState): void {
    if (!TRANSITIONS[this.#state].includes(state)) {
      throw new Error(`a slot that is ${this.#state} cannot become ${state}`);
    }
    this.#census[this.#state]--;
    this.#census[state]++;
    this.#state = state;
  }

  /** The connection is there. */
  connected({ core, executor }: Opened): void {
    this.core = core;
    this.connection = new Connection(core);
    this.executor = executor;
  }

  /** It is as it is to be: `onConnect` is done with it. */
  settled(role: Role): void {
    this.placement = new Placement(this.core, role, () => this.executor.changes.settings);
  }

  /** Whether the session can take requests. */
  get alive(): boolean {
    return !this.core.session.closed;
  }

  /** Whether its server is not what it was (promoted, demoted), or refuses what it should take. */
  get misplaced(): boolean {
    return this.placement.misplaced;
  }
}
