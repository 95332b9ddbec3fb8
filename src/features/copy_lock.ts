import type { QueryContext } from "../query/query_context.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import type { Request, SessionLock, Signal } from "../session/exchange.ts";

/** The lock of a copy, and the stack of its caller. */
export interface CopyPlace {
  readonly lock: CopyLock;
  readonly site: Error | undefined;
}

/**
 * The lock of a session during a COPY. A query made meanwhile would wait for the end of the COPY,
 * and the COPY for the query, where its source or reader awaits it. So queries are refused.
 */
export class CopyLock implements SessionLock {
  readonly refusal =
    "a COPY is in progress on this connection: run the query after it, or on another connection";
  readonly outer: SessionLock | undefined;
  readonly #session: QueryContext["executor"]["session"];
  /** Called when the transaction around the COPY is rolled back. */
  stop: () => void;

  constructor({ executor, defaults }: QueryContext, stop: () => void = () => {}) {
    this.#session = executor.session;
    this.outer = defaults.lock;
    this.stop = stop;
  }

  get isTransaction(): boolean {
    return this.outer?.isTransaction === true;
  }

  get signal(): Signal | undefined {
    return this.outer?.signal;
  }

  /**
   * Runs `work` under the lock, which may be held already. Where another lock is held, `work` gets the outer one, and the session
   * refuses what it requests.
   */
  async hold<T>(work: (lock: SessionLock | undefined) => Promise<T>): Promise<T> {
    const session = this.#session;
    if (session.lock === this) return await work(this);
    if (session.lock !== this.outer) return await work(this.outer);
    session.lock = this;
    try {
      return await work(this);
    } finally {
      this.release();
    }
  }

  /**
   * Gives up the lock once the copy awaits nothing from its user, so that queries may wait for it.
   */
  release(): void {
    if (this.#session.lock === this) this.#session.lock = this.outer;
  }

  prelude(): Request<void> | undefined {
    return this.outer?.prelude?.();
  }

  failed(error: unknown, status: TransactionStatus): void {
    this.outer?.failed?.(error, status);
  }

  aborted(error: unknown): void {
    this.outer?.aborted?.(error);
  }

  abandoned(): void {
    this.stop();
  }
}
