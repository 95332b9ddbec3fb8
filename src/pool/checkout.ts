import { nowhere, textOf } from "./call_stack.ts";

/** The record of an exclusive checkout: its place and time. It does not refer to the connection. */
export class Checkout {
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
export interface CheckoutContext {
  readonly checkout: Checkout;
  readonly outer: CheckoutContext | undefined;
}

const NONE: readonly Checkout[] = Object.freeze([]);

/** Returns the checkouts of a context that are not over. */
export function heldIn(context: CheckoutContext | undefined): readonly Checkout[] {
  if (context === undefined) return NONE;
  const held: Checkout[] = [];
  for (let here: CheckoutContext | undefined = context; here; here = here.outer) {
    if (!here.checkout.over) held.push(here.checkout);
  }
  return held;
}
