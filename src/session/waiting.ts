import type { TransactionStatus } from "../protocol/backend.ts";
import type { Exchange } from "./exchange.ts";
import { Queue } from "./queue.ts";

/**
 * The requests that are not sent, or that are to be sent again.
 *
 * They are sent in the order in which they were made. A request that failed for a reason of the driver's
 * own keeps its place, and all behind it wait for its recovery. The requests that the recovery needs go
 * ahead of the others.
 */
export class Waiting {
  readonly #line = new Queue();
  readonly #ahead = new Queue();
  readonly #changed: () => void;

  /** `changed` is called when a request may have become ready to be sent. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get length(): number {
    return this.#line.length + this.#ahead.length;
  }

  /** Reports whether a new request has to wait for others. */
  holds({ isAhead }: Exchange): boolean {
    return isAhead ? this.#ahead.length > 0 : this.length > 0;
  }

  /** Adds a request behind those that were made before it. */
  push(exchange: Exchange): void {
    (exchange.isAhead ? this.#ahead : this.#line).insert(exchange);
  }

  /**
   * Takes back a failed request to send it again: it was hit by the cancel of another one outside a
   * transaction, or it can recover. `status` is absent if its `write` threw. Returns `false` if the
   * request is to be settled.
   */
  takesBack(exchange: Exchange, status: TransactionStatus | undefined): boolean {
    const { failure, request, cancelReason } = exchange;
    if (failure === undefined) return false;
    const { error } = failure;
    try {
      const recovery = exchange.stray || (request.recover?.(error, status) ?? false);
      if (recovery === false) return false;
      if (cancelReason !== undefined) {
        if (recovery !== true) recovery.catch(() => {}); // the request fails with the reason instead
        throw cancelReason;
      }
      exchange.reset();
      exchange.back = { error, status };
      this.push(exchange);
      if (recovery !== true) this.#recover(exchange, recovery, error);
      return true;
    } catch (instead) {
      exchange.failure = { error: instead };
      return false;
    }
  }

  /**
   * Returns the request to send behind `last`, if one is ready. A request that came back waits for the
   * answers to all earlier ones, because older requests may come back, too.
   */
  next(last: Exchange | undefined): Exchange | undefined {
    const next = this.#ahead.first ?? this.#line.first;
    if (next === undefined || next.phase === "recovering") return undefined;
    return next.back !== undefined && last !== undefined && last.back === undefined
      ? undefined
      : next;
  }

  /** Takes a request out; returns `false` if it is not here. */
  remove(exchange: Exchange): boolean {
    return (exchange.isAhead ? this.#ahead : this.#line).remove(exchange);
  }

  /** Finds the exchange of a request, or of the first one that may be cancelled. */
  find(request: Exchange["request"] | undefined): Exchange | undefined {
    return this.#line.find(request) ?? this.#ahead.find(request);
  }

  /** Reports whether a request is the first of the line. */
  startsWith(request: Exchange["request"]): boolean {
    return this.#line.first?.request === request;
  }

  /** Takes out all requests, in order. */
  *drain(): Generator<Exchange, void> {
    for (const queue of [this.#ahead, this.#line]) {
      for (let one = queue.shift(); one !== undefined; one = queue.shift()) yield one;
    }
  }

  #recover(exchange: Exchange, recovery: Promise<boolean>, error: unknown): void {
    exchange.become("recovering");
    const settled = (isRecovered: boolean, reason: unknown): void => {
      if (exchange.phase === "recovering") exchange.become("waiting");
      if (!isRecovered && this.remove(exchange)) {
        exchange.fail(reason);
        exchange.settle();
      }
      this.#changed();
    };
    recovery.then((isRecovered) => settled(isRecovered, error), (reason) => settled(false, reason));
  }
}
