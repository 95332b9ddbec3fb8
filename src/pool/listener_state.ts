/** The states of the session that a pool listens on. */
export type ListenerState =
  /** No subscription and no session. */
  | "off"
  /** The session is lost or was refused; the next attempt comes after a pause. */
  | "away"
  /** A connection is being opened. */
  | "connecting"
  /** LISTEN for all channels is under way, as one statement list. */
  | "subscribing"
  /** All channels are confirmed, and notifications arrive. */
  | "live"
  /** The pool is closed. */
  | "closed";

/** The events that change the state. */
export type ListenerEvent =
  /** The first subscription is made. */
  | "wanted"
  /** The last subscription has ended. */
  | "unwanted"
  /** The pause between two attempts is over. */
  | "due"
  /** The session is open. */
  | "opened"
  /** The server has confirmed all channels, by its answer or by a notification. */
  | "confirmed"
  /** The session could not be opened, refused the channels, or was lost. */
  | "failed"
  /** The server refuses for good; every subscription ends with its error. */
  | "refused"
  /** The pool closes; every subscription ends without an error. */
  | "closed";

/** All transitions. An event that a state does not list cannot happen in it. */
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

/** Returns the next state. */
export function transition(state: ListenerState, event: ListenerEvent): ListenerState {
  const next = TRANSITIONS[state][event];
  if (next === undefined) throw new Error(`"${event}" while the listener is ${state}`);
  return next;
}
