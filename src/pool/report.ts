import type { LeaseReport, PoolConnectionEvent, PoolOptions } from "./options.ts";
import { frameOf } from "./call_stack.ts";
import type { RetireReason, Slot } from "./slot.ts";

/** Calls a hook and ignores what it throws. */
export function tell<T>(hook: ((report: T) => void) | undefined, report: T): void {
  try {
    hook?.(report);
  } catch { /* no call is at fault */ }
}

/** Returns the facts about a connection that hooks are called with. */
export function used({ core, uses }: Slot): PoolConnectionEvent {
  return { processId: core.session.processId, uses };
}

/** Calls `onRemove` when the connection has ended. */
export function removed(
  hook: NonNullable<PoolOptions["onRemove"]>,
  slot: Slot,
  reason: RetireReason,
): void {
  void slot.core.closed.then((error) => tell(hook, { ...used(slot), reason, error }));
}

/** Reports a leak, on the console if there is no hook. */
export function report(hook: ((report: LeaseReport) => void) | undefined, leak: LeaseReport): void {
  tell(hook ?? print, leak);
}

function print({ problem, takenAt, heldFor }: LeaseReport): void {
  const what = problem === "lost" ? "was lost without being closed" : "is held for long";
  const text = `a connection of the pool ${what} (${heldFor.toFixed(1)} s), taken`;
  // deno-lint-ignore no-console -- leak warnings without a hook are meant to be seen
  console.warn(`${text} ${frameOf(takenAt)}`);
}
