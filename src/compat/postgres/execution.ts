import type { ExecuteOptions } from "../../query/execute_options.ts";
import { ExtendedQuery } from "../../query/extended_query.ts";
import type { ResultDescription, ResultObserver, RowReceiver } from "../../query/observer.ts";
import type { Result as CoreResult } from "../../query/result.ts";
import { SimpleRequest } from "../../query/simple.ts";
import type { OwnTypes } from "../../query/statement.ts";
import type { Executor } from "../../query/executor.ts";
import type { SessionLock } from "../../session/exchange.ts";
import type { Client, Statement } from "./client.ts";
import { genericError } from "./postgres_error.ts";
import { type ConnectionState, Result } from "./postgres_result.ts";
import { type RowMaker, rowMaker } from "./row_maker.ts";
import type { Runnable } from "./runnable.ts";
import { StatementView } from "./statement_view.ts";

/** The connection that a query runs on. */
export interface Place {
  readonly client: Client;
  readonly executor: Executor;
  readonly state: ConnectionState;
  /** The number of the connection in its client. */
  readonly id: number;
  /** Whether a transaction may be begun by a query. */
  readonly mayBegin: boolean;
}

/** One run of a query: the options of its request, and the receiver of its result. */
export class Execution implements ResultObserver {
  readonly #place: Place;
  readonly #query: Runnable;
  readonly #statement: Statement;
  readonly #lock: SessionLock | undefined;
  readonly #results: Result<unknown>[] = [];
  #open: Result<unknown> | undefined;
  #request: ExtendedQuery | undefined;
  #isBegun = false;
  #view: StatementView | undefined;

  constructor(place: Place, query: Runnable, statement: Statement, lock: SessionLock | undefined) {
    this.#place = place;
    this.#query = query;
    this.#statement = statement;
    this.#lock = lock;
  }

  /** Sends the query. Resolves to its result, or to those of several statements. */
  run(): Promise<unknown> {
    const { executor, client } = this.#place;
    const { text, values } = this.#statement;
    const options = this.#options();
    const { debug } = client.options;
    if (typeof debug === "function") this.#report(debug);
    if (this.#query.options.simple === true) {
      const request = new SimpleRequest(executor.context, text, options);
      this.#query.stop = () => void executor.session.cancel(request);
      return request.query().then(() => this.#outcome());
    }
    this.#query.sent = this;
    const request = this.#request = new ExtendedQuery(executor.context, text, values, options);
    this.#query.stop = () => request.cancel(undefined);
    const sent = executor.trace.query.isWatched
      ? executor.query(request)
      : executor.session.request(request, this.#lock === undefined ? undefined : options);
    return sent.then(() => {
      this.#view ??= viewOf(request.statement, client);
      return this.#outcome();
    });
  }

  /** The parameters as they were sent; as they were given, if their types were not known. */
  get parameters(): readonly unknown[] {
    const { given, values } = this.#statement;
    const statement = this.#request?.statement;
    if (statement?.state !== "ready" || statement.parameters.length !== given.length) return given;
    try {
      return values.map((value, i) =>
        value === null ? null : statement.parameters[i]!.codec!.encodeText(value)
      );
    } catch {
      return given;
    }
  }

  described(description: ResultDescription): RowReceiver {
    const { client, state } = this.#place;
    const { text } = this.#statement;
    const result = this.#open = new Result<unknown>();
    const { columns, statementName: name } = description;
    const view = new StatementView({ text, name, columns, description }, client.options);
    Result.describe(result, view, state);
    const { shape, each } = this.#query;
    const make: RowMaker | undefined = rowMaker(columns, view, shape, client.options.transform);
    if (each !== undefined) {
      return make === undefined
        ? (row) => each(row, result)
        : (row) => each(make(row as unknown[]), result);
    }
    return make === undefined ? result : (row) => void result.push(make(row as unknown[]));
  }

  completed(complete: CoreResult<unknown>): void {
    const { tag } = complete;
    const result = this.#open ?? new Result<unknown>();
    // Rows without columns are not described.
    if (this.#open === undefined) { for (const row of complete) result.push(row); }
    this.#open = undefined;
    if (tag === "BEGIN" || tag === "START TRANSACTION") this.#isBegun = true;
    else if (tag === "COMMIT" || tag === "ROLLBACK") this.#isBegun = false;
    Result.complete(result, tag === "" ? undefined : tag, this.#place.state, undefined);
    this.#results.push(result);
  }

  #outcome(): unknown {
    if (this.#isBegun && !this.#place.mayBegin) {
      throw genericError("UNSAFE_TRANSACTION", "Only use sql.begin, sql.reserved or max: 1");
    }
    const results = this.#results;
    for (const result of results) this.#complete(result);
    return results.length === 1 ? results[0] : results;
  }

  /** Describes a result without rows. */
  #complete(result: Result<unknown>): void {
    const isEmpty = result.command === null;
    if (result.statement !== null || isEmpty && this.#query.options.simple === true) return;
    const { client, state } = this.#place;
    const { text } = this.#statement;
    this.#view ??= new StatementView({ text, name: "", columns: [] }, client.options);
    Result.describe(result, this.#view, state);
  }

  #options(): ExecuteOptions {
    const { shape, options } = this.#query;
    const { client } = this.#place;
    const { prepare, transform } = client.options;
    const how = new How(this, this.#lock);
    if (shape !== "object" || isShaped(transform)) how.rows = "array";
    if (!prepare || options.prepare === false) how.prepare = false;
    how.parameterTypes = this.#statement.types;
    if (shape === "raw") how.types = client.raw;
    return how;
  }

  #report(debug: (...facts: [number, string, unknown[], unknown[]]) => void): void {
    const { text, given, types } = this.#statement;
    debug(this.#place.id, text, [...given], [...types ?? given.map(() => 0)]);
  }
}

/** The options of one request. Every option is an own property: none is read from `Object.prototype`. */
class How implements ExecuteOptions {
  rows: ExecuteOptions["rows"] = "object";
  prepare: boolean | undefined = undefined;
  parameterTypes: readonly number[] | undefined = undefined;
  types: OwnTypes | undefined = undefined;
  readonly lock: SessionLock | undefined;
  readonly observer: ResultObserver;
  readonly signal: undefined = undefined;
  readonly timeout: undefined = undefined;
  readonly store: undefined = undefined;
  readonly ahead: undefined = undefined;
  readonly parsers: undefined = undefined;
  readonly binary: undefined = undefined;
  readonly rawParameters: undefined = undefined;

  constructor(observer: ResultObserver, lock: SessionLock | undefined) {
    this.observer = observer;
    this.lock = lock;
  }
}

function isShaped({ column, value, row }: Client["options"]["transform"]): boolean {
  return column.from !== undefined || value.from !== undefined || row.from !== undefined;
}

function viewOf(
  { text, name, parameters, columns }: ExtendedQuery["statement"],
  client: Client,
): StatementView {
  const description = { parameterTypes: parameters.map(({ oid }) => oid) };
  return new StatementView({ text, name, columns, description }, client.options);
}
