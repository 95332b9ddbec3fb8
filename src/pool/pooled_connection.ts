import { Connection } from "../connection.ts";
import type { ConnectionCore } from "../connection_core.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Checkout } from "./checkout.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Session } from "../session/session.ts";
import type { Lease } from "./lease.ts";

/**
 * A connection of a pool for one caller. `close()` (or `await using`) returns it to the pool; after
 * that every use of this object is refused.
 *
 * If it is returned within a transaction, the transaction is rolled back. If it is returned in a failed
 * transaction or with queries still running, the connection is closed. Both are reported to
 * `onDirtyRelease`. Changes to the session are undone as the pool's option `reset` says.
 *
 * @example
 * ```ts
 * await using pool = createPool();
 * const db = await pool.connect();
 * try {
 *   await db.query("select pg_advisory_lock(7)");
 * } finally {
 *   await db.close();
 * }
 * ```
 */
export class PooledConnection extends Connection {
  readonly #lease: Lease;

  /** Made by the pool. */
  constructor(lease: Lease) {
    const core = new LeasedCore(lease);
    super(core);
    this.#lease = lease;
    lease.anchor = core;
  }

  /** Returns the checkout of a connection, for the pool. */
  static checkoutOf(connection: PooledConnection): Checkout {
    return connection.#lease.checkout;
  }

  /**
   * Returns the connection to the pool; resolves when it is ready for the next caller. Never
   * rejects.
   */
  override close(): Promise<void> {
    return this.#lease.end();
  }

  /** Closes the connection at once and frees its place; pending queries are rejected. */
  override destroy(reason?: unknown): void {
    this.#lease.destroy(reason);
  }
}

/**
 * The core of a connection for the time of a lease. Everything made from the connection refers to
 * it, and nothing else does.
 */
class LeasedCore implements ConnectionCore, QueryContext {
  readonly #lease: Lease;

  constructor(lease: Lease) {
    this.#lease = lease;
  }

  get host(): QueryContext {
    return this;
  }

  get executor(): QueryContext["executor"] {
    return coreOf(this.#lease).host.executor;
  }

  get defaults(): QueryContext["defaults"] {
    return this.#lease.slot.core.host.defaults;
  }

  get asyncStacks(): boolean {
    return this.#lease.slot.core.host.asyncStacks;
  }

  get templates(): QueryContext["templates"] {
    return this.#lease.slot.core.host.templates;
  }

  get names(): QueryContext["names"] {
    return this.#lease.slot.core.host.names;
  }

  get session(): Session {
    return coreOf(this.#lease).session;
  }

  get notices(): ConnectionCore["notices"] {
    return this.#lease.slot.core.notices;
  }

  get notifications(): ConnectionCore["notifications"] {
    return this.#lease.slot.core.notifications;
  }

  get notified(): ConnectionCore["notified"] {
    return this.#lease.slot.core.notified;
  }

  get watchers(): ConnectionCore["watchers"] {
    return this.#lease.slot.core.watchers;
  }

  get closed(): ConnectionCore["closed"] {
    return this.#lease.ended;
  }
}

function coreOf(lease: Lease): ConnectionCore {
  if (!lease.isOver) return lease.slot.core;
  throw new InterfaceError("this connection was given back to its pool", { code: "08003" });
}
