/**
 * Many statements, or one with many sets of parameters, in one flush with one Sync: one round trip,
 * and, outside of a transaction, one transaction of their own.
 * Source: manual, "Extended Query", "Pipelining".
 */
import type { Writer } from "../bytes/writer.ts";
import { PgError } from "../errors/errors.ts";
import { readCommandTag, type TransactionStatus } from "../protocol/backend.ts";
import { EXECUTE_ALL, EXECUTE_ALL_AND_SYNC, parse, sync } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import { endCopy } from "./copy_guard.ts";
import { ATTEMPTS, relyingOnLess } from "./again.ts";
import type { ExecuteOptions, Executor } from "./execute.ts";
import { bindKnown, Execution } from "./execution.ts";
import { expect, unexpected } from "./introduction.ts";
import { arePlain, checkParameters } from "./parameters.ts";
import { batchResultTrace, batchTrace } from "./query_trace.ts";
import { Result } from "./result.ts";
import type { RowDecoder } from "./rows.ts";
import type { Statement } from "./statement.ts";

/** One statement of a batch, its parameters by position. */
export interface BatchItem {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly parameterTypes?: readonly number[];
}

/** Runs statements together; when one fails, its error says which (`index`), and none has any effect. */
export function executeBatch(
  executor: Executor,
  items: readonly BatchItem[],
  options: ExecuteOptions,
): Promise<Result[]> {
  const { trace: { batch } } = executor;
  const run = () => runBatch(executor, items, options, 0);
  if (!batch.isWatched) return run();
  const texts = items.map(({ text }) => text);
  const size = items.length;
  return batch.promise(batchTrace(texts, size), run, (all) => batchResultTrace(all, size));
}

/** Runs one statement with each of these sets of parameters; the result holds all rows together. */
export function executeMany(
  executor: Executor,
  text: string,
  rows: readonly (readonly unknown[])[],
  options: ExecuteOptions,
): Promise<Result> {
  const { trace: { batch } } = executor;
  const run = () => runMany(executor, text, rows, options, 0);
  if (!batch.isWatched) return run();
  const size = rows.length;
  return batch.promise(batchTrace([text], size), run, (all) => batchResultTrace([all], size));
}

async function runBatch(
  executor: Executor,
  items: readonly BatchItem[],
  options: ExecuteOptions,
  attempt: number,
): Promise<Result[]> {
  if (items.length === 0) return [];
  items.forEach(({ text, values }, i) => {
    naming("queries", i, () => checkParameters(values));
    executor.exactness.heed(text);
  });
  const executions = await Promise.all(items.map((item, i) => plan(executor, item, options, i)));
  const batch = new Batch(executions);
  try {
    const results = await executor.session.request(batch, options);
    for (const [i, execution] of executions.entries()) {
      const { incomplete } = execution;
      if (incomplete) await executor.complete(results[i]!, incomplete, execution);
    }
    return results;
  } catch (error) {
    executor.forgetAltered(error);
    const misfit = executions.find(({ isMisfit }) => isMisfit);
    const isRemedied = misfit === undefined
      ? batch.isStale(executor, error)
      : await executor.forgetOutdated(misfit);
    if (attempt === ATTEMPTS || !isRemedied) throw error;
    return await runBatch(executor, items, relyingOnLess(options, attempt), attempt + 1);
  }
}

async function runMany(
  executor: Executor,
  text: string,
  rows: readonly (readonly unknown[])[],
  options: ExecuteOptions,
  attempt: number,
): Promise<Result> {
  if (rows.length === 0) return new Result();
  rows.forEach((values, i) => naming("rows", i, () => checkParameters(values)));
  const statement = await executor.describe(text, options);
  const many = new Many(executor, statement, rows, options);
  try {
    return await executor.session.request(many, options);
  } catch (error) {
    executor.forgetAltered(error);
    const { leftIn } = many;
    const isRemedied = many.isMisfit
      ? await executor.forgetOutdated({ statement, text, options })
      : leftIn !== undefined && executor.dropStale(statement, error, { leftIn, options });
    if (attempt === ATTEMPTS || !isRemedied) throw error;
    return await runMany(executor, text, rows, relyingOnLess(options, attempt), attempt + 1);
  }
}

/** What cannot be sent before its types are known is described first. */
async function plan(
  executor: Executor,
  { text, values, parameterTypes }: BatchItem,
  options: ExecuteOptions,
  i: number,
): Promise<Execution> {
  const own = parameterTypes === undefined ? options : { ...options, parameterTypes };
  if (arePlain(values) && executor.exactness.ofText) {
    const execution = new Execution(executor, text, values, own);
    execution.mayWait = false; // the next one is sent right behind
    return execution;
  }
  try {
    const statement = await executor.describe(text, own);
    return new Execution(executor, text, values, own, statement);
  } catch (error) {
    throw named("queries", i, error);
  }
}

