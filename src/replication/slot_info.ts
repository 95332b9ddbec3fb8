import { Lsn } from "./lsn.ts";

/** The state of a replication slot, as `pg_replication_slots` has it. */
export interface SlotInfo {
  /** The name of the slot. */
  readonly name: string;
  /** The kind of the slot. */
  readonly kind: "logical" | "physical";
  /** The output plugin of a logical slot. */
  readonly plugin?: string | undefined;
  /** The database of a logical slot. */
  readonly database?: string | undefined;
  /** Whether the slot is dropped when its connection ends. */
  readonly temporary: boolean;
  /** Whether a connection uses the slot. */
  readonly active: boolean;
  /** The process ID of the server process that uses it. */
  readonly activePid?: number | undefined;
  /** The oldest WAL that the server keeps for the slot. */
  readonly restart?: Lsn | undefined;
  /** The position up to which a consumer has confirmed a logical slot. */
  readonly confirmed?: Lsn | undefined;
  /** The end of the server's WAL at the time of the query; on a standby, of the replayed WAL. */
  readonly server: Lsn;
  /** Bytes of WAL between the slot's position and the server's: how far the consumer is behind. */
  readonly behind: bigint;
  /** Bytes of WAL that the server keeps for the slot. */
  readonly retained: bigint;
  /** Whether the WAL that the slot needs is kept; `lost` is final. */
  readonly walStatus?: "reserved" | "extended" | "unreserved" | "lost" | undefined;
  /** Bytes that can be written before the slot may be lost (`max_slot_wal_keep_size`). */
  readonly safeWalSize?: number | undefined;
  /** The reason why a slot is lost (PostgreSQL 17). */
  readonly invalidationReason?: string | undefined;
  /** The time since which no connection uses the slot (PostgreSQL 17). */
  readonly inactiveSince?: Date | undefined;
  /** Whether prepared transactions are decoded at PREPARE. */
  readonly twoPhase: boolean;
  /** Whether standbys synchronize the slot; `undefined` before PostgreSQL 17. */
  readonly failover: boolean | undefined;
  /** Whether the slot is a standby's copy of a primary's; `undefined` before PostgreSQL 17. */
  readonly synced: boolean | undefined;
  /** Whether a logical slot of a standby conflicted with its recovery (PostgreSQL 16). */
  readonly conflicting?: boolean | undefined;
  /** The oldest transaction whose effects a physical slot keeps from vacuum. */
  readonly xmin?: number | undefined;
  /** The oldest transaction whose effects on catalogs the slot keeps from vacuum. */
  readonly catalogXmin?: number | undefined;
}

/** Reads a row of `pg_replication_slots` as JSON, and the server's position. */
export function slotInfo(json: string, position: string): SlotInfo {
  const row = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const text = (name: string): string | undefined => row[name] as string | null ?? undefined;
  const flag = (name: string): boolean | undefined => row[name] as boolean | null ?? undefined;
  const count = (name: string): number | undefined => (row[name] ?? undefined) && Number(row[name]);
  const lsn = (name: string): Lsn | undefined => {
    const written = text(name);
    return written === undefined ? undefined : Lsn.parse(written);
  };
  const [server, restart, confirmed] = [
    Lsn.parse(position),
    lsn("restart_lsn"),
    lsn("confirmed_flush_lsn"),
  ];
  const since = text("inactive_since");
  return {
    ...{ name: text("slot_name")!, kind: text("slot_type") as SlotInfo["kind"] },
    ...{ plugin: text("plugin"), database: text("database") },
    ...{ temporary: flag("temporary")!, active: flag("active")!, activePid: count("active_pid") },
    ...{ restart, confirmed, server },
    ...{ behind: distance(confirmed ?? restart, server), retained: distance(restart, server) },
    ...{
      walStatus: text("wal_status") as SlotInfo["walStatus"],
      safeWalSize: count("safe_wal_size"),
    },
    invalidationReason: text("invalidation_reason"),
    inactiveSince: since === undefined ? undefined : new Date(since),
    ...{ twoPhase: flag("two_phase") ?? false, failover: flag("failover"), synced: flag("synced") },
    conflicting: flag("conflicting"),
    ...{ xmin: count("xmin"), catalogXmin: count("catalog_xmin") },
  };
}

function distance(from: Lsn | undefined, to: Lsn): bigint {
  return from === undefined || from.value > to.value ? 0n : to.value - from.value;
}
