/** The treatment of a connection between two borrowers. */
import { OperationalError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import * as ownSql from "../own_sql.ts";
import { executeSimple } from "../query/execute_simple.ts";
import type { Signal } from "../runtime/runtime.ts";
import { after } from "../session/alarm.ts";
import type { Session } from "../session/session.ts";
import type { Checkout } from "./checkout.ts";
import type { LeaseReport, PoolSettings } from "./options.ts";
import { here } from "./call_stack.ts";
import { tell } from "./report.ts";
import type { Slot } from "./slot.ts";

/** The seconds that a check or a reset may take before the connection is closed. */
export const CHECK_TIME = 5;

/** Reports a fault of a returned connection to `onDirtyRelease`, and returns the remedy. */
export function leftover(
  slot: Slot,
  checkout: Checkout | undefined,
  settings: PoolSettings,
): LeaseReport["remedy"] {
  const problem = problemOf(slot);
  if (problem === undefined) return "none";
  const remedy = problem === "in a transaction" ? "rolled back" : "closed";
  const takenAt = checkout?.takenAt ?? here("shared");
  tell(settings.onDirtyRelease, { problem, remedy, takenAt, heldFor: checkout?.seconds ?? 0 });
  return remedy;
}

function problemOf({ core: { session }, executor }: Slot): LeaseReport["problem"] | undefined {
  if (session.pending > executor.ownPending) return "busy";
  // A transaction that was never ended may still have the exclusive use of the session.
  session.lock?.abandoned?.();
  session.lock = undefined;
  if (session.transactionStatus === "failed") return "in a failed transaction";
  return session.transactionStatus === "transaction" ? "in a transaction" : undefined;
}

/** Reports whether a slot can be lent only after its cleaning has been answered. */
export function isSoiled(
  { executor, isFurnished }: Slot,
  how: PoolSettings["reset"],
  wasHeld: boolean,
): boolean {
  if (executor.changes.any || isFurnished && executor.isUsed) return true;
  return wasHeld && (typeof how === "function" || how === "discard" && executor.isUsed);
}

/** Makes a session fit for the next borrower. */
export async function reset(
  slot: Slot,
  rollback: boolean,
  how: PoolSettings["reset"],
  wasHeld: boolean,
): Promise<void> {
  const { connection, executor } = slot;
  const run = (text: string) => executeSimple(executor.context, text);
  if (rollback) await run(ownSql.ROLLBACK);
  if (typeof how === "function" && wasHeld) return await how(connection);
  if (how === "discard" && wasHeld) {
    await run(ownSql.DISCARD_ALL);
    await run(ownSql.RESET_ROLE);
  } else if (how === "text") {
    if (executor.changes.any) await run(executor.changes.undo());
  } else if (executor.changes.any || executor.isUsed) {
    const { cleaning, changes: { statements } } = executor;
    await run(statements ? `${ownSql.UNDO.statements}; ${cleaning}` : cleaning);
  }
}

/**
 * Runs `work` on a session, and ends the session when `work` takes longer than `seconds` (0: no
 * limit) or `signal` aborts. Code of the user may never settle by itself.
 */
export async function inTime<T>(
  session: Session,
  seconds: number,
  work: () => PromiseLike<T>,
  signal?: Signal,
  late: (seconds: number) => OperationalError = unanswered,
): Promise<T> {
  if (signal?.aborted) throw signal.reason;
  let fail: (error: unknown) => void;
  const over = new Promise<never>((_, reject) => fail = reject);
  const end = (reason: unknown): void => {
    session.destroy(reason);
    fail(reason);
  };
  const tooLate = (): void => fail(session.wire.fail(late(seconds)));
  const aborted = () => end(signal!.reason);
  const stop = seconds === 0 ? undefined : after(seconds * 1000, tooLate);
  signal?.addEventListener("abort", aborted, ONCE);
  try {
    return await Promise.race([work(), over]);
  } finally {
    stop?.();
    signal?.removeEventListener("abort", aborted);
  }
}

function unanswered(seconds: number): OperationalError {
  return new OperationalError(`the connection did not answer within ${seconds} s`, {
    code: "08006",
  });
}
