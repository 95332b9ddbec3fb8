import { CHECK_TIME, inTime, leftover, reset } from "./cleaning.ts";
import { firstAnswer, introduce } from "./first_use.ts";
import { FrozenTime } from "./frozen_time.ts";
import { Holding } from "./checkout.ts";
import { Opener } from "./opener.ts";
import type { PoolSettings } from "./options.ts";
import type { PoolTrace } from "./pool_trace.ts";
import type { Runtime, Signal } from "../runtime/runtime.ts";
import { type Census, census, expiry, type Opened, type RetireReason, Slot } from "./slot.ts";
import { Counters } from "./stats.ts";
import { Sweeper } from "./sweeper.ts";
import type { Wish } from "./waiting_list.ts";
import { Watch } from "./watch.ts";

/** Opens the connections of the slots. */
export interface Opening {
  /** Opens one; aborted when the pool is destroyed. `trace` learns where it goes. */
  open(signal: Signal, trace: PoolTrace): Promise<Opened>;
  /** Lets the process end although a timer is set. */
  unrefTimer(timer: ReturnType<typeof setTimeout>): void;
}

/** What the slots tell and ask whoever lends them. */
export interface SlotsOwner {
  /** How many wait for one. */
  wanted(): number;
  /** One came free, or room for one did; `now` in milliseconds, if it is known. */
  free(now?: number): void;
  /** Whether who waits longest wants a slot alone, and was given this one. */
  handOver(slot: Slot, now: number): boolean;
  /** A connection could not be opened, or `onConnect` failed. */
  refused(error: unknown, byHook: boolean): void;
}

/** The connections of a pool: opens, checks, cleans and closes them. */
export class Slots {
  readonly counters: Counters = new Counters();
  /** No connection is kept any more when nobody needs it. */
  closing = false;
  readonly #settings: PoolSettings;
  readonly #opening: Opening;
  readonly #owner: SlotsOwner;
  readonly #trace: PoolTrace;
  readonly #opener: Opener;
  readonly #all = new Set<Slot>();
  readonly #census: Census = census();
  /** The one used last is on top, so that those not needed grow old. */
  readonly #idle: Slot[] = [];
  readonly #destroyed = new AbortController();
  /** Known with the first connection. */
  #runtime: Runtime | undefined;
  readonly #sweeper: Sweeper;
  #tidying: ReturnType<typeof setTimeout> | undefined;
  readonly #watch: Watch;
  readonly #frozen = new FrozenTime();

  constructor(
    settings: PoolSettings,
    opening: Opening,
    owner: SlotsOwner,
    trace: PoolTrace,
  ) {
    this.#trace = trace;
    this.#settings = settings;
    this.#opening = opening;
    this.#owner = owner;
    this.#watch = new Watch(settings, this.#all);
    this.#sweeper = new Sweeper(settings, () => this.#sweep());
    const unref = settings.unref ? opening.unrefTimer.bind(opening) : undefined;
    this.#opener = new Opener(settings.connectBackoff, () => this.grow(), unref);
  }

  /** Why the last attempt to connect failed, if it did. */
  get lastError(): unknown {
    return this.#opener.lastError;
  }

  /** How many slots will be free by themselves soon. */
  get coming(): number {
    return this.#census.connecting + this.#census.checking + this.#census.cleaning;
  }

  /** Connections there are, and attempts: what counts towards `max`. */
  get size(): number {
    return this.#all.size - this.#census.closing;
  }

  numbers(): Record<"total" | "idle" | "leased" | "connecting", number> {
    const connecting = this.#census.connecting;
    return {
      total: this.size - connecting,
      idle: this.#idle.length + this.#census.checking,
      leased: this.#census.held + this.#census.shared,
      connecting,
    };
  }

  /** Who holds connections alone. */
  held(): Holding[] {
    return [...this.#all].flatMap(({ holding }) => holding === undefined ? [] : [holding]);
  }

  /** Whether no slot can come free unless one of {@linkcode held} is given back. */
  get allHeld(): boolean {
    return this.size >= this.#settings.max && this.#census.held === this.size;
  }

  /** Counts the time that the process was frozen as idleness and as age. */
  #age(now: number): void {
    const missed = this.#frozen.missed(now);
    if (missed === 0) return;
    for (const slot of this.#all) {
      slot.idleSince -= missed;
      slot.expires -= missed;
    }
  }

  /** An idle slot; those that were idle for long are checked first, as many as `demand` asks for. */
  takeIdle(demand: number, now: number): Slot | undefined {
    this.#age(now);
    const { validateAfterIdle } = this.#settings;
    const stale = validateAfterIdle === 0 ? -Infinity : now - validateAfterIdle * 1000;
    const idle = this.#idle;
    for (let slot = idle[idle.length - 1]; slot !== undefined; slot = idle[idle.length - 1]) {
      if (slot.idleSince >= stale && !slot.isDoubtful && !slot.misplaced) {
        idle.pop();
        return slot;
      }
      if (this.coming >= demand) return undefined;
      idle.pop();
      this.#check(slot);
    }
    return undefined;
  }

