import { PoolDeadlockError } from "../errors/errors.ts";
import { frameOf, nowhere, textOf } from "./call_stack.ts";

/** The record of an exclusive checkout: its place and time. It does not refer to the connection. */
export class Holding {
  /** The time of the checkout in milliseconds. */
  readonly since: number;
  /** Whether the connection was returned. */
  over = false;
  /** Whether the pool has reported that it lasts long. */
  reported = false;
  #place: Error | undefined;

  /** `place` is the stack of the caller that took the connection, if it was recorded. */
  constructor(place: Error | undefined, since: number) {
    this.since = since;
    this.#place = place;
  }

  get takenAt(): Error {
    return this.#place ?? nowhere("taken");
  }

  /** Turns the stack into text, so that it does not refer to the objects of its functions. */
  settle(): void {
    if (this.#place !== undefined) this.#place = textOf(this.#place);
  }

  get seconds(): number {
    return (performance.now() - this.since) / 1000;
  }
}

/** The checkouts of a chain of calls, as the async context carries them. */
export interface HoldingContext {
  readonly holding: Holding;
  readonly outer: HoldingContext | undefined;
}

const NONE: readonly Holding[] = Object.freeze([]);

/** Returns the checkouts of a context that are not over. */
export function heldIn(context: HoldingContext | undefined): readonly Holding[] {
  if (context === undefined) return NONE;
  const held: Holding[] = [];
  for (let here: HoldingContext | undefined = context; here; here = here.outer) {
    if (!here.holding.over) held.push(here.holding);
  }
  return held;
}

/**
 * The seconds after which a caller that waits for a second connection is checked for a deadlock.
 */
export const DEADLOCK_CHECK = 1;

/**
 * Reports whether no held connection will be returned, because each holder waits for another
 * connection. `inside` has the checkouts of each waiting caller.
 */
export function isDeadlock(
  held: readonly Holding[],
  inside: Iterable<readonly Holding[]>,
): boolean {
  const stuck = new Set<Holding>();
  for (const holdings of inside) for (const holding of holdings) stuck.add(holding);
  return held.length > 0 && held.every((holding) => stuck.has(holding));
}

/** Returns the error for one of the callers; it names both places. */
export function deadlock(holding: Holding, waitsAt: Error | undefined): PoolDeadlockError {
  const message = `deadlock: this waits for a connection of the pool ${frameOf(waitsAt)}, and ` +
    `holds one itself, taken ${frameOf(holding.takenAt)}; all others are held by callers that ` +
    "wait, too. Use the connection (or transaction) that is held already, or raise max";
  return new PoolDeadlockError(message, { code: "40P01", cause: holding.takenAt });
}
