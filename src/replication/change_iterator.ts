import type { StreamEvent } from "./stream_event.ts";
import { END, ended, type Source } from "./reading.ts";
import type { Unit } from "./unit.ts";

/**
 * The changes of a stream, one after another. A transaction is confirmed when the change that follows it is
 * requested. `next()` resolves from what was received, without a chain of promises for each change.
 */
export class ChangeIterator implements AsyncIterableIterator<StreamEvent, undefined> {
  readonly #source: Source;
  #unit: Unit<StreamEvent> | undefined;
  /** The last `next()` that had to wait; calls behind it wait, too. */
  #waiting: Promise<IteratorResult<StreamEvent, undefined>> | undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  /** The iterator is its own iterable. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Returns the next change. */
  next(): Promise<IteratorResult<StreamEvent, undefined>> {
    if (this.#waiting === undefined) {
      const change = this.#take();
      if (change !== undefined) return Promise.resolve({ done: false, value: change });
    }
    return this.#later();
  }

  /** Closes the stream. Leaving a loop calls this. */
  async return(): Promise<IteratorResult<StreamEvent, undefined>> {
    await this.#source.close();
    return END;
  }

  /** Returns the next change that was received; handles each unit that it passes. */
  #take(): StreamEvent | undefined {
    const { inbox } = this.#source;
    for (;;) {
      const unit = this.#unit ?? inbox.first;
      if (unit === undefined) return undefined;
      if (this.#source.isStopping && (this.#unit === undefined || !unit.isComplete)) {
        return undefined;
      }
      if (unit.ready > 0) {
        if (this.#unit === undefined) {
          inbox.begun(unit);
          this.#unit = unit;
        }
        return inbox.take(unit);
      }
      if (!unit.isComplete) return undefined;
      this.#unit = undefined;
      inbox.handled(unit);
    }
  }

  #later(): Promise<IteratorResult<StreamEvent, undefined>> {
    const before = this.#waiting;
    const found = before === undefined ? this.#wait() : before.then(() => this.#wait());
    this.#waiting = found;
    const clear = (): void => {
      if (this.#waiting === found) this.#waiting = undefined;
    };
    found.then(clear, clear);
    return found;
  }

  #wait(): Promise<IteratorResult<StreamEvent, undefined>> {
    const { inbox } = this.#source;
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        const change = this.#take();
        if (change !== undefined) return resolve({ done: false, value: change });
        if (this.#source.isStopping || inbox.isEnded) return void this.#end().then(resolve, reject);
        const unit = this.#unit ?? inbox.first;
        if (unit === undefined) inbox.whenUnit(attempt);
        else unit.waiter = attempt;
      };
      attempt();
    });
  }

  async #end(): Promise<IteratorReturnResult<undefined>> {
    await this.#source.close();
    ended(this.#source.inbox);
    return END;
  }
}
