import { after, EventEmitter, nextTick, stop, type Timer } from "../node.ts";
import { Client } from "./client.ts";
import { hidden } from "./connection_parameters.ts";
import { relocated } from "./errors.ts";
import type { ClientClass, PoolConfig } from "./pool_config.ts";
import { queryOn, refuseFunction } from "./pool_query.ts";
import type { QueryCallback, QueryConfig } from "./query.ts";
import type { Result } from "./result.ts";

/** Returns a client to its pool; with an error or `true`, the client is closed. */
export type Release = (error?: Error | boolean | null) => void;

/** A client that is leased from a pool. */
export interface PoolClient extends Client {
  /** Returns the client to the pool. Throws when it is called a second time. */
  release: Release;
  /** @internal How often it was leased. */
  _poolUseCount?: number;
}

/** Called with a client and the function that returns it, or with an error. */
export type PoolCallback = {
  /** A method's parameters may be narrower than these. */
  call(error: Error | undefined, client: PoolClient | undefined, release: Release): void;
}["call"];

/** Does nothing: the release of a lease that has failed. */
function nothing(): void {}

/** A caller that waits for a client. */
interface Waiter {
  readonly callback: PoolCallback;
  hasGivenUp: boolean;
}

/** A client that may be leased. */
interface Idle {
  readonly client: PoolClient;
  readonly onError: (error: Error) => void;
  readonly timer: Timer | undefined;
}

/**
 * A pool of clients, as `pg-pool` has it. It connects when clients are wanted.
 *
 * Events: `connect` (a new client), `acquire`, `release`, `remove`, and `error` of an idle client, which
 * is removed then. `error` is emitted only if it has a listener.
 */
export class Pool extends EventEmitter {
  /** The options. The password is not enumerated. */
  options: PoolConfig;
  /** Called with messages about the pool's doings. */
  log: (...messages: unknown[]) => void;
  /** The class of the clients. */
  Client: ClientClass;
  /** The class of promises. */
  Promise: PromiseConstructor;
  /** @internal All clients. */
  _clients: PoolClient[] = [];
  /** @internal The clients that may be leased; the last one is next. */
  _idle: Idle[] = [];
  /** @internal The clients that are too old. */
  _expired: WeakSet<PoolClient> = new WeakSet();
  /** @internal The callers that wait. */
  _pendingQueue: Waiter[] = [];
  /** @internal */
  _endCallback: (() => void) | undefined = undefined;
  /** Whether `end()` was called. */
  ending = false;
  /** Whether all clients are closed after `end()`. */
  ended = false;

  /** Creates a pool of clients of a class, which the option `Client` overrides. */
  constructor(options?: PoolConfig, ClientOfPool?: ClientClass) {
    super();
    const given = this.options = { ...options };
    if ("password" in given) hidden(given, "password", given.password);
    if (typeof given.ssl === "object" && given.ssl?.key) hidden(given.ssl, "key", given.ssl.key);
    given.max = given.max || given.poolSize || 10;
    given.min = given.min || 0;
    given.maxUses = given.maxUses || Infinity;
    given.allowExitOnIdle = given.allowExitOnIdle || false;
    given.maxLifetimeSeconds = given.maxLifetimeSeconds || 0;
    this.log = given.log || (() => {});
    this.Client = given.Client || ClientOfPool || Client;
    this.Promise = (given.Promise as PromiseConstructor | undefined) || Promise;
    given.idleTimeoutMillis ??= 10_000;
  }

  /** The number of clients. */
  get totalCount(): number {
    return this._clients.length;
  }

  /** The number of clients that may be leased. */
  get idleCount(): number {
    return this._idle.length;
  }

  /** The number of callers that wait. */
  get waitingCount(): number {
    return this._pendingQueue.length;
  }

  /** The number of clients that are too old and leased. */
  get expiredCount(): number {
    return this._clients.filter((client) => this._expired.has(client)).length;
  }

  /** Leases a client, whose `release()` returns it. */
  connect(): Promise<PoolClient>;
  /** Leases a client and calls back. */
  connect(callback: PoolCallback): void;
  connect(callback?: PoolCallback): Promise<PoolClient> | void {
    if (this.ending) {
      const error = new Error("Cannot use a pool after calling end on the pool");
      return callback ? callback(error, undefined, nothing) : this.Promise.reject(error);
    }
    if (callback) return this._connect(callback);
    return new this.Promise<PoolClient>((resolve, reject) => {
      this._connect((error, client) => error ? reject(error) : resolve(client!));
    }).catch(relocated);
  }

