/** The server's errors about replication, as errors that say what to do. */
import { DatabaseError } from "../errors/errors.ts";
import { ReplicationSetupError, SlotBusyError } from "./errors.ts";

/**
 * Returns the typed error for an error of the server, or the error itself. Decides by the SQLSTATE, and by
 * names of parameters in the message, which are not translated.
 */
export function explained(error: unknown, slot?: string): unknown {
  if (!(error instanceof DatabaseError)) return error;
  const { code, message } = error;
  switch (code) {
    case "55006":
      return slot === undefined ? error : new SlotBusyError(slot, pidIn(message), error);
    case "55000":
      if (!message.includes("wal_level")) return error;
      return setup("wal_level", "set wal_level = logical and restart the server", error);
    case "42501":
      if (message.includes("output plugin")) return error;
      return setup("permission", "use a superuser, or alter role … replication", error);
    case "53400":
      return setup("limit", "drop unused slots, or raise max_replication_slots", error);
    case "53300":
      if (!message.includes("max_wal_senders")) return error;
      return setup("limit", "raise max_wal_senders, and restart the server", error);
    default:
      return error;
  }
}

function setup(
  problem: ReplicationSetupError["problem"],
  remedy: string,
  cause: DatabaseError,
): ReplicationSetupError {
  return new ReplicationSetupError(problem, `${cause.message}; ${remedy}`, cause);
}

/** The last number of `replication slot "a" is active for PID 42`, in any language. */
function pidIn(message: string): number {
  return Number(/(\d+)\D*$/.exec(message)?.[1] ?? 0);
}
