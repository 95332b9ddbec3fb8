/**
 * The units between the connection and the reader. The connection adds what it receives, and is held back
 * while more than `windowBytes` wait; the reader takes changes, or whole units, and says when a unit is
 * handled. No I/O.
 */
import { InternalError } from "../errors/errors.ts";
import { Lsn } from "./lsn.ts";
import { Positions } from "./positions.ts";
import { Unit, type UnitStart } from "./unit.ts";

/** A change as far as the inbox looks at it. */
export interface Countable {
  readonly kind: string;
}

/** Milliseconds from 1970 to 2000, where the server's clock begins. */
const EPOCH = 946_684_800_000;

/** The memory that a change takes besides its bytes. Larger queues make V8 enlarge its young generation. */
const OVERHEAD = 1024;

/** The units of one change stream. */
export class Inbox<C extends Countable = Countable> {
  readonly positions: Positions<Unit<C>> = new Positions();
  /** Whether a unit is confirmed when it is handled; else only `confirm()` does. */
  readonly isAutomatic: boolean;
  /** Called when a unit was handled, and when the position may have moved for another reason. */
  onMoved: () => void = () => {};
  /** The number of bytes that were received, of those that the reader has taken, and that are handled. */
  receivedBytes = 0;
  deliveredBytes = 0;
  confirmedBytes = 0;
  readonly #window: number;
  /** The units that the reader has not left yet; the connection adds to the last. */
  readonly #units: Unit<C>[] = [];
  /** The number of units at the beginning of `#units` that the reader has begun. */
  #begun = 0;
  #waiting = 0;
  #release: (() => void) | undefined;
  #held: Promise<void> | undefined;
  /** The unit that the connection is adding to. */
  #open: Unit<C> | undefined;
  /** The incomplete unit of a lost connection that the reader has begun to read. */
  #interrupted: Unit<C> | undefined;
  /** The number of changes to skip: the reader has them from the connection before. */
  #skip = 0;
  #unitWaiter: (() => void) | undefined;
  #idleWaiter: (() => void) | undefined;
  #target: { readonly position: bigint; readonly act: () => void } | undefined;
  /** Milliseconds by which the server's clock is ahead of the local one. */
  #clockOffset: number | undefined;
  #isEnded = false;
  #isClosed = false;
  #error: unknown;

  constructor(windowBytes: number, isAutomatic: boolean) {
    this.#window = windowBytes;
    this.isAutomatic = isAutomatic;
  }

  // The connection's side.

  /** Begins a unit, or continues the one that a lost connection has interrupted. */
  begin(start: UnitStart): void {
    const cut = this.#interrupted;
    if (cut !== undefined && start.kind !== "streamed" && start.kind !== "message") {
      const { commitLsn, transaction } = cut.start;
      if (commitLsn !== start.commitLsn || transaction?.xid !== start.transaction?.xid) {
        this.#abandon(cut, start);
      }
      this.#interrupted = undefined;
      this.#open = cut;
      this.#skip = cut.received;
      return;
    }
    // A commit may begin exactly where the one before ends.
    const isRedelivered = start.commitLsn > 0n && start.commitLsn < this.positions.delivered;
    const unit = new Unit<C>(start, isRedelivered);
    this.#open = unit;
    this.#units.push(unit);
    this.positions.opened(unit);
    this.#wakeUnits();
  }

