/** The reason why a slot cannot be used, which the server's message says in its own language only. */
import { DatabaseError } from "../errors/errors.ts";
import { ReplicationSetupError, type SlotLossReason, SlotLostError } from "./errors.ts";
import type { SlotInfo } from "./slot_info.ts";

/** The SQLSTATEs of slots that are gone, or not in a state for the command. */
const UNUSABLE: ReadonlySet<string | undefined> = new Set(["42704", "55000"]);

/** Reports whether looking the slot up may explain an error. */
export function needsSlot(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && UNUSABLE.has(error.code);
}

/** Returns the typed error for a slot that a stream cannot use, or the error itself. */
export function slotProblem(
  error: DatabaseError,
  name: string,
  slot: SlotInfo | undefined,
  database: string | undefined,
): Error {
  const setup = (problem: ReplicationSetupError["problem"], remedy: string): Error =>
    new ReplicationSetupError(problem, `${error.message}; ${remedy}`, error);
  if (slot === undefined) return new SlotLostError(name, "missing", error);
  if (slot.walStatus === "lost" || slot.invalidationReason !== undefined || slot.conflicting) {
    return new SlotLostError(name, lossOf(slot, error), error);
  }
  if (slot.kind === "physical") return setup("kind", "the slot is physical: use startPhysical()");
  if (slot.database !== database) {
    return setup("database", `connect to database "${slot.database}" to use the slot`);
  }
  if (slot.synced) return setup("synced", "use the primary, or promote this standby first");
  return error;
}

const REASONS: readonly SlotLossReason[] = [
  "wal_removed",
  "rows_removed",
  "wal_level_insufficient",
  "idle_timeout",
];

/** PostgreSQL 17 has the reason in the slot's row. Before, the message's detail tells, in its language. */
function lossOf({ invalidationReason }: SlotInfo, { detail = "" }: DatabaseError): SlotLossReason {
  const known = REASONS.find((reason) => reason === invalidationReason);
  return known ?? (detail.includes("conflict") ? "rows_removed" : "wal_removed");
}
