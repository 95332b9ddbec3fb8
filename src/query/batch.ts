/**
 * Many statements, or one with many sets of parameters, in one flush with one Sync: one round trip,
 * and, outside of a transaction, one transaction of their own.
 * Source: manual, "Extended Query", "Pipelining".
 */
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError, PgError, type ProtocolError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { readCommandTag, type TransactionStatus } from "../protocol/backend.ts";
import { EXECUTE_ALL, EXECUTE_ALL_AND_SYNC, parse, sync } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import { batchResultTrace, batchTrace } from "./batch_trace.ts";
import { mayCommit } from "./commits.ts";
import { endCopy } from "./copy_guard.ts";
import { collecting } from "./observer.ts";
import type { Context } from "./context.ts";
import { describeStatement, Description } from "./describe.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { bindKnown } from "./bind.ts";
import { ExtendedQuery } from "./extended_query.ts";
import { expect, unexpected } from "./parse_describe.ts";
import type { Fragment } from "./fragment.ts";
import { overlaid, type QueryParameters } from "./options.ts";
import { checkParameters } from "./parameters.ts";
import type { RowShape } from "./rows.ts";
import { ATTEMPTS, type BoundRequest, optionsAfter, recover } from "./recovery.ts";
import { Result } from "./result.ts";
import type { Rewritten } from "./rewritten.ts";
import { readingOf } from "./parsers.ts";
import { checkRaw } from "./raw_parameters.ts";
import { type RowDecoder, staleRow } from "./rows.ts";
import type { Statement } from "./statement.ts";

/** One statement of a batch. */
export interface BatchQuery {
  /** One SQL statement. */
  readonly text: string;
  /** The parameters, by position or by name. */
  readonly parameters?: QueryParameters | undefined;
}

/** One query of a batch: a text with its parameters, a fragment or a query. */
export type BatchEntry = BatchQuery | Fragment;

/** One statement of a batch, its parameters by position. */
export interface BatchItem {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly parameterTypes?: readonly number[] | undefined;
  /** The shape of its rows, where that is not the batch's. */
  readonly rows?: RowShape | undefined;
  /** The caller's text, where it differs. */
  readonly rewritten?: Rewritten | undefined;
}

/** Runs statements together. If one fails, none has any effect, and the error's `index` says which. */
export function executeBatch(
  context: Context,
  items: readonly BatchItem[],
  options: ExecuteOptions,
): Promise<Result[]> {
  const { trace: { batch } } = context;
  const run = () => runBatch(context, items, options);
  if (!batch.isWatched) return run();
  const texts = items.map(({ text }) => text);
  const size = items.length;
  return batch.promise(batchTrace(texts, size), run, (all) => batchResultTrace(all, size));
}

/** Runs one statement with each of these sets of parameters. The result holds the rows of all runs. */
export function executeMany(
  context: Context,
  text: string,
  rows: readonly (readonly unknown[])[],
  options: ExecuteOptions,
): Promise<Result> {
  const { trace: { batch } } = context;
  const run = () => runMany(context, text, rows, options);
  if (!batch.isWatched) return run();
  const size = rows.length;
  return batch.promise(batchTrace([text], size), run, (all) => batchResultTrace([all], size));
}

async function runBatch(
  context: Context,
  items: readonly BatchItem[],
  options: ExecuteOptions,
): Promise<Result[]> {
  if (items.length === 0) return [];
  const batch = new Batch(context, items, options);
  const results = await context.session.request(batch, options);
  for (const [i, execution] of batch.executions.entries()) {
    const { incomplete } = execution;
    if (incomplete) {
      const { statement, options } = execution;
      await context.types.decodeRest(results[i]!, incomplete, statement, options);
    }
  }
  return results;
}

async function runMany(
  context: Context,
  text: string,
  rows: readonly (readonly unknown[])[],
  options: ExecuteOptions,
): Promise<Result> {
  if (rows.length === 0) return new Result();
  const check = options.rawParameters === true ? checkRaw : checkParameters;
  rows.forEach((values, i) => naming("rows", i, () => check(values)));
  return await context.session.request(new Many(context, text, rows, options), options);
}

