/**
 * LISTEN. The server sends a notification once to a session, however many subscriptions
 * that has; here each subscription gets its own. Source: manual, LISTEN; async.c.
 */
import { InterfaceError, OperationalError, PgError } from "../errors/errors.ts";
import { checkOptions, type Checks, oneOf, signal, whole } from "../errors/checks.ts";
import { ONCE, own } from "../errors/own.ts";
import type { Notification } from "../protocol/backend.ts";
import type { QueryContext } from "../query/query_context.ts";
import { quoteIdentifier } from "../query/quote.ts";
import { unlessAborted } from "../session/deadline.ts";
import type { Signal } from "../session/exchange.ts";
import { checkChannel } from "./notify.ts";
import * as lateSql from "./late_sql.ts";

const QUEUE_LIMIT = 10_000;

/** The checks of {@linkcode ListenOptions}. */
export const LISTEN_OPTIONS: Checks = {
  limit: whole(1),
  overflow: oneOf("error", "drop oldest", "drop newest"),
  signal,
};

/** Options of one subscription. */
export interface ListenOptions {
  /** Notifications that are kept for a reader that falls behind. Default 10,000. */
  readonly limit?: number | undefined;
  /**
   * The effect of a notification over the limit. `"error"`, the default, ends the subscription with
   * an error once the others are read; `"drop oldest"` and `"drop newest"` count it in `dropped`.
   */
  readonly overflow?: "error" | "drop oldest" | "drop newest" | undefined;
  /** Ends the wait for LISTEN; later, ends the subscription with the signal's reason. */
  readonly signal?: Signal | undefined;
}

/**
 * The notifications of one channel, from `listen()` on.
 *
 * Iterating yields them in order. Leaving the loop closes the subscription, as `await using` does.
 * It ends when the connection is closed, and with an error when the connection is lost. The
 * subscription of a pool outlives its connections: see `listen()` there.
 *
 * @example
 * ```ts
 * const jobs = await db.listen("jobs");
 * await db.notify("jobs", "42");
 * for await (const { payload } of jobs) {
 *   console.log(payload); // → 42
 *   break;
 * }
 * ```
 */
