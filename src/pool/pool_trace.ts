/** What is told of a pool by `node:diagnostics_channel`: plain channels, because each is a moment. */
import type { DiagnosticsChannel } from "../runtime/runtime.ts";
import { type ChannelOf, SILENT, type TraceOrigin } from "../trace.ts";
import type { PoolSettings } from "./options.ts";
import type { RetireReason } from "./slot.ts";

/**
 * What is told with every event of a pool: how it stands right after, by the names of OpenTelemetry's
 * metrics. Times are seconds.
 */
export interface PoolTraceMessage {
  /** The pool's `name`, or `host:port/database`. */
  readonly "db.client.connection.pool.name": string;
  /** Open connections by their state; those that are being cleaned count as used. */
  readonly "db.client.connection.count": { readonly idle: number; readonly used: number };
  /** Callers that wait for a connection. */
  readonly "db.client.connection.pending_requests": number;
  /** The pool's `max`. */
  readonly "db.client.connection.max": number;
  /** The most that may lie idle: the same. */
  readonly "db.client.connection.idle.max": number;
  /** The pool's `min`. */
  readonly "db.client.connection.idle.min": number;
}

/** `cornac.pg:pool:create`: a connection was opened. */
export interface PoolCreateTrace extends PoolTraceMessage {
  /** How long that took, `onConnect` included. */
  readonly "db.client.connection.create_time": number;
}

/** `cornac.pg:pool:acquire`: somebody has got a connection, alone or shared. */
export interface PoolAcquireTrace extends PoolTraceMessage {
  /** How long he has waited; 0 when one was free. */
  readonly "db.client.connection.wait_time": number;
}

/** `cornac.pg:pool:release`: somebody has given his connection back. */
export interface PoolReleaseTrace extends PoolTraceMessage {
  /** How long he has had it; absent when nobody listened yet when he took it. */
  readonly "db.client.connection.use_time"?: number;
}

/** `cornac.pg:pool:retire`: a connection was closed or lost. */
export interface PoolRetireTrace extends PoolTraceMessage {
  /** Why. */
  readonly reason: RetireReason;
}

/** `cornac.pg:pool:timeout` and `cornac.pg:pool:cancel`: somebody has waited in vain. */
export interface PoolGiveUpTrace extends PoolTraceMessage {
  /** How long. */
  readonly waited: number;
}

/** How a pool stands. */
interface Standing {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

/** The channels of one pool; silent until its first connection is on its way. */
export class PoolTrace {
  readonly create: PoolChannel<number>;
  readonly acquire: PoolChannel<number>;
  readonly release: PoolChannel<number | undefined>;
  readonly retire: PoolChannel<RetireReason>;
  readonly wait: PoolChannel<undefined>;
  readonly timeout: PoolChannel<number>;
  readonly cancel: PoolChannel<number>;
  readonly #settings: PoolSettings;
  readonly #standing: () => Standing;
  #name: string | undefined;

  constructor(settings: PoolSettings, standing: () => Standing) {
    this.#settings = settings;
    this.#standing = standing;
    const state = () => this.#state();
    this.create = new PoolChannel("create", "db.client.connection.create_time", state);
    this.acquire = new PoolChannel("acquire", "db.client.connection.wait_time", state);
    this.release = new PoolChannel("release", "db.client.connection.use_time", state);
    this.retire = new PoolChannel("retire", "reason", state);
    this.wait = new PoolChannel("wait", "", state);
    this.timeout = new PoolChannel("timeout", "waited", state);
    this.cancel = new PoolChannel("cancel", "waited", state);
  }

  /** Now the runtime is known, and where the connections go to: once. Callers may wait already. */
  introduce(channelOf: ChannelOf | undefined, origin: TraceOrigin): void {
    if (this.#name !== undefined) return;
    this.#name = this.#settings.name ?? nameOf(origin);
    if (channelOf === undefined) return;
    const { create, acquire, release, retire, wait, timeout, cancel } = this;
    for (const one of [create, acquire, release, retire, wait, timeout, cancel]) {
      one.introduce(channelOf);
    }
    for (let i = this.#standing().waiting; i > 0; i--) wait.tell(undefined);
  }

  #state(): PoolTraceMessage {
    const { total, idle, waiting } = this.#standing();
    const { max, min } = this.#settings;
    return {
      "db.client.connection.pool.name": this.#name ?? "",
      "db.client.connection.count": { idle, used: total - idle },
      "db.client.connection.pending_requests": waiting,
      "db.client.connection.max": max,
      "db.client.connection.idle.max": max,
      "db.client.connection.idle.min": min,
    };
  }
}

/** One kind of event, which has at most one thing to tell besides how the pool stands. */
export class PoolChannel<Value> {
  readonly #event: string;
  readonly #field: string;
  readonly #state: () => PoolTraceMessage;
  #channel: DiagnosticsChannel = SILENT;

  constructor(event: string, field: string, state: () => PoolTraceMessage) {
    this.#event = event;
    this.#field = field;
    this.#state = state;
  }

  introduce(channelOf: ChannelOf): void {
    this.#channel = channelOf(`cornac.pg:pool:${this.#event}`);
  }

  get isWatched(): boolean {
    return this.#channel.hasSubscribers;
  }

  /** Makes nothing when nobody listens. */
  tell(value: Value): void {
    if (!this.#channel.hasSubscribers) return;
    const state = this.#state();
    this.#channel.publish(value === undefined ? state : { ...state, [this.#field]: value });
  }
}

/** As the conventions would have it. */
function nameOf(origin: TraceOrigin): string {
  const { "server.address": address = "", "server.port": port, "db.namespace": database } = origin;
  const server = port === undefined ? address : `${address}:${port}`;
  return database === undefined ? server : `${server}/${database}`;
}