/** Returns the statement that {@linkcode describeStatement} would have nothing to ask about. */
function describedStatement(
  context: Context,
  text: string,
  options: ExecuteOptions,
): Statement | undefined {
  const { known } = new Description(context, text, options);
  return known !== undefined && context.types.isComplete(known) ? known : undefined;
}

/** Thrown by `write`: the server must be asked for the types of parameters first. */
class NotDescribed extends InterfaceError {
  constructor() {
    super("the server has not been asked for the types of the parameters");
  }
}

/** The request of a batch. */
class Batch implements Request<Result[]> {
  readonly executions: readonly ExtendedQuery[];
  readonly #context: Context;
  /** The index of the query that is being written, or answered. */
  #at = 0;
  #attempt = 0;

  constructor(context: Context, items: readonly BatchItem[], options: ExecuteOptions) {
    this.#context = context;
    this.executions = items.map(({ text, values, parameterTypes, rows }, i) => {
      if (options.rawParameters !== true) naming("queries", i, () => checkParameters(values));
      context.exactness.noteText(text);
      const isPlain = parameterTypes === undefined && rows === undefined;
      const how = isPlain ? options : overlaid<ExecuteOptions>(options, { parameterTypes, rows });
      const execution = new ExtendedQuery(context, text, values, how);
      execution.batch = this; // the next query is sent right behind it
      return execution;
    });
  }

  write(out: Writer): void {
    if (this.executions.some((execution) => execution.wantsDescription)) throw new NotDescribed();
    const last = this.executions.length - 1;
    for (const execution of this.executions) execution.hold();
    let hasChanged = false;
    this.executions.forEach((execution, i) => {
      this.#at = i;
      execution.isAfterChange = hasChanged;
      try {
        execution.append(out, i === last ? EXECUTE_ALL_AND_SYNC : EXECUTE_ALL);
      } catch (error) {
        this.#abandon(0, i);
        throw named("queries", i, error);
      }
      hasChanged ||= !execution.effects.isKept;
    });
  }

