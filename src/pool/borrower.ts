import type { Connection } from "../connection.ts";
import { DatabaseError, InterfaceError, PgError } from "../errors/errors.ts";
import { CALL_OPTIONS, checkOptions, type Checks, object } from "../errors/checks.ts";
import { own } from "../errors/own.ts";
import { withCallSite } from "../query/call_site.ts";
import type { HostLoan, QueryContext } from "../query/query_context.ts";
import type { Signal } from "../runtime/runtime.ts";
import type { Connector } from "./connector.ts";
import { heldIn } from "./checkout.ts";
import { Lease } from "./lease.ts";
import type { Lender } from "./lender.ts";
import { here, located, Places } from "./call_stack.ts";
import { PooledConnection } from "./pooled_connection.ts";
import type { PoolSettings } from "./options.ts";
import type { Slot } from "./slot.ts";
import type { Wish } from "./waiting_list.ts";

/** The use that a connection is needed for. */
export interface Need extends Wish {
  /**
   * Whether it is one query: that may be run on another connection when this one was lost before the
   * query was sent, and its errors get the caller's stack.
   */
  readonly isQuery?: boolean;
  /** Why the text is refused, if it is; a promise while the code that decides is being loaded. */
  readonly refusal?: string | undefined | Promise<string | undefined>;
}

/** A connection taken. */
export interface Loan extends Required<HostLoan> {
  readonly db: Connection;
}

/** Work with a connection; `context` is what its queries run on. */
type Work<T> = (db: Connection, context: QueryContext) => PromiseLike<T>;

/** Options of the wait for a connection. */
export interface AcquireOptions {
  /** A signal that ends the wait. */
  signal?: Signal | undefined;
  /** The longest wait in seconds; 0 is no limit. Default: `acquireTimeout`. */
  timeout?: number | undefined;
  /**
   * A connection of the same pool that the caller holds already. With it the pool notices a
   * deadlock that it cannot see by itself; within `transaction()` it can.
   */
  within?: PooledConnection | undefined;
}

const ACQUIRE_OPTIONS: Checks = {
  ...CALL_OPTIONS,
  within: object,
};

const NOTHING: AcquireOptions = Object.freeze(own<AcquireOptions>({}));

/** The number of times that a query that has not run is moved to another connection. */
const RETRIES = 3;

/** Takes connections for the calls of a pool and returns them. */
export class Borrower {
  readonly #lender: Lender;
  readonly #connector: Connector;
  readonly #acquireTimeout: number;
  readonly #places = new Places();
  /** Whether every place where a connection is taken is recorded, because leaks are reported. */
  readonly #notesAll: boolean;

  constructor(lender: Lender, connector: Connector, settings: PoolSettings) {
    this.#lender = lender;
    this.#connector = connector;
    this.#acquireTimeout = settings.acquireTimeout;
    this.#notesAll = settings.leakWarning > 0;
  }

  /**
   * Takes a connection that the caller returns. This is not an async function, because its promise
   * would be a large part of the cost.
   */
  connect(given: AcquireOptions): Promise<PooledConnection> {
    const options = own(given);
    const site = this.place("connect");
    try {
      checkOptions(given, ACQUIRE_OPTIONS);
      const wish: Wish = { kind: "held", signal: options.signal, site };
      const connection = this.#acquire(wish, this.#leased, options);
      return connection instanceof Promise ? connection : Promise.resolve(connection);
    } catch (error) {
      return Promise.reject(located(error, site));
    }
  }

  /** Runs `work` with a connection, and returns the connection when `work` has settled. */
  async lend<T>(need: Need, work: Work<T>): Promise<T> {
    for (let attempt = 0;; attempt++) {
      let slot: Slot | undefined;
      let since: number | undefined;
      try {
        const checked = checkNeed(need);
        if (checked !== undefined) await checked;
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

  /**
   * Takes a connection for a stream. It counts as lost when `giveBack`, which only the stream
   * refers to, is collected.
   */
  async take(need: Need): Promise<Loan> {
    try {
      const checked = checkNeed(need);
      if (checked !== undefined) await checked;
      const slot = await this.#acquire(need, itself);
      const lease = new Lease(slot, this.#lender);
      const giveBack = lease.anchor = () => lease.end();
      return { db: slot.connection, host: slot.core.host, giveBack };
    } catch (error) {
      throw located(error, need.site);
    }
  }

  /** Returns the stack of a query's caller, if it will be needed and cannot be taken later. */
  site(): Error | undefined {
    const { keepsStacks, context } = this.#connector;
    return keepsStacks && context?.getStore() === undefined ? undefined : here("query");
  }

  /** Returns the stack of a caller that takes a connection, unless that would cost too much. */
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
    const inside = within === undefined ? held : [...held, PooledConnection.checkoutOf(within)];
    return this.#lender.acquire(wish, timeout ?? this.#acquireTimeout, inside, use);
  }

  /** Returns a connection. `since` is the time at which it was taken, if that is traced. */
  #giveBack(slot: Slot, since?: number): Promise<void> | undefined {
    if (slot.checkout !== undefined) slot.checkout.over = true;
    slot.executor.givenBack();
    return this.#lender.release(slot, since);
  }

  /**
   * Starts `work` synchronously. A shared connection is cleaned between two borrowers, and no other
   * request may come between the cleaning and the request of this borrower.
   */
  #run<T>(slot: Slot, work: Work<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (slot.checkout === undefined) slot.executor.handOver();
      this.#within(slot, work).then(resolve, reject);
    });
  }

  /** Calls `work` in an async context that knows of the connection that is held. */
  #within<T>({ checkout, connection, core }: Slot, work: Work<T>): PromiseLike<T> {
    const { context } = this.#connector;
    if (checkout === undefined || context === undefined) return work(connection, core.host);
    return context.run({ checkout, outer: context.getStore() }, () => work(connection, core.host));
  }
}

/** @throws {InterfaceError} its text needs a session. */
function checkNeed({ refusal }: Need): Promise<void> | undefined {
  if (typeof refusal === "string") throw new InterfaceError(refusal);
  return refusal?.then((reason) => {
    if (reason !== undefined) throw new InterfaceError(reason);
  });
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
