import type { Holding } from "./holding.ts";
import type { PoolOptions } from "./options.ts";
import { report } from "./report.ts";
import type { Slot } from "./slot.ts";

/** One caller's time with a slot. */
export class Lease {
  readonly slot: Slot;
  readonly holding: Holding;
  /** Resolves when it is over, or its connection is. */
  readonly ended: Promise<void>;
  readonly #release: (slot: Slot) => Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #end!: () => void;

  /** `release` gives the slot back. */
  constructor(slot: Slot, release: (slot: Slot) => Promise<void> | undefined) {
    this.slot = slot;
    this.holding = slot.holding!;
    this.#release = release;
    this.ended = new Promise((resolve) => this.#end = resolve);
    slot.onLost = this.#end;
  }

  get isOver(): boolean {
    return this.holding.over;
  }

  /** Gives the slot back, once. */
  end(): Promise<void> {
    if (this.#ending === undefined) {
      this.holding.over = true;
      this.slot.onLost = undefined;
      this.#end();
      this.#ending = Promise.resolve(this.#release(this.slot));
    }
    return this.#ending;
  }

  /** Ends the session, and gives the slot back. */
  destroy(reason: unknown): void {
    if (this.isOver) return;
    this.slot.core.session.destroy(reason);
    void this.end();
  }
}

/**
 * Notices connections that were taken and forgotten. What is watched is the object that everything
 * made from the connection holds on to, and that the lease knows nothing of.
 */
export class Losses {
  readonly #registry: FinalizationRegistry<Lease>;

  constructor(onLeak: PoolOptions["onLeak"]) {
    this.#registry = new FinalizationRegistry((lease) => {
      if (lease.isOver) return;
      const { takenAt, seconds: heldFor } = lease.holding;
      report(onLeak, { problem: "lost", remedy: "closed", takenAt, heldFor });
      lease.destroy(undefined);
    });
  }

  watch(anchor: object, lease: Lease): void {
    this.#registry.register(anchor, lease);
  }
}
