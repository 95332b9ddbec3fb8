/**
 * Transactions and savepoints on the wire. An open block holds the lock of its session: a query
 * from outside would run inside the block by mistake, so it is refused.
 *
 * BEGIN costs no round trip, and nothing of a transaction can run outside of it: BEGIN stands in
 * front of the first request, without a Sync between the two. When BEGIN fails, because of a cancel
 * or a mode that is refused, the server skips that request, and nothing more is sent. Source:
 * manual, BEGIN, SAVEPOINT; "Extended Query", "Pipelining".
 */
import { InterfaceError, InternalError, PgError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import * as ownSql from "../own_sql.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { executeSimple } from "../query/execute_simple.ts";
import type { QueryContext } from "../query/query_context.ts";
import * as transactionSql from "../query/transaction_sql.ts";
import { undo } from "../query/undo.ts";
import { lockedOut, type Request, type SessionLock, type Signal } from "../session/exchange.ts";
import type { TransactionOutcome } from "../trace.ts";
import { Beginning, NOTHING } from "./begin.ts";
import { ALREADY_OPEN, TRANSACTION_IS_OPEN } from "./transaction_errors.ts";
import { prepareTransaction } from "./prepare_transaction.ts";
import { within } from "./within.ts";

/** Modes and limits of a transaction. */
export interface TransactionOptions {
  /** The isolation level. Default: the session's `default_transaction_isolation`. */
  readonly isolation?:
    | "read uncommitted"
    | "read committed"
    | "repeatable read"
    | "serializable"
    | undefined;
  /** Whether the transaction only reads. Default: the session's. */
  readonly readOnly?: boolean | undefined;
  /** Whether a serializable, read-only transaction waits until it can run without a failure. */
  readonly deferrable?: boolean | undefined;
  /** Aborts the transaction: a running query is cancelled, and everything is rolled back. */
  readonly signal?: Signal | undefined;
  /** Seconds for the transaction, with its retries and pauses. Default 0: no limit. */
  readonly timeout?: number | undefined;
}

/**
 * One BEGIN … COMMIT, or SAVEPOINT … RELEASE: a lock of the session with a beginning and an end.
 */
export class Block implements SessionLock {
  readonly isTransaction = true;
  readonly refusal: string;
  /** The number of blocks around this one. */
  readonly depth: number;
  /** How the block has ended; `undefined` while it is open, and where that is not known. */
  outcome: TransactionOutcome | undefined;
  /** Called when the block has ended, with the error if it was not committed as asked. */
  left: ((error?: unknown) => void) | undefined;
  readonly #host: QueryContext;
  readonly #outer: Block | undefined;
  /** The outermost block, which has the BEGIN. */
  readonly #root: Block;
  readonly #beginning: Beginning;
  readonly #savepoint: string | undefined;
  readonly #signal: Signal | undefined;
  /** Settles when the server has made the savepoint. Queries in it need not wait for that. */
  readonly #made: Promise<void> | undefined;
  /** The lock that is held from the call of `commit()` or `rollback()` on. */
  readonly #end: Ending = new Ending(this);
  #ending: Promise<void> | undefined;
  #isCommitted = false;
  #isPrepared = false;
  #isRollingBack = false;
  /** The reason why the transaction could not begin. */
  #stillborn: { readonly error: unknown } | undefined;
  /** Whether the block was rolled back before BEGIN was sent. */
  #isAbandoned = false;
  /** The error that has put the transaction into its failed state. */
  #firstFailure: unknown;

  /**
   * Takes the lock. BEGIN is sent with the first request. `signal` aborts what runs in the block,
   * COMMIT included.
   *
   * @throws {InterfaceError} another lock is held, or a transaction is open already.
   */
  constructor(host: QueryContext, options: TransactionOptions, signal?: Signal, outer?: Block) {
    const { session } = host.executor;
    this.#host = within(host, this);
    this.#outer = outer;
    if (outer === undefined) {
      this.#root = this;
      this.#signal = signal;
      this.#beginning = new Beginning(ownSql.begin(transactionModes(options)));
    } else {
      this.#root = outer.#root;
      this.#signal = outer.#signal;
      this.#beginning = outer.#beginning;
    }
    const depth = outer === undefined ? 0 : outer.depth + 1;
    this.depth = depth;
    this.#savepoint = depth === 0 ? undefined : `cornac_${depth}`;
    this.refusal = depth === 0
      ? TRANSACTION_IS_OPEN
      : "a savepoint is open in this transaction: run the query on the savepoint";
    if (this.#signal?.aborted) throw this.#signal.reason;
    if (session.lock !== outer) {
      throw new InterfaceError(
        session.lock?.refusal ??
          "this transaction has ended; start a new one with db.transaction()",
      );
    }
    if (depth === 0 && session.transactionStatus !== "idle" && session.pending === 0) {
      throw new InterfaceError(ALREADY_OPEN);
    }
    session.lock = this;
    if (this.#savepoint !== undefined) {
      this.#made = this.#run(transactionSql.savepoint(this.#savepoint));
    }
    this.#made?.catch(() => {});
  }

  /** Rejects when the transaction could not begin, so that nothing could run in it. */
  get begun(): Promise<void> {
    if (this.#made !== undefined) return this.#made;
    const stillborn = this.#stillborn;
    return stillborn === undefined ? Promise.resolve() : Promise.reject(stillborn.error);
  }

  get signal(): Signal | undefined {
    return this.#isRollingBack ? undefined : this.#signal;
  }

  prelude(): Request<void> | undefined {
    const root = this.#root;
    if (root.#stillborn !== undefined) throw root.#stillborn.error;
    if (root.#isAbandoned) throw lockedOut(undefined, this);
    return this.#beginning.isDue ? this.#beginning : undefined;
  }

  begin(lock: SessionLock = this): Promise<void> {
    if (!this.#beginning.isDue) return Promise.resolve();
    return this.#host.executor.session.request(NOTHING, { lock });
  }

  /** Called by the session when a request of the block has failed. */
  failed(error: unknown, status: TransactionStatus): void {
    if (status !== "failed") {
      if (this.#beginning.isDue) this.#root.#stillborn ??= { error };
    } else if (error instanceof PgError && error.code === "25P02" && error !== this.#cause) {
      error.cause ??= this.#cause;
    }
  }

  aborted(error: unknown): void {
    this.#firstFailure = error;
  }

  /** The error that has failed the transaction, here or around this block. */
  get #cause(): unknown {
    const outer = this.#outer;
    return this.#firstFailure ?? (outer === undefined ? undefined : outer.#cause);
  }

  /** Commits, or releases the savepoint. */
  commit(): Promise<void> {
    if (this.#isPrepared) return this.#ending!;
    if (this.#ending !== undefined) {
      const how = this.#isCommitted ? "committed" : "rolled back";
      return Promise.reject(new InterfaceError(`the transaction was already ${how}`));
    }
    const { session } = this.#host.executor;
    if (session.lock !== this && session.lock !== undefined) {
      const { lock } = session;
      const isOpen = lock instanceof Block
        ? "a savepoint in the transaction is still open"
        : lock.refusal;
      return Promise.reject(new InterfaceError(isOpen));
    }
    if (session.lock === this) session.lock = this.#end;
    this.#isCommitted = true;
    return this.#ending = this.#endBy("committed", () => this.#commit());
  }

  /** Rolls back. A savepoint or a COPY that is open in the block ends with it. */
  rollback(): Promise<void> {
    const { session } = this.#host.executor;
    const { lock } = session;
    if (this.#ending === undefined && this.#holds(lock)) {
      session.lock = this.#end;
      if (!(lock instanceof Block || lock instanceof Ending)) lock?.abandoned?.();
    }
    return this.#ending ??= this.#rollback();
  }

  /** Reports whether a lock is held by this block, or by something that is open in it. */
  #holds(lock: SessionLock | undefined): boolean {
    const holder = lock instanceof Ending ? lock.ends : lock;
    if (holder === this) return true;
    const outer = holder instanceof Block ? holder.#outer : holder?.outer;
    return outer !== undefined && this.#holds(outer);
  }

  /** Called when the session is taken away while the block is open. Others roll it back. */
  abandoned(): void {
    this.outcome = "rolled back";
    this.left?.();
    this.#outer?.abandoned();
  }

  /** Prepares the transaction under a name, which ends it here. A later `commit()` does nothing. */
  prepare(gid: string): Promise<void> {
    const { session } = this.#host.executor;
    if (this.#ending !== undefined || this.#savepoint !== undefined || session.lock !== this) {
      const message = "only an open transaction with no savepoint open in it can be prepared";
      return Promise.reject(new InterfaceError(message));
    }
    session.lock = this.#end;
    this.#isPrepared = true;
    const cause = (): unknown => this.#cause;
    const prepare = () => prepareTransaction(within(this.#host, this.#end), gid, cause);
    return this.#ending = this.#endBy("prepared", prepare);
  }

  async #commit(): Promise<void> {
    if (this.#savepoint !== undefined) await this.#release(this.#savepoint);
    else if (await this.#tag(transactionSql.COMMIT) !== "COMMIT") throw this.#rolledBack();
  }

  /** Ends the block, and gives up the lock in any case. */
  async #endBy(outcome: TransactionOutcome, end: () => Promise<void>): Promise<void> {
    try {
      await this.begun;
      await end();
    } catch (error) {
      await this.#rollBackQuietly();
      const { session } = this.#host.executor;
      this.#leave(session.closed ? undefined : "rolled back", error);
      throw error;
    }
    this.#leave(outcome);
  }

  /** Releases a savepoint. In a failed block RELEASE fails, and the savepoint is rolled back. */
  async #release(savepoint: string): Promise<void> {
    try {
      await this.#run(transactionSql.releaseSavepoint(savepoint));
    } catch (error) {
      throw this.#cause === error ? error : this.#rolledBack();
    }
  }

  async #rollback(): Promise<void> {
    try {
      await this.#sendRollback();
    } catch (error) {
      await this.#notUndone(error);
      this.#leave(undefined, error);
      throw error;
    }
    this.#leave("rolled back");
  }

  /**
   * Handles a ROLLBACK that failed. The transaction around a savepoint has failed then, and gets the
   * cause; a connection whose transaction cannot be ended is given up.
   */
  async #notUndone(error: unknown): Promise<void> {
    const { session } = this.#host.executor;
    const status = session.transactionStatus;
    if (!this.#holds(session.lock)) return;
    if (this.#outer === undefined) {
      if (status !== "idle") session.destroy(error);
      return;
    }
    // Without its savepoint, there was nothing to roll back to.
    const cause = await this.#made!.then(() => error, (reason: unknown) => reason);
    if (status === "failed") this.#outer.aborted(cause);
  }

  /** Rolls back after a COMMIT that failed, where the block may have ended or not. */
  async #rollBackQuietly(): Promise<void> {
    const { session } = this.#host.executor;
    const isOver = session.pending === 0 && session.transactionStatus === "idle";
    if (session.closed || isOver) return;
    await this.#sendRollback().catch((error) => this.#notUndone(error));
  }

  /** Sends ROLLBACK. While BEGIN was not sent, nothing was, and nothing will be. */
  async #sendRollback(): Promise<void> {
    const savepoint = this.#savepoint;
    this.#isRollingBack = true;
    if (savepoint === undefined && this.#beginning.isDue) {
      this.#isAbandoned = true;
      return;
    }
    const { context } = this.#host.executor;
    const text = savepoint === undefined
      ? ownSql.ROLLBACK
      : transactionSql.undoSavepoint(savepoint);
    await undo(context, text, { lock: this.#lock });
  }

  #leave(outcome: TransactionOutcome | undefined, error?: unknown): void {
    const { session } = this.#host.executor;
    if (session.lock === this || session.lock === this.#end) session.lock = this.#outer;
    this.outcome = outcome;
    this.left?.(error);
  }

  #rolledBack(): InternalError {
    const what = this.#savepoint === undefined ? "transaction" : "savepoint";
    const message =
      `the ${what} was rolled back instead of committed: a statement in it had failed`;
    return new InternalError(message, { code: "40000", cause: this.#cause });
  }

  async #run(text: string): Promise<void> {
    await this.#tag(text);
  }

  /** Runs a command and returns its tag. Only the connection's `timeout` limits it. */
  async #tag(text: string): Promise<string> {
    const { context } = this.#host.executor;
    const results = await executeSimple(context, text, own({ lock: this.#lock }));
    return results.at(-1)!.command;
  }

  /** The lock for the block's own commands. */
  get #lock(): SessionLock {
    return this.#host.executor.session.lock === this.#end ? this.#end : this;
  }
}

/**
 * The lock at the end of a block. A query made in the block while COMMIT or ROLLBACK is on its way
 * would run outside of it, so it is refused.
 */
class Ending implements SessionLock {
  readonly isTransaction = true;
  readonly ends: Block;

  constructor(block: Block) {
    this.ends = block;
  }

  get refusal(): string {
    return this.ends.refusal;
  }

  get signal(): Signal | undefined {
    return this.ends.signal;
  }

  prelude(): Request<void> | undefined {
    return this.ends.prelude();
  }

  begin(): Promise<void> {
    return this.ends.begin(this);
  }

  failed(error: unknown, status: TransactionStatus): void {
    this.ends.failed(error, status);
  }

  aborted(error: unknown): void {
    this.ends.aborted(error);
  }

  abandoned(): void {
    this.ends.abandoned();
  }
}

/** Returns the modes that follow BEGIN; `""` for none. */
function transactionModes({ isolation, readOnly, deferrable }: TransactionOptions): string {
  const modes: string[] = [];
  if (isolation !== undefined) modes.push(`isolation level ${isolation}`);
  if (readOnly !== undefined) modes.push(readOnly ? "read only" : "read write");
  if (deferrable !== undefined) modes.push(deferrable ? "deferrable" : "not deferrable");
  return modes.join(", ");
}
