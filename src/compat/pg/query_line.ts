/**
 * The queries of one client, in order. They are sent when they are made, without waiting for earlier
 * ones, and end in their order. A Submittable has the session to itself: it waits for all before it, and
 * what comes after it waits.
 */
import type { ConnectionCore } from "../../connection_core.ts";
import { nextTick } from "../node.ts";
import { ExtendedQuery } from "../../query/extended_query.ts";
import type { ExecuteOptions } from "../../query/execute_options.ts";
import { SimpleRequest } from "../../query/simple.ts";
import type { Request } from "../../session/exchange.ts";
import type { Connection } from "./connection.ts";
import type { Submittable } from "./submittable.ts";
import { prepareValue } from "./prepare_value.ts";
import { Query } from "./query.ts";
import { SeenTexts } from "./seen_texts.ts";

/** The client of a line. */
export interface LineOwner {
  readonly connection: Connection;
  /** The query that ends next; `null`: none. */
  _activeQuery: Query | Submittable | null;
  /** The queries behind it. */
  _queryQueue: (Query | Submittable)[];
  /** The state of the transaction after the last answer. */
  _txStatus: "I" | "T" | "E" | null;
  readonly _life: { errorOf(error: unknown): unknown; isLoss(error: unknown): boolean };
  /** Called when a query has ended and nothing is left. */
  _drained(): void;
}

/** A query that was sent. */
interface Run {
  readonly query: Query | Submittable;
  request: Request<unknown> | undefined;
  isDone: boolean;
  failure: { error: unknown } | undefined;
}

/** The queries of one client. */
export class QueryLine {
  readonly #owner: LineOwner;
  #core: ConnectionCore | undefined;
  /** The queries that were sent, or that were refused at their turn. */
  readonly #runs: Run[] = [];
  /** The queries that were not sent yet. */
  readonly #unsent: (Query | Submittable)[] = [];
  #isExclusive = false;
  readonly #seen = new SeenTexts();

  constructor(owner: LineOwner) {
    this.#owner = owner;
  }

  /** Whether nothing is left. */
  get isEmpty(): boolean {
    return this.#runs.length === 0 && this.#unsent.length === 0;
  }

  /** Begins to send. */
  open(core: ConnectionCore): void {
    this.#core = core;
    this.#sendAll();
  }

  /** Adds a query. */
  push(query: Query | Submittable): void {
    const owner = this.#owner;
    if (owner._activeQuery === null && owner._queryQueue.length === 0) owner._activeQuery = query;
    else owner._queryQueue.push(query);
    this.#unsent.push(query);
    if (this.#core !== undefined) this.#sendAll();
  }

  /** Cancels a query: one that was not sent is taken out, without a call of its callback. */
  cancel(query: Query | Submittable): void {
    const at = this.#unsent.indexOf(query);
    if (at >= 0) {
      this.#unsent.splice(at, 1);
      this.#takeOut(query);
      return;
    }
    const run = this.#runs.find((one) => one.query === query);
    if (run?.request !== undefined) void this.#core?.session.cancel(run.request);
  }

  /** Fails all queries that are left, after the connection has ended. */
  failAll(error: unknown): void {
    const owner = this.#owner;
    const left = [...this.#runs.splice(0).map(({ query }) => query), ...this.#unsent.splice(0)];
    owner._activeQuery = null;
    owner._queryQueue.length = 0;
    const { _failed: failed } = owner.connection;
    for (const query of left.filter((one) => one !== failed)) {
      nextTick(() => query.handleError(error, owner.connection));
    }
  }

  #takeOut(query: Query | Submittable): void {
    const owner = this.#owner;
    const at = owner._queryQueue.indexOf(query);
    if (at >= 0) owner._queryQueue.splice(at, 1);
    else if (owner._activeQuery === query) owner._activeQuery = owner._queryQueue.shift() ?? null;
  }

  #sendAll(): void {
    while (this.#unsent.length > 0 && !this.#isExclusive) {
      const query = this.#unsent[0]!;
      const isPlain = query instanceof Query;
      if (!isPlain && this.#runs.length > 0) return;
      this.#unsent.shift();
      if (isPlain) this.#send(query);
      else this.#runExclusive(query);
    }
  }

  #send(query: Query): void {
    const run: Run = { query, request: undefined, isDone: false, failure: undefined };
    this.#runs.push(run);
    const refusal = query._refusal(this.#owner.connection);
    if (refusal !== undefined) return nextTick(() => this.#end(run, { error: refusal }));
    try {
      this.#request(run, query).then(
        () => this.#end(run, undefined),
        (error) => this.#end(run, { error }),
      );
    } catch (error) {
      nextTick(() => this.#end(run, { error }));
    }
  }

  #request(run: Run, query: Query): Promise<unknown> {
    const { executor } = this.#core!.host;
    const { context } = executor;
    const { parsedStatements, submittedNamedStatements } = this.#owner.connection;
    const text = query.text || parsedStatements[query.name ?? ""] ||
      submittedNamedStatements[query.name ?? ""] || "";
    const options: ExecuteOptions = {
      rows: query._rowMode === "array" ? "array" : "object",
      parsers: query._parsers(),
      rawParameters: true,
      observer: query,
      binary: query._isBinary,
      ...(query.signal !== undefined && { signal: query.signal }),
    };
    if (query.requiresPreparation()) {
      const values = query.values === undefined ? NONE : query.values.map(prepareValue);
      if (query.name) submittedNamedStatements[query.name] = text;
      const request = run.request = new ExtendedQuery(context, text, values, options);
      return executor.query(request);
    }
    // A text that is run once is sent by the simple protocol, as in pg; one that comes again is kept.
    if (isSingle(text) && this.#seen.has(text) && context.cache.mayKeep(text)) {
      const request = run.request = new ExtendedQuery(context, text, NONE, options);
      return executor.query(request);
    }
    this.#seen.add(text);
    const request = new SimpleRequest(context, text, options);
    run.request = request;
    return request.query();
  }

  #runExclusive(query: Submittable): void {
    const run: Run = { query, request: undefined, isDone: false, failure: undefined };
    this.#runs.push(run);
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
    while (this.#runs[0]?.isDone) this.#settle(this.#runs.shift()!);
    if (this.#unsent.length > 0) this.#sendAll();
  }

  #settle({ query, request, failure }: Run): void {
    const owner = this.#owner;
    owner._activeQuery = null;
    if (query instanceof Query && query.name && request !== undefined) {
      noteName(owner, query.name, request);
    }
    owner._txStatus = STATUSES[this.#core!.session.transactionStatus];
    if (failure !== undefined) {
      query.handleError(owner._life.errorOf(failure.error), owner.connection);
    } else if (query instanceof Query) query.handleReadyForQuery();
    const { connection } = owner;
    if (query instanceof Query && connection.listenerCount("readyForQuery") > 0) {
      connection.emit("readyForQuery", { name: "readyForQuery" });
    }
    owner._activeQuery ??= owner._queryQueue.shift() ?? null;
    if (this.isEmpty) owner._drained();
  }
}

/** Notes the text of a name once it is parsed. Another text is refused for that name from then on. */
function noteName({ connection }: LineOwner, name: string, request: Request<unknown>): void {
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