  /** @internal */
  _connect(callback: PoolCallback): void {
    const waiter: Waiter = { callback, hasGivenUp: false };
    if (!this._isFull() && this._idle.length === 0) return this.newClient(waiter);
    if (this._idle.length > 0) nextTick(() => this._pulseQueue());
    const limit = this.options.connectionTimeoutMillis;
    this._pendingQueue.push(limit ? this.#limited(waiter, limit) : waiter);
  }

  /** Runs one query on a client of the pool. */
  query<Row = Record<string, unknown>>(
    config: string | QueryConfig,
    values?: unknown[],
  ): Promise<Result<Row>>;
  /** Runs one query and calls back. */
  query(config: string | QueryConfig, callback: QueryCallback): void;
  /** Runs one query with values and calls back. */
  query(
    config: string | QueryConfig,
    values: unknown[] | undefined,
    callback: QueryCallback,
  ): void;
  query(
    config: string | QueryConfig,
    values?: unknown[] | QueryCallback,
    callback?: QueryCallback,
  ): unknown {
    const given = typeof values === "function" ? values : callback;
    const parameters = typeof values === "function" ? undefined : values;
    if (typeof config === "function") return refuseFunction(config as QueryCallback);
    if (given) return queryOn(this, config, parameters, given);
    return new this.Promise((resolve, reject) => {
      queryOn(this, config, parameters, (error, result) => error ? reject(error) : resolve(result));
    }).catch(relocated);
  }

  /** Closes the idle clients now, and the others when they are returned. */
  end(): Promise<void>;
  /** Closes the pool and calls back. */
  end(callback: (error?: Error) => void): void;
  end(callback?: (error?: Error) => void): Promise<void> | void {
    if (this.ending) {
      const error = new Error("Called end on pool more than once");
      return callback ? callback(error) : this.Promise.reject(error);
    }
    this.ending = true;
    if (callback) {
      this._endCallback = () => callback();
      return this._pulseQueue();
    }
    return new this.Promise<void>((resolve) => {
      this._endCallback = resolve;
      this._pulseQueue();
    });
  }

  /** @internal Opens a client for a caller. */
  newClient(waiter: Waiter): void {
    const client = new this.Client(this.options) as PoolClient;
    this._clients.push(client);
    const onError = this.#idleListener(client);
    const limit = this.options.connectionTimeoutMillis;
    let isLate = false;
    const timer = limit
      ? after(limit, () => {
        isLate = true;
        client.connection.stream.destroy();
      })
      : undefined;
    this.log("connecting new client");
    client.connect((error) => {
      stop(timer);
      this.log(error ? "client failed to connect" : "new client connected", error);
      client.on("error", onError);
      if (!error) return this.#connected(client, waiter, onError);
      const reason = isLate
        ? new Error("Connection terminated due to connection timeout", { cause: error })
        : error as Error;
      this.#refuse(client, waiter, reason);
    });
  }

  /** @internal */
  _isFull(): boolean {
    return this._clients.length >= this.options.max!;
  }

  /** @internal */
  _isAboveMin(): boolean {
    return this._clients.length > this.options.min!;
  }

  /** @internal Serves the caller that waits longest, or goes on with the end. */
  _pulseQueue(): void {
    this.log("pulse queue");
    if (this.ended) return;
    if (this.ending) return this.#pulseEnd();
    if (this._pendingQueue.length === 0 || (this._idle.length === 0 && this._isFull())) return;
    const waiter = this._pendingQueue.shift()!;
    const idle = this._idle.pop();
    if (idle === undefined) return this.newClient(waiter);
    stop(idle.timer);
    idle.client.ref();
    this.#lease(idle.client, waiter, idle.onError, false);
  }

  /** @internal Closes a client. */
  _remove(client: PoolClient, then?: () => void): void {
    const at = this._idle.findIndex((idle) => idle.client === client);
    if (at >= 0) stop(this._idle.splice(at, 1)[0]!.timer);
    this._clients = this._clients.filter((other) => other !== client);
    client.end(() => {
      this.emit("remove", client);
      then?.();
    });
  }

  #pulseEnd(): void {
    for (const { client } of [...this._idle]) this._remove(client);
    if (this._clients.length > 0) return;
    this.ended = true;
    this._endCallback?.();
  }

