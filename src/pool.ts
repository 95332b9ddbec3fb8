import type { ConnectOptions, Url } from "./connect.ts";
import type { Queryable } from "./queryable.ts";
import { InterfaceError } from "./errors/errors.ts";
import { checkOptions, seconds } from "./errors/checks.ts";
import { own } from "./errors/own.ts";
import { type CopyData, type CopyOptions, copyRowsTo } from "./features/copy.ts";
import type {
  CopyRow,
  CopyRowsFromOptions,
  CopyRowsToOptions,
  TableName,
} from "./features/copy_rows.ts";
import type { Subscription } from "./features/listen.ts";
import type {
  Promises,
  QueriesDone,
  TransactionCallback,
  TransactionRunOptions,
} from "./features/transaction.ts";
import { type AcquireOptions, Borrower, type Need } from "./pool/borrower.ts";
import { Connector } from "./pool/connector.ts";
import { Lender } from "./pool/lender.ts";
import { LateListener } from "./pool/late_listener.ts";
import type { ListenEvent, PoolListenOptions } from "./pool/listener.ts";
import type { PoolOptions, PoolSettings } from "./pool/options.ts";
import { poolArguments } from "./pool/pool_arguments.ts";
import { here, located } from "./pool/call_stack.ts";
import { poolCopyTo } from "./pool/pool_copy.ts";
import { PoolSource } from "./pool/pool_source.ts";
import type { PooledConnection } from "./pool/pooled_connection.ts";
import { PoolTexts } from "./pool/pool_texts.ts";
import type { PoolStats } from "./pool/stats.ts";
import { refuseGlobalScope } from "./pool/request_scope.ts";
import { FOREIGN_CLIENT, refuseForeign } from "./query/foreign.ts";
import type { CallOptions } from "./query/options.ts";
import { Queries } from "./query/queries.ts";
import type { ObjectRow } from "./query/result.ts";
import type { ByteStream, Source } from "./query/source.ts";
import { detectRuntime } from "./runtime/detect.ts";
import type { Signal } from "./runtime/runtime.ts";

export type { AcquireOptions } from "./pool/borrower.ts";
export type { Gap, ListenEvent, PoolListenOptions, PoolNotification } from "./pool/listener.ts";
export type { ListenerState } from "./pool/listener_state.ts";
export type {
  LeaseReport,
  PoolConnectionEvent,
  PoolOptions,
  PoolRemoveEvent,
} from "./pool/options.ts";
export { PooledConnection } from "./pool/pooled_connection.ts";
export type { RetireReason } from "./pool/slot.ts";
export type { ListenerStats, PoolStats } from "./pool/stats.ts";

/**
 * Makes a pool of connections. No connection is opened before it is needed, except for `min`.
 *
 * @throws {InterfaceError} an option or the connection string is wrong; the message names it.
 * @throws {NotSupportedError} a parameter asks for what the driver does not do.
 *
 * @example
 * ```ts
 * const pool = createPool("postgres://myuser:mypassword@db.example.com/mydb", { max: 20 });
 * const users = await pool.query("select id, name from users where id = $1", [2]); // → [{ id: 2, name: "Grace" }]
 * await pool.transaction(async (tx) => {
 *   await tx.query("update accounts set balance = balance - 5 where id = 1");
 *   await tx.query("update accounts set balance = balance + 5 where id = 2");
 * });
 * await pool.close();
 * ```
 */
export function createPool(
  options: string | Url | ConnectOptions = {},
  poolOptions: PoolOptions = {},
): Pool {
  refuseGlobalScope();
  const { dsn, connection, settings } = poolArguments(options, poolOptions);
  return new Pool(dsn, connection, settings);
}

/** The seconds that `close()` waits for connections in use. */
const CLOSE_TIMEOUT = 10;

/**
 * A pool of connections, made by `createPool()`. Each call takes a connection for as long as it
 * needs it.
 *
 * Callers are served in their order, by the connection that was used last. Independent queries may
 * share one connection; transactions, streams and `connect()` have one to themselves.
 */