  /** A shared slot that takes one more, the least busy; none while more connections may be opened. */
  shareable(): Slot | undefined {
    const { max, maxPipelined } = this.#settings;
    if (this.size < max && this.#opener.lastError === undefined) return undefined;
    let best: Slot | undefined;
    for (const slot of this.#all) {
      if (slot.state !== "shared" || slot.load >= maxPipelined || !this.#isGood(slot)) continue;
      if (best === undefined || slot.load < best.load) best = slot;
    }
    return best;
  }

  /** Marks a slot as in use. */
  lend(slot: Slot, { kind, site }: Wish, now: number): Slot {
    this.counters.acquired++;
    if (slot.state === "idle") {
      slot.become(kind);
      if (this.#settings.unref) slot.core.session.wire.stream.ref();
    }
    if (kind === "held") {
      slot.executor.handOver();
      slot.holding = new Holding(site, now);
      this.#watch.begin(this.#runtime!);
    }
    slot.load++;
    return slot;
  }

  /** Takes a slot back; a promise while it must be cleaned. */
  release(slot: Slot): Promise<void> | undefined {
    slot.load--;
    if (slot.load > 0 || slot.state === "gone") return undefined;
    const { holding } = slot;
    slot.holding = undefined;
    if (!slot.alive) return void this.#lost(slot);
    const remedy = leftover(slot, holding, this.#settings);
    if (remedy === "closed") return void this.#destroy(slot, "dirty");
    const rollback = remedy === "rolled back";
    const wasHeld = slot.state === "held";
    if (!rollback && !this.#mustWait(slot, wasHeld)) return void this.#free(slot);
    slot.become("cleaning");
    return this.#clean(slot, rollback, wasHeld);
  }

  /** Reports whether a slot can be lent only after its cleaning has been answered. */
  #mustWait({ executor, isFurnished }: Slot, wasHeld: boolean): boolean {
    if (executor.changes.any || isFurnished && executor.isUsed) return true;
    const { reset } = this.#settings;
    return wasHeld && (typeof reset === "function" || reset === "discard" && executor.isUsed);
  }

  /** Takes note of a caller that waits; `inHaste`: it is not to wait for the next attempt. */
  awaited(inHaste: boolean): void {
    if (inHaste) this.#opener.hurry();
    else this.#opener.hold();
  }

  /** Opens connections as far as they are wanted and allowed. */
  grow(): void {
    const { min, max } = this.#settings;
    while (this.size < max && this.#opener.ready) {
      const isWanted = this.coming < this.#owner.wanted();
      if (!isWanted && (this.closing || this.size >= min)) break;
      void this.#connect();
    }
  }

  /** Closes what nobody needs; `true`: nothing is left. */
  drain(): boolean {
    for (const slot of this.#idle.splice(0)) this.#retire(slot, "closed");
    return this.#all.size === 0;
  }

  /** Closes everything at once. */
  destroy(reason: unknown): void {
    this.#destroyed.abort(reason);
    this.#idle.length = 0;
    for (const slot of [...this.#all]) {
      const isOpen = slot.state !== "connecting";
      if (isOpen) slot.core.session.destroy(reason);
      this.#gone(slot, isOpen ? "closed" : undefined);
    }
  }

  stop(): void {
    this.#sweeper.stop();
    clearTimeout(this.#tidying);
    this.#watch.stop();
    this.#opener.stop();
  }

  async #connect(): Promise<void> {
    const slot = new Slot(this.#census);
    const began = performance.now();
    this.#all.add(slot);
    let byHook = false;
    try {
      await this.#opener.attempt(async () => {
        const opened = await this.#opening.open(this.#destroyed.signal, this.#trace);
        this.#runtime = opened.runtime;
        slot.connected(opened);
        await firstAnswer(slot, this.size === 1, this.#settings, this.#destroyed.signal);
        byHook = true;
        await introduce(slot, this.#settings, this.#destroyed.signal);
        slot.settled(opened.role);
      });
    } catch (error) {
      this.counters.failedConnects++;
      if (byHook) slot.core.session.destroy(error);
      this.#all.delete(slot);
      if (slot.state !== "gone") slot.become("gone");
      this.#owner.refused(error, byHook);
      return this.#owner.free();
    }
    this.#connected(slot, began);
  }

  #connected(slot: Slot, began: number): void {
    // The pool was destroyed meanwhile.
    if (slot.state === "gone") return slot.core.session.destroy();
    this.counters.created++;
    slot.expires = expiry(this.#settings.maxLifetime, performance.now());
    void slot.core.closed.then(() => this.#ended(slot));
    this.#sweeper.begin(this.#runtime);
    this.#free(slot, began);
  }

  #inTime<T>({ core }: Slot, seconds: number, work: () => PromiseLike<T>): Promise<T> {
    return inTime(core.session, seconds, work, this.#destroyed.signal);
  }

  /** It is nobody's any more, or, just opened since `began`, nobody's yet. */
  #free(slot: Slot, began?: number): void {
    const now = performance.now();
    const reason = this.#reasonToRetire(slot, now);
    if (reason === undefined) {
      // The way by which busy pools live: what is held is held by the next at once.
      if (slot.state === "held" && this.#owner.handOver(slot, now)) return;
      slot.become("idle");
      slot.idleSince = now;
      this.#idle.push(slot);
      if (slot.executor.isUsed) this.#tidySoon();
    }
    if (began !== undefined) this.#trace.create.tell((now - began) / 1000);
    if (reason !== undefined) return this.#retire(slot, reason);
    if (this.#settings.unref) slot.core.session.wire.stream.unref();
    this.#owner.free(now);
  }

  /** Cleans what lies idle at the end of this turn of the event loop: by then most are lent again. */
  #tidySoon(): void {
    this.#tidying ??= setTimeout(() => {
      this.#tidying = undefined;
      for (const { executor } of this.#idle) if (executor.isUsed) executor.clean();
    }, 0);
  }

  #reasonToRetire(slot: Slot, now: number): RetireReason | undefined {
    if (slot.misplaced) return "evicted";
    if (slot.expires <= now && slot.state !== "connecting") return "lifetime";
    return this.closing && this.#owner.wanted() === 0 && slot.state !== "connecting"
      ? "closed"
      : undefined;
  }

  #isGood(slot: Slot): boolean {
    return slot.alive && !slot.misplaced && slot.expires > performance.now();
  }

  /** An empty query, the cheapest that poolers know, too. */
  #check(slot: Slot): void {
    slot.become("checking");
    const { session } = slot.core;
    const ask = () => slot.executor.ownQuery("");
    this.#inTime(slot, CHECK_TIME, ask).then(
      () => {
        slot.isDoubtful = false;
        this.#free(slot);
      },
      (error) => {
        session.destroy(error);
        this.#gone(slot, "invalid");
      },
    );
  }

  async #clean(slot: Slot, rollback: boolean, wasHeld: boolean): Promise<void> {
    const { executor } = slot;
    try {
      const { reset: how } = this.#settings;
      await this.#inTime(slot, CHECK_TIME, () => reset(slot, rollback, how, wasHeld));
      const isBare = how === "discard" || how !== "auto" && executor.changes.settings;
      if (isBare || slot.isFurnished) await introduce(slot, this.#settings, this.#destroyed.signal);
      executor.changes.clear();
      executor.cleaned();
    } catch (error) {
      slot.core.session.destroy(error);
      return this.#gone(slot, "dirty");
    }
    if (slot.state === "cleaning") this.#free(slot);
  }

  #retire(slot: Slot, reason: RetireReason): void {
    if (slot.state === "connecting") slot.become("idle");
    slot.become("closing");
    this.#retired(reason);
    // The others' server has changed, too, and may not have told them yet.
    if (reason === "evicted") { for (const other of this.#idle) other.isDoubtful = true; }
    const over = (): void => this.#gone(slot, undefined);
    void slot.core.session.close().then(over);
    this.#owner.free();
  }

  #destroy(slot: Slot, reason: RetireReason): void {
    slot.core.session.destroy();
    this.#gone(slot, reason);
  }

  /** The session ended, whoever did it. What is lent stays its holder's until he gives it back. */
  #ended(slot: Slot): void {
    slot.lease?.lost();
    if (slot.state === "idle") this.#lost(slot);
  }

  #lost(slot: Slot): void {
    this.#gone(slot, "lost");
  }

  #gone(slot: Slot, reason: RetireReason | undefined): void {
    if (slot.state === "gone") return;
    const at = this.#idle.indexOf(slot);
    if (at >= 0) this.#idle.splice(at, 1);
    slot.become("gone");
    this.#all.delete(slot);
    if (reason !== undefined) this.#retired(reason);
    if (this.#all.size === 0) this.#sweeper.stop();
    this.#owner.free();
  }

  #retired(reason: RetireReason): void {
    this.counters.retired[reason]++;
    this.#trace.retire.tell(reason);
  }

  /** Only idle connections are retired by the clock; a busy one is when it is given back. */
  #sweep(): void {
    const { idleTimeout, min } = this.#settings;
    const now = performance.now();
    this.#age(now);
    const oldest = idleTimeout > 0 ? now - idleTimeout * 1000 : -Infinity;
    for (const slot of [...this.#idle]) {
      const expired = slot.expires <= now;
      if (!expired && (slot.idleSince > oldest || this.size <= min)) continue;
      this.#idle.splice(this.#idle.indexOf(slot), 1);
      this.#retire(slot, expired ? "lifetime" : "idle");
    }
  }
}
