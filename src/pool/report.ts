import type { LeaseReport } from "./options.ts";
import { frameOf } from "./call_stack.ts";

/** Calls a hook and ignores what it throws. */
export function tell<T>(hook: ((report: T) => void) | undefined, report: T): void {
  try {
    hook?.(report);
  } catch { /* no call is at fault */ }
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
