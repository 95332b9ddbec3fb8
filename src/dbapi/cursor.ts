import type { Queryable } from "../queryable.ts";
import { checkOptions } from "../errors/checks.ts";
import { InterfaceError, ProgrammingError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { Result } from "../query/result.ts";
import type { StreamOptions } from "./copy_stream.ts";
import type { ExecutionHost, Outcome } from "./execution_host.ts";
import type { InputSize } from "./input_sizes.ts";
import {
  type Arguments,
  copyArguments,
  CURSOR_OPTIONS,
  hasArguments,
  type ParamStyle,
  STREAM_OPTIONS,
} from "./arguments.ts";
import type { WorkLoader } from "./work_loader.ts";

/** Options of a cursor. */
export interface CursorOptions {
  /** How texts mark parameters. Default: the connection's style, which is `"format"` unless set. */
  paramstyle?: ParamStyle | undefined;
}

/** A column as PEP 249 describes it: its name and its type's OID. PostgreSQL reports no more. */
export type ColumnSpec = readonly [
  name: string,
  typeCode: number,
  displaySize: null,
  internalSize: null,
  precision: null,
  scale: null,
  nullOk: null,
];

/**
 * A DB-API cursor: one statement at a time and its rows, which are arrays. Source: PEP 249.
 *
 * All rows of a statement are there once `execute()` has resolved. `null` stands for Python's `None`.
 *
 * @example
 * ```ts
 * const cursor = db.cursor();
 * await cursor.execute("select id, name from users where id = %s", [1]);
 * console.log(await cursor.fetchone()); // → [1, "Ada"]
 * await cursor.close();
 * ```
 */
export class Cursor<Connection = Queryable> implements AsyncDisposable {
  /** The default number of rows for `fetchmany()`. */
  arraysize: number = 1;
  /** How texts mark parameters. */
  paramstyle: ParamStyle;
  readonly #connection: Connection;
  readonly #work: WorkLoader;
  #host: ExecutionHost | undefined;
  #outcome: Outcome | undefined;
  #next = 0;
  #inputSizes: readonly InputSize[] = [];

  /**
   * For the connection's `cursor()`. @throws {InterfaceError} `paramstyle` is not one of the five, or
   * an option is unknown.
   */
  constructor(
    connection: Connection,
    host: ExecutionHost,
    work: WorkLoader,
    options: CursorOptions = {},
  ) {
    this.#connection = connection;
    this.#work = work;
    this.#host = host;
    checkOptions(options, CURSOR_OPTIONS);
    this.paramstyle = own(options).paramstyle ?? "format";
  }

  /** The connection of the cursor. */
  get connection(): Connection {
    return this.#connection;
  }

  /** The columns of the last statement; `null` before the first, and when it returned no rows. */
  get description(): readonly ColumnSpec[] | null {
    return this.#outcome?.columns?.map(columnSpec) ?? null;
  }

  /** Rows returned or changed by the last `execute()` or `executemany()`; -1 where none are counted. */
  get rowcount(): number {
    return this.#outcome?.rowCount ?? -1;
  }

  /**
   * Runs a statement. `paramstyle` says how its parameters are marked. They are given as an array,
   * or as an object by their names.
   *
   * Without arguments the text is sent as it is: `%` needs no doubling, and several statements are
   * allowed, whose rows follow each other. In the style `qmark`, `??` stands for the operator `?`.
   *
   * A COPY takes no arguments: `stream` is the source or the sink of its data.
   *
   * @throws {InterfaceError} the cursor is closed, an option is unknown, an argument is missing or
   * cannot be encoded, the stream does not suit the text, or a COMMIT was answered by ROLLBACK.
   * @throws {DatabaseError} the server refused the statement; the subclass depends on the reason.
   */
  async execute(
    operation: string,
    args: Arguments = [],
    options: StreamOptions = {},
  ): Promise<this> {
    checkOptions(options, STREAM_OPTIONS);
    const { stream } = own(options);
    const host = this.#begin(operation);
    const { paramstyle } = this;
    const sizes = stream === undefined && hasArguments(args) ? this.#takeSizes() : [];
    const given = this.#work.isLoaded ? args : copyArguments(args);
    this.#outcome = await this.#work.run((work) =>
      stream !== undefined
        ? work.executeCopy(host, operation, given, stream)
        : work.execute(host, { operation, paramstyle, sizes }, given)
    );
    return this;
  }

  /**
   * Runs a statement once for each set of arguments, without waiting in between. `rowcount` is the
   * sum. The sets are one transaction, also with autocommit: when one fails, none has any effect,
   * and the error's `index` is its number.
   *
   * @throws {InterfaceError | DatabaseError} as `execute()`.
   */
  async executemany(operation: string, sets: Iterable<Arguments>): Promise<this> {
    const host = this.#begin(operation);
    const { paramstyle } = this;
    const sizes = this.#takeSizes();
    const given = this.#work.isLoaded ? sets : Array.from(sets, copyArguments);
    this.#outcome = await this.#work.run((work) => {
      const { scanned, sets, types } = work.bindSets(host, { operation, paramstyle, sizes }, given);
      this.#outcome = NOTHING;
      if (sets.length === 0) return Promise.resolve(NOTHING);
      return work.executeSets(host, scanned, sets, types);
    });
    return this;
  }

  /**
   * Calls a procedure. The values of its OUT and INOUT parameters are fetched as a row. No
   * transaction is begun, so that the procedure may commit. Call functions by a SELECT.
   *
   * @param procname the procedure's name as in SQL: schema-qualified, and quoted where necessary.
   * @throws {InterfaceError} `procname` is not a name.
   */
  async callproc(procname: string, parameters: readonly unknown[] = []): Promise<void> {
    const host = this.#begin(procname);
    if (!NAME.test(procname)) throw new InterfaceError("callproc(): not the name of a procedure");
    const sizes = this.#takeSizes();
    const given = this.#work.isLoaded ? parameters : parameters.slice();
    this.#outcome = await this.#work.run((work) =>
      work.callProcedure(host, procname, given, sizes)
    );
  }

  /**
   * Returns the next row, or `null` at the end.
   *
   * @throws {ProgrammingError} nothing was executed, or the statement returned no rows.
   */
  fetchone<Row extends unknown[] = unknown[]>(): Promise<Row | null> {
    return attempt(() => this.#take(1)[0] as Row | undefined ?? null);
  }

  /**
   * Returns the next `size` rows, or as many as are left.
   *
   * @param size the number of rows; default `arraysize`.
   * @throws {ProgrammingError} nothing was executed, or the statement returned no rows.
   */
  fetchmany<Row extends unknown[] = unknown[]>(size: number = this.arraysize): Promise<Row[]> {
    return attempt(() => {
      if (!Number.isInteger(size) || size < 0) {
        throw new InterfaceError("fetchmany(): the size must be a whole number, 0 or more");
      }
      return this.#take(size) as Row[];
    });
  }

  /**
   * Returns all rows that are left.
   *
   * @throws {ProgrammingError} nothing was executed, or the statement returned no rows.
   */
  fetchall<Row extends unknown[] = unknown[]>(): Promise<Row[]> {
    return attempt(() => this.#take(Infinity) as Row[]);
  }

  /** Yields the rows that are left. */
  async *[Symbol.asyncIterator](): AsyncGenerator<unknown[], void, undefined> {
    for (let row = await this.fetchone(); row !== null; row = await this.fetchone()) yield row;
  }

  /**
   * Sets the types of the parameters of the next `execute()` or `executemany()`: OIDs, or
   * JavaScript's classes (`String`, `BigInt`, `Uint8Array`, …). `null` leaves the choice to the
   * server.
   */
  setinputsizes(...sizes: readonly (InputSize | readonly InputSize[])[]): void {
    const flat = sizes.flat();
    for (const size of flat) {
      const isOid = Number.isInteger(size) && Number(size) >= -1 && Number(size) <= 0xffffffff;
      if (isOid || size === null || typeof size === "function") continue;
      throw new InterfaceError("setinputsizes(): a size is the OID of a type, a class or null");
    }
    this.#inputSizes = flat;
  }

  /** Has no effect, because columns are never cut. PEP 249 requires the method. */
  setoutputsize(_size: number, _column?: number): void {}

  /** Closes the cursor and discards its rows. Further calls have no effect. */
  close(): Promise<void> {
    this.#host = undefined;
    this.#outcome = undefined;
    return Promise.resolve();
  }

  /** Closes the cursor. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(operation: string): ExecutionHost {
    const host = this.#open();
    if (typeof operation !== "string") throw new InterfaceError("the operation must be a string");
    this.#outcome = undefined;
    this.#next = 0;
    return host;
  }

  #open(): ExecutionHost {
    if (this.#host === undefined) throw new InterfaceError("Cursor closed");
    return this.#host;
  }

  #take(count: number): unknown[][] {
    this.#open();
    if (this.#outcome === undefined) {
      throw new ProgrammingError("attempting to use unexecuted cursor");
    }
    const { rows } = this.#outcome;
    if (rows === null) throw new ProgrammingError("no result set");
    const start = this.#next;
    this.#next = Math.min(rows.length, start + count);
    return rows.slice(start, this.#next);
  }

  #takeSizes(): readonly InputSize[] {
    const sizes = this.#inputSizes;
    this.#inputSizes = [];
    return sizes;
  }
}

const NOTHING: Outcome = { columns: null, rows: null, rowCount: -1 };

/** A name in SQL, schema-qualified or not. Source: manual, "Identifiers and Key Words". */
const NAME =
  /^(?:[\p{L}_][\p{L}\p{N}_$]*|"(?:[^"]|"")+")(?:\.(?:[\p{L}_][\p{L}\p{N}_$]*|"(?:[^"]|"")+"))*$/u;

function columnSpec({ name, typeOid }: Result["columns"][number]): ColumnSpec {
  return [name, typeOid, null, null, null, null, null];
}

/** Turns an error of `work` into a rejection. */
function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
