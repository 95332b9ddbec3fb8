import type { ConnectionCore, Notice } from "./connection_core.ts";
import type { Notification, TransactionStatus } from "./protocol/backend.ts";
import { Cursor, type CursorOptions } from "./dbapi/cursor.ts";
import { plainHost } from "./dbapi/execution.ts";
import { BulkQueries } from "./features/bulk.ts";
import { ImplicitQueries } from "./features/implicit.ts";
import { type ListenOptions, type Subscription, Subscriptions } from "./features/listen.ts";
import {
  beginTransaction,
  type Promises,
  type QueriesDone,
  runTransaction,
  type Transaction,
  type TransactionCallback,
  type TransactionOptions,
  type TransactionRunOptions,
} from "./features/transaction.ts";
import {
  commitPrepared,
  type PreparedTransaction,
  recoverPrepared,
  rollbackPrepared,
} from "./features/two_phase.ts";
import type { CallOptions } from "./query/options.ts";
import type { QueryContext } from "./query/query_context.ts";
import type { Queries } from "./query/queries.ts";
import { uncancellable } from "./session/cancellation.ts";
import type { Session } from "./session/session.ts";
import type { Codec } from "./types/codec.ts";
import type { CustomCodec } from "./types/custom.ts";

export type { ConnectionHooks, Notice } from "./connection_core.ts";

/** The server's version, as it reports it. */
export interface ServerVersion {
  /** `18` of 18.4; before PostgreSQL 10, `9` of 9.6.24. */
  readonly major: number;
  /** `4` of 18.4. */
  readonly minor: number;
  /** The whole of `server_version`: `"18.4 (Debian 18.4-1)"`. */
  readonly text: string;
}

/** What a connection can be taught about types after it was opened. */
export interface ConnectionTypes {
  /**
   * Adds a codec, in place of the one there may be, from the next query on. Containers of the type
   * follow.
   *
   * @throws {InterfaceError} it has neither name nor OID.
   */
  register(codec: Codec | CustomCodec): void;
  /** The codec of a type by its OID; `undefined` while nothing is known of the type. */
  lookup(oid: number): Codec | undefined;
  /**
   * Forgets what the catalogue has said of types, so that it is asked anew by the next query that
   * meets one: for when another session has renamed attributes of a composite type, of which the
   * server tells nobody. What this connection alters itself is known without.
   *
   * @example
   * ```ts
   * db.types.refresh();
   * ```
   */
  refresh(): void;
}

/** Something queries can be run on: a connection, a transaction, a pool. */
export interface Queryable
  extends Pick<Queries, "query" | "sql" | "prepare" | "batch" | "executeMany"> {
  /**
   * Runs `work` in a transaction: commits when it fulfils, rolls back when it rejects, and settles as
   * it did. Within a transaction it is a savepoint. When it returns an array of queries these are
   * run, and it resolves to their results.
   *
   * @throws {InterfaceError} queries were made in it and never awaited; it is rolled back.
   * @throws {InternalError} the server answered COMMIT with ROLLBACK, because a statement had failed
   * and `work` fulfilled all the same; that statement's error is the cause.
   */
  transaction<T extends Promises>(
    work: TransactionCallback<readonly [...T]>,
    options?: TransactionRunOptions,
  ): QueriesDone<T>;
  /** Runs `work` in a transaction, and resolves to its value. */
  transaction<T>(work: TransactionCallback<T>, options?: TransactionRunOptions): Promise<T>;
}

/**
 * One connection to one server, made by `connect()`.
 *
 * Queries are sent as they are made, without waiting for earlier ones, and answered in order. When
 * the connection dies, each pending query is rejected, later calls are refused with the reason as
 * their cause, and `closed` resolves; nothing is ever thrown where nobody waits.
 */
export class Connection extends BulkQueries implements Queryable, AsyncDisposable {
  readonly #host: QueryContext;
  readonly #core: ConnectionCore;
  #subscriptions: Subscriptions | undefined;
  #types: ConnectionTypes | undefined;

