/**
 * A unit of a change stream: a transaction, or a part of one that is streamed while it runs, or a part of
 * the snapshot, with the changes that were received and not read yet.
 */
import type { Positioned } from "./positions.ts";
import type { TransactionInfo } from "./transaction_info.ts";

/** The kinds of units. */
export type UnitKind =
  | "commit"
  | "prepare"
  | "commitPrepared"
  | "rollbackPrepared"
  | "snapshot"
  | "message"
  | "streamed";

/** The facts of a unit that are known when it begins. */
export interface UnitStart {
  readonly kind: UnitKind;
  /** The transaction; absent for a message that is not transactional and for the snapshot. */
  readonly transaction?: TransactionInfo | undefined;
  /** The commit position by which units are ordered; 0 if it has none. */
  readonly commitLsn: bigint;
  /** The time of the commit; absent where the server sends none. */
  readonly at?: Date | undefined;
}

/** The state of one unit. `C` is the type of its changes. */
export class Unit<C = unknown> implements Positioned {
  readonly start: UnitStart;
  endLsn = 0n;
  isComplete = false;
  isHandled = false;
  /** Whether the rest of the unit is dropped as it comes. */
  isDiscarded = false;
  /** Whether the reader has seen anything of the unit. */
  isTouched = false;
  /** Whether the unit, or a later one, was handed over before: it comes again. */
  readonly isRedelivered: boolean;
  /** The error that readers of the rest get, because it does not come any more. */
  error: unknown;
  /** The number of bytes of all received changes. */
  bytes = 0;
  /** The number of received changes but for relation events; by it the unit is continued after a reconnect. */
  received = 0;
  /** Called once for the next change, and for the end. */
  waiter: (() => void) | undefined;
  readonly #changes: (C | undefined)[] = [];
  readonly #sizes: number[] = [];
  #next = 0;

  constructor(start: UnitStart, isRedelivered = false) {
    this.start = start;
    this.isRedelivered = isRedelivered;
  }

  /** Whether the unit has no position to confirm: a part of a running transaction or of the snapshot. */
  get isWithoutPosition(): boolean {
    return this.start.kind === "streamed" || this.start.kind === "snapshot";
  }

  /** The number of changes that can be read now. */
  get ready(): number {
    return this.#changes.length - this.#next;
  }

  /** The size of the next change. */
  get nextSize(): number {
    return this.#sizes[this.#next] ?? 0;
  }

  add(change: C, size: number): void {
    this.#changes.push(change);
    this.#sizes.push(size);
    this.bytes += size;
  }

  /** Returns the next change. There must be one. */
  take(): C {
    const at = this.#next++;
    const change = this.#changes[at]!;
    // A slot that is kept would keep its change: the list is emptied only at its end.
    this.#changes[at] = undefined;
    if (this.#next === this.#changes.length) {
      this.#changes.length = this.#sizes.length = this.#next = 0;
    }
    return change;
  }

  /** Drops what was not read, and returns how many bytes that were. */
  discard(): number {
    let bytes = 0;
    for (let i = this.#next; i < this.#sizes.length; i++) bytes += this.#sizes[i]!;
    this.#changes.length = this.#sizes.length = this.#next = 0;
    return bytes;
  }

  /** Calls the waiter, if there is one. */
  wake(): void {
    const { waiter } = this;
    if (waiter === undefined) return;
    this.waiter = undefined;
    waiter();
  }
}
