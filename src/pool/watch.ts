import { Losses } from "./lease.ts";
import type { PoolSettings } from "./options.ts";
import { report } from "./report.ts";
import type { Slot } from "./slot.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** The seconds between two looks; most connections are returned before the first. */
const PERIOD = 1;

/**
 * Looks for connections that are held longer than `leakWarning` or were lost, from time to time
 * while any is lent. So lending itself sets no timer and registers nothing.
 */
export class Watch {
  readonly #settings: PoolSettings;
  readonly #slots: Iterable<Slot>;
  readonly #losses: Losses;
  readonly #period: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(settings: PoolSettings, slots: Iterable<Slot>) {
    this.#settings = settings;
    this.#slots = slots;
    this.#losses = new Losses(settings.onLeak);
    const { leakWarning } = settings;
    this.#period = leakWarning === 0 ? PERIOD : Math.min(PERIOD, leakWarning / 4);
  }

  /** Begins to look, because a connection is lent. */
  begin(runtime: Runtime): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#look(), this.#period * 1000);
    runtime.unrefTimer(this.#timer);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { leakWarning, onLeak } = this.#settings;
    let isAnyHeld = false;
    for (const { checkout, lease } of this.#slots) {
      if (checkout === undefined) continue;
      isAnyHeld = true;
      const { seconds: heldFor } = checkout;
      if (leakWarning > 0 && heldFor >= leakWarning && !checkout.reported) {
        checkout.reported = true;
        const { takenAt } = checkout;
        report(onLeak, { problem: "held long", remedy: "none", takenAt, heldFor });
      }
      if (lease !== undefined && heldFor > this.#period / 2) this.#losses.watch(lease);
    }
    if (!isAnyHeld) this.stop();
  }
}
