import type { ExecuteOptions } from "../../query/execute_options.ts";
import { ExtendedQuery } from "../../query/extended_query.ts";
import type { ResultDescription, ResultObserver, RowReceiver } from "../../query/observer.ts";
import type { Result as CoreResult } from "../../query/result.ts";
import { submitExtended } from "../../query/run_extended.ts";
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
  /** The result that is complete; with several statements, those that are. */
  #complete: Result<unknown> | Result<unknown>[] | undefined;
  #open: Result<unknown> | undefined;
  #request: ExtendedQuery | undefined;
  #isBegun = false;

  constructor(place: Place, query: Runnable, statement: Statement, lock: SessionLock | undefined) {
    this.#place = place;
    this.#query = query;
    this.#statement = statement;
    this.#lock = lock;
  }

  /**
   * Sends the query. Calls one of the functions, which must not throw, with its result or the results of
   * several statements, or with its error.
   */
  run(resolve: (outcome: unknown) => void, reject: (error: unknown) => void): void {
    const { executor, client } = this.#place;
    const { text, values } = this.#statement;
    const options = this.#options();
    const { debug } = client.options;
    if (typeof debug === "function") this.#report(debug);
    const answered = (): void => this.#answered(resolve, reject);
    if (this.#query.options.simple === true) {
      const request = new SimpleRequest(executor.context, text, options);
      this.#query.stop = () => void executor.session.cancel(request);
      return void request.query().then(answered, reject);
    }
    this.#query.sent = this;
    const request = this.#request = new ExtendedQuery(executor.context, text, values, options);
    this.#query.stop = () => request.cancel(undefined);
    if (!executor.trace.query.isWatched) {
      return submitExtended(executor.context, request, answered, reject);
    }
    void executor.query(request).then(answered, reject);
  }

  /** The parameters as they were sent; as they were given, if their types were not known. */
  get parameters(): readonly unknown[] {
    const { values } = this.#statement;
    const statement = this.#request?.statement;
    if (statement?.state !== "ready" || statement.parameters.length !== values.length) {
      return values;
    }
    try {
      return values.map((value, i) =>
        value === null ? null : statement.parameters[i]!.codec!.encodeText(value)
      );
    } catch {
      return values;
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

  completed(complete: CoreResult<unknown>, description: ResultDescription): void {
    const { tag } = complete;
    const result = this.#open ?? new Result<unknown>();
    let view: StatementView | undefined;
    if (this.#open === undefined) {
      view = this.#viewOf(description, tag === "");
      // Rows without columns are not described.
      for (const row of complete) result.push(row);
    }
    this.#open = undefined;
    if (tag === "BEGIN" || tag === "START TRANSACTION") this.#isBegun = true;
    else if (tag === "COMMIT" || tag === "ROLLBACK") this.#isBegun = false;
    Result.complete(result, tag === "" ? undefined : tag, this.#place.state, view);
    if (this.#complete === undefined) this.#complete = result;
    else if (isList(this.#complete)) this.#complete.push(result);
    else this.#complete = [this.#complete, result];
  }

  #answered(resolve: (outcome: unknown) => void, reject: (error: unknown) => void): void {
    if (this.#isBegun && !this.#place.mayBegin) {
      const reason = "Only use sql.begin, sql.reserved or max: 1";
      return reject(genericError("UNSAFE_TRANSACTION", reason));
    }
    resolve(this.#complete ?? []);
  }

  /** Returns the view of a statement; `undefined` for an empty query of the simple protocol. */
  #viewOf(description: ResultDescription, isEmpty: boolean): StatementView | undefined {
    const { text } = this.#statement;
    const { columns, statementName: name } = description;
    const isSimple = this.#query.options.simple === true;
    if (isSimple && isEmpty) return undefined;
    const described = isSimple ? undefined : description;
    return new StatementView(
      { text, name, columns, description: described },
      this.#place.client.options,
    );
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
    const { text, values, types } = this.#statement;
    debug(this.#place.id, text, [...values], [...types ?? values.map(() => 0)]);
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

function isList(complete: Result<unknown> | Result<unknown>[]): complete is Result<unknown>[] {
  return !(complete instanceof Result);
}
