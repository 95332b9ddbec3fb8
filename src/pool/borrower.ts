import type { Connection } from "../connection.ts";
import { DatabaseError, PgError } from "../errors/errors.ts";
import { withCallSite } from "../query/call_site.ts";
import type { Signal } from "../runtime/runtime.ts";
import type { Connector } from "./connector.ts";
import { heldIn, type Holding } from "./holding.ts";
import type { Lender } from "./lender.ts";
import { here } from "./place.ts";
import type { Loan, Need } from "./pool_query.ts";
import { PooledConnection } from "./pooled_connection.ts";
import type { Slot } from "./slot.ts";

/** How to wait for a connection. */
export interface AcquireOptions {
  /** Gives up waiting. */
  signal?: Signal;
  /** Seconds; 0: no limit. Default: `acquireTimeout`. */
  timeout?: number;
  /**
   * A connection of the same pool that the caller holds: so that a deadlock is noticed where it
   * cannot be by itself, which is within `transaction()` only.
   */
  within?: PooledConnection;
}

/** How often a query that was not sent is tried on another connection. */
const RETRIES = 3;

/** What a pool's calls come to connections by: waits for one, works with it, gives it back. */
export class Borrower {
  readonly #lender: Lender;
  readonly #connector: Connector;
  readonly #acquireTimeout: number;

  constructor(lender: Lender, connector: Connector, acquireTimeout: number) {
    this.#lender = lender;
    this.#connector = connector;
    this.#acquireTimeout = acquireTimeout;
  }

  /** Waits for a slot; errors tell where the caller was. */
  async acquire(need: Need, { timeout, within }: AcquireOptions = {}): Promise<Slot> {
    const held = heldIn(this.#connector.context?.getStore());
    const inside = within === undefined ? held : [...held, PooledConnection.holdingOf(within)];
    try {
      return await this.#lender.acquire({
        kind: need.kind,
        signal: need.signal,
        timeout: timeout ?? this.#acquireTimeout,
        inside,
        site: need.site,
      });
    } catch (error) {
      throw error instanceof PgError ? withCallSite(error, need.site) : error;
    }
  }

  /** Runs `work` with a connection, and gives that back when `work` has settled. */
  async lend<T>(need: Need, work: (db: Connection) => PromiseLike<T>): Promise<T> {
    for (let attempt = 0;; attempt++) {
      const slot = await this.acquire(need);
      try {
        return await this.#within(slot.holding, () => work(slot.connection));
      } catch (error) {
        const isLost = need.isQuery && !slot.alive && isUnsent(error);
        if (isLost && attempt < RETRIES) continue;
        throw need.isQuery ? withCallSite(error, need.site) : error;
      } finally {
        const cleaned = this.#giveBack(slot);
        if (cleaned !== undefined) await cleaned;
      }
    }
  }

  /** Takes a connection for a stream. */
  async take(need: Need): Promise<Loan> {
    const slot = await this.acquire(need);
    return { db: slot.connection, host: slot.core.host, giveBack: () => this.#giveBack(slot) };
  }

  /** The caller's stack, where it will be wanted and cannot be had later. */
  site(): Error | undefined {
    const { keepsStacks, context } = this.#connector;
    return keepsStacks && context?.getStore() === undefined ? undefined : here("query");
  }

  #giveBack(slot: Slot): Promise<void> | undefined {
    if (slot.holding !== undefined) slot.holding.over = true;
    return this.#lender.release(slot);
  }

  /** Calls `work` so that what it calls is known to hold the connection. */
  #within<T>(holding: Holding | undefined, work: () => T): T {
    const { context } = this.#connector;
    if (holding === undefined || context === undefined) return work();
    return context.run({ holding, outer: context.getStore() }, work);
  }
}

/** Whether nothing of a query was sent, because its connection was lost before. */
function isUnsent(error: unknown): boolean {
  const isServers = error instanceof DatabaseError && "C" in error.fields;
  return error instanceof PgError && error.safeToRetry && !isServers;
}
