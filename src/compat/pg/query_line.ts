/**
 * The queries of one client, in order. They are sent when they are made, without waiting for earlier
 * ones, and end in their order. A Submittable has the session to itself: it waits for all before it, and
 * what comes after it waits.
 */
import type { ConnectionCore } from "../../connection_core.ts";
import { nextTick, uncaught } from "../node.ts";
import { ExtendedQuery } from "../../query/extended_query.ts";
import { submitExtended } from "../../query/run_extended.ts";
import { SimpleRequest } from "../../query/simple.ts";
import type { Request } from "../../session/exchange.ts";
import type { Connection } from "./connection.ts";
import type { Submittable } from "./submittable.ts";
import { prepareValue } from "./prepare_value.ts";
import { Query } from "./query.ts";
import { QueryOptions } from "./query_options.ts";
import { SeenTexts } from "./seen_texts.ts";

/** The client of a line. */
export interface LineOwner {
  readonly connection: Connection;
  /** The state of the transaction after the last answer. */
  _txStatus: "I" | "T" | "E" | null;
  readonly _life: { errorOf(error: unknown): unknown; isLoss(error: unknown): boolean };
  /** Called when a query has ended and nothing is left. */
  _drained(): void;
}

/** A query, from the call until it has ended. */
class Run {
  readonly query: Query | Submittable;
  /** The request, once it is sent. */
  request: Request<unknown> | undefined = undefined;
  /** Whether it was answered, or refused. */
  isDone = false;
  failure: { error: unknown } | undefined = undefined;
  /** The run behind it. */
  next: Run | undefined = undefined;

  constructor(query: Query | Submittable) {
    this.query = query;
  }
}

/** The queries of one client, in a linked list: shifting a long array is slow. */
export class QueryLine {
  readonly #owner: LineOwner;
  #core: ConnectionCore | undefined;
  #first: Run | undefined;
  #last: Run | undefined;
  /** The first query that was not sent. */
  #unsent: Run | undefined;
  /** Whether a Submittable has the session. */
  #isExclusive = false;
  /** Whether a query ends at the moment, so that none is active. */
  #isSettling = false;
  readonly #seen = new SeenTexts();

  constructor(owner: LineOwner) {
    this.#owner = owner;
  }

  /** Whether nothing is left. */
  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** The query that ends next; `null`: none. */
  get active(): Query | Submittable | null {
    return this.#isSettling ? null : this.#first?.query ?? null;
  }

  /** The queries behind the active one. */
  get queue(): (Query | Submittable)[] {
    const queries: (Query | Submittable)[] = [];
    let run = this.#isSettling ? this.#first : this.#first?.next;
    for (; run !== undefined; run = run.next) queries.push(run.query);
    return queries;
  }

  /** Begins to send. */
  open(core: ConnectionCore): void {
    this.#core = core;
    this.#sendAll();
  }

