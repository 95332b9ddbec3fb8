/**
 * The events of a pool on `node:diagnostics_channel`: plain channels, because each event is a
 * moment.
 */
import type { DiagnosticsChannel } from "../runtime/runtime.ts";
import { type ChannelOf, SILENT, type TraceOrigin } from "../trace.ts";
import type { PoolSettings } from "./options.ts";
import type { RetireReason } from "./slot.ts";

/**
 * The state of the pool right after an event, by the names of OpenTelemetry's metrics. Times are
 * seconds.
 */
export interface PoolTraceMessage {
  /** An object that stands for the pool, the same in all its events: names of pools may be equal. */
  readonly pool: object;
  /** The pool's `name`, or `host:port/database`. */
  readonly "db.client.connection.pool.name": string;
  /** The open connections by state; those that are being cleaned count as used. */
  readonly "db.client.connection.count": { readonly idle: number; readonly used: number };
  /** The callers that wait for a connection. */
  readonly "db.client.connection.pending_requests": number;
  /** The pool's `max`. */
  readonly "db.client.connection.max": number;
  /** The most idle connections, which is `max` as well. */
  readonly "db.client.connection.idle.max": number;
  /** The pool's `min`. */
  readonly "db.client.connection.idle.min": number;
}

/** `cornac.pg:pool:create`: a connection was opened. */
export interface PoolCreateTrace extends PoolTraceMessage {
  /** The time it took, `onConnect` included. */
  readonly "db.client.connection.create_time": number;
}

/** `cornac.pg:pool:acquire`: a caller has got a connection, alone or shared. */
export interface PoolAcquireTrace extends PoolTraceMessage {
  /** The time that the caller has waited; 0 when a connection was free. */
  readonly "db.client.connection.wait_time": number;
}

/** `cornac.pg:pool:release`: a caller has returned a connection. */
export interface PoolReleaseTrace extends PoolTraceMessage {
  /** The time that the caller had it; absent if the channel had no subscriber when it was taken. */
  readonly "db.client.connection.use_time"?: number;
}

/** `cornac.pg:pool:retire`: a connection was closed or lost. */
export interface PoolRetireTrace extends PoolTraceMessage {
  /** The reason. */
  readonly reason: RetireReason;
}

/** `cornac.pg:pool:close`: the pool is closed, and has no connections any more. */
export type PoolCloseTrace = PoolTraceMessage;

/** `cornac.pg:pool:timeout` and `cornac.pg:pool:cancel`: a caller has waited without success. */
export interface PoolGiveUpTrace extends PoolTraceMessage {
  /** The time that the caller has waited. */
  readonly waited: number;
}

/** The numbers of a pool. */
interface Standing {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

/** The channels of one pool; silent until its first connection is being opened. */
export class PoolTrace {
  readonly #channels: PoolChannel<never>[] = [];
  readonly create: PoolChannel<number> = this.#channel(
    "create",
    "db.client.connection.create_time",
  );
  readonly acquire: PoolChannel<number> = this.#channel(
    "acquire",
    "db.client.connection.wait_time",
  );
  readonly release: PoolChannel<number | undefined> = this.#channel(
    "release",
    "db.client.connection.use_time",
  );
  readonly retire: PoolChannel<RetireReason> = this.#channel("retire", "reason");
  readonly wait: PoolChannel<undefined> = this.#channel("wait");
  readonly timeout: PoolChannel<number> = this.#channel("timeout", "waited");
  readonly cancel: PoolChannel<number> = this.#channel("cancel", "waited");
  readonly close: PoolChannel<undefined> = this.#channel("close");
  readonly #identity = Object.freeze({});
  readonly #settings: PoolSettings;
  readonly #standing: () => Standing;
  #name: string | undefined;

  constructor(settings: PoolSettings, standing: () => Standing) {
    this.#settings = settings;
    this.#standing = standing;
  }

  /**
   * Sets up the channels once the runtime and the destination are known. Callers may wait already.
   */
  introduce(channelOf: ChannelOf | undefined, origin: TraceOrigin): void {
    if (this.#name !== undefined) return;
    this.#name = this.#settings.name ?? nameOf(origin);
    if (channelOf === undefined) return;
    for (const channel of this.#channels) channel.introduce(channelOf);
    for (let i = this.#standing().waiting; i > 0; i--) this.wait.tell(undefined);
  }

  #channel<Value>(event: string, field = ""): PoolChannel<Value> {
    const channel = new PoolChannel<Value>(event, field, () => this.#state());
    this.#channels.push(channel);
    return channel;
  }

  #state(): PoolTraceMessage {
    const { total, idle, waiting } = this.#standing();
    const { max, min } = this.#settings;
    return {
      pool: this.#identity,
      "db.client.connection.pool.name": this.#name ?? "",
      "db.client.connection.count": { idle, used: total - idle },
      "db.client.connection.pending_requests": waiting,
      "db.client.connection.max": max,
      "db.client.connection.idle.max": max,
      "db.client.connection.idle.min": min,
    };
  }
}

/** The channel of one kind of event, with at most one value besides the state of the pool. */
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

  /** Publishes an event, if the channel has subscribers. */
  tell(value: Value): void {
    if (!this.#channel.hasSubscribers) return;
    const state = this.#state();
    this.#channel.publish(value === undefined ? state : { ...state, [this.#field]: value });
  }
}

/** Returns the default name, as the semantic conventions define it. */
function nameOf(origin: TraceOrigin): string {
  const { "server.address": address = "", "server.port": port, "db.namespace": database } = origin;
  const server = port === undefined ? address : `${address}:${port}`;
  return database === undefined ? server : `${server}/${database}`;
}
