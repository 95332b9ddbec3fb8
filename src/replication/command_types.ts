/** The options and results of replication commands. */
import type { Signal } from "../session/exchange.ts";
import type { PluginOptions } from "./commands.ts";
import type { Lsn } from "./lsn.ts";
import type { StreamOptions } from "./replication_stream.ts";

/** The kind of a replication connection. */
export type ReplicationMode = "logical" | "physical";

/** The identity and the position of a server. */
export interface SystemIdentity {
  /** The identifier of the cluster, which its standbys share: an unsigned 64-bit number as text. */
  readonly systemId: string;
  /** The current timeline. */
  readonly timeline: number;
  /** The end of the WAL that is flushed; on a standby, that is replayed. */
  readonly position: Lsn;
  /** The database of the connection; absent on a physical one. */
  readonly database?: string | undefined;
}

/** A slot that was created. */
export interface CreatedSlot {
  /** The name of the slot. */
  readonly name: string;
  /** The position from which a logical slot has all changes; `0/0` of a physical slot. */
  readonly consistentPoint: Lsn;
  /** The name of the exported snapshot, for SET TRANSACTION SNAPSHOT. */
  readonly snapshot?: string | undefined;
  /** The output plugin of a logical slot. */
  readonly plugin?: string | undefined;
}

/** The position of a physical slot. */
export interface PhysicalSlotPosition {
  /** The oldest WAL that the slot keeps; absent before the slot's first use. */
  readonly restart?: Lsn | undefined;
  /** The timeline of that position. */
  readonly timeline?: number | undefined;
}

/** The start of a logical stream. */
export interface LogicalStartOptions extends StreamOptions {
  /**
   * The position to begin at, the end of a transaction. The server begins at the slot's own position if
   * that is greater. A greater one skips changes without an error. Default: the slot's own.
   */
  from?: Lsn | undefined;
  /** The options of the output plugin, such as `proto_version` and `publication_names` of pgoutput. */
  options?: PluginOptions | undefined;
  /** Aborts the start, and later the stream. */
  signal?: Signal | undefined;
}

/** The start of a physical stream. */
export interface PhysicalStartOptions extends StreamOptions {
  /** The slot that keeps the WAL. Without one, the server may remove WAL that was not received. */
  slot?: string | undefined;
  /** The position to begin at. */
  from: Lsn;
  /** The timeline to read. Default: the server's current one. */
  timeline?: number | undefined;
  /** Aborts the start, and later the stream. */
  signal?: Signal | undefined;
}
