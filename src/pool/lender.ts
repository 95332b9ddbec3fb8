/**
 * The rules by which callers get connections. slot.ts has the states of a slot; slots.ts opens,
 * cleans and closes connections.
 */
import { InterfaceError, PoolTimeoutError } from "../errors/errors.ts";
import { signal } from "../errors/checks.ts";
import { ONCE } from "../errors/own.ts";
import { after } from "../session/alarm.ts";
import type { Checkout } from "./checkout.ts";
import { deadlock, DEADLOCK_CHECK, isDeadlock } from "./deadlock.ts";
import type { PoolSettings } from "./options.ts";
import { frameOf } from "./call_stack.ts";
import { PoolTrace } from "./pool_trace.ts";
import { type Opening, Slots, type SlotsOwner } from "./slots.ts";
import type { Slot } from "./slot.ts";
import type { PoolStats } from "./stats.ts";
import { AlarmClock, type Kind, Waiter, WaitingList, type Wish } from "./waiting_list.ts";
import { isBusy, isForGood, refusedAs, timedOut } from "./opener.ts";

/** Lends the connections of a pool. */
export class Lender {
  readonly #settings: PoolSettings;
  readonly #waiting = new WaitingList();
  readonly #clock = new AlarmClock(() => this.#timeOutAll());
  readonly #slots: Slots;
  /** The diagnostics channels. */
  readonly trace: PoolTrace;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(settings: PoolSettings, opening: Opening) {
    this.#settings = settings;
    const owner: SlotsOwner = {
      wanted: () => this.#waiting.length,
      free: (now) => this.#serve(now),
      handOver: (slot, now) => {
        const next = this.#waiting.first;
        if (next?.wish.kind !== "held") return false;
        this.#give(next, slot, now);
        return true;
      },
      refused: (error, byHook) => this.#refused(error, byHook),
    };
    const standing = () => ({ ...this.#slots.numbers(), waiting: this.#waiting.length });
    this.trace = new PoolTrace(settings, standing);
    this.#slots = new Slots(settings, opening, owner, this.trace);
    this.#slots.grow();
  }

  /**
   * Calls `use` with a slot, at once or when one comes free, and returns the result. The caller
   * waits for `timeout` seconds at most (0: no limit) and holds the connections `inside`.
   * {@linkcode release} returns the slot.
   */
  acquire<T>(
    wish: Wish,
    timeout: number,
    inside: readonly Checkout[],
    use: (slot: Slot) => T,
  ): T | Promise<T> {
    if (this.#closing !== undefined) throw closed();
    if (wish.signal !== undefined) {
      signal("signal", wish.signal);
      wish.signal.throwIfAborted();
    }
    const now = performance.now();
    const slot = this.#waiting.length === 0 ? this.#pick(wish.kind, inside, 1, now) : undefined;
    if (slot === undefined) return this.#wait(new Waiter(wish, timeout, inside, now, use));
    this.#slots.lend(slot, wish, now);
    this.trace.acquire.tell(0);
    return use(slot);
  }

  /**
   * Returns a slot. `since` is the time at which a shared slot was taken, if that is traced.
   * Resolves when the slot is free or gone; never rejects.
   */
  release(slot: Slot, since?: number): Promise<void> | undefined {
    const { release } = this.trace;
    if (!release.isWatched) return this.#slots.release(slot);
    const taken = slot.checkout?.since ?? since;
    const used = taken === undefined ? undefined : past(taken);
    const released = this.#slots.release(slot);
    if (released !== undefined) return released.then(() => release.tell(used));
    release.tell(used);
    return undefined;
  }

  /** Whether the pool is closing or closed. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  stats(): Omit<PoolStats, "listener"> {
    const { waited, ...counters } = this.#slots.counters;
    return {
      ...this.#slots.numbers(),
      waiting: this.#waiting.length,
      max: this.#settings.max,
      ...counters,
      retired: { ...counters.retired },
      waitTime: waited / 1000,
    };
  }

  /**
   * Refuses new callers, serves those that wait, and closes the connections; after `timeout`
   * seconds (0: no limit) it destroys the rest.
   */
  close(timeout: number): Promise<void> {
    return this.#closing ??= this.#close(timeout);
  }

  /** Fails the callers that wait, and destroys all connections. */
  destroy(): void {
    void this.close(0);
    for (const waiter of [...this.#waiting]) this.#drop(waiter, closed());
    this.#slots.destroy(closed());
  }

  async #close(timeout: number): Promise<void> {
    const drained = new Promise<void>((resolve) => this.#drained = resolve);
    const stop = timeout > 0 ? after(timeout * 1000, () => this.destroy()) : undefined;
    this.#slots.closing = true;
    this.#serve();
    await drained;
    stop?.();
    this.#slots.stop();
    this.trace.close.tell(undefined);
  }

  /** Returns a slot for a request. `demand` is the number of waiting requests. */
  #pick(
    kind: Kind,
    inside: readonly Checkout[],
    demand: number,
    now: number,
  ): Slot | undefined {
    const slots = this.#slots;
    const idle = slots.takeIdle(demand, now);
    if (idle !== undefined) return idle;
    // A caller that holds a connection could wait behind a query that waits for its locks.
    if (kind !== "shared" || inside.length > 0 || slots.coming >= demand) return undefined;
    return slots.shareable();
  }

  #wait<T>(waiter: Waiter<T>): Promise<T> {
    const { maxWaiting } = this.#settings;
    if (maxWaiting > 0 && this.#waiting.length >= maxWaiting) {
      const message =
        `${maxWaiting} callers wait for a connection of the pool already (maxWaiting)`;
      throw new PoolTimeoutError(message, { code: "53300", safeToRetry: true });
    }
    this.#waiting.push(waiter);
    this.#watch(waiter);
    this.trace.wait.tell(undefined);
    this.#slots.awaited(this.#isHasty(this.#slots.lastError));
    this.#slots.grow();
    return waiter.promise;
  }

  /** Sets up what may end a wait early. */
  #watch(waiter: Waiter): void {
    const { wish: { signal }, inside } = waiter;
    this.#clock.set(waiter.due);
    if (signal !== undefined) {
      waiter.onAbort = () => {
        this.#slots.counters.cancelled++;
        // The listener is gone already, and removing one of many takes long.
        waiter.onAbort = undefined;
        this.#drop(waiter, signal.reason);
      };
      signal.addEventListener("abort", waiter.onAbort, ONCE);
    }
    if (inside.length === 0) return;
    const seconds = Math.min(DEADLOCK_CHECK, waiter.seconds / 2);
    waiter.check = setInterval(() => this.#judge(waiter), seconds * 1000);
  }

  #drop(waiter: Waiter, reason: unknown): void {
    if (!this.#remove(waiter)) return;
    waiter.fail(reason);
    const { timeout, cancel } = this.trace;
    (reason instanceof PoolTimeoutError ? timeout : cancel).tell(past(waiter.since));
    // Others may have waited only behind this caller.
    this.#serve();
  }

  #remove(waiter: Waiter): boolean {
    const isRemoved = this.#waiting.remove(waiter);
    if (this.#waiting.length === 0) this.#clock.stop();
    return isRemoved;
  }

  /** Fails the callers that have waited too long, and sets the clock for the next. */
  #timeOutAll(): void {
    const now = performance.now();
    let next = Infinity;
    for (const waiter of [...this.#waiting]) {
      if (waiter.due <= now) this.#timeOut(waiter);
      else next = Math.min(next, waiter.due);
    }
    if (this.#waiting.length > 0) this.#clock.set(next);
  }

  #timeOut(waiter: Waiter): void {
    const { counters, lastError } = this.#slots;
    counters.timeouts++;
    counters.waited += performance.now() - waiter.since;
    const { seconds, wish: { site } } = waiter;
    const place = site === undefined ? "" : `, waited for ${frameOf(site)}`;
    const message = `no connection of the pool came free within ${seconds} s (acquireTimeout)` +
      `${place}: ${this.#situation()}`;
    this.#drop(waiter, timedOut(message, lastError, this.#slots.numbers().total > 0));
  }

  #situation(): string {
    const { total, connecting, leased } = this.#slots.numbers();
    const places = this.#slots.held().map((checkout) =>
      `one for ${checkout.seconds.toFixed(1)} s, taken ${frameOf(checkout.takenAt)}`
    );
    const counts = `${total} open, ${leased} in use, ${connecting} connecting`;
    return [counts, ...places.slice(0, 10)].join("; held: ");
  }

  #judge(waiter: Waiter): void {
    const inside = [...this.#waiting].map(({ inside }) => inside);
    if (!this.#slots.allHeld || !isDeadlock(this.#slots.held(), inside)) return;
    const own = waiter.inside.find((checkout) => !checkout.over);
    if (own !== undefined) this.#drop(waiter, deadlock(own, waiter.wish.site));
  }

  #give(waiter: Waiter, slot: Slot, now: number): void {
    this.#remove(waiter);
    this.#slots.counters.waited += now - waiter.since;
    waiter.serve(this.#slots.lend(slot, waiter.wish, now));
    this.trace.acquire.tell((now - waiter.since) / 1000);
  }

  /** Serves waiting callers in order, as far as there are slots. */
  #serve(now: number = performance.now()): void {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      const slot = this.#pick(next.wish.kind, next.inside, this.#waiting.length, now);
      if (slot === undefined) break;
      this.#give(next, slot, now);
    }
    this.#slots.grow();
    if (this.#slots.closing && this.#waiting.length === 0 && this.#slots.drain()) {
      this.#drained?.();
    }
  }

  /** Reports whether no caller is to wait after this error: the server may not exist at all. */
  #isHasty(error: unknown): boolean {
    const { waitForServer } = this.#settings;
    if (waitForServer === "never") return true;
    return this.#slots.counters.created === 0 && !waitForServer && !isBusy(error);
  }

  /**
   * Handles a failed attempt to connect. An error of `onConnect` fails the first caller. An error
   * that waiting cannot cure fails all callers, unless a held connection may still come back.
   */
  #refused(error: unknown, byHook: boolean): void {
    const all = [...this.#waiting];
    const isHopeless = this.#slots.size === 0 && (isForGood(error) || this.#isHasty(error));
    const told = byHook ? all.slice(0, 1) : isHopeless ? all : [];
    for (const waiter of told) {
      this.#remove(waiter);
      waiter.fail(byHook ? error : refusedAs(error));
      this.trace.cancel.tell(past(waiter.since));
    }
  }
}

/** Returns the seconds since a time. */
function past(then: number): number {
  return (performance.now() - then) / 1000;
}

function closed(): InterfaceError {
  return new InterfaceError("the pool is closed", { code: "08003" });
}