  static {
    // Shows what a person wants to see, and no secrets; Deno, Bun and Node all ask for it this way.
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: Connection): string {
        return this.#describe();
      },
    });
  }

  /** For `connect()` and pools. */
  constructor(core: ConnectionCore) {
    super(core.host);
    this.#core = core;
    this.#host = core.host;
  }

  /** Resolves once, when the connection is over, whatever ended it. Never rejects. */
  get closed(): Promise<void> {
    return this.#core.closed;
  }

  /** How this connection's values become JavaScript's and back. */
  get types(): ConnectionTypes {
    const host = this.#host;
    return this.#types ??= {
      register: (codec) => host.executor.types.register(codec),
      lookup: (oid) => host.executor.types.registry.lookup(oid),
      refresh: () => host.executor.types.forget(),
    };
  }

  /** The server's version. */
  get serverVersion(): ServerVersion {
    const text = this.#session.parameterStatuses.get("server_version") ?? "";
    const [major = 0, minor = 0] = (/^[\d.]+/.exec(text)?.[0] ?? "").split(".").map(Number);
    return { major, minor, text };
  }

  /** Process ID of the backend that serves this connection; 0 when the server told none. */
  get processId(): number {
    return this.#session.processId;
  }

  /** The latest value of each parameter that the server reports: `TimeZone`, `DateStyle`, … */
  get parameterStatuses(): ReadonlyMap<string, string> {
    return this.#session.parameterStatuses;
  }

  /** Whether a transaction is open, as of the last answer: `"failed"` takes only ROLLBACK. */
  get transactionStatus(): TransactionStatus {
    return this.#session.transactionStatus;
  }

  /** The last 100 notices, oldest first. */
  get notices(): readonly Notice[] {
    return this.#core.notices;
  }

  /** The last 100 notifications, oldest first. */
  get notifications(): readonly Notification[] {
    return this.#core.notifications;
  }

  /**
   * Runs `work` in a transaction: commits when it fulfils, rolls back when it rejects, and settles as
   * it did. Meanwhile queries on the connection itself are refused. When it returns an array of
   * queries these are run, and it resolves to their results.
   *
   * @throws {InterfaceError} queries were made in it and never awaited; it is rolled back.
   * @throws {InternalError} the server answered COMMIT with ROLLBACK, because a statement had failed
   * and `work` fulfilled all the same; that statement's error is the cause.
   * @throws {InterfaceError} a transaction is open already.
   */
  transaction<T extends Promises>(
    work: TransactionCallback<readonly [...T]>,
    options?: TransactionRunOptions,
  ): QueriesDone<T>;
  /** Runs `work` in a transaction, and resolves to its value. */
  transaction<T>(work: TransactionCallback<T>, options?: TransactionRunOptions): Promise<T>;
  transaction<T>(work: TransactionCallback<T>, options?: TransactionRunOptions): Promise<T> {
    return runTransaction(this.#host, work, options);
  }

  /**
   * Begins a transaction for `await using`, which rolls it back unless it was committed.
   *
   * @throws {InterfaceError} a transaction is open already.
   */
  begin(options?: TransactionOptions): Promise<Transaction> {
    return beginTransaction(this.#host, options);
  }

  /**
   * Commits a transaction that was prepared, here or elsewhere.
   *
   * @throws {DatabaseError} there is none of that name (42704), or it is another's.
   */
  commitPrepared(gid: string, options?: CallOptions): Promise<void> {
    return commitPrepared(this.#host, gid, options);
  }

  /**
   * Rolls back a transaction that was prepared, here or elsewhere.
   *
   * @throws {DatabaseError} there is none of that name (42704), or it is another's.
   */
  rollbackPrepared(gid: string, options?: CallOptions): Promise<void> {
    return rollbackPrepared(this.#host, gid, options);
  }

  /** The prepared transactions of the whole server that were not ended yet, oldest first. */
  recoverPrepared(options?: CallOptions): Promise<PreparedTransaction[]> {
    return recoverPrepared(this.#host, options);
  }

  /**
   * Subscribes to a channel, whose name is taken as it is, capitals and all; resolves when the server
   * has confirmed it. Several subscriptions to one channel share one LISTEN.
   *
   * Behind a pooler that lends a session per transaction LISTEN does not work, and nothing tells so.
   *
   * @throws {InterfaceError} the name is empty or longer than 63 bytes, or a transaction is open.
   *
   * @example
   * ```ts
   * await using jobs = await db.listen("jobs");
   * await db.notify("jobs", "42");
   * const { value } = await jobs.next();
   * value?.payload; // → "42"
   * ```
   */
  listen(channel: string, options?: ListenOptions): Promise<Subscription> {
    this.#subscriptions ??= this.#subscribe();
    return this.#subscriptions.listen(channel, options);
  }

  /** @internal For `./dbapi`: its queries from now on, which begin transactions by themselves. */
  implicit(): ImplicitQueries {
    return new ImplicitQueries(this.#host);
  }

  /** A DB-API cursor on this connection; each statement commits unless a transaction is open. */
  cursor(options?: CursorOptions): Cursor<this> {
    return new Cursor(this, plainHost(this), options);
  }

  /**
   * Asks the server to stop what it runs for this connection now, and no later query. Whoever waits
   * for that is told by an `OperationalError` with code 57014, unless it was done already.
   *
   * Resolves when the server has been told, or could not be within 5 seconds, or there was nothing to
   * stop: not when the query has ended, so that it can be awaited within a stream's loop.
   *
   * @throws {NotSupportedError} the connection is over a given `sock`: a cancel request needs another
   * connection to the same server. A `timeout` or a `signal` gives such a connection up.
   *
   * @example
   * ```ts
   * const slow = db.query("select pg_sleep(60)").execute();
   * await db.cancel();
   * await slow; // throws OperationalError 57014: query cancelled
   * ```
   */
  cancel(): Promise<void> {
    if (!this.#session.canCancel) return Promise.reject(uncancellable());
    return this.#session.cancel();
  }

  /**
   * Finishes what is queued, says goodbye and closes; meanwhile new queries are refused. Takes no
   * longer than `closeTimeout`, after which the rest is destroyed. Never rejects; closing twice is
   * closing once.
   */
  close(): Promise<void> {
    return this.#session.close();
  }

  /** Closes at once; pending queries are rejected with `reason` as the cause. */
  destroy(reason?: unknown): void {
    this.#session.destroy(reason);
  }

  /** `await using` closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Asked for each time: a pool's core gives none any more when its time is over. */
  get #session(): Session {
    return this.#core.session;
  }

  #subscribe(): Subscriptions {
    const { notified, host, session, closed } = this.#core;
    const subscriptions = new Subscriptions(host);
    const deliver = (notification: Notification): void => subscriptions.deliver(notification);
    const end = (reason?: Error): void => {
      notified.delete(deliver);
      subscriptions.ended(reason);
    };
    notified.add(deliver);
    session.ended.then(end);
    closed.then(() => end());
    return subscriptions;
  }

  #describe(): string {
    const { text } = this.serverVersion;
    const state = this.#session.closed ? "closed" : this.transactionStatus;
    return `Connection { processId: ${this.processId}, serverVersion: "${text}", ${state} }`;
  }
}
