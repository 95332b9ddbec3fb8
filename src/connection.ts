import type { ConnectionCore, Notice } from "./connection_core.ts";
import type { Notification, TransactionStatus } from "./protocol/backend.ts";
import { Cursor, type CursorOptions } from "./dbapi/cursor.ts";
import { plainHost } from "./dbapi/execution_host.ts";
import { WorkLoader } from "./dbapi/work_loader.ts";
import { BulkQueries } from "./features/bulk.ts";
import { beginTransaction, runTransaction } from "./features/first_transaction.ts";
import type { ListenOptions, Subscription, Subscriptions } from "./features/listen.ts";
import type {
  Promises,
  QueriesDone,
  Transaction,
  TransactionCallback,
  TransactionOptions,
  TransactionRunOptions,
} from "./features/transaction.ts";
import type { PreparedTransaction } from "./features/two_phase.ts";
import type { CallOptions } from "./query/options.ts";
import type { QueryContext } from "./query/query_context.ts";
import { loaded } from "./errors/loading.ts";
import { CALL_OPTIONS, checkOptions } from "./errors/checks.ts";
import { own } from "./errors/own.ts";
import { withCode } from "./session/loading.ts";
import { uncancellable } from "./session/cancellation.ts";
import type { Queryable } from "./queryable.ts";
import type { TlsFacts } from "./runtime/runtime.ts";
import type { Session } from "./session/session.ts";
import type { Codec } from "./types/codec.ts";
import type { CustomCodec } from "./types/custom.ts";

export type { ConnectionHooks, Notice } from "./connection_core.ts";
export type { Queryable } from "./queryable.ts";

const twoPhase = () => loaded(import("./features/two_phase.ts"), "two-phase commit");
const listening = () => loaded(import("./features/listen.ts"), "the code of listen()");

/** The version that the server reports. */
export interface ServerVersion {
  /** The major number: `18` of 18.4; before PostgreSQL 10, `9` of 9.6.24. */
  readonly major: number;
  /** The minor number: `4` of 18.4. */
  readonly minor: number;
  /** The full `server_version`: `"18.4 (Debian 18.4-1)"`. */
  readonly text: string;
}

/** The types of an open connection. */
export interface ConnectionTypes {
  /**
   * Adds a codec, or replaces the one of the type, from the next query on. Arrays, ranges and composites
   * of the type use it, too.
   *
   * @throws {InterfaceError} the codec has neither a name nor an OID.
   */
  register(codec: Codec | CustomCodec): void;
  /**
   * Returns the codec of a type by its OID, or `undefined` while the type is unknown: before the first
   * query that uses it. The common built-in types are known from the start, all others of them after
   * `load()`.
   */
  lookup(oid: number): Codec | undefined;
  /**
   * Loads the codecs of the built-in types that are otherwise loaded with their first use, for
   * `lookup()`.
   *
   * @throws {OperationalError} the part of the driver that holds them cannot be loaded.
   */
  load(): Promise<void>;
  /**
   * Clears cached catalogue types; the next query that uses one looks it up again. Needed after another
   * session has renamed attributes of a composite type, which the server does not report. Changes by
   * this connection are noticed without it.
   *
   * @example
   * ```ts
   * db.types.refresh();
   * ```
   */
  refresh(): void;
}

/**
 * One connection to one server, made by `connect()`.
 *
 * Queries are sent when they are made, without waiting for earlier ones, and answered in order. If the
 * connection is lost, pending queries are rejected, later calls are refused with the reason as their
 * cause, and `closed` resolves. No error is thrown outside of a call.
 */
export class Connection extends BulkQueries implements Queryable, AsyncDisposable {
  readonly #host: QueryContext;
  readonly #core: ConnectionCore;
  #subscriptions: Subscriptions | undefined;
  #types: ConnectionTypes | undefined;
  #cursorWork: WorkLoader | undefined;

