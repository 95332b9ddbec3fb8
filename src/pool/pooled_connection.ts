import { Connection } from "../connection.ts";
import type { ConnectionCore } from "../connection_core.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Holding } from "./holding.ts";
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
  constructor(lease: Lease, core: ConnectionCore) {
    super(core);
    this.#lease = lease;
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
 * The core of a connection for the time of a lease. `anchor` is reachable from everything that is
 * made from the connection, and from nothing else.
 */
export function leasedCore(lease: Lease, anchor: object): ConnectionCore {
  const { core } = lease.slot;
  const { executor, ...rest } = core.host;
  const host = {
    ...rest,
    anchor,
    get executor() {
      return lease.isOver ? refuse() : executor;
    },
  };
  return {
    ...core,
    host,
    get session() {
      return lease.isOver ? refuse() : core.session;
    },
    closed: lease.ended,
  };
}

function refuse(): never {
  throw new InterfaceError("this connection was given back to its pool", { code: "08003" });
}
