import type { Connection } from "../connection.ts";
import { DatabaseError, InterfaceError, PgError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { withCallSite } from "../query/call_site.ts";
import type { Signal } from "../runtime/runtime.ts";
import type { Connector } from "./connector.ts";
import { heldIn } from "./checkout.ts";
import { Lease } from "./lease.ts";
import type { Lender } from "./lender.ts";
import { here, located, Places } from "./call_stack.ts";
import type { Loan, Need } from "./pool_query.ts";
import { PooledConnection } from "./pooled_connection.ts";
import type { PoolSettings } from "./options.ts";
import type { Slot } from "./slot.ts";
import type { Wish } from "./waiting_list.ts";

/** How to wait for a connection. */
export interface AcquireOptions {
  /** Gives up waiting. */
  signal?: Signal | undefined;
  /** Seconds; 0: no limit. Default: `acquireTimeout`. */
  timeout?: number | undefined;
  /**
   * A connection of the same pool that the caller holds: so that a deadlock is noticed where it
   * cannot be by itself, which is within `transaction()` only.
   */
  within?: PooledConnection | undefined;
}

const NOTHING: AcquireOptions = Object.freeze(own<AcquireOptions>({}));

/** How often a query that was not sent is tried on another connection. */
const RETRIES = 3;

/** What a pool's calls come to connections by: waits for one, works with it, gives it back. */
export class Borrower {
  readonly #lender: Lender;
  readonly #connector: Connector;
  readonly #acquireTimeout: number;
  readonly #places = new Places();
  /** Whoever wants to be told of leaks is told where each connection was taken. */
  readonly #notesAll: boolean;

  constructor(lender: Lender, connector: Connector, settings: PoolSettings) {
    this.#lender = lender;
    this.#connector = connector;
    this.#acquireTimeout = settings.acquireTimeout;
    this.#notesAll = settings.leakWarning > 0;
  }

  /**
   * Takes a connection for a caller who gives it back himself. No async function: its promise would
   * be a good part of what this costs.
   */
  connect(given: AcquireOptions): Promise<PooledConnection> {
    const options = own(given);
    const site = this.place("connect");
    try {
      const wish: Wish = { kind: "held", signal: options.signal, site };
      const connection = this.#acquire(wish, this.#leased, options);
      return connection instanceof Promise ? connection : Promise.resolve(connection);
    } catch (error) {
      return Promise.reject(located(error, site));
    }
  }

  /** Runs `work` with a connection, and gives that back when `work` has settled. */
  async lend<T>(need: Need, work: (db: Connection) => PromiseLike<T>): Promise<T> {
    for (let attempt = 0;; attempt++) {
      let slot: Slot | undefined;
      let since: number | undefined;
      try {
        checkNeed(need);
        slot = await this.#acquire(need, itself);
        if (this.#lender.trace.release.isWatched) since = performance.now();
        return await this.#run(slot, work);
      } catch (error) {
        if (slot === undefined) throw located(error, need.site);
        const isLost = need.isQuery && !slot.alive && isUnsent(error);
        if (isLost && attempt < RETRIES) continue;
        throw need.isQuery ? withCallSite(error, need.site) : error;
      } finally {
        const cleaned = slot === undefined ? undefined : this.#giveBack(slot, since);
        if (cleaned !== undefined) await cleaned;
      }
    }
  }

  /** Takes a connection for a stream: lost when what gives it back is, which the stream alone holds. */
  async take(need: Need): Promise<Loan> {
    try {
      checkNeed(need);
      const slot = await this.#acquire(need, itself);
      const lease = new Lease(slot, this.#lender);
      const giveBack = lease.anchor = () => lease.end();
      return { db: slot.connection, host: slot.core.host, giveBack };
    } catch (error) {
      throw located(error, need.site);
    }
  }

  /** The stack of a query's caller, where it will be wanted and cannot be had later. */
  site(): Error | undefined {
    const { keepsStacks, context } = this.#connector;
    return keepsStacks && context?.getStore() === undefined ? undefined : here("query");
  }

  /** The stack of whoever takes a connection, unless that would cost too much. */
  place(what: string): Error | undefined {
    return this.#notesAll ? here(what) : this.#places.take(what);
  }

  readonly #leased = (slot: Slot): PooledConnection => {
    return new PooledConnection(new Lease(slot, this.#lender));
  };

  #acquire<T>(
    wish: Wish,
    use: (slot: Slot) => T,
    { timeout, within }: AcquireOptions = NOTHING,
  ): T | Promise<T> {
    const held = heldIn(this.#connector.context?.getStore());
    const inside = within === undefined ? held : [...held, PooledConnection.holdingOf(within)];
    return this.#lender.acquire(wish, timeout ?? this.#acquireTimeout, inside, use);
  }

  /** `since`: when it was taken, if anybody wants to know for how long. */
  #giveBack(slot: Slot, since?: number): Promise<void> | undefined {
    if (slot.holding !== undefined) slot.holding.over = true;
    return this.#lender.release(slot, since);
  }

  /**
   * Begins `work` at once: between the borrowers of a shared connection it is cleaned, so that nothing
   * of another's may come between this one's turn and its request.
   */
  #run<T>(slot: Slot, work: (db: Connection) => PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (slot.holding === undefined) slot.executor.handOver();
      this.#within(slot, work).then(resolve, reject);
    });
  }

  /** Calls `work` so that what it calls is known to hold the connection. */
  #within<T>({ holding, connection }: Slot, work: (db: Connection) => T): T {
    const { context } = this.#connector;
    if (holding === undefined || context === undefined) return work(connection);
    return context.run({ holding, outer: context.getStore() }, () => work(connection));
  }
}

/** @throws {InterfaceError} its text needs a session. */
function checkNeed({ refusal }: Need): void {
  if (refusal !== undefined) throw new InterfaceError(refusal);
}

function itself(slot: Slot): Slot {
  return slot;
}

/** Reports whether nothing of a query was run, because its connection was lost before. */
function isUnsent(error: unknown): boolean {
  // The server ends a session that is idle: it has not read what was sent meanwhile.
  if (error instanceof PgError && error.code === "57P05") return true;
  const isServers = error instanceof DatabaseError && "C" in error.fields;
  return error instanceof PgError && error.safeToRetry && !isServers;
}
