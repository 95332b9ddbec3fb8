/** Batches of changes: whole transactions, joined until there are enough changes. */
import type { AnyTables, Change } from "./change.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { StreamEvent } from "./stream_event.ts";
import { Lsn } from "./lsn.ts";
import { BOOLEAN, record, SECONDS, whole } from "./option_checks.ts";
import { END, ended, type Source } from "./reading.ts";
import type { Unit } from "./unit.ts";

/** The size of batches. A batch ends at the first limit that it reaches. */
export interface BatchOptions {
  /** The number of changes. The last transaction of a batch may exceed it. Default 1000. */
  maxChanges?: number | undefined;
  /** The bytes of changes as received. Default 16 MiB. */
  maxBytes?: number | undefined;
  /** The longest time in seconds from the first change of a batch to its delivery. Default 1. */
  maxWait?: number | undefined;
  /**
   * Whether a transaction may be divided among batches. A batch that ends within a transaction confirms
   * only the transactions before it. Default `false`: a batch has whole transactions, and one that is
   * larger than `maxBytes` alone ends the stream with an error.
   */
  split?: boolean | undefined;
}

/** Some changes of a stream, in order. */
export interface Batch<Tables = AnyTables> {
  /** The changes. */
  readonly changes: readonly Change<Tables>[];
  /** Whether these are rows of the initial copy. A batch has either such rows or changes. */
  readonly isSnapshot: boolean;
  /** Whether the batch ends at the end of a transaction. Always `true` without `split`. */
  readonly isWhole: boolean;
  /** The commit position of the last whole transaction; `undefined` if there is none in the batch. */
  readonly commitLsn: Lsn | undefined;
  /** Confirms the transactions that end in the batch, with `confirm: "manual"`. */
  confirm(): void;
}

/** A batch that is being collected. */
class Collected implements Batch {
  readonly changes: Change[] = [];
  /** The units that end in the batch. */
  readonly units: Unit<StreamEvent>[] = [];
  readonly #source: Source;
  isSnapshot = false;
  isWhole = true;
  bytes = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  get commitLsn(): Lsn | undefined {
    const last = this.units.at(-1)?.start;
    return last && (last.transaction?.commitLsn ?? new Lsn(last.commitLsn));
  }

  get isEmpty(): boolean {
    return this.changes.length === 0 && this.units.length === 0;
  }

  confirm(): void {
    for (const unit of this.units) this.#source.inbox.confirm(unit);
  }
}

