import { Connection } from "../connection.ts";
import type { ConnectionCore } from "../connection_core.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Holding } from "./checkout.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Session } from "../session/session.ts";
import type { Lease } from "./lease.ts";

/**
 * A connection that belongs to a pool, and to its holder alone until he gives it back by `close()`
 * (or `await using`). After that every use of it is refused, because it is another's.
 *
 * Given back within a transaction, that is rolled back; given back in a failed one or with queries
 * still running, the connection is closed; `onDirtyRelease` is told of both. What was changed in the
 * session is undone, as the pool's `reset` says.
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

  /** For the pool. */
  constructor(lease: Lease) {
    const core = new LeasedCore(lease);
    super(core);
    this.#lease = lease;
    lease.anchor = core;
  }

  /** For the pool: that it is held. */
  static holdingOf(connection: PooledConnection): Holding {
    return connection.#lease.holding;
  }

  /** Gives it back to the pool; resolves when it is fit for the next. Never rejects. */
  override close(): Promise<void> {
    return this.#lease.end();
  }

  /** Closes the connection at once and gives its place back; pending queries are rejected. */
  override destroy(reason?: unknown): void {
    this.#lease.destroy(reason);
  }
}

/**
 * The core of a connection for the time of a lease, and what its queries run on. Everything made
 * from the connection holds on to it, and nothing else does.
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

  get closed(): Promise<void> {
    return this.#lease.ended;
  }
}

function coreOf(lease: Lease): ConnectionCore {
  if (!lease.isOver) return lease.slot.core;
  throw new InterfaceError("this connection was given back to its pool", { code: "08003" });
}
