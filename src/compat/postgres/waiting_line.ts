import type { Link } from "./link.ts";
import type { Runnable } from "./runnable.ts";

/** A caller that waits for a connection: a query, or one that wants a connection alone. */
export interface Waiter {
  readonly query?: Runnable;
  /** Takes the connection; absent for a query. */
  readonly take?: (link: Link) => void;
  /** Rejects the caller. */
  fail(error: unknown): void;
}

/** The callers that wait, first come, first served. */
export class WaitingLine {
  #waiters: Waiter[] = [];
  #first = 0;

  /** The number of callers. */
  get length(): number {
    return this.#waiters.length - this.#first;
  }

  /** The caller that is served next. */
  get first(): Waiter | undefined {
    return this.#waiters[this.#first];
  }

  /** Adds a caller at the end. */
  push(waiter: Waiter): void {
    this.#waiters.push(waiter);
  }

  /** Takes the first caller out. */
  shift(): Waiter | undefined {
    const waiter = this.#waiters[this.#first];
    if (waiter === undefined) return undefined;
    if (++this.#first * 2 > this.#waiters.length) {
      this.#waiters = this.#waiters.slice(this.#first);
      this.#first = 0;
    }
    return waiter;
  }

  /** Takes a query out. Reports whether it was there. */
  remove(query: Runnable): boolean {
    const at = this.#waiters.findIndex((waiter) => waiter.query === query);
    if (at < this.#first) return false;
    this.#waiters.splice(at, 1);
    return true;
  }

  /** Takes all callers out. */
  drain(): Waiter[] {
    const waiters = this.#waiters.slice(this.#first);
    this.#waiters = [];
    this.#first = 0;
    return waiters;
  }
}
