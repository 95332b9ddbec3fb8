import type { Checkout } from "./checkout.ts";
import type { PoolOptions } from "./options.ts";
import { report } from "./report.ts";
import type { Slot, SlotLease } from "./slot.ts";

/** The lender, as far as a lease needs it. */
export interface Releaser {
  /** Takes a slot back; returns a promise if it must be cleaned first. */
  release(slot: Slot): Promise<void> | undefined;
}

const DONE: Promise<undefined> = Promise.resolve(undefined);

/** The exclusive use of a slot by one caller. */
export class Lease implements SlotLease {
  readonly slot: Slot;
  readonly checkout: Checkout;
  /**
   * An object that everything made from the connection refers to, or the stream that has the
   * connection. An older lease drops it, so that its loss can be noticed.
   */
  anchor: object | undefined;
  readonly #releaser: Releaser;
  #ending: Promise<void> | undefined;
  #ended: Promise<Error | undefined> | undefined;
  #end: ((reason?: Error) => void) | undefined;

  constructor(slot: Slot, releaser: Releaser) {
    this.slot = slot;
    this.checkout = slot.checkout!;
    this.#releaser = releaser;
    slot.lease = this;
  }

  get isOver(): boolean {
    return this.checkout.over;
  }

  /**
   * Resolves when the lease or its connection ends; to the reason, if the connection was lost. The
   * promise is made on first use.
   */
  get ended(): Promise<Error | undefined> {
    return this.#ended ??= this.isOver ? DONE : new Promise((resolve) => {
      this.#end = resolve;
      if (!this.slot.alive) void this.slot.core.closed.then(resolve);
    });
  }

  /**
   * Records that the connection has ended. A shared promise would keep a reaction for each holder.
   */
  lost(): void {
    if (this.#end !== undefined) void this.slot.core.closed.then(this.#end);
  }

  /** Returns the slot; further calls do nothing. */
  end(): Promise<void> {
    if (this.#ending === undefined) {
      this.checkout.over = true;
      this.slot.lease = this.anchor = undefined;
      this.#end?.();
      this.#ending = this.#releaser.release(this.slot) ?? DONE;
    }
    return this.#ending;
  }

  /** Ends the session and returns the slot. */
  destroy(reason: unknown): void {
    if (this.isOver) return;
    this.slot.core.session.destroy(reason);
    void this.end();
  }
}

/** Notices connections that were taken and never returned. */
export class Losses {
  readonly #registry: FinalizationRegistry<SlotLease>;

  constructor(onLeak: PoolOptions["onLeak"]) {
    this.#registry = new FinalizationRegistry((lease) => {
      if (lease.isOver) return;
      const { takenAt, seconds: heldFor } = lease.checkout;
      report(onLeak, { problem: "lost", remedy: "closed", takenAt, heldFor });
      lease.destroy(undefined);
    });
  }

  /** Reports the lease as lost once its anchor is collected. */
  watch(lease: SlotLease): void {
    if (lease.anchor === undefined) return;
    lease.checkout.settle();
    this.#registry.register(lease.anchor, lease);
    lease.anchor = undefined;
  }
}
