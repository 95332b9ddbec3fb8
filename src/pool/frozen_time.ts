/** Milliseconds; clocks are corrected by less. */
const LEAST = 1000;

/**
 * Notices time that the monotonic clock has not counted: a process that was frozen (a function of AWS
 * Lambda between two calls, a laptop that slept) finds its connections closed by others.
 */
export class FrozenTime {
  #offset: number = Date.now() - performance.now();

  /** Returns the milliseconds since the last call that `now`, the monotonic time, does not contain. */
  missed(now: number): number {
    const offset = Date.now() - now;
    const missed = offset - this.#offset;
    this.#offset = offset;
    return missed >= LEAST ? missed : 0;
  }
}
