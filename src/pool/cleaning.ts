/** What is done with a connection that is given back, before somebody else gets it. */
import { OperationalError } from "../errors/errors.ts";
import * as ownSql from "../own_sql.ts";
import { executeSimple } from "../query/simple.ts";
import type { Signal } from "../runtime/runtime.ts";
import { after } from "../session/alarm.ts";
import type { Session } from "../session/session.ts";
import type { Holding } from "./checkout.ts";
import type { LeaseReport, PoolSettings } from "./options.ts";
import { here } from "./call_stack.ts";
import { tell } from "./report.ts";
import type { Slot } from "./slot.ts";

/** Seconds that a check or a reset may take before the connection is given up. */
export const CHECK_TIME = 5;

/** What is wrong with a slot that is given back, told to `onDirtyRelease`, and what to do about it. */
export function leftover(
  slot: Slot,
  holding: Holding | undefined,
  settings: PoolSettings,
): LeaseReport["remedy"] {
  const problem = problemOf(slot);
  if (problem === undefined) return "none";
  const remedy = problem === "in a transaction" ? "rolled back" : "closed";
  const takenAt = holding?.takenAt ?? here("shared");
  tell(settings.onDirtyRelease, { problem, remedy, takenAt, heldFor: holding?.seconds ?? 0 });
  return remedy;
}

function problemOf({ core: { session }, executor }: Slot): LeaseReport["problem"] | undefined {
  if (session.pending > executor.ownPending) return "busy";
  // A transaction that was never ended may still claim the session for itself.
  session.lock?.abandoned?.();
  session.lock = undefined;
  if (session.transactionStatus === "failed") return "in a failed transaction";
  return session.transactionStatus === "transaction" ? "in a transaction" : undefined;
}

/** Makes a session fit for the next borrower. */
export async function reset(
  slot: Slot,
  rollback: boolean,
  how: PoolSettings["reset"],
  wasHeld: boolean,
): Promise<void> {
  const { connection, executor } = slot;
  const run = (text: string) => executeSimple(executor, text);
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
 * Runs `work` on a session, and ends the session when it takes longer than `seconds` (0: no limit) or
 * `signal` aborts: `work` may be a user's own, which would wait on.
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
  signal?.addEventListener("abort", aborted, { once: true });
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