export class Pool extends Queries implements Queryable, AsyncDisposable {
  readonly #lender: Lender;
  readonly #borrower: Borrower;
  readonly #texts: PoolTexts;
  readonly #listener: LateListener;
  #closing: Promise<void> | undefined;

  static {
    refuseForeign(this.prototype, "a pool", FOREIGN_CLIENT);
  }

  /** Called by `createPool()`. */
  constructor(dsn: string | Url | undefined, connection: ConnectOptions, settings: PoolSettings) {
    if (settings === undefined) throw new InterfaceError("a pool is made by createPool(options)");
    const texts = new PoolTexts(settings);
    const connector = new Connector(dsn, connection, settings, texts.effects, detectRuntime);
    const lender = new Lender(settings, connector);
    const borrower = new Borrower(lender, connector, settings);
    super(new PoolSource(borrower, texts, connection.types?.json));
    this.#texts = texts;
    this.#lender = lender;
    this.#borrower = borrower;
    this.#listener = new LateListener(({ Listener }) =>
      new Listener(settings, (signal) => connector.openToListen(signal))
    );
  }

  /** Runs a `copy … from stdin` on a connection of its own; see `Connection.copyFrom`. */
  copyFrom(
    text: string,
    source: Source<CopyData> | CopyData,
    options: CopyOptions = {},
  ): Promise<number> {
    const need = this.#need("held", signalOf(options), "copyFrom", this.#texts.refusalOf(text));
    return this.#borrower.lend(need, (db) => db.copyFrom(text, source, options));
  }

  /**
   * Runs a `copy … to stdout` when it is read; see `Connection.copyTo`. The first read takes the
   * connection. It is returned when the data has ended, or when reading stops or fails.
   *
   * @throws {InterfaceError} the statement copies in.
   *
   * @example
   * ```ts
   * await using pool = createPool();
   * const csv = pool.copyTo("copy (select name from users order by id) to stdout (format csv)");
   * await new Response(csv).text(); // → "Ada\nGrace\nEdsger\n"
   * ```
   */
  copyTo(text: string, options: CopyOptions = {}): ByteStream {
    const refusal = this.#texts.refusalOf(text);
    const take = (need: Need) => this.#borrower.take({ ...need, refusal });
    return poolCopyTo(take, text, options, here("copyTo"));
  }

  /** Copies typed rows into a table on a connection of its own; see `Connection.copyRowsFrom`. */
  copyRowsFrom(
    table: TableName,
    columns: readonly string[],
    rows: Source<CopyRow>,
    options: CopyRowsFromOptions = {},
  ): Promise<number> {
    const need = this.#need("held", signalOf(options), "copyRowsFrom");
    return this.#borrower.lend(need, (db) => db.copyRowsFrom(table, columns, rows, options));
  }

  /**
   * Streams the rows of a table; see `Connection.copyRowsTo`. The first row takes the connection, and
   * the end of the loop returns it.
   *
   * @example
   * ```ts
   * await using pool = createPool();
   * for await (const { name } of pool.copyRowsTo("users", ["name"])) console.log(name); // → Ada, Grace, Edsger
   * ```
   */
  copyRowsTo<Row = ObjectRow>(
    table: TableName,
    columns: readonly string[],
    options: CopyRowsToOptions = {},
  ): AsyncIterableIterator<Row> {
    const need = this.#need("held", signalOf(options), "copyRowsTo");
    return copyRowsTo<Row>(() => this.#borrower.take(need), table, columns, options);
  }

  /** Sends a notification to a channel; see `Connection.notify`. */
  notify(channel: string, payload?: string, options?: CallOptions): Promise<void> {
    return this.#borrower.lend(this.#need("shared", signalOf(options), "notify"), (db) => {
      return db.notify(channel, payload, options);
    });
  }

  /**
   * Subscribes to a channel; resolves when the server has confirmed it. The subscription outlives its
   * connection: when the connection is lost or falls silent (`heartbeat`), another one takes its place
   * and listens to all channels of the pool again. Notifications sent meanwhile are lost. Each
   * subscription then yields a {@linkcode Gap}, so that you can read your tables again.
   *
   * All subscriptions of a pool share one connection besides `max`. It is opened for the first and
   * closed with the last, and goes to the primary, because a standby sends no notifications. A
   * subscription ends without an error when it or the pool is closed. It ends with an error when the
   * server refuses the new connection for good (a changed password), or when its queue overflows
   * (`overflow`). An open subscription holds the process.
   *
   * @throws {InterfaceError} the name is empty or longer than 63 bytes, or the pool is closed.
   * @throws {OperationalError} no connection was ever made, and the server cannot be reached.
   * @throws {PoolTimeoutError} there was no connection in time.
   * @throws {NotSupportedError} the pool has `pooler: "transaction"`.
   *
   * @example
   * ```ts
   * await using pool = createPool();
   * await using jobs = await pool.listen("jobs");
   * await pool.notify("jobs", "42");
   * for await (const event of jobs) {
   *   if (event.type === "gap") console.log("read the table again");
   *   else console.log("look at", event.payload); // → look at 42
   *   break;
   * }
   * ```
   */
  async listen(
    channel: string,
    options: PoolListenOptions = {},
  ): Promise<Subscription<ListenEvent>> {
    const site = here("listen");
    try {
      return await this.#listener.listen(channel, options);
    } catch (error) {
      throw located(error, site);
    }
  }

  /**
   * Runs `work` in a transaction on a connection of its own; see `Connection.transaction`.
   *
   * A query on the *pool* in the callback is not in the transaction. If all connections are held by
   * callbacks that wait for another one, it fails with a `PoolDeadlockError` after a second.
   */
  transaction<T extends Promises>(
    work: TransactionCallback<readonly [...T]>,
    options?: TransactionRunOptions,
  ): QueriesDone<T>;
  /** Runs `work` in a transaction, and resolves to its value. */
  transaction<T>(work: TransactionCallback<T>, options?: TransactionRunOptions): Promise<T>;
  transaction<T>(work: TransactionCallback<T>, options?: TransactionRunOptions): Promise<T> {
    const need = this.#need("held", signalOf(options), "transaction");
    return this.#borrower.lend(need, (db) => db.transaction(work, options));
  }

  /**
   * Takes a connection for the caller alone, until its `close()` returns it.
   *
   * @throws {OperationalError} no connection was ever made, and the server cannot be reached.
   * @throws {PoolTimeoutError} no connection came free in time.
   */
  connect(options: AcquireOptions = {}): Promise<PooledConnection> {
    if (typeof options === "function") {
      throw new InterfaceError("connect() takes no callback: await it, and close() the connection");
    }
    return this.#borrower.connect(options);
  }

  /** Returns the numbers of the pool: connections, callers, errors. */
  stats(): PoolStats {
    return { ...this.#lender.stats(), listener: this.#listener.stats() };
  }

  /**
   * Closes the pool: refuses new calls, serves those that wait already, and closes each connection
   * when it is returned. Connections that are not returned after `timeout` seconds (default 10; 0:
   * no limit) are destroyed. Never rejects; further calls return the same promise.
   *
   * @throws {InterfaceError} an option is wrong; the pool is open then.
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    checkOptions(options, { timeout: seconds });
    return this.#closing ??= this.#close(own(options).timeout ?? CLOSE_TIMEOUT);
  }

  /** Ends the pool at once: fails queries under way and calls that wait, and closes everything. */
  destroy(): void {
    void this.close({ timeout: 0 });
    this.#lender.destroy();
    this.#listener.destroy();
  }

  /** Closes the pool at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeout: number): Promise<void> {
    await Promise.all([this.#lender.close(timeout), this.#listener.close(timeout)]);
  }

  #need(
    kind: Need["kind"],
    signal: Signal | undefined,
    what: string,
    refusal?: Need["refusal"],
  ): Need {
    return { kind, signal, site: this.#borrower.place(what), refusal };
  }
}

function signalOf(options: { signal?: Signal } | undefined): Signal | undefined {
  return own(options).signal;
}