export class Subscription<Event = Notification>
  implements AsyncIterableIterator<Event>, AsyncDisposable {
  /** The channel's name. */
  readonly channel: string;
  readonly #limit: number;
  readonly #overflow: "error" | "drop oldest" | "drop newest";
  readonly #unlisten: (self: Subscription<Event>) => Promise<void>;
  readonly #queue: Event[] = [];
  readonly #waiting: Waiter<Event>[] = [];
  readonly #signal: Signal | undefined;
  #pinned: Event | undefined;
  #dropped = 0;
  /** The reason why nothing more comes; it holds `undefined` after an orderly end. */
  #end: { readonly reason: unknown } | undefined;
  #closing: Promise<void> | undefined;

  /** For the driver: use `listen()`. `unlisten` never rejects. */
  constructor(
    channel: string,
    options: ListenOptions,
    unlisten: (self: Subscription<Event>) => Promise<void>,
  ) {
    const { limit = QUEUE_LIMIT, overflow = "error", signal } = own(options);
    this.channel = channel;
    this.#limit = limit;
    this.#overflow = overflow;
    this.#unlisten = unlisten;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort, ONCE);
  }

  /** The number of notifications that were dropped over the limit. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Returns the next notification, or `done` at the end.
   *
   * @throws {OperationalError} the connection was lost, or too many notifications had come.
   */
  next(): Promise<IteratorResult<Event, undefined>> {
    const value = this.#queue.shift();
    if (value !== undefined) {
      if (value === this.#pinned) this.#pinned = undefined;
      return Promise.resolve({ done: false, value });
    }
    if (this.#end === undefined) {
      return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    }
    const { reason } = this.#end;
    return reason === undefined ? Promise.resolve(DONE) : Promise.reject(reason);
  }

  /** Closes the subscription, and discards what was not read. Never rejects. */
  close(): Promise<void> {
    this.#queue.length = 0;
    this.end(undefined);
    return this.#closing ?? Promise.resolve();
  }

  /** Closes the subscription: leaving a loop calls it. */
  async return(): Promise<IteratorResult<Event, undefined>> {
    await this.close();
    return DONE;
  }

  /** Closes the subscription. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Returns the subscription: two loops over it share the notifications. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** For the driver: adds a notification. */
  deliver(event: Event): void {
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) return waiter.resolve({ done: false, value: event });
    const kept = this.#queue.length - (this.#pinned === undefined ? 0 : 1);
    if (kept < this.#limit) return void this.#queue.push(event);
    this.#dropped++;
    if (this.#overflow === "drop newest") return;
    if (this.#overflow === "error") return this.end(this.#overflown());
    this.#queue.splice(this.#queue[0] === this.#pinned ? 1 : 0, 1);
    this.#queue.push(event);
  }

  /** For the driver: the pinned entry, while it was not read. */
  get pinned(): Event | undefined {
    return this.#pinned;
  }

  /**
   * For the driver: adds an entry that is never dropped and does not count. It replaces the one
   * before, while that was not read.
   */
  pin(event: Event): void {
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) return waiter.resolve({ done: false, value: event });
    const at = this.#pinned === undefined ? this.#queue.length : this.#queue.indexOf(this.#pinned);
    this.#queue[at] = this.#pinned = event;
  }

  /** For the driver: ends the subscription; `undefined` for an orderly end. */
  end(reason: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { reason };
    this.#signal?.removeEventListener("abort", this.#abort);
    for (const waiter of this.#waiting.splice(0)) {
      if (reason === undefined) waiter.resolve(DONE);
      else waiter.reject(reason);
    }
    this.#closing = this.#unlisten(this);
  }

  readonly #abort = (): void => {
    this.#queue.length = 0;
    this.end(this.#signal?.reason);
  };

  #overflown(): OperationalError {
    const name = quoteIdentifier(this.channel);
    return new OperationalError(
      `the subscription to ${name} was ended: ${this.#limit} notifications were not read`,
      { code: "53400" },
    );
  }
}

interface Waiter<Event> {
  resolve(result: IteratorResult<Event, undefined>): void;
  reject(reason: unknown): void;
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** The subscriptions of one connection. Those to the same channel share one LISTEN. */
export class Subscriptions {
  readonly #host: QueryContext;
  readonly #channels = new Map<string, Channel>();
  #end: { readonly reason: Error | undefined } | undefined;

  constructor(host: QueryContext) {
    this.#host = host;
  }

  /**
   * Subscribes to a channel, and resolves when the server has confirmed it. The name is taken as it
   * is, capitals included.
   *
   * @throws {InterfaceError} the name is too long or empty, or a transaction is open, whose
   * rollback would undo LISTEN.
   */
  async listen(name: string, options: ListenOptions = {}): Promise<Subscription> {
    checkChannel(name);
    checkOptions(options, LISTEN_OPTIONS);
    const { signal } = own(options);
    signal?.throwIfAborted();
    const { session } = this.#host.executor;
    if (session.transactionStatus !== "idle") throw new InterfaceError(IN_TRANSACTION);
    const subscription = new Subscription(name, options, (self) => this.#leave(self));
    const channel = this.#channels.get(name) ?? this.#open(name);
    channel.members.add(subscription);
    try {
      await unlessAborted(channel.listening, signal);
    } catch (error) {
      // The subscription was ended meanwhile, by its signal.
      if (signal?.aborted) throw signal.reason;
      if (this.#channels.get(name) === channel) this.#channels.delete(name);
      channel.members.delete(subscription);
      throw error;
    }
    if (this.#end !== undefined) subscription.end(this.#end.reason);
    return subscription;
  }

  /** Delivers a notification of the session. */
  deliver(notification: Notification): void {
    for (const one of this.#channels.get(notification.channel)?.members ?? []) {
      one.deliver(notification);
    }
  }

  /** Ends all subscriptions when the connection has ended; `undefined` after `close()`. */
  ended(reason: Error | undefined): void {
    this.#end ??= { reason: reason === undefined ? undefined : lost(reason) };
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    for (const { members } of channels) {
      for (const one of members) one.end(this.#end.reason);
    }
  }

  #open(name: string): Channel {
    const channel = { members: new Set<Subscription>(), listening: this.#listen(name) };
    this.#channels.set(name, channel);
    return channel;
  }

  async #listen(name: string): Promise<void> {
    await this.#run(lateSql.listen(quoteIdentifier(name)));
    if (this.#host.executor.session.transactionStatus === "idle") return;
    // A BEGIN was sent before.
    throw new InterfaceError(IN_TRANSACTION);
  }

  /**
   * Ends the LISTEN with the last subscription. Never rejects: the subscription is closed in any
   * case.
   */
  async #leave(subscription: Subscription): Promise<void> {
    const { channel: name } = subscription;
    const channel = this.#channels.get(name);
    if (channel === undefined || !channel.members.delete(subscription)) return;
    if (channel.members.size > 0) return;
    this.#channels.delete(name);
    await this.#run(lateSql.unlisten(quoteIdentifier(name))).catch(() => {});
  }

  async #run(text: string): Promise<void> {
    const { executor, defaults } = this.#host;
    await executor.execute(text, [], own<QueryContext["defaults"]>(defaults, { prepare: false }));
  }
}

interface Channel {
  readonly members: Set<Subscription>;
  readonly listening: Promise<void>;
}

const IN_TRANSACTION = "listen() cannot be called in a transaction: a rollback would undo LISTEN";

function lost(reason: Error): OperationalError {
  const code = reason instanceof PgError ? reason.code : "08006";
  return new OperationalError(reason.message, { code, cause: reason });
}
