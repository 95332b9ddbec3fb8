import type { LeaseReport } from "./options.ts";
import { frameOf } from "./call_stack.ts";

/** A hook that throws is as if it had not been called. */
export function tell<T>(hook: ((report: T) => void) | undefined, report: T): void {
  try {
    hook?.(report);
  } catch { /* nobody waits for this */ }
}

/** Tells of a leak; on the console when nobody else wants to know. */
export function report(hook: ((report: LeaseReport) => void) | undefined, leak: LeaseReport): void {
  tell(hook ?? print, leak);
}

function print({ problem, takenAt, heldFor }: LeaseReport): void {
  const what = problem === "lost" ? "was lost without being closed" : "is held for long";
  const text = `a connection of the pool ${what} (${heldFor.toFixed(1)} s), taken`;
  // deno-lint-ignore no-console -- who asks for leak warnings and gives no hook wants to see them
  console.warn(`${text} ${frameOf(takenAt)}`);
}