  static {
    // Deno, Bun and Node all call this to inspect an object. It shows no secrets.
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: Connection): string {
        return this.#describe();
      },
    });
  }

  /** For the driver: use `connect()`. */
  constructor(core: ConnectionCore) {
    super(core.host);
    this.#core = core;
    this.#host = core.host;
  }

  /**
   * A promise that resolves when the connection has ended: to `undefined` after `close()`, else to the
   * reason. For a pool's connection that is returned, it resolves to `undefined`. Never rejects.
   */
  get closed(): Promise<Error | undefined> {
    return this.#core.closed;
  }

  /** The types of this connection. */
  get types(): ConnectionTypes {
    const host = this.#host;
    return this.#types ??= {
      register: (codec) => host.executor.types.register(codec),
      lookup: (oid) => host.executor.types.registry.lookup(oid),
      load: () => host.executor.types.registry.load(),
      refresh: () => host.executor.types.forget(),
    };
  }

  /** The server's version. */
  get serverVersion(): ServerVersion {
    const text = this.#session.parameterStatuses.get("server_version") ?? "";
    const [major = 0, minor = 0] = (/^[\d.]+/.exec(text)?.[0] ?? "").split(".").map(Number);
    return { major, minor, text };
  }

  /** The process ID of the backend that serves this connection; 0 if the server sent none. */
  get processId(): number {
    return this.#session.processId;
  }

  /** The latest value of each parameter that the server reports: `TimeZone`, `DateStyle`, … */
  get parameterStatuses(): ReadonlyMap<string, string> {
    return this.#session.parameterStatuses;
  }

  /** The state of the transaction after the last answer; `"failed"` accepts only ROLLBACK. */
  get transactionStatus(): TransactionStatus {
    return this.#session.transactionStatus;
  }

  /** The latest notices, oldest first: at most 100, and at most 1 MiB. */
  get notices(): readonly Notice[] {
    return this.#core.notices;
  }

  /** The latest notifications, oldest first: at most 100, and at most 1 MiB. */
  get notifications(): readonly Notification[] {
    return this.#core.notifications;
  }

  /**
   * Facts about the connection's TLS: version, cipher suite, the server's certificate; those that the
   * runtime tells. `undefined`: the connection is not encrypted.
   */
  get tls(): TlsFacts | undefined {
    return this.#session.wire.tls;
  }

  /** Keeps the process alive while the connection is open, which is the default. */
  ref(): void {
    this.#session.wire.stream.ref();
  }

  /** Lets the process end while the connection is open. */
  unref(): void {
    this.#session.wire.stream.unref();
  }

  /**
   * Runs `work` in a transaction: commits if it fulfils, rolls back if it rejects, and settles like it.
   * Queries on the connection itself are refused meanwhile. If `work` returns an array of queries, they
   * are run, and the promise resolves to their results.
   *
   * @throws {InterfaceError} `work` made queries that it did not await; the transaction is rolled back.
   * @throws {InternalError} a statement failed and `work` fulfilled nevertheless, so that the server
   * answered COMMIT with ROLLBACK; the statement's error is the cause.
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
   * Begins a transaction for `await using`, which rolls back unless the transaction was committed.
   *
   * @throws {InterfaceError} a transaction is open already.
   */
  begin(options?: TransactionOptions): Promise<Transaction> {
    return beginTransaction(this.#host, options);
  }

  /**
   * Commits a prepared transaction, of this or another session.
   *
   * @throws {DatabaseError} there is no such transaction (42704), or it belongs to another role.
   */
  commitPrepared(gid: string, options?: CallOptions): Promise<void> {
    return this.#twoPhase(options, (code, how) => code.commitPrepared(this.#host, gid, how));
  }

  /**
   * Rolls back a prepared transaction, of this or another session.
   *
   * @throws {DatabaseError} there is no such transaction (42704), or it belongs to another role.
   */
  rollbackPrepared(gid: string, options?: CallOptions): Promise<void> {
    return this.#twoPhase(options, (code, how) => code.rollbackPrepared(this.#host, gid, how));
  }

  /** Returns the prepared transactions of the whole server, oldest first. */
  recoverPrepared(options?: CallOptions): Promise<PreparedTransaction[]> {
    return this.#twoPhase(options, (code, how) => code.recoverPrepared(this.#host, how));
  }

  /**
   * Subscribes to a channel and resolves when the server has confirmed it. The case of the name counts.
   * Several subscriptions to one channel share one LISTEN.
   *
   * Behind a transaction-mode pooler LISTEN does not work, and no error is reported.
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
  async listen(channel: string, options: ListenOptions = {}): Promise<Subscription> {
    const how = own(options); // the caller may change them while the code is loaded
    const { signal } = how;
    checkOptions({ signal }, CALL_OPTIONS);
    const session = this.#session;
    const { lock } = session;
    return await withCode(session, listening, { lock, signal }, (code) => {
      this.#subscriptions ??= this.#subscribe(code);
      return this.#subscriptions.listen(channel, how);
    });
  }

  /** @internal For `./dbapi`: returns the queries that `make` makes for this connection. */
  implicit<Queries>(make: (host: QueryContext) => Queries): Queries {
    return make(this.#host);
  }

  /** Returns a DB-API cursor. Each statement commits unless a transaction is open. */
  cursor(options?: CursorOptions): Cursor<this> {
    const work = this.#cursorWork ??= new WorkLoader((load, work) =>
      withCode(this.#session, load, {}, work)
    );
    return new Cursor(this, plainHost(this), work, options);
  }

  /**
   * Cancels the query that the server runs for this connection, and no later one. The query is rejected
   * with an `OperationalError` with code 57014, unless it has completed. The ROLLBACK of a transaction is
   * passed over. A later query that the request hits all the same, because something between client and
   * server delays it, is sent again; one that cannot be sent again has the cancel as its error's cause.
   *
   * Resolves when the server has received the request, or could not be reached within 5 seconds, or if
   * no query runs. It does not wait for the query's end, so it can be awaited in a stream's loop.
   *
   * @throws {NotSupportedError} the connection uses a given `sock`, but a cancel request needs another
   * connection to the same server. A `timeout` or a `signal` ends such a connection.
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
   * Waits for queued queries and closes; new queries are refused. After `closeTimeout` the connection is
   * destroyed. Never rejects. A second call returns the same promise.
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

  /** Read for each use, because the core of a pool's connection refuses it after its release. */
  get #session(): Session {
    return this.#core.session;
  }

  async #twoPhase<T>(
    options: CallOptions = {},
    work: (code: Awaited<ReturnType<typeof twoPhase>>, how: CallOptions) => Promise<T>,
  ): Promise<T> {
    checkOptions(options, CALL_OPTIONS);
    const how = own(options); // the caller may change them while the code is loaded
    const session = this.#session;
    const { lock } = session;
    return await withCode(
      session,
      twoPhase,
      { lock, signal: how.signal },
      (code) => work(code, how),
    );
  }

  #subscribe({ Subscriptions }: Awaited<ReturnType<typeof listening>>): Subscriptions {
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
