/**
 * Who gets which connection, and when: the slots, those who wait for one, and the rules. What a slot
 * may become is in the table of slot.ts; opening, cleaning and closing connections is slots.ts'.
 */
import { InterfaceError, PoolTimeoutError } from "../errors/errors.ts";
import { after } from "../session/alarm.ts";
import { deadlock, DEADLOCK_CHECK, type Holding, isDeadlock } from "./checkout.ts";
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
  /** Who watches. */
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
   * What `use` makes of a slot, at once or when one comes free, for somebody who waits `timeout`
   * seconds (0: no limit) and holds the connections `inside`. The slot is given back by
   * {@linkcode release}.
   */
  acquire<T>(
    wish: Wish,
    timeout: number,
    inside: readonly Holding[],
    use: (slot: Slot) => T,
  ): T | Promise<T> {
    if (this.#closing !== undefined) throw closed();
    wish.signal?.throwIfAborted();
    const now = performance.now();
    const slot = this.#waiting.length === 0 ? this.#pick(wish.kind, inside, 1, now) : undefined;
    if (slot === undefined) return this.#wait(new Waiter(wish, timeout, inside, now, use));
    this.#slots.lend(slot, wish, now);
    this.trace.acquire.tell(0);
    return use(slot);
  }

  /**
   * Gives a slot back; one that was shared, taken at `since` if anybody wants to know. Resolves when
   * it is free for others, or gone; never rejects.
   */
  release(slot: Slot, since?: number): Promise<void> | undefined {
    const { release } = this.trace;
    if (!release.isWatched) return this.#slots.release(slot);
    const taken = slot.holding?.since ?? since;
    const used = taken === undefined ? undefined : past(taken);
    const released = this.#slots.release(slot);
    if (released !== undefined) return released.then(() => release.tell(used));
    release.tell(used);
    return undefined;
  }

  /** Whether nothing is lent any more: closed or closing. */
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

  /** Lends nothing new, waits for what is lent or was asked for, at most `timeout` seconds; closes. */
  close(timeout: number): Promise<void> {
    return this.#closing ??= this.#close(timeout);
  }

  async #close(timeout: number): Promise<void> {
    const drained = new Promise<void>((resolve) => this.#drained = resolve);
    const destroy = (): void => {
      for (const waiter of [...this.#waiting]) this.#drop(waiter, closed());
      this.#slots.destroy(closed());
    };
    const stop = timeout > 0 ? after(timeout * 1000, destroy) : undefined;
    this.#slots.closing = true;
    this.#serve();
    await drained;
    stop?.();
    this.#slots.stop();
  }

  /** The slot for a wish, `demand` of which there are. */
  #pick(
    kind: Kind,
    inside: readonly Holding[],
    demand: number,
    now: number,
  ): Slot | undefined {
    const slots = this.#slots;
    const idle = slots.takeIdle(demand, now);
    if (idle !== undefined) return idle;
    // Who holds a connection could wait behind one who waits for what he has locked.
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

  /** What ends a wait before its time. */
  #watch(waiter: Waiter): void {
    const { wish: { signal }, inside } = waiter;
    this.#clock.set(waiter.due);
    if (signal !== undefined) {
      waiter.onAbort = () => {
        this.#slots.counters.cancelled++;
        // Its listener is gone already, and to look for it among many takes long.
        waiter.onAbort = undefined;
        this.#drop(waiter, signal.reason);
      };
      signal.addEventListener("abort", waiter.onAbort, { once: true });
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
    // He may have been all that others waited behind.
    this.#serve();
  }

  #remove(waiter: Waiter): boolean {
    const isRemoved = this.#waiting.remove(waiter);
    if (this.#waiting.length === 0) this.#clock.stop();
    return isRemoved;
  }

  /** Those whose time is over, and the clock is set for the next. */
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
    this.#drop(waiter, timedOut(message, lastError));
  }

  #situation(): string {
    const { total, connecting, leased } = this.#slots.numbers();
    const places = this.#slots.held().map((holding) =>
      `one for ${holding.seconds.toFixed(1)} s, taken ${frameOf(holding.takenAt)}`
    );
    const counts = `${total} open, ${leased} in use, ${connecting} connecting`;
    return [counts, ...places.slice(0, 10)].join("; held: ");
  }

  #judge(waiter: Waiter): void {
    const inside = [...this.#waiting].map(({ inside }) => inside);
    if (!this.#slots.allHeld || !isDeadlock(this.#slots.held(), inside)) return;
    const own = waiter.inside.find((holding) => !holding.over);
    if (own !== undefined) this.#drop(waiter, deadlock(own, waiter.wish.site));
  }

  #give(waiter: Waiter, slot: Slot, now: number): void {
    this.#remove(waiter);
    this.#slots.counters.waited += now - waiter.since;
    waiter.serve(this.#slots.lend(slot, waiter.wish, now));
    this.trace.acquire.tell((now - waiter.since) / 1000);
  }

  /** Serves who waits, in order, as far as there are slots. */
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
    return this.#slots.counters.created === 0 && !this.#settings.waitForServer && !isBusy(error);
  }

  /**
   * A connection could not be opened. `onConnect`'s own error goes to who is first; when the server
   * does not want us and nobody has a connection to give back, there is no use in waiting.
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

/** Seconds since then. */
function past(then: number): number {
  return (performance.now() - then) / 1000;
}

function closed(): InterfaceError {
  return new InterfaceError("the pool is closed", { code: "08003" });
}
