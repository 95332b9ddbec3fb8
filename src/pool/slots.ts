import { isSoiled, leftover } from "./cleaning.ts";
import { firstAnswer, introduce, renew, verify } from "./first_use.ts";
import { FrozenTime } from "./frozen_time.ts";
import { Checkout } from "./checkout.ts";
import { Opener } from "./opener.ts";
import type { PoolSettings } from "./options.ts";
import type { PoolTrace } from "./pool_trace.ts";
import { removed, tell, used } from "./report.ts";
import type { Runtime, Signal } from "../runtime/runtime.ts";
import { type Census, census, expiry, type Opened, type RetireReason, Slot } from "./slot.ts";
import { Counters } from "./stats.ts";
import { Sweeper } from "./sweeper.ts";
import type { Wish } from "./waiting_list.ts";
import { Watch } from "./watch.ts";

/** Opens the connections of the slots. */
export interface Opening {
  /** Opens a connection; aborted when the pool is destroyed. `trace` learns the destination. */
  open(signal: Signal, trace: PoolTrace): Promise<Opened>;
  /** Lets the process end although a timer is set. */
  unrefTimer(timer: ReturnType<typeof setTimeout>): void;
}

/** The lender, as far as the slots need it. */
export interface SlotsOwner {
  /** Returns the number of waiting callers. */
  wanted(): number;
  /** Called when a slot or room for one came free; `now` in milliseconds, if known. */
  free(now?: number): void;
  /**
   * Gives the slot to the caller that waits longest, if it wants one alone; returns whether it did.
   */
  handOver(slot: Slot, now: number): boolean;
  /** Called when an attempt to connect or `onConnect` has failed. */
  refused(error: unknown, byHook: boolean): void;
}

/** Opens, checks, cleans and closes the connections of a pool. */
export class Slots {
  readonly counters: Counters = new Counters();
  /** Whether idle connections are closed instead of kept. */
  closing = false;
  readonly #settings: PoolSettings;
  readonly #opening: Opening;
  readonly #owner: SlotsOwner;
  readonly #trace: PoolTrace;
  readonly #opener: Opener;
  readonly #all = new Set<Slot>();
  readonly #census: Census = census();
  /** The idle slots; the one used last is on top, so that unneeded ones age. */
  readonly #idle: Slot[] = [];
  readonly #destroyed = new AbortController();
  /** The runtime; known with the first connection. */
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

  /** The error of the last attempt to connect, if it failed. */
  get lastError(): unknown {
    return this.#opener.lastError;
  }

  /** The number of slots that will be free soon by themselves. */
  get coming(): number {
    return this.#census.connecting + this.#census.checking + this.#census.cleaning;
  }

  /** The number of connections and attempts, which counts towards `max`. */
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

