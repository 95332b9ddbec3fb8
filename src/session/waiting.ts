import type { TransactionStatus } from "../protocol/backend.ts";
import type { Exchange } from "./exchange.ts";
import { Queue } from "./queue.ts";

/**
 * Requests that are not sent: they have not been yet, or are to be again.
 *
 * They are sent in the order in which they were made, also those that come back: a request that has
 * failed for a reason of the driver's own stands where it stood, and all behind it wait until that is
 * mended. What is asked for to mend it goes ahead of the line.
 */
export class Waiting {
  readonly #line = new Queue();
  readonly #ahead = new Queue();
  readonly #changed: () => void;

  /** `changed` is called when there may be something to send that was not before. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get length(): number {
    return this.#line.length + this.#ahead.length;
  }

  /** Whether one that is made now has to wait for others. */
  holds({ isAhead }: Exchange): boolean {
    return isAhead ? this.#ahead.length > 0 : this.length > 0;
  }

  push(exchange: Exchange): void {
    (exchange.isAhead ? this.#ahead : this.#line).push(exchange);
  }

  /**
   * Takes back one that is to be sent again, as if it had not been: a cancel that was meant for another
   * undid it, outside a transaction; or it has failed for a reason that is mended. With `status`
   * absent, its `write` has thrown. `false`: it is to be settled.
   */
  takesBack(exchange: Exchange, status: TransactionStatus | undefined): boolean {
    const { failure, request, cancelReason } = exchange;
    if (failure === undefined) return false;
    const { error } = failure;
    try {
      const recovery = exchange.stray || (request.recover?.(error, status) ?? false);
      if (recovery === false) return false;
      if (cancelReason !== undefined) throw cancelReason;
      exchange.reset();
      exchange.back = { error, status };
      (exchange.isAhead ? this.#ahead : this.#line).insert(exchange);
      if (recovery !== true) this.#recover(exchange, recovery, error);
      return true;
    } catch (instead) {
      exchange.failure = { error: instead };
      return false;
    }
  }

  /**
   * The one that is to be sent behind `last`. One that came back waits for the answers to all that was
   * sent before that: others may come back that were made before what stands behind it.
   */
  next(last: Exchange | undefined): Exchange | undefined {
    const next = this.#ahead.first ?? this.#line.first;
    if (next === undefined || next.phase === "recovering") return undefined;
    return next.back !== undefined && last !== undefined && last.back === undefined
      ? undefined
      : next;
  }

  /** Takes one out; `false` when it is not there. */
  remove(exchange: Exchange): boolean {
    return (exchange.isAhead ? this.#ahead : this.#line).remove(exchange);
  }

  /** The exchange of a request, or of the first one that may be cancelled, if it is here. */
  find(request: Exchange["request"] | undefined): Exchange | undefined {
    return this.#line.find(request) ?? this.#ahead.find(request);
  }

  /** Takes out all there are, in order. */
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
