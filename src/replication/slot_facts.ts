/** The consequences of a slot's state for a stream. No I/O. */
import { ReplicationSetupError, type SlotLossReason, SlotLostError } from "./errors.ts";
import type { SlotInfo } from "./slot_info.ts";

const REASONS: readonly SlotLossReason[] = [
  "wal_removed",
  "rows_removed",
  "wal_level_insufficient",
  "idle_timeout",
];

/** Returns why a slot is lost, or `undefined` if it is not. Before PostgreSQL 17 the reason is inferred. */
export function lossOf(slot: SlotInfo): SlotLossReason | undefined {
  const { invalidationReason: given, conflicting, walStatus } = slot;
  if (given !== undefined) return REASONS.find((reason) => reason === given) ?? "wal_removed";
  if (conflicting) return "rows_removed";
  return walStatus === "lost" ? "wal_removed" : undefined;
}

/**
 * Checks that a stream with this plugin and database can use the slot; returns the slot's position.
 *
 * @throws {SlotLostError} the slot is invalidated.
 * @throws {ReplicationSetupError} the slot is of another kind, plugin or database.
 */
export function checkSlot(slot: SlotInfo, plugin: string, database: string | undefined): bigint {
  const reason = lossOf(slot);
  if (reason !== undefined) throw new SlotLostError(slot.name, reason);
  const name = `replication slot "${slot.name}"`;
  if (slot.kind !== "logical") {
    throw new ReplicationSetupError("kind", `${name} is physical; give the name of a logical slot`);
  }
  if (database !== undefined && slot.database !== database) {
    throw new ReplicationSetupError(
      "database",
      `${name} belongs to the database "${slot.database}", and the connection to "${database}"`,
    );
  }
  if (slot.plugin !== plugin) {
    throw new ReplicationSetupError(
      "kind",
      `${name} has the output plugin "${slot.plugin}", and the stream "${plugin}": set the option plugin`,
    );
  }
  return slot.confirmed?.value ?? 0n;
}
