import type { Lsn } from "./lsn.ts";

/** The state of a change stream. */
export type StreamState =
  /** A connection is being opened and the slot is looked at. */
  | { readonly state: "connecting" }
  /** Creating the slot waits for transactions that were running before: those of these processes. */
  | { readonly state: "waiting"; readonly for: "transactions"; readonly pids: readonly number[] }
  /** Another connection uses the slot. */
  | { readonly state: "waiting"; readonly for: "slot"; readonly pids: readonly number[] }
  /** Publications are missing. */
  | { readonly state: "waiting"; readonly for: "publications"; readonly names: readonly string[] }
  /** The tables are being copied: how many of how many are read. */
  | { readonly state: "snapshot"; readonly tables: number; readonly done: number }
  /** Changes come that precede the moment at which the stream connected. */
  | { readonly state: "catchup"; readonly from: Lsn; readonly to: Lsn }
  /** Changes come as they are committed. */
  | { readonly state: "streaming" }
  /** The connection was lost; the next attempt follows in so many seconds. */
  | { readonly state: "reconnecting"; readonly error: unknown; readonly delay: number }
  /** The stream has ended, with an error or without. */
  | { readonly state: "closed"; readonly error: unknown };