  /** Adds a change of so many bytes. A returned promise settles when there is room for more. */
  add(change: C, size: number): Promise<void> | undefined {
    const unit = this.#open!;
    const isCounted = change.kind !== "relation";
    if (this.#skip > 0) {
      if (isCounted) this.#skip--;
      return undefined;
    }
    if (isCounted) unit.received++;
    this.receivedBytes += size;
    if (unit.isDiscarded) {
      this.deliveredBytes += size;
      return undefined;
    }
    unit.add(change, size);
    this.#waiting += size + OVERHEAD;
    if (unit.waiter !== undefined) unit.wake();
    // Behind an interrupted unit the reader takes nothing before that continues.
    if (this.#waiting < this.#window || this.#interrupted !== undefined) return undefined;
    return this.#room();
  }

  /** Completes the open unit. 0: the unit has no position of its own. */
  end(endLsn: bigint): void {
    const unit = this.#open;
    if (unit === undefined) return;
    if (this.#skip > 0) return this.#abandon(unit, unit.start);
    this.#open = undefined;
    unit.endLsn = endLsn;
    unit.isComplete = true;
    this.positions.completed(unit);
    if (this.#target !== undefined) this.#arrived();
    if (isEmpty(unit)) {
      this.leave(unit);
      this.confirm(unit);
    } else if (unit.isDiscarded) this.leave(unit);
    unit.wake();
    this.#wakeUnits();
  }

  /** Notes a keepalive. */
  keepalive(position: bigint): void {
    this.positions.keepalive(position);
    if (this.#target !== undefined) this.#arrived();
    this.onMoved();
  }

  /**
   * Notes that the connection was lost. A unit that the reader has begun continues when its transaction
   * comes again; another incomplete one is dropped. A part of a running transaction ends here.
   */
  interrupted(): void {
    this.#skip = 0;
    this.#release?.();
    const unit = this.#open ?? this.#interrupted;
    this.#open = this.#interrupted = undefined;
    if (unit === undefined) return;
    if (unit.start.kind === "streamed") {
      this.#open = unit;
      this.end(0n);
    } else if (unit.isTouched) this.#interrupted = unit;
    else {
      this.leave(unit);
      this.positions.dropped(unit);
      unit.wake();
    }
  }

  /** Ends the interrupted unit, whose rest does not come: its slot is lost. */
  cutOff(error: unknown): void {
    const unit = this.#interrupted;
    if (unit === undefined) return;
    this.#interrupted = undefined;
    unit.error = error;
    unit.isComplete = true;
    this.positions.dropped(unit);
    unit.wake();
  }

  /** Drops the units that the reader has not begun: a snapshot that will be taken again. */
  dropUnread(): void {
    for (const unit of this.#units.filter((unit) => !unit.isTouched)) {
      this.#waiting -= unit.ready * OVERHEAD + unit.discard();
      this.#units.splice(this.#units.indexOf(unit), 1);
      this.positions.dropped(unit);
    }
    this.#release?.();
  }

  /** Resolves when all units are handled. */
  whenHandled(): Promise<void> {
    if (this.positions.pending === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiter = resolve);
  }

  /** Ends the stream, after what was received. */
  fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    const unit = this.#open ?? this.#interrupted;
    if (unit !== undefined) unit.error = error;
    this.#wakeAll();
  }

  /** Ends the stream at once: what was received and not read is dropped. */
  close(): void {
    this.#isEnded = this.#isClosed = true;
    const units = this.#units.splice(0);
    this.#begun = 0;
    this.#waiting = 0;
    this.#release?.();
    for (const unit of units) {
      unit.discard();
      unit.error ??= CLOSED;
      unit.wake();
    }
    this.#wakeUnits();
  }

  /** Calls `act` once when all before `position` was received. */
  whenReceived(position: bigint, act: () => void): void {
    this.#target = { position, act };
    this.#arrived();
  }

  /** Notes the server's clock, in microseconds since 2000. */
  clock(at: bigint): void {
    this.#clockOffset = Number(at / 1000n) + EPOCH - Date.now();
  }

  /** Whether the server's clock is known. */
  get hasClock(): boolean {
    return this.#clockOffset !== undefined;
  }

  /** Returns the age in seconds of the oldest unconfirmed unit, by the server's clock. */
  age(): number | undefined {
    const { transaction, at } = this.positions.oldest?.start ?? {};
    const time = (transaction?.at ?? at)?.getTime();
    if (time === undefined || this.#clockOffset === undefined) return undefined;
    return Math.max(0, (Date.now() + this.#clockOffset - time) / 1000);
  }

  #arrived(): void {
    const target = this.#target;
    if (target === undefined || this.positions.received < target.position) return;
    this.#target = undefined;
    target.act();
  }

  // The reader's side.

  /** The unit to read from; `undefined` before the next has come. */
  get first(): Unit<C> | undefined {
    return this.#units[0];
  }

  /** Whether the connection adds nothing more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The error with which the stream has ended. */
  get error(): unknown {
    return this.#error;
  }

  /** The first unit that the reader has not begun. */
  get next(): Unit<C> | undefined {
    return this.#units[this.#begun];
  }

  /** Notes that the reader has begun a unit: the one that `next` returns, or one that it has begun. */
  begun(unit: Unit<C>): void {
    if (unit.isTouched) return;
    unit.isTouched = true;
    this.#begun++;
  }

  /** Wakes a reader that waits for a unit. */
  wakeReader(): void {
    for (const unit of this.#units) unit.wake();
    this.#wakeUnits();
  }

  /** Takes the next change of a unit. There must be one. */
  take(unit: Unit<C>): C {
    const size = unit.nextSize;
    this.#waiting -= size + OVERHEAD;
    this.deliveredBytes += size;
    if (this.#release !== undefined && this.#waiting * 2 <= this.#window) this.#release();
    return unit.take();
  }

  /** Calls `wake` once when a unit has come, or the stream has ended. */
  whenUnit(wake: () => void): void {
    this.#unitWaiter = wake;
  }

  /** Removes a unit, with what was not read of it, from those to read. */
  leave(unit: Unit<C>): void {
    this.#waiting -= unit.ready * OVERHEAD;
    const bytes = unit.discard();
    this.#waiting -= bytes;
    this.deliveredBytes += bytes;
    unit.isDiscarded = true;
    if (unit.isComplete) this.positions.handedOver(unit);
    const at = this.#units.indexOf(unit);
    if (at >= 0 && unit.isTouched) this.#begun--;
    if (at === 0) this.#units.shift();
    else if (at > 0) this.#units.splice(at, 1);
    if (this.#release !== undefined && this.#waiting * 2 <= this.#window) this.#release();
  }

  /** Leaves a unit and confirms it, unless positions are confirmed by hand. */
  handled(unit: Unit<C>): void {
    this.leave(unit);
    if (this.isAutomatic || unit.isWithoutPosition) this.confirm(unit);
  }

  /** Confirms a unit. After `close()` nothing is confirmed: the server has the last status. */
  confirm(unit: Unit<C>): void {
    if (this.#isClosed) return;
    if (!unit.isHandled) this.confirmedBytes += unit.bytes;
    this.positions.handled(unit);
    if (this.#idleWaiter !== undefined && this.positions.pending === 0) {
      this.#idleWaiter();
      this.#idleWaiter = undefined;
    }
    this.onMoved();
  }

  /** The promise is shared: tables are copied over several connections. */
  #room(): Promise<void> {
    return this.#held ??= new Promise((resolve) => {
      this.#release = () => {
        this.#release = this.#held = undefined;
        resolve();
      };
    });
  }

  /** Ends the stream: the interrupted unit does not continue, so the server's history is another one. */
  #abandon(unit: Unit<C>, found: UnitStart): void {
    const [wanted, other] = [unit.start.commitLsn, found.commitLsn].map((lsn) => new Lsn(lsn));
    const now = unit.start === found ? "less of it" : `the one at ${other}`;
    const error = new InternalError(
      `the transaction at ${wanted} was interrupted by a lost connection, and now the server sends ${now}`,
    );
    this.fail(error);
    throw error;
  }

  #wakeUnits(): void {
    const wake = this.#unitWaiter;
    if (wake === undefined) return;
    this.#unitWaiter = undefined;
    wake();
  }

  #wakeAll(): void {
    this.#release?.();
    this.wakeReader();
  }
}

/**
 * Reports whether a transaction has nothing for the reader. PostgreSQL 14 sends those whose changes are
 * not published, later versions do not.
 */
function isEmpty(unit: Unit): boolean {
  return unit.start.kind === "commit" && !unit.isTouched && unit.received === 0 && unit.ready === 0;
}

/** Marks a unit whose reader is cut off by `close()`. */
export const CLOSED: unique symbol = Symbol("closed");
