import type { Holding } from "./checkout.ts";
import type { PoolOptions } from "./options.ts";
import { report } from "./report.ts";
import type { Slot } from "./slot.ts";

/** Who takes slots back. */
export interface Releaser {
  /** A promise while the slot must be cleaned. */
  release(slot: Slot): Promise<void> | undefined;
}

const DONE: Promise<void> = Promise.resolve();

/** One caller's time with a slot. */
export class Lease {
  readonly slot: Slot;
  readonly holding: Holding;
  /**
   * What everything made from the connection holds on to, or the stream that has it, while the lease
   * is young; after that the lease knows nothing of it, so that it can be lost.
   */
  anchor: object | undefined;
  readonly #releaser: Releaser;
  #ending: Promise<void> | undefined;
  #ended: Promise<void> | undefined;
  #end: (() => void) | undefined;

  constructor(slot: Slot, releaser: Releaser) {
    this.slot = slot;
    this.holding = slot.holding!;
    this.#releaser = releaser;
    slot.lease = this;
  }

  get isOver(): boolean {
    return this.holding.over;
  }

  /** Resolves when it is over, or its connection is. Made when somebody asks for it. */
  get ended(): Promise<void> {
    return this.#ended ??= this.isOver ? DONE : new Promise((resolve) => {
      this.#end = resolve;
      if (!this.slot.alive) void this.slot.core.closed.then(resolve);
    });
  }

  /** Its connection is over: a promise to race would remember every holder there was. */
  lost(): void {
    this.#end?.();
  }

  /** Gives the slot back, once. */
  end(): Promise<void> {
    if (this.#ending === undefined) {
      this.holding.over = true;
      this.slot.lease = this.anchor = undefined;
      this.#end?.();
      this.#ending = this.#releaser.release(this.slot) ?? DONE;
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

/** Notices connections that were taken and forgotten. */
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

  /** From now on the lease is lost when its anchor is. */
  watch(lease: Lease): void {
    if (lease.anchor === undefined) return;
    lease.holding.settle();
    this.#registry.register(lease.anchor, lease);
    lease.anchor = undefined;
  }
}
