import type { ListenerState } from "./listener_state.ts";
import type { RetireReason } from "./slot.ts";

/** What a pool has and has done; a snapshot. */
export interface PoolStats {
  /** Connections that are open. */
  readonly total: number;
  /** Of these, the ones nobody uses. */
  readonly idle: number;
  /** Of these, the ones in use, alone or shared. */
  readonly leased: number;
  /** Connections that are being opened. */
  readonly connecting: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
  /** Connections at most. */
  readonly max: number;
  /** How often a connection was given to somebody, so far. */
  readonly acquired: number;
  /** Connections opened so far. */
  readonly created: number;
  /** Connections closed so far, by reason. */
  readonly retired: Readonly<Record<RetireReason, number>>;
  /** Seconds that callers have waited, together. */
  readonly waitTime: number;
  /** Callers that were told that none came free in time. */
  readonly timeouts: number;
  /** Callers that gave up waiting. */
  readonly cancelled: number;
  /** Attempts to connect that failed. */
  readonly failedConnects: number;
  /** What `listen()` has: a connection of its own, which is in none of the numbers above. */
  readonly listener: ListenerStats;
}

/** What a pool's `listen()` has and has done. */
export interface ListenerStats {
  /** `"live"`: the connection is there and listens to all channels; `"off"`: nobody listens. */
  readonly state: ListenerState;
  /** Channels that somebody listens to. */
  readonly channels: number;
  /** Subscriptions, those that wait to become live included. */
  readonly subscriptions: number;
  /** How often the connection was lost and replaced. */
  readonly gaps: number;
}

/** The counters behind {@linkcode PoolStats}. */
export class Counters {
  acquired = 0;
  created = 0;
  /** Milliseconds. */
  waited = 0;
  timeouts = 0;
  cancelled = 0;
  failedConnects = 0;
  readonly retired: Record<RetireReason, number> = {
    idle: 0,
    lifetime: 0,
    lost: 0,
    invalid: 0,
    dirty: 0,
    evicted: 0,
    closed: 0,
  };
}