  *talk(): Conversation<Result[]> {
    const results: Result[] = [];
    this.#at = 0;
    try {
      for (const execution of this.executions) {
        results.push(yield* execution.talk());
        this.#at++;
      }
      return results;
    } catch (error) {
      throw named("queries", this.#at, error);
    } finally {
      this.#abandon(this.#at + 1, this.executions.length);
    }
  }

  tolerates(violation: ProtocolError): Error | undefined {
    return this.executions[this.#at]!.tolerates(violation);
  }

  /** A batch is one transaction, unless a statement ends it. */
  mayHaveCommitted(): boolean {
    const { escapesInStrings } = this.#context;
    return this.executions.some(({ text }) => mayCommit(text, escapesInStrings));
  }

  /** Runs all queries again if the one that failed had a stale statement. */
  recover(error: unknown, status: TransactionStatus | undefined): boolean | Promise<boolean> {
    if (error instanceof NotDescribed) return this.#describe();
    if (this.#attempt === ATTEMPTS) return false;
    const recovery = recover(this.#context, this.executions[this.#at]!, error, status);
    if (recovery === false) return false;
    for (const execution of this.executions) execution.prepareAttempt(this.#attempt);
    this.#attempt++;
    return recovery;
  }

  async #describe(): Promise<true> {
    const wanting = this.executions.map((execution) => execution.wantsDescription);
    // Together: a failure of one must not go unhandled while another is awaited.
    await Promise.all(
      this.executions.map((execution, i) =>
        wanting[i]
          ? execution.describe().catch((error) => Promise.reject(named("queries", i, error)))
          : undefined
      ),
    );
    return true;
  }

  #abandon(from: number, to: number): void {
    for (let i = from; i < to; i++) this.executions[i]!.abandon();
  }
}

/** The request of one statement with many sets of parameters. */
class Many implements Request<Result> {
  readonly #context: Context;
  readonly #text: string;
  readonly #rows: readonly (readonly unknown[])[];
  #options: ExecuteOptions;
  #statement: Statement | undefined;
  #decode: RowDecoder | undefined;
  #isNamed = false;
  /** Whether a value did not fit the types of the statement, so that nothing was sent. */
  #hasUnfitValue = false;
  #attempt = 0;

  constructor(
    context: Context,
    text: string,
    rows: readonly (readonly unknown[])[],
    options: ExecuteOptions,
  ) {
    this.#context = context;
    this.#text = text;
    this.#rows = rows;
    this.#options = options;
  }

  write(out: Writer): void {
    const { cache } = this.#context;
    if (this.#statement !== undefined && !cache.isCurrent(this.#statement)) {
      this.#statement = undefined;
    }
    const statement = this.#statement ??= describedStatement(
      this.#context,
      this.#text,
      this.#options,
    );
    if (statement === undefined) throw new NotDescribed();
    cache.sending(this.#text, this.#options.lock);
    const options = this.#options;
    const reading = readingOf(statement, options, this.#context.exactness.ofText);
    this.#decode = reading.decoder(options.rows ?? "object");
    this.#isNamed = statement.name !== "" && statement.state === "ready";
    const name = this.#isNamed ? statement.name : "";
    const oids = statement.parameters.map(({ oid }) => oid);
    if (!this.#isNamed) parse(out, "", statement.text, oids);
    this.#rows.forEach((values, i) => {
      this.#hasUnfitValue = this.#isNamed;
      naming("rows", i, () => bindKnown(out, "", name, statement, values, reading, options));
      out.bytes(EXECUTE_ALL);
    });
    this.#hasUnfitValue = false;
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
      const counted = / \d+$/.exec(tag);
      if (counted !== null) count = Math.max(count, 0) + Number(counted[0]);
    }
    const { columns } = this.#statement!;
    if (columns.length === 0) this.#context.completed(tag);
    Result.describe(result, columns, tag.replace(/ \d+$/, ` ${count}`));
    return result;
  }

  tolerates(violation: ProtocolError): Error | undefined {
    return staleRow(violation, this.#isNamed);
  }

  mayHaveCommitted(): boolean {
    return mayCommit(this.#text, this.#context.escapesInStrings);
  }

  /** Runs all sets again, with a new description, if the statement was stale. */
  recover(error: unknown, status: TransactionStatus | undefined): boolean | Promise<boolean> {
    if (error instanceof NotDescribed) return this.#describe();
    if (this.#attempt === ATTEMPTS) return false;
    const recovery = recover(this.#context, this.#bound, error, status);
    if (recovery === false) return false;
    this.#options = optionsAfter(this.#options, this.#attempt++);
    this.#statement = undefined;
    return recovery;
  }

  get #bound(): BoundRequest {
    return {
      text: this.#text,
      options: this.#options,
      statement: this.#statement!,
      isKept: this.#isNamed,
      hasUnfitValue: this.#hasUnfitValue,
    };
  }

  async #describe(): Promise<true> {
    const how = own<ExecuteOptions>(this.#options, { ahead: true });
    this.#statement = await describeStatement(this.#context, this.#text, how);
    return true;
  }

  *#one(result: Result): Conversation<string> {
    expect(yield, Backend.BindComplete);
    const decode = this.#decode!;
    const message = yield collecting(result, decode);
    switch (message.tag) {
      case Backend.CommandComplete:
        return readCommandTag(message.reader);
      case Backend.EmptyQueryResponse:
        return "";
      case Backend.CopyInResponse:
      case Backend.CopyOutResponse:
      case Backend.CopyBothResponse:
        throw endCopy(this.#context.session, message.tag, "extended");
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

/** Adds to an error which query or set has failed: `rows[3]: duplicate key …`, and `index`. */
function named(what: "queries" | "rows", i: number, error: unknown): unknown {
  if (!(error instanceof PgError) || error.index !== undefined) return error;
  error.message = `${what}[${i}]: ${error.message}`;
  Object.defineProperty(error, "index", { value: i, enumerable: true });
  return error;
}
