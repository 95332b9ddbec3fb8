import { PoolDeadlockError } from "../errors/errors.ts";
import { frameOf, nowhere, textOf } from "./call_stack.ts";

/** That somebody holds a connection alone: from where, and since when. Knows no connection. */
export class Holding {
  /** Milliseconds. */
  readonly since: number;
  /** It was given back. */
  over = false;
  /** That it lasts long was reported. */
  reported = false;
  #place: Error | undefined;

  /** `place` is the holder's stack, if it was noted. */
  constructor(place: Error | undefined, since: number) {
    this.since = since;
    this.#place = place;
  }

  get takenAt(): Error {
    return this.#place ?? nowhere("taken");
  }

  /** Its place holds nobody any more who may have the connection. */
  settle(): void {
    if (this.#place !== undefined) this.#place = textOf(this.#place);
  }

  get seconds(): number {
    return (performance.now() - this.since) / 1000;
  }
}

/** The connections that a chain of calls holds: what a runtime's async context carries. */
export interface HoldingContext {
  readonly holding: Holding;
  readonly outer: HoldingContext | undefined;
}

const NONE: readonly Holding[] = Object.freeze([]);

/** What is still held of a context. */
export function heldIn(context: HoldingContext | undefined): readonly Holding[] {
  if (context === undefined) return NONE;
  const held: Holding[] = [];
  for (let here: HoldingContext | undefined = context; here; here = here.outer) {
    if (!here.holding.over) held.push(here.holding);
  }
  return held;
}

/** Seconds after which a waiter that holds a connection himself looks whether that can go well. */
export const DEADLOCK_CHECK = 1;

/**
 * Whether none of those who hold a connection will give one back: each waits for another one
 * himself, `inside` telling what the waiters hold.
 */
export function isDeadlock(
  held: readonly Holding[],
  inside: Iterable<readonly Holding[]>,
): boolean {
  const stuck = new Set<Holding>();
  for (const holdings of inside) for (const holding of holdings) stuck.add(holding);
  return held.length > 0 && held.every((holding) => stuck.has(holding));
}

/** The error for one of them; names both places. */
export function deadlock(holding: Holding, waitsAt: Error | undefined): PoolDeadlockError {
  const message = `deadlock: this waits for a connection of the pool ${frameOf(waitsAt)}, and ` +
    `holds one itself, taken ${frameOf(holding.takenAt)}; all others are held by callers that ` +
    "wait, too. Use the connection (or transaction) that is held already, or raise max";
  return new PoolDeadlockError(message, { code: "40P01", cause: holding.takenAt });
}
