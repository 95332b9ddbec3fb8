import { type DatabaseError, OperationalError, ProgrammingError } from "../errors/errors.ts";
import type { Lsn } from "./lsn.ts";

/**
 * Why a slot cannot be used any more: the values of `pg_replication_slots.invalidation_reason`, or
 * `missing` if there is no slot of that name.
 */
export type SlotLossReason =
  | "wal_removed"
  | "rows_removed"
  | "wal_level_insufficient"
  | "idle_timeout"
  | "missing";

const LOSS: Readonly<Record<SlotLossReason, string>> = {
  wal_removed: "the server has removed WAL that the slot needs (max_slot_wal_keep_size)",
  rows_removed: "the server has removed catalog rows that the slot needs",
  wal_level_insufficient: "wal_level of the primary was lowered below logical",
  idle_timeout: "no client has used it for longer than idle_replication_slot_timeout",
  missing: "there is no such slot",
};

/**
 * A replication slot is gone or invalidated, so that changes are lost. A lost slot never comes back:
 * drop it, create another one, and copy the tables again.
 */
export class SlotLostError extends OperationalError {
  /** The name of the slot. */
  readonly slot: string;
  /** Why the slot is lost. */
  readonly reason: SlotLossReason;
  static {
    this.prototype.name = "SlotLostError";
  }
  /** Makes an error. For the driver. */
  constructor(slot: string, reason: SlotLossReason, cause?: DatabaseError) {
    const advice = reason === "missing"
      ? "changes since then are lost; create the slot and copy the tables again"
      : "drop it, create another one and copy the tables again";
    super(`replication slot "${slot}" is lost: ${LOSS[reason]}; ${advice}`, {
      ...{ code: reason === "missing" ? "42704" : "55000", fields: cause?.fields, cause },
    });
    this.slot = slot;
    this.reason = reason;
  }
}

/**
 * Another connection uses the slot. It may be a broken one that the server still waits for, at most for
 * `wal_sender_timeout`.
 */
export class SlotBusyError extends OperationalError {
  /** The name of the slot. */
  readonly slot: string;
  /** The process ID of the server process that uses the slot; 0 if the server does not say. */
  readonly pid: number;
  static {
    this.prototype.name = "SlotBusyError";
  }
  /** Makes an error. For the driver. */
  constructor(slot: string, pid: number, cause?: DatabaseError) {
    const message = `replication slot "${slot}" is in use by the server process ${pid}; ` +
      `end its client, or select pg_terminate_backend(${pid})`;
    super(message, { code: "55006", fields: cause?.fields, cause, safeToRetry: true });
    this.slot = slot;
    this.pid = pid;
  }
}

/** A publication does not exist, so that its changes would be missing from the stream. */
export class PublicationMissingError extends ProgrammingError {
  /** The names of the missing publications. */
  readonly publications: readonly string[];
  static {
    this.prototype.name = "PublicationMissingError";
  }
  /** Makes an error. For the driver. */
  constructor(publications: readonly string[], cause?: unknown) {
    const names = publications.map((name) => `"${name}"`).join(", ");
    const what = publications.length > 1
      ? `publications ${names} do not exist`
      : `publication ${names} does not exist`;
    const message = `${what}: create publications before slots, because changes that precede a ` +
      "publication are not sent";
    super(message, { code: "42704", cause });
    this.publications = publications;
  }
}

/**
 * A position lies ahead of the server's: after a failover to a standby that had not received all, or a
 * position of another cluster. The server would skip changes without an error.
 */
export class PositionAheadError extends OperationalError {
  /** The position that was asked for. */
  readonly requested: Lsn;
  /** The position of the server. */
  readonly server: Lsn;
  static {
    this.prototype.name = "PositionAheadError";
  }
  /** Makes an error. For the driver. */
  constructor(requested: Lsn, server: Lsn) {
    const message =
      `position ${requested} is ahead of the server's, ${server}: changes would be skipped; ` +
      "after a failover, changes that the standby had not received are lost and the tables must be copied again";
    super(message, { code: "55000" });
    this.requested = requested;
    this.server = server;
  }
}

/** The server belongs to another cluster than before; positions of one cluster mean nothing in another. */
export class DifferentSystemError extends OperationalError {
  /** The system identifier that was expected. */
  readonly expected: string;
  /** The system identifier of the server. */
  readonly found: string;
  static {
    this.prototype.name = "DifferentSystemError";
  }
  /** Makes an error. For the driver. */
  constructor(expected: string, found: string) {
    super(
      `the server belongs to another cluster: its system identifier is ${found}, not ${expected}; ` +
        "its positions cannot be compared with earlier ones",
      { code: "55000" },
    );
    this.expected = expected;
    this.found = found;
  }
}

/**
 * The thing to change: `wal_level` is below `logical`; the role lacks the `permission` to replicate; the
 * slot belongs to another `database`, is of the other `kind`, or is `synced` from a primary; or
 * `max_replication_slots` or `max_wal_senders` is reached (`limit`).
 */
export type SetupProblem = "wal_level" | "permission" | "database" | "kind" | "synced" | "limit";

/** The server, the role or the slot is not set up for the command. The message says what to change. */
export class ReplicationSetupError extends OperationalError {
  /** The thing to change. */
  readonly problem: SetupProblem;
  static {
    this.prototype.name = "ReplicationSetupError";
  }
  /** Makes an error. For the driver. */
  constructor(problem: SetupProblem, message: string, cause?: DatabaseError) {
    const { code = "55000", fields, safeToRetry } = cause ?? {};
    super(message, { code, fields, safeToRetry, cause });
    this.problem = problem;
  }
}