  #limited(waiter: Waiter, milliseconds: number): Waiter {
    const timer = after(milliseconds, () => {
      const at = this._pendingQueue.indexOf(limited);
      if (at >= 0) this._pendingQueue.splice(at, 1);
      limited.hasGivenUp = true;
      const late = new Error("timeout exceeded when trying to connect");
      waiter.callback(late, undefined, nothing);
    });
    timer.unref();
    const limited: Waiter = {
      hasGivenUp: false,
      callback: (error, client, release) => {
        stop(timer);
        waiter.callback(error, client, release);
      },
    };
    return limited;
  }

  #connected(client: PoolClient, waiter: Waiter, onError: Idle["onError"]): void {
    const { onConnect } = this.options;
    if (onConnect === undefined) return this.#ready(client, waiter, onError);
    new this.Promise((resolve) => resolve(onConnect(client))).then(
      () => this.#ready(client, waiter, onError),
      (error) => {
        this._clients = this._clients.filter((other) => other !== client);
        client.end(() => {
          this._pulseQueue();
          if (!waiter.hasGivenUp) waiter.callback(error, undefined, nothing);
        });
      },
    );
  }

  #ready(client: PoolClient, waiter: Waiter, onError: Idle["onError"]): void {
    const { maxLifetimeSeconds } = this.options;
    if (maxLifetimeSeconds !== 0) {
      const timer = after(maxLifetimeSeconds! * 1000, () => this.#expire(client, onError));
      timer.unref();
      client.once("end", () => stop(timer));
    }
    this.#lease(client, waiter, onError, true);
  }

  #expire(client: PoolClient, onError: Idle["onError"]): void {
    this._expired.add(client);
    const at = this._idle.findIndex((idle) => idle.client === client);
    if (at < 0) return;
    const callback: PoolCallback = (_error, _client, release) => release();
    this.#lease(client, { callback, hasGivenUp: false }, onError, false);
  }

  #refuse(client: PoolClient, waiter: Waiter, error: Error): void {
    this._clients = this._clients.filter((other) => other !== client);
    this._pulseQueue();
    if (!waiter.hasGivenUp) waiter.callback(error, undefined, nothing);
  }

  #lease(
    client: PoolClient,
    waiter: Waiter,
    onError: Idle["onError"],
    isNew: boolean,
  ): void {
    if (isNew) this.emit("connect", client);
    this.emit("acquire", client);
    const release = client.release = this.#releaseOnce(client, onError);
    client.removeListener("error", onError);
    const { verify } = this.options;
    if (!isNew || verify === undefined) {
      if (waiter.hasGivenUp) release();
      else waiter.callback(undefined, client, release);
      return;
    }
    verify(client, (error) => {
      if (error || waiter.hasGivenUp) release(error);
      if (!waiter.hasGivenUp) {
        waiter.callback(error, error ? undefined : client, error ? nothing : release);
      }
    });
  }

  #releaseOnce(client: PoolClient, onError: Idle["onError"]): Release {
    let isReleased = false;
    return (error) => {
      if (isReleased) {
        throw new Error(
          "Release called on client which has already been released to the pool.",
        );
      }
      isReleased = true;
      this.#release(client, onError, error);
    };
  }

  #release(client: PoolClient, onError: Idle["onError"], error?: Error | boolean | null): void {
    client.on("error", onError);
    client._poolUseCount = (client._poolUseCount ?? 0) + 1;
    this.emit("release", error, client);
    // The error of the loss goes to the idle listener, which removes the client.
    if (!error && !this.ending && client._isLossPending) return;
    const isUnfit = Boolean(error) || this.ending || !client._queryable || client._ending;
    const isSpent = client._poolUseCount >= this.options.maxUses!;
    const isExpired = this._expired.delete(client);
    if (isSpent) this.log("remove expended client");
    else if (isExpired) this.log("remove expired client");
    if (isUnfit || isSpent || isExpired) return this._remove(client, () => this._pulseQueue());
    const { allowExitOnIdle } = this.options;
    const timer = this.#idleTimer(client);
    if (allowExitOnIdle) {
      timer?.unref();
      client.unref();
    }
    this._idle.push({ client, onError, timer });
    this._pulseQueue();
  }

  #idleTimer(client: PoolClient): Timer | undefined {
    const { idleTimeoutMillis } = this.options;
    if (!idleTimeoutMillis || !this._isAboveMin()) return undefined;
    return after(idleTimeoutMillis, () => {
      if (!this._isAboveMin()) return;
      this.log("remove idle client");
      this._remove(client, () => this._pulseQueue());
    });
  }

  #idleListener(client: PoolClient): Idle["onError"] {
    const onError = (error: Error): void => {
      Object.assign(error, { client });
      client.removeListener("error", onError);
      client.on("error", () => this.log("additional client error after its end", error));
      this._remove(client, () => this._pulseQueue());
      if (this.listenerCount("error") > 0) this.emit("error", error, client);
    };
    return onError;
  }
}
