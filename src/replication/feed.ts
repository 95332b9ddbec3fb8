/** The two ends of a stream below its public form: the sink that takes messages, and the feed that ends it. */
import type { Reader } from "../bytes/reader.ts";

/**
 * Takes the messages of a replication stream as they arrive. An error that a method throws ends the
 * stream with that error.
 */
export interface ReplicationSink {
  /**
   * Takes one XLogData. `reader` stands behind its header; the bytes are valid during the call only.
   * `start` and `walEnd` are positions, `at` is the server's clock in microseconds since 2000-01-01 UTC.
   * All further messages are held back until a returned promise settles; `stop()` does not wait for it.
   */
  data(reader: Reader, start: bigint, walEnd: bigint, at: bigint): void | Promise<void>;
  /**
   * Takes a keepalive: the position up to which all was sent, and whether the server asked for a
   * status. If so and this call sends none, the feed repeats the last one.
   */
  keepalive(walEnd: bigint, at: bigint, replyRequested: boolean): void;
}

/** The positions of a status message. */
export interface StatusReport {
  /** The end of the WAL that was received. */
  readonly written: bigint;
  /** The end of the WAL that is durable at the receiver; the slot's position follows. 0: not known. */
  readonly flushed: bigint;
  /** The end of the WAL that is applied. */
  readonly applied: bigint;
  /** Whether the server shall answer with a keepalive. */
  readonly reply?: boolean;
}

/** How a stream has ended. */
export interface FeedEnd {
  /**
   * `copyDone`: in order, and the connection is usable. `closed by server`: the server has shut down, or
   * no status reached it within `wal_sender_timeout`. `error`: for `error`.
   */
  readonly kind: "copyDone" | "closed by server" | "error";
  /** The error; absent after `copyDone`. */
  readonly error?: Error;
  /** The timeline that follows the one that was streamed, of a physical stream. */
  readonly nextTimeline?: { readonly timeline: number; readonly from: bigint };
}

/** The transactions that a standby still needs, by their 32-bit IDs and epochs; zeros: none. */
export interface StandbyFeedback {
  /** The oldest transaction that queries on the standby need. */
  readonly xmin: number;
  /** The epoch of `xmin`. */
  readonly epoch: number;
  /** The oldest transaction that slots on the standby need. */
  readonly catalogXmin: number;
  /** The epoch of `catalogXmin`. */
  readonly catalogEpoch: number;
}

/** A running replication stream. */
export interface ReplicationFeed {
  /**
   * Sends a status message, also while messages are held back. The caller must not report positions
   * beyond what it received. Does nothing after the end.
   */
  status(report: StatusReport): void;
  /** Sends the feedback of a hot standby, in a physical stream. Does nothing after the end. */
  feedback(needs: StandbyFeedback): void;
  /**
   * Ends the stream: sends CopyDone and drops what the server still sends; if that takes long, cancels
   * the walsender; if that fails, destroys the connection. Never rejects.
   */
  stop(): Promise<void>;
  /** Resolves when the stream has ended. Never rejects. */
  readonly ended: Promise<FeedEnd>;
}
