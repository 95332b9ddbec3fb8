/**
 * Everything that decides to run a request again. A failure is recovered by the first row that matches:
 *
 * | cause                                | recognised by                        | remedy |
 * | ------------------------------------ | ------------------------------------ | ------ |
 * | a composite type was altered         | its values have other attributes     | ask the catalogue again later; what the request did is done |
 * | rows are wider than described        | DataRow, of a kept statement         | parse again later; what the request did is done |
 * | types of parameters are not known    | nothing was sent                     | ask the catalogue, then run |
 * | a value does not fit its parameter   | nothing was sent                     | describe; if the types are others, run again |
 * | the Parse of another query failed    | 26000, and that statement has failed | run again, without a name; its error if the text was refused and others were sent behind |
 * | the server lost the statement        | 26000, 42P05 with its name           | parse and run again |
 * | the plan or its types are stale      | 0A000, XX000, 42704, 22P03           | parse and run again |
 * | a parameter has an outdated type     | classes 22 and 42, kept statement    | describe; if the types are others, run again |
 *
 * Nothing is run again inside of a transaction, which has failed over it. The last attempt of a request
 * relies on no name: behind a pooler any name may be unknown.
 */
import { DatabaseError, databaseError, StaleStatementError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { Writer } from "../bytes/writer.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { sync } from "../protocol/frontend.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import { TypesWanted } from "./bind.ts";
import type { Context } from "./context.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { ParseDescribe } from "./parse_describe.ts";
import { isStaleRow } from "./rows.ts";
import { isStale, mayBeOutdated, type Statement } from "./statement.ts";

/** A request that was bound to a statement, or was to be. */
export interface BoundRequest {
  readonly text: string;
  readonly options: ExecuteOptions;
  readonly statement: Statement;
  /** An earlier request had parsed the statement. */
  readonly isKept: boolean;
  /** A value did not fit the types of the statement, and nothing was sent. */
  readonly hasUnfitValue?: boolean;
  /** The statement is another request's, whose Parse has failed. */
  readonly sharedParseFailed?: boolean;
}

/** A failed request. `status` is the state in which that has left the session; absent: it was not sent. */
interface Failure extends BoundRequest {
  readonly context: Context;
  readonly error: unknown;
  readonly status: TransactionStatus | undefined;
}

/** One row of the table. */
interface Row {
  matches(failure: Failure): boolean;
  /** Returns whether the request is to be run again. */
  remedy(failure: Failure): boolean | Promise<boolean>;
}

/**
 * Codes with which Parse refuses a text. A query that shares the Parse is then run again only if all
 * that was sent behind it shares the Parse, too: it would see what others have changed, or be refused
 * for it. An unknown type (42704) may be the driver's own fault.
 */
const OF_THE_TEXT = /^(?:42(?!704)|3F)/;

const ROWS: readonly Row[] = [
  {
    matches: ({ context, error }) => context.types.forgetAltered(error),
    remedy: () => false,
  },
  { matches: ({ error }) => isStaleRow(error), remedy: (failure) => (retire(failure), false) },
  {
    matches: ({ error }) => error instanceof TypesWanted,
    remedy: ({ context, error, options }) => {
      const { statement, oids } = error as TypesWanted;
      return context.types.learn(statement, oids, own<ExecuteOptions>(options, { ahead: true }));
    },
  },
  { matches: ({ hasUnfitValue }) => hasUnfitValue === true, remedy: retireOutdated },
  { matches: ({ status }) => status === undefined, remedy: () => false },
  {
    matches: ({ sharedParseFailed, error }) =>
      sharedParseFailed === true && error instanceof DatabaseError && error.code === "26000",
    remedy: ({ context, status, statement: { refusal, sharers }, error }) => {
      const isItsOwn = refusal instanceof DatabaseError && OF_THE_TEXT.test(refusal.code!);
      if (status === "idle" && (!isItsOwn || context.session.sent === sharers)) return true;
      throw isItsOwn ? databaseError(refusal.fields) : refusal ?? error;
    },
  },
  { matches: isOfStaleStatement, remedy: dropStale },
  {
    // Behind a change of the connection's own it would be described, and run, as of that change.
    matches: ({ context, statement, isKept, error }) =>
      isKept && statement.parameters.length > 0 && mayBeOutdated(error) &&
      context.cache.isCurrent(statement),
    remedy: (failure) => {
      if (failure.status === "idle") return retireOutdated(failure);
      retire(failure);
      return false;
    },
  },
];

/** How often one request is run again. */
export const ATTEMPTS = 3;

/** Returns the options of the attempt that follows the failed one of this number, from 0. */
export function optionsAfter(options: ExecuteOptions, attempt: number): ExecuteOptions {
  return attempt + 1 < ATTEMPTS ? options : own<ExecuteOptions>(options, { prepare: false });
}

/**
 * Reports whether a request that has failed is to be run again: the cause was the driver's own, and is
 * removed. Every other failure is the caller's.
 *
 * @throws {StaleStatementError} the statement was stale, inside a transaction that has failed over it.
 */
export function recover(
  context: Context,
  request: BoundRequest,
  error: unknown,
  status: TransactionStatus | undefined,
): boolean | Promise<boolean> {
  const { text, options, statement, isKept, hasUnfitValue, sharedParseFailed } = request;
  const bound = { text, options, statement, isKept, hasUnfitValue, sharedParseFailed };
  const failure = { context, error, status, ...bound };
  return ROWS.find(({ matches }) => matches(failure))?.remedy(failure) ?? false;
}

function isOfStaleStatement({ context, error, statement, isKept }: Failure): boolean {
  // EXECUTE of a statement that the user has prepared: that one is stale, and not the driver's.
  return isStale(error, statement, isKept) && context.cache.mayKeep(statement.text);
}

/** Drops a stale statement, so that the request can be run again. */
function dropStale(failure: Failure): boolean {
  const { context: { cache }, statement, isKept, status, options } = failure;
  const error = failure.error as DatabaseError;
  const isKnown = error.code !== "26000" && error.code !== "42P05";
  if (isKnown) retire(failure);
  (options.store ?? cache).forget(statement);
  if (error.code === "26000") cache.noteLoss(statement);
  if (isKnown && !isKept && statement.name !== "") cache.keepNoMore(statement.text);
  if (status === "idle") return true;
  throw new StaleStatementError(error, cache.keeps ? "" : NONE_KEPT);
}

/**
 * Takes a statement out if its parameters have other types by now. The server keeps those that it was
 * prepared with, also when a column has become wider. Costs a round trip, of a query that has failed.
 */
async function retireOutdated(failure: Failure): Promise<boolean> {
  const { context, statement, options } = failure;
  const question = new Redescription(context, failure);
  const { lock, signal, timeout } = options;
  const how = own<ExecuteOptions>({ lock, signal, timeout }, { ahead: true });
  const now = await context.session.request(question, how).catch(() => statement);
  const before = statement.parameters;
  const isSame = now.parameters.length === before.length &&
    now.parameters.every(({ oid }, i) => oid === before[i]!.oid);
  if (!isSame) retire(failure);
  return !isSame;
}

/** Takes a statement out that the server still has, whether or not it is still in its store. */
function retire({ context: { cache }, statement, options: { store } }: Failure): void {
  if (statement.state === "failed") return;
  cache.retire(statement);
  store?.forget(statement);
  statement.state = "failed";
}

/** Parse and Describe without a name: the types that the text has now. */
class Redescription implements Request<Statement> {
  readonly #context: Context;
  readonly #failure: BoundRequest;
  #parseDescribe: ParseDescribe | undefined;

  constructor(context: Context, failure: BoundRequest) {
    this.#context = context;
    this.#failure = failure;
  }

  write(out: Writer): void {
    const { text, options: { parameterTypes, types } } = this.#failure;
    const declared = parameterTypes ?? [];
    this.#parseDescribe = new ParseDescribe(out, this.#context, undefined, text, declared, types);
    sync(out);
  }

  *talk(): Conversation<Statement> {
    const { statement } = this.#parseDescribe!;
    yield* this.#parseDescribe!.replies();
    return statement;
  }
}

/** Said once on a connection: what follows is parsed where it is run. */
const NONE_KEPT =
  " (statements get lost, as behind a pooler in transaction mode: this connection keeps no more)";
