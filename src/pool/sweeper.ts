import type { Runtime } from "../runtime/runtime.ts";
import type { PoolSettings } from "./options.ts";

/** Milliseconds between two sweeps at least. */
const SHORTEST = 50;

/** Calls a function often enough to close idle connections in time, while there are connections. */
export class Sweeper {
  readonly #period: number;
  readonly #sweep: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor({ idleTimeout, maxLifetime }: PoolSettings, sweep: () => void) {
    const shortest = Math.min(idleTimeout || Infinity, maxLifetime || Infinity, 120);
    this.#period = Math.max(shortest * 250, SHORTEST);
    this.#sweep = sweep;
  }

  /** Begins, if it has not; the timer does not hold the process. */
  begin(runtime: Runtime | undefined): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(this.#sweep, this.#period);
    runtime?.unrefTimer(this.#timer);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