/** The request of a batch. */
class Batch implements Request<Result[]> {
  readonly #executions: readonly Execution[];
  /** The one that is being answered. */
  #at = 0;
  #leftIn: TransactionStatus | undefined;

  constructor(executions: readonly Execution[]) {
    this.#executions = executions;
  }

  write(out: Writer): void {
    const last = this.#executions.length - 1;
    this.#executions.forEach((execution, i) => {
      try {
        execution.append(out, i === last ? EXECUTE_ALL_AND_SYNC : EXECUTE_ALL);
      } catch (error) {
        this.#abandon(0, i);
        throw named("queries", i, error);
      }
    });
  }

  *talk(): Conversation<Result[]> {
    const results: Result[] = [];
    this.#at = 0;
    try {
      for (const execution of this.#executions) {
        results.push(yield* execution.talk());
        this.#at++;
      }
      return results;
    } catch (error) {
      throw named("queries", this.#at, error);
    } finally {
      this.#abandon(this.#at + 1, this.#executions.length);
    }
  }

  failed(_error: unknown, status: TransactionStatus): void {
    this.#leftIn = status;
  }

  /** Whether the one that failed had a stale statement, so that all can be run again. */
  isStale(executor: Executor, error: unknown): boolean {
    const failed = this.#executions[this.#at];
    const leftIn = this.#leftIn;
    if (failed === undefined || leftIn === undefined) return false;
    if (failed.wasLetDown) return leftIn === "idle";
    const { statement, options } = failed;
    return executor.dropStale(statement, error, { leftIn, options });
  }

  #abandon(from: number, to: number): void {
    for (let i = from; i < to; i++) this.#executions[i]!.abandon();
  }
}

/** The request of one statement with many sets of parameters. */
class Many implements Request<Result> {
  leftIn: TransactionStatus | undefined;
  /** A set did not fit the types that the statement was prepared with, and nothing was sent. */
  isMisfit = false;
  readonly #executor: Executor;
  readonly #statement: Statement;
  readonly #rows: readonly (readonly unknown[])[];
  readonly #decode: RowDecoder;
  #isNamed = false;

  constructor(
    executor: Executor,
    statement: Statement,
    rows: readonly (readonly unknown[])[],
    options: ExecuteOptions,
  ) {
    this.#executor = executor;
    this.#statement = statement;
    this.#rows = rows;
    this.#decode = statement.decoder(options.rows ?? "object");
  }

  write(out: Writer): void {
    const statement = this.#statement;
    this.#isNamed = statement.name !== "" && statement.state === "ready";
    const name = this.#isNamed ? statement.name : "";
    const oids = statement.parameters.map(({ oid }) => oid);
    if (!this.#isNamed) parse(out, "", statement.text, oids);
    this.#rows.forEach((values, i) => {
      this.isMisfit = this.#isNamed;
      naming("rows", i, () => bindKnown(out, "", name, statement, values));
      out.bytes(EXECUTE_ALL);
    });
    this.isMisfit = false;
    sync(out);
  }

  *talk(): Conversation<Result> {
    if (!this.#isNamed) expect(yield, Backend.ParseComplete);
    const result = new Result();
    let count = -1;
    let tag = "";
    for (let i = 0; i < this.#rows.length; i++) {
      try {
        tag = yield* this.#one(result);
      } catch (error) {
        throw named("rows", i, error);
      }
      const counted = /\d+$/.exec(tag);
      if (counted !== null) count = Math.max(count, 0) + Number(counted[0]);
    }
    Result.describe(result, this.#statement.columns, tag.replace(/\d+$/, String(count)));
    return result;
  }

  failed(_error: unknown, status: TransactionStatus): void {
    this.leftIn = status;
  }

  *#one(result: Result): Conversation<string> {
    expect(yield, Backend.BindComplete);
    const message = yield (reader) => {
      result.push(this.#decode(reader) as Record<string, unknown>);
    };
    switch (message.tag) {
      case Backend.CommandComplete:
        return readCommandTag(message.reader);
      case Backend.EmptyQueryResponse:
        return "";
      case Backend.CopyInResponse:
      case Backend.CopyOutResponse:
      case Backend.CopyBothResponse:
        throw endCopy(this.#executor.session, message.tag, "extended");
      default:
        throw unexpected(message);
    }
  }
}

function naming(what: "queries" | "rows", i: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw named(what, i, error);
  }
}

/** Says in the error itself which one it was: `rows[3]: duplicate key …`, and `index`. */
function named(what: "queries" | "rows", i: number, error: unknown): unknown {
  if (!(error instanceof PgError) || error.index !== undefined) return error;
  error.message = `${what}[${i}]: ${error.message}`;
  Object.defineProperty(error, "index", { value: i, enumerable: true });
  return error;
}