  /** Adds a query. */
  push(query: Query | Submittable): void {
    const run = new Run(query);
    if (this.#last === undefined) this.#first = run;
    else this.#last.next = run;
    this.#last = run;
    this.#unsent ??= run;
    if (this.#core !== undefined) this.#sendAll();
  }

  /** Cancels a query: one that was not sent is taken out, without a call of its callback. */
  cancel(query: Query | Submittable): void {
    let before: Run | undefined;
    let isSent = true;
    for (let run = this.#first; run !== undefined; before = run, run = run.next) {
      if (run === this.#unsent) isSent = false;
      if (run.query !== query) continue;
      if (!isSent) this.#takeOut(run, before);
      else if (run.request !== undefined) void this.#core?.session.cancel(run.request);
      return;
    }
  }

  /** Fails all queries that are left, after the connection has ended. */
  failAll(error: unknown): void {
    const { connection } = this.#owner;
    let run = this.#first;
    this.#first = this.#last = this.#unsent = undefined;
    for (; run !== undefined; run = run.next) {
      const { query } = run;
      if (query !== connection._failed) nextTick(() => query.handleError(error, connection));
    }
  }

  #takeOut(run: Run, before: Run | undefined): void {
    if (before === undefined) this.#first = run.next;
    else before.next = run.next;
    if (this.#last === run) this.#last = before;
    if (this.#unsent === run) this.#unsent = run.next;
  }

  #sendAll(): void {
    for (let run = this.#unsent; run !== undefined; run = this.#unsent) {
      if (this.#isExclusive) return;
      const { query } = run;
      const isPlain = query instanceof Query;
      if (!isPlain && run !== this.#first) return;
      this.#unsent = run.next;
      if (isPlain) this.#send(run, query);
      else this.#runExclusive(run, query);
    }
  }

  #send(run: Run, query: Query): void {
    const refusal = query._refusal(this.#owner.connection);
    if (refusal !== undefined) return nextTick(() => this.#end(run, { error: refusal }));
    try {
      this.#request(run, query);
    } catch (error) {
      nextTick(() => this.#end(run, { error }));
    }
  }

  #request(run: Run, query: Query): void {
    const { context } = this.#core!.host.executor;
    const { parsedStatements, submittedNamedStatements } = this.#owner.connection;
    const { name } = query;
    const parsed = name ? parsedStatements[name] : undefined;
    const text = query.text || parsed || submittedNamedStatements[name ?? ""] || "";
    const options = new QueryOptions(query);
    if (query.requiresPreparation()) {
      const values = query.values === undefined ? NONE : query.values.map(prepareValue);
      if (name && parsed === undefined) submittedNamedStatements[name] = text;
      return this.#submit(run, query, new ExtendedQuery(context, text, values, options));
    }
    // A text that is run once is sent by the simple protocol, as in pg; one that comes again is kept.
    if (isSingle(text) && this.#seen.has(text) && context.cache.mayKeep(text)) {
      return this.#submit(run, query, new ExtendedQuery(context, text, NONE, options));
    }
    this.#seen.add(text);
    const request = run.request = new SimpleRequest(context, text, options);
    this.#await(run, request.query());
  }

  /**
   * Sends a query. One that stands behind a promise ends while its last reply is read, as in `pg`; before
   * a callback there is a promise, which keeps the caller's asynchronous context.
   */
  #submit(run: Run, { _isPromised: isPromised }: Query, request: ExtendedQuery): void {
    const { executor } = this.#core!.host;
    const { context } = executor;
    run.request = request;
    if (!isPromised || context.trace.query.isWatched) {
      return this.#await(run, executor.query(request));
    }
    const done = (): void => this.#end(run, undefined);
    submitExtended(context, request, done, (error) => this.#end(run, { error }));
  }

  #await(run: Run, answer: Promise<unknown>): void {
    answer.then(() => this.#end(run, undefined), (error) => this.#end(run, { error }));
  }

  #runExclusive(run: Run, query: Submittable): void {
    this.#isExclusive = true;
    const done = (failure?: { error: unknown }): void => {
      this.#isExclusive = false;
      this.#end(run, failure);
      this.#sendAll();
    };
    this.#owner.connection._run(query, this.#core!.host.executor.context)
      .then(() => done(), (error) => done({ error }));
  }

  /** Ends a query, and those behind it that have ended before it. */
  #end(run: Run, failure: Run["failure"]): void {
    // A loss is reported by the client first; then failAll() ends what is left.
    if (failure !== undefined && this.#owner._life.isLoss(failure.error)) return;
    run.isDone = true;
    run.failure = failure;
    for (let first = this.#first; first?.isDone; first = this.#first) {
      this.#takeOut(first, undefined);
      this.#settle(first);
    }
    if (this.#unsent !== undefined) this.#sendAll();
  }

  /** Ends a query. The functions of the application that are called may throw. */
  #settle(run: Run): void {
    const owner = this.#owner;
    const { query, request } = run;
    if (query instanceof Query && query.name && request !== undefined) {
      noteName(owner, query.name, request);
    }
    owner._txStatus = STATUSES[this.#core!.session.transactionStatus];
    this.#isSettling = true;
    try {
      this.#tell(run);
    } catch (error) {
      uncaught(error);
    }
    this.#isSettling = false;
    if (!this.isEmpty) return;
    try {
      owner._drained();
    } catch (error) {
      uncaught(error);
    }
  }

  #tell({ query, failure }: Run): void {
    const { connection, _life: life } = this.#owner;
    if (failure !== undefined) query.handleError(life.errorOf(failure.error), connection);
    else if (query instanceof Query) query.handleReadyForQuery();
    if (query instanceof Query && connection.listenerCount("readyForQuery") > 0) {
      connection.emit("readyForQuery", { name: "readyForQuery" });
    }
  }
}

/** Notes the text of a name once it is parsed. Another text is refused for that name from then on. */
function noteName({ connection }: LineOwner, name: string, request: Request<unknown>): void {
  if (connection.parsedStatements[name] !== undefined) return;
  delete connection.submittedNamedStatements[name];
  if (!(request instanceof ExtendedQuery) || request.statement?.state !== "ready") return;
  connection.parsedStatements[name] = request.text;
}

const STATUSES = { idle: "I", transaction: "T", failed: "E" } as const;
const NONE: readonly unknown[] = Object.freeze([]);

/**
 * Reports whether a text is certainly one statement without parameters. The extended protocol then
 * answers as the simple one does, and the statement can be kept.
 */
function isSingle(text: string): boolean {
  if (text.includes("$")) return false;
  const at = text.indexOf(";");
  return at < 0 || text.slice(at + 1).trim() === "";
}
