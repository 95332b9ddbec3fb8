import type { Signal } from "../runtime/runtime.ts";
import type { Holding } from "./holding.ts";
import type { Slot } from "./slot.ts";

/** What somebody wants a connection for. */
export type Kind =
  /** One query that does not mind others on the same connection. */
  | "shared"
  /** Anything else. */
  | "held";

/** How somebody waits. */
export interface Wish {
  readonly kind: Kind;
  readonly signal?: Signal;
  /** Seconds; 0: no limit. */
  readonly timeout: number;
  /** The connections that he holds meanwhile. */
  readonly inside: readonly Holding[];
  /** Where he waits. */
  readonly site: Error | undefined;
}

/** Somebody who waits for a slot; a link of the list. */
export class Waiter {
  readonly wish: Wish;
  readonly since: number = performance.now();
  readonly promise: Promise<Slot>;
  before: Waiter | undefined;
  after: Waiter | undefined;
  listed = false;
  timer: ReturnType<typeof setTimeout> | undefined;
  check: ReturnType<typeof setInterval> | undefined;
  onAbort: (() => void) | undefined;
  #resolve!: (slot: Slot) => void;
  #reject!: (reason: unknown) => void;

  constructor(wish: Wish) {
    this.wish = wish;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  serve(slot: Slot): void {
    this.#forget();
    this.#resolve(slot);
  }

  fail(reason: unknown): void {
    this.#forget();
    this.#reject(reason);
  }

  /** Leaves no timer and no listener behind. */
  #forget(): void {
    clearTimeout(this.timer);
    clearInterval(this.check);
    if (this.onAbort !== undefined) this.wish.signal?.removeEventListener("abort", this.onAbort);
  }
}

/** First come, first served; who gives up leaves from the middle at no cost. */
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

  /** `false`: he is not here any more. */
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
