/**
 * What transactions and savepoints are on the wire. While one is open it holds the session's turn: a
 * query from outside would run inside of it without knowing, so it is refused.
 * Source: manual, BEGIN, SET TRANSACTION, SAVEPOINT.
 */
import { InterfaceError, InternalError } from "../errors/errors.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import type { QueryHost } from "../query/host.ts";
import { executeSimple } from "../query/simple.ts";
import type { Turn } from "../session/exchange.ts";
import { prepareTransaction } from "./two_phase.ts";

/** How a transaction is to be. */
export interface TransactionOptions {
  /** Default: the session's `default_transaction_isolation`. */
  readonly isolation?: "read uncommitted" | "read committed" | "repeatable read" | "serializable";
  /** Whether it may write. Default: the session's. */
  readonly readOnly?: boolean;
  /** Of a serializable, read-only transaction: waits until it can run without ever failing for it. */
  readonly deferrable?: boolean;
}

/** The same host for what is run within a block. */
export function within(host: QueryHost, turn: Turn): QueryHost {
  return { ...host, defaults: Object.freeze({ ...host.defaults, turn }) };
}

/** One BEGIN … COMMIT, or SAVEPOINT … RELEASE: the session's turn, and how it began and ends. */
export class Block implements Turn {
  readonly isTransaction = true;
  readonly refusal: string;
  /** Settles when the server has begun it; what is run in it need not wait for that. */
  readonly begun: Promise<void>;
  readonly #host: QueryHost;
  readonly #outer: Block | undefined;
  readonly #savepoint: string | undefined;
  #ending: Promise<void> | undefined;
  #isCommitted = false;
  #isPrepared = false;
  /** What put it into its failed state. */
  #firstFailure: unknown;

  /**
   * Takes the turn and sends BEGIN.
   *
   * @throws {InterfaceError} it is not the caller's turn, or a transaction is open already.
   */
  constructor(host: QueryHost, options: TransactionOptions, outer?: Block) {
    const { session } = host.executor;
    this.#host = within(host, this);
    this.#outer = outer;
    const depth = outer === undefined ? 0 : outer.depth + 1;
    this.depth = depth;
    this.#savepoint = depth === 0 ? undefined : `cornac_${depth}`;
    this.refusal = depth === 0
      ? "a transaction is open on this connection: run the query on the transaction"
      : "a savepoint is open in this transaction: run the query on the savepoint";
    if (session.turn !== outer) {
      throw new InterfaceError(session.turn?.refusal ?? "the transaction is over");
    }
    if (depth === 0 && session.transactionStatus !== "idle" && session.pending === 0) {
      throw new InterfaceError("a transaction is open already, begun by a query");
    }
    session.turn = this;
    this.begun = this.#begin(options);
    this.begun.catch(() => {});
  }

  /** How many blocks this one is in. */
  readonly depth: number;

  /** Told by the session. */
  failed(error: unknown, status: TransactionStatus): void {
    if (status === "failed") this.#firstFailure ??= error;
  }