/** The batches of a stream. The transactions of a batch are confirmed when the next one is requested. */
export class BatchIterator implements AsyncIterableIterator<Batch, undefined> {
  readonly #source: Source;
  readonly #options: BatchSizes;
  /** The batch that the caller has. */
  #given: Collected | undefined;
  /** The unit that is being read. */
  #unit: Unit<StreamEvent> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: Source, options: BatchOptions) {
    this.#source = source;
    this.#options = batchOptions(options);
  }

  /** The iterator is its own iterable. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Returns the next batch. */
  next(): Promise<IteratorResult<Batch, undefined>> {
    const found = this.#last.then(() => this.#next());
    this.#last = found.catch(() => {});
    return found;
  }

  /** Closes the stream. Leaving a loop calls this. */
  async return(): Promise<IteratorResult<Batch, undefined>> {
    await this.#source.close();
    return END;
  }

  async #next(): Promise<IteratorResult<Batch, undefined>> {
    const { inbox } = this.#source;
    for (const unit of this.#given?.units ?? []) inbox.handled(unit);
    this.#given = undefined;
    const batch = new Collected(this.#source);
    try {
      await this.#fill(batch);
    } catch (error) {
      await this.#source.close();
      throw error;
    }
    if (batch.changes.length > 0) {
      this.#given = batch;
      return { done: false, value: batch };
    }
    await this.#source.close();
    ended(inbox);
    return END;
  }

  /** Fills a batch; leaves it empty when the stream has ended. */
  async #fill(batch: Collected): Promise<void> {
    let until = Infinity;
    while (this.#collect(batch)) {
      if (batch.changes.length > 0 && until === Infinity) {
        until = performance.now() + this.#options.maxWait * 1000;
      }
      const isBetween = this.#unit === undefined || this.#options.split;
      if (isBetween && performance.now() >= until) return this.#divide(batch);
      if (this.#source.isStopping) return this.#drop(batch);
      if (this.#source.inbox.isEnded) return this.#finish(batch);
      await this.#more(isBetween ? until : Infinity);
    }
  }

  /** Takes what was received. Reports whether the batch needs more. */
  #collect(batch: Collected): boolean {
    const { inbox } = this.#source;
    const { maxChanges, maxBytes, split } = this.#options;
    for (;;) {
      const unit = this.#unit ?? inbox.next;
      if (unit === undefined) return true;
      const isSnapshot = unit.start.kind === "snapshot";
      if (batch.changes.length === 0) batch.isSnapshot = isSnapshot;
      else if (this.#unit === undefined && batch.isSnapshot !== isSnapshot) return false;
      if (this.#unit === undefined && this.#source.isStopping) return true;
      this.#unit = unit;
      inbox.begun(unit);
      while (unit.ready > 0) {
        if (split && this.#isFull(batch)) {
          batch.isWhole = false;
          return false;
        }
        batch.bytes += unit.nextSize;
        batch.changes.push(inbox.take(unit) as Change);
        if (!split && unit.bytes > maxBytes) throw tooLarge(maxBytes);
      }
      if (!unit.isComplete) return true;
      this.#unit = undefined;
      // Without changes the unit would be handed over with nothing.
      batch.units.push(unit);
      if (batch.changes.length >= maxChanges || batch.bytes >= maxBytes) return false;
      if (batch.changes.length === 0) {
        batch.units.length = 0;
        inbox.handled(unit);
      }
    }
  }

  #isFull({ changes, bytes }: Collected): boolean {
    return changes.length >= this.#options.maxChanges || bytes >= this.#options.maxBytes;
  }

  #divide(batch: Collected): void {
    batch.isWhole = this.#unit === undefined;
  }

  /** Ends a batch because the stream stops: a transaction that is incomplete is left out. */
  #drop(batch: Collected): void {
    if (this.#unit !== undefined) batch.changes.length = 0;
  }

  #finish(batch: Collected): void {
    const unit = this.#unit;
    const isPart = unit !== undefined && !unit.isComplete;
    if (isPart || batch.changes.length === 0) {
      batch.changes.length = 0;
      ended(this.#source.inbox);
    }
  }

  /** Waits for more changes, at most until a moment. */
  #more(until: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const unit = this.#unit ?? this.#source.inbox.next;
      if (unit !== undefined) unit.waiter = wake;
      this.#source.inbox.whenUnit(wake);
      if (until !== Infinity) timer = setTimeout(wake, Math.max(0, until - performance.now()));
    });
  }
}

function tooLarge(maxBytes: number): InterfaceError {
  return new InterfaceError(
    `a transaction has more than ${maxBytes} bytes (maxBytes of batches()); raise maxBytes or set split`,
  );
}

/**
 * Checks the options of `batches()` and fills in the defaults.
 *
 * @throws {InterfaceError} an option is unknown or wrong; the message names it.
 */
function batchOptions(options: BatchOptions): BatchSizes {
  OPTIONS("the argument of batches()", options);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}

const OPTIONS = record({
  maxChanges: whole(1),
  maxBytes: whole(1),
  maxWait: SECONDS,
  split: BOOLEAN,
});

type BatchSizes = { readonly [K in keyof BatchOptions]-?: NonNullable<BatchOptions[K]> };

const DEFAULTS: BatchSizes = { maxChanges: 1000, maxBytes: 16 << 20, maxWait: 1, split: false };