  /** Returns the exclusive checkouts. */
  held(): Checkout[] {
    return [...this.#all].flatMap(({ checkout }) => checkout === undefined ? [] : [checkout]);
  }

  /** Whether no slot can come free before a checkout ends. */
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

  /**
   * Returns an idle slot; checks slots that were idle for long first, as many as `demand` asks for.
   */
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

  /** Returns the least busy shared slot with room, unless more connections may be opened. */
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
      slot.checkout = new Checkout(site, now);
      this.#watch.begin(this.#runtime!);
    }
    slot.load++;
    slot.uses++;
    const { onAcquire } = this.#settings;
    if (onAcquire !== undefined) tell(onAcquire, used(slot));
    return slot;
  }

  /** Takes a slot back; returns a promise if it must be cleaned first. */
  release(slot: Slot): Promise<void> | undefined {
    slot.load--;
    const { onRelease, reset } = this.#settings;
    if (onRelease !== undefined) tell(onRelease, used(slot));
    if (slot.load > 0 || slot.state === "gone") return undefined;
    const { checkout } = slot;
    slot.checkout = undefined;
    if (!slot.alive) return void this.#lost(slot);
    const remedy = leftover(slot, checkout, this.#settings);
    if (remedy === "closed") return void this.#destroy(slot, "dirty");
    const rollback = remedy === "rolled back";
    const wasHeld = slot.state === "held";
    if (!rollback && !isSoiled(slot, reset, wasHeld)) return void this.#free(slot);
    slot.become("cleaning");
    return this.#clean(slot, rollback, wasHeld);
  }

  /** Records that a caller waits; `inHaste`: it must not wait for the pause to end. */
  awaited(inHaste: boolean): void {
    if (inHaste) this.#opener.hurry();
    else this.#opener.hold();
  }

  /** Opens connections as needed and allowed. */
  grow(): void {
    const { min, max } = this.#settings;
    while (this.size < max && this.#opener.ready) {
      const isWanted = this.coming < this.#owner.wanted();
      if (!isWanted && (this.closing || this.size >= min)) break;
      void this.#connect();
    }
  }

  /** Closes idle connections; returns whether no connection is left. */
  drain(): boolean {
    for (const slot of this.#idle.splice(0)) this.#retire(slot, "closed");
    return this.#all.size === 0;
  }

  /** Destroys all connections. */
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
        if (this.#settings.verify !== undefined) await this.#verify(slot);
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
    // The pool was destroyed in the meantime.
    if (slot.state === "gone") return slot.core.session.destroy();
    this.counters.created++;
    slot.expires = expiry(this.#settings.maxLifetime, performance.now());
    void slot.core.closed.then(() => this.#ended(slot));
    this.#sweeper.begin(this.#runtime);
    this.#free(slot, began);
  }

  #verify(slot: Slot): Promise<void> {
    return verify(slot, this.#settings, this.#destroyed.signal);
  }

  /** Frees a slot. `began` is the time at which its opening began, if it was just opened. */
  #free(slot: Slot, began?: number): void {
    const now = performance.now();
    const reason = this.#reasonToRetire(slot, now);
    if (reason === undefined) {
      // The normal case in a busy pool: the next caller gets the slot at once.
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

  /** Cleans idle connections at the end of this turn; by then most are lent again. */
  #tidySoon(): void {
    this.#tidying ??= setTimeout(() => {
      this.#tidying = undefined;
      for (const { executor } of this.#idle) if (executor.isUsed) executor.clean();
    }, 0);
  }

  #reasonToRetire(slot: Slot, now: number): RetireReason | undefined {
    if (slot.misplaced) return "evicted";
    if (slot.expires <= now && slot.state !== "connecting") return "lifetime";
    if (slot.uses >= (this.#settings.maxUses || Infinity)) return "uses";
    return this.closing && this.#owner.wanted() === 0 && slot.state !== "connecting"
      ? "closed"
      : undefined;
  }

  #isGood(slot: Slot): boolean {
    const isWorn = slot.uses >= (this.#settings.maxUses || Infinity);
    return slot.alive && !slot.misplaced && !isWorn && slot.expires > performance.now();
  }

  #check(slot: Slot): void {
    slot.become("checking");
    this.#verify(slot).then(
      () => {
        slot.isDoubtful = false;
        this.#free(slot);
      },
      (error) => {
        slot.core.session.destroy(error);
        this.#gone(slot, "invalid");
      },
    );
  }

  async #clean(slot: Slot, rollback: boolean, wasHeld: boolean): Promise<void> {
    try {
      await renew(slot, this.#settings, this.#destroyed.signal, rollback, wasHeld);
    } catch (error) {
      slot.core.session.destroy(error);
      return this.#gone(slot, "dirty");
    }
    if (slot.state === "cleaning") this.#free(slot);
  }

  #retire(slot: Slot, reason: RetireReason): void {
    if (slot.state === "connecting") slot.become("idle");
    slot.become("closing");
    this.#retired(slot, reason);
    // The role of the server has changed for the others as well; it may not be reported yet.
    if (reason === "evicted") { for (const other of this.#idle) other.isDoubtful = true; }
    const over = (): void => this.#gone(slot, undefined);
    void slot.core.session.close().then(over);
    this.#owner.free();
  }

  #destroy(slot: Slot, reason: RetireReason): void {
    slot.core.session.destroy();
    this.#gone(slot, reason);
  }

  /** Handles the end of a session. A lent slot stays with its caller. */
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
    if (reason !== undefined) this.#retired(slot, reason);
    if (this.#all.size === 0) this.#sweeper.stop();
    this.#owner.free();
  }

  #retired(slot: Slot, reason: RetireReason): void {
    const { onRemove } = this.#settings;
    if (onRemove !== undefined) removed(onRemove, slot, reason);
    this.counters.retired[reason]++;
    this.#trace.retire.tell(reason);
  }

  /** Closes idle connections that are too old; a busy one is closed when it is returned. */
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
