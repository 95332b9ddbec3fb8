/** The life of a request in a session, as a table. `ARCHITECTURE.md` has the diagram. */

/** The phases of a request in a session. */
export type Phase =
  /** Not sent, or to be sent again. */
  | "waiting"
  /** Failed for a reason of the driver's own; it is not known yet whether it is sent again. */
  | "recovering"
  /** Sent; its conversation reads the replies. */
  | "reading"
  /** The server waits for what the request appends next, or both send when they like. */
  | "appending"
  /** The conversation holds the next message back. */
  | "holding"
  /** The conversation has returned; only ReadyForQuery may follow. */
  | "finished"
  /** Failed on this side; the rest of its replies is skipped. */
  | "skipping"
  /** Answered by ErrorResponse; only ReadyForQuery may follow. */
  | "refused"
  /** The promise is settled. */
  | "settled";

/** All transitions. A connection may be lost in every phase, which settles the request. */
export const TRANSITIONS: Readonly<Record<Phase, readonly Phase[]>> = {
  waiting: ["reading", "recovering", "settled"],
  recovering: ["waiting", "settled"],
  reading: ["finished", "appending", "holding", "skipping", "refused", "settled"],
  appending: ["reading", "holding", "skipping", "refused", "settled"],
  holding: ["reading", "appending", "refused", "skipping", "settled"],
  finished: ["refused", "settled"],
  skipping: ["refused", "waiting", "settled"],
  refused: ["holding", "waiting", "settled"],
  settled: [],
};
