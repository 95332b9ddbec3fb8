/** What the session that a pool listens on is doing. */
export type ListenerState =
  /** Nobody listens, and there is none. */
  | "off"
  /** Somebody does, but it is lost or was refused; the next attempt comes when the backoff says. */
  | "away"
  /** Dialling, logging in. */
  | "connecting"
  /** All channels are being listened to, by one statement list: none is before all are. */
  | "subscribing"
  /** All are, and notifications come. */
  | "live"
  /** The pool is closed. */
  | "closed";

/** What changes that: its users, the server and the network, the clock, the pool. */
export type ListenerEvent =
  /** The first channel is asked for. */
  | "wanted"
  /** The last channel was left. */
  | "unwanted"
  /** The backoff's pause is over. */
  | "due"
  /** The session is there. */
  | "opened"
  /** The server has confirmed all channels, by its answer or by a notification. */
  | "confirmed"
  /** It could not be opened, the channels were refused, or it was lost. */
  | "failed"
  /** The server does not want us, and will not: every subscription ends with that. */
  | "refused"
  /** The pool closes: every subscription ends in order. */
  | "closed";

/** All transitions there are; an event that a state does not name cannot happen in it. */
export const TRANSITIONS: Readonly<
  Record<ListenerState, Readonly<Partial<Record<ListenerEvent, ListenerState>>>>
> = {
  off: { wanted: "away", closed: "closed" },
  away: { due: "connecting", unwanted: "off", closed: "closed" },
  connecting: {
    opened: "subscribing",
    failed: "away",
    refused: "off",
    unwanted: "off",
    closed: "closed",
  },
  subscribing: {
    confirmed: "live",
    failed: "away",
    refused: "off",
    unwanted: "off",
    closed: "closed",
  },
  live: { failed: "away", unwanted: "off", closed: "closed" },
  closed: {},
};

/** Makes a transition of the table. */
export function transition(state: ListenerState, event: ListenerEvent): ListenerState {
  const next = TRANSITIONS[state][event];
  if (next === undefined) throw new Error(`"${event}" while the listener is ${state}`);
  return next;
}
