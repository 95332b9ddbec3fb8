import type { Parsed, StatementView } from "./statement_view.ts";
import type { Anything } from "./value_types.ts";

/** A row by the names of its columns. */
export interface Row {
  /** The value of a column. */
  [column: string]: Anything;
}

/** The connection that has run a query. */
export interface ConnectionState {
  /** The process ID of its backend. */
  readonly pid: number;
  /** The key of cancel requests, its first four bytes as a number. */
  readonly secret: number;
}

/** A column of a result. */
export type Column = Parsed["columns"][number];

/** The facts about a result that a program has replaced. */
interface Replaced {
  count?: number | null;
  command?: string | null;
  state?: ConnectionState | undefined;
  columns?: readonly Column[] | null | undefined;
  statement?: Parsed | null;
}

/**
 * The rows of one statement, an array that also has the facts about the result. They are read from the
 * command tag and the description when they are asked for.
 */
export class Result<T = Row> extends Array<T> {
  #tag: string | undefined;
  #view: StatementView | undefined;
  #state: ConnectionState | undefined;
  #replaced: Replaced | undefined;

  /** Makes `map`, `filter` and the like return plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** For the driver: sets the description, before the rows. */
  static describe(result: Result<unknown>, view: StatementView, state: ConnectionState): void {
    result.#view = view;
    result.#state = state;
  }

  /** For the driver: sets the command tag; `undefined` for an empty query. */
  static complete(
    result: Result<unknown>,
    tag: string | undefined,
    state: ConnectionState,
    view: StatementView | undefined,
  ): void {
    result.#tag = tag;
    result.#state = state;
    result.#view ??= view;
  }

  /** The number of rows in the command tag; `null` for a command without one. */
  get count(): number | null {
    if (this.#replaced?.count !== undefined) return this.#replaced.count;
    const digits = / (\d+)$/.exec(this.#tag ?? "");
    return digits === null ? null : Number(digits[1]);
  }
  set count(count: number | null) {
    this.#replace({ count });
  }

  /** The words of the command tag: `"SELECT"`, `"CREATE TABLE"`; `null` for an empty query. */
  get command(): string | null {
    if (this.#replaced?.command !== undefined) return this.#replaced.command;
    return this.#tag === undefined ? null : this.#tag.replace(/ \d.*$/, "");
  }
  set command(command: string | null) {
    this.#replace({ command });
  }

  /** The connection that has run the statement. */
  get state(): ConnectionState | undefined {
    return this.#replaced?.state ?? this.#state;
  }
  set state(state: ConnectionState | undefined) {
    this.#replace({ state });
  }

  /** The columns; `null` for an empty query, `undefined` for one of the simple protocol without rows. */
  get columns(): readonly Column[] | null | undefined {
    if (this.#replaced?.columns !== undefined) return this.#replaced.columns;
    return this.#view === undefined ? null : this.#view.facts.columns;
  }
  set columns(columns: readonly Column[] | null | undefined) {
    this.#replace({ columns });
  }

  /** The statement; `null` for an empty query. */
  get statement(): Parsed | null {
    return this.#replaced?.statement ?? this.#view?.facts ?? null;
  }
  set statement(statement: Parsed | null) {
    this.#replace({ statement });
  }

  #replace(replaced: Replaced): void {
    this.#replaced = { ...this.#replaced, ...replaced };
  }
}