  /** Ends it with what was done in it. */
  commit(): Promise<void> {
    if (this.#isPrepared) return this.#ending!;
    if (this.#ending !== undefined) {
      const how = this.#isCommitted ? "committed" : "rolled back";
      return Promise.reject(new InterfaceError(`the transaction is ${how} already`));
    }
    const { turn } = this.#host.executor.session;
    if (turn !== this && turn !== undefined) {
      return Promise.reject(new InterfaceError("a savepoint in it is open still"));
    }
    this.#isCommitted = true;
    return this.#ending = this.#endBy(() => this.#commit());
  }

  /** Ends it without; what is open in it is over, too. */
  rollback(): Promise<void> {
    const { session } = this.#host.executor;
    if (this.#ending === undefined && this.#holds(session.turn)) session.turn = this;
    return this.#ending ??= this.#rollback();
  }

  /** Whether a turn is that of a block within this one. */
  #holds(turn: Turn | undefined): boolean {
    let block = turn instanceof Block ? turn : undefined;
    while (block !== undefined && block !== this) block = block.#outer;
    return block === this;
  }

  async #begin(options: TransactionOptions): Promise<void> {
    if (this.#savepoint !== undefined) return await this.#run(`savepoint ${this.#savepoint}`);
    const modes = transactionModes(options);
    const begun = this.#run("begin");
    // Apart: should the server refuse the modes, the block has failed, and nothing is run outside it.
    const set = modes === "" ? undefined : this.#run(`set transaction ${modes}`);
    await Promise.all([begun, set]);
  }

  /** Ends it by putting it aside under a name; a `commit()` that follows has nothing to do. */
  prepare(gid: string): Promise<void> {
    const { turn } = this.#host.executor.session;
    if (this.#ending !== undefined || this.#savepoint !== undefined || turn !== this) {
      const message = "only an open transaction with no savepoint open in it can be prepared";
      return Promise.reject(new InterfaceError(message));
    }
    this.#isPrepared = true;
    const cause = (): unknown => this.#firstFailure;
    return this.#ending = this.#endBy(() => prepareTransaction(this.#host, gid, cause));
  }

  async #commit(): Promise<void> {
    if (this.#savepoint !== undefined) await this.#release(this.#savepoint);
    else if (await this.#tag("commit") !== "COMMIT") throw this.#rolledBack();
  }

  /** Ends it, and gives up the turn in any case. */
  async #endBy(end: () => Promise<void>): Promise<void> {
    try {
      await this.begun;
      await end();
    } catch (error) {
      await this.#rollBackQuietly();
      throw error;
    } finally {
      this.#leave();
    }
  }

  /** In a failed block RELEASE fails, too; the savepoint is rolled back then. */
  async #release(savepoint: string): Promise<void> {
    try {
      await this.#run(`release savepoint ${savepoint}`);
    } catch (error) {
      throw this.#firstFailure === error ? error : this.#rolledBack();
    }
  }

  async #rollback(): Promise<void> {
    try {
      await this.#sendRollback();
    } finally {
      this.#leave();
    }
  }

  /** After a COMMIT that failed, where the block may or may not be over. */
  async #rollBackQuietly(): Promise<void> {
    const { session } = this.#host.executor;
    if (session.closed || session.transactionStatus === "idle") return;
    await this.#sendRollback().catch(() => {});
  }

  #sendRollback(): Promise<void> {
    const savepoint = this.#savepoint;
    if (savepoint === undefined) return this.#run("rollback");
    return this.#run(`rollback to savepoint ${savepoint}; release savepoint ${savepoint}`);
  }

  #leave(): void {
    const { session } = this.#host.executor;
    if (session.turn === this) session.turn = this.#outer;
  }

  #rolledBack(): InternalError {
    const what = this.#savepoint === undefined ? "transaction" : "savepoint";
    const message =
      `the ${what} was rolled back instead of committed: a statement in it had failed`;
    return new InternalError(message, { code: "40000", cause: this.#firstFailure });
  }

  async #run(text: string): Promise<void> {
    await this.#tag(text);
  }

  /** Runs a command and answers its tag; control commands are bounded by `timeout` alone. */
  async #tag(text: string): Promise<string> {
    const results = await executeSimple(this.#host.executor, text, { turn: this });
    return results.at(-1)!.command;
  }
}

/** What follows SET TRANSACTION; `""` when nothing was asked for. */
function transactionModes({ isolation, readOnly, deferrable }: TransactionOptions): string {
  const modes: string[] = [];
  if (isolation !== undefined) modes.push(`isolation level ${checkedIsolation(isolation)}`);
  if (readOnly !== undefined) modes.push(readOnly ? "read only" : "read write");
  if (deferrable !== undefined) modes.push(deferrable ? "deferrable" : "not deferrable");
  return modes.join(", ");
}

function checkedIsolation(isolation: string): string {
  if (ISOLATIONS.has(isolation)) return isolation;
  throw new InterfaceError(`isolation must be one of ${[...ISOLATIONS].join(", ")}`);
}

const ISOLATIONS: ReadonlySet<string> = new Set([
  "read uncommitted",
  "read committed",
  "repeatable read",
  "serializable",
]);
