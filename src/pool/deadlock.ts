/** Deadlocks of callers that hold connections and wait for others. */
import { PoolDeadlockError } from "../errors/errors.ts";
import { frameOf } from "./call_stack.ts";
import type { Checkout } from "./checkout.ts";

/**
 * The seconds after which a caller that waits for a second connection is checked for a deadlock.
 */
export const DEADLOCK_CHECK = 1;

/**
 * Reports whether no held connection will be returned, because each holder waits for another
 * connection. `inside` has the checkouts of each waiting caller.
 */
export function isDeadlock(
  held: readonly Checkout[],
  inside: Iterable<readonly Checkout[]>,
): boolean {
  const stuck = new Set<Checkout>();
  for (const checkouts of inside) for (const checkout of checkouts) stuck.add(checkout);
  return held.length > 0 && held.every((checkout) => stuck.has(checkout));
}

/** Returns the error for one of the callers; it names both places. */
export function deadlock(checkout: Checkout, waitsAt: Error | undefined): PoolDeadlockError {
  const message = `deadlock: this waits for a connection of the pool ${frameOf(waitsAt)}, and ` +
    `holds one, taken ${frameOf(checkout.takenAt)}; all others are held by callers that wait. ` +
    "Use the connection (or transaction) that is held, or raise max";
  return new PoolDeadlockError(message, { code: "40P01", cause: checkout.takenAt });
}
