import type { Signal } from "../runtime/runtime.ts";
import { after } from "../session/alarm.ts";
import type { Checkout } from "./checkout.ts";
import { located } from "./call_stack.ts";
import type { Slot } from "./slot.ts";

/** The kinds of use of a connection. */
export type Kind =
  /** One query, which may share the connection with others. */
  | "shared"
  /** Any other use, which has the connection alone. */
  | "held";

/** A request for a connection. */
export interface Wish {
  readonly kind: Kind;
  /** A signal that ends the wait. */
  readonly signal?: Signal;
  /** The stack of the caller, if it was taken. */
  readonly site: Error | undefined;
}

/** A caller that waits for a slot; a link of the list. */
export class Waiter<T = unknown> {
  readonly wish: Wish;
  /** The checkouts of the caller. */
  readonly inside: readonly Checkout[];
  /** The time at which the wait began, in milliseconds. */
  readonly since: number;
  /** The time at which the wait ends without success, in milliseconds. */
  readonly due: number;
  readonly promise: Promise<T>;
  before: Waiter | undefined;
  after: Waiter | undefined;
  listed = false;
  check: ReturnType<typeof setInterval> | undefined;
  onAbort: (() => void) | undefined;
  readonly #use: (slot: Slot) => unknown;
  #resolve!: (value: unknown) => void;
  #reject!: (reason: unknown) => void;

  /** The promise resolves to the result of `use`. */
  constructor(
    wish: Wish,
    timeout: number,
    inside: readonly Checkout[],
    since: number,
    use: (slot: Slot) => T,
  ) {
    this.wish = wish;
    this.inside = inside;
    this.since = since;
    this.#use = use;
    this.due = timeout > 0 ? since + timeout * 1000 : Infinity;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve as (value: unknown) => void;
      this.#reject = reject;
    });
  }

  /** The longest wait in seconds. */
  get seconds(): number {
    return Math.round(this.due - this.since) / 1000;
  }

  serve(slot: Slot): void {
    this.#forget();
    this.#resolve(this.#use(slot));
  }

  fail(reason: unknown): void {
    this.#forget();
    const { site } = this.wish;
    this.#reject(site === undefined ? reason : located(reason, site));
  }

  /** Removes the timer and the listener. */
  #forget(): void {
    if (this.check !== undefined) clearInterval(this.check);
    if (this.onAbort !== undefined) this.wish.signal?.removeEventListener("abort", this.onAbort);
  }
}

/**
 * One timer for all waiting callers, because one for each would cost more than the rest of waiting.
 */
export class AlarmClock {
  readonly #ring: () => void;
  #stop: (() => void) | undefined;
  #due = Infinity;

  /** `ring` is called at the set time, and may set the next. */
  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Sets the clock to `due`, unless it is set to an earlier time. */
  set(due: number): void {
    if (due >= this.#due) return;
    this.#stop?.();
    this.#due = due;
    this.#stop = after(Math.max(0, due - performance.now()), () => {
      this.#due = Infinity;
      this.#ring();
    });
  }

  stop(): void {
    if (this.#due === Infinity) return;
    this.#stop?.();
    this.#due = Infinity;
  }
}

/** A queue of callers; a caller can leave from the middle at no cost. */
export class WaitingList {
  first: Waiter | undefined;
  #last: Waiter | undefined;
  length = 0;

  push(waiter: Waiter): void {
    waiter.before = this.#last;
    if (this.#last === undefined) this.first = waiter;
    else this.#last.after = waiter;
    this.#last = waiter;
    waiter.listed = true;
    this.length++;
  }

  /** Removes a caller; returns whether it was in the list. */
  remove(waiter: Waiter): boolean {
    if (!waiter.listed) return false;
    const { before, after } = waiter;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    waiter.before = waiter.after = undefined;
    waiter.listed = false;
    this.length--;
    return true;
  }

  *[Symbol.iterator](): Generator<Waiter> {
    for (let waiter = this.first; waiter !== undefined; waiter = waiter.after) yield waiter;
  }
}
