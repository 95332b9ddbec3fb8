import type { ListenerState } from "./listener_state.ts";
import type { RetireReason } from "./slot.ts";

/** A snapshot of the numbers of a pool. */
export interface PoolStats {
  /** Open connections. */
  readonly total: number;
  /** Open connections that are idle. */
  readonly idle: number;
  /** Open connections in use, alone or shared. */
  readonly leased: number;
  /** Connections that are being opened. */
  readonly connecting: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
  /** The most connections. */
  readonly max: number;
  /** Connections lent so far. */
  readonly acquired: number;
  /** Connections opened so far. */
  readonly created: number;
  /** Connections closed so far, by reason. */
  readonly retired: Readonly<Record<RetireReason, number>>;
  /** Seconds that all callers together have waited. */
  readonly waitTime: number;
  /** Callers that have waited too long. */
  readonly timeouts: number;
  /** Callers that stopped waiting. */
  readonly cancelled: number;
  /** Attempts to connect that failed. */
  readonly failedConnects: number;
  /** The numbers of `listen()`, whose connection is in none of the numbers above. */
  readonly listener: ListenerStats;
}

/** The numbers of `listen()`. */
export interface ListenerStats {
  /**
   * The state: `"live"` when the connection listens to all channels, `"off"` without subscriptions.
   */
  readonly state: ListenerState;
  /** Channels with subscriptions. */
  readonly channels: number;
  /** Subscriptions, including those that are not confirmed yet. */
  readonly subscriptions: number;
  /** Losses of the connection after which it was replaced. */
  readonly gaps: number;
}

/** The counters behind {@linkcode PoolStats}. */
export class Counters {
  acquired = 0;
  created = 0;
  /** The time that callers have waited, in milliseconds. */
  waited = 0;
  timeouts = 0;
  cancelled = 0;
  failedConnects = 0;
  readonly retired: Record<RetireReason, number> = {
    idle: 0,
    lifetime: 0,
    uses: 0,
    lost: 0,
    invalid: 0,
    dirty: 0,
    evicted: 0,
    closed: 0,
  };
}
