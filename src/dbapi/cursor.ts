import { asGiven } from "../query/rewritten.ts";
import type { Queryable } from "../connection.ts";
import { InterfaceError, ProgrammingError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import * as ownSql from "../own_sql.ts";
import type { Result } from "../query/result.ts";
import { executeCopy, type StreamOptions } from "./copy_stream.ts";
import {
  executeSets,
  executeStatement,
  executeText,
  type ExecutionHost,
  type Outcome,
} from "./execution.ts";
import { type InputSize, typeOids } from "./input_sizes.ts";
import {
  type Arguments,
  bindArguments,
  checkParamStyle,
  hasArguments,
  type ParamStyle,
  type ScannedText,
  scanText,
} from "./paramstyle.ts";

/** What a cursor can be told. */
export interface CursorOptions {
  /** How its texts mark parameters. Default: the connection's, which is `"format"` unless set. */
  paramstyle?: ParamStyle | undefined;
}

/** What PEP 249 says of a column: its name and its type's OID; PostgreSQL tells no more. */
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
  /** How many rows `fetchmany()` takes unless told; 1. */
  arraysize: number = 1;
  /** How its texts mark parameters. */
  paramstyle: ParamStyle;
  readonly #connection: Connection;
  #host: ExecutionHost | undefined;
  #outcome: Outcome | undefined;
  #next = 0;
  #inputSizes: readonly number[] = [];

  /** For the connection's `cursor()`. @throws {InterfaceError} `paramstyle` is none of the five. */
  constructor(connection: Connection, host: ExecutionHost, options: CursorOptions = {}) {
    this.#connection = connection;
    this.#host = host;
    this.paramstyle = checkParamStyle(own(options).paramstyle ?? "format");
  }

  /** The connection that made it. */
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
   * Runs a statement. Its parameters are marked as `paramstyle` says and given as an array or, by
   * their names, as an object.
   *
   * Without arguments the text is sent as it is: `%` needs no doubling and several statements are
   * allowed, whose rows then follow each other. A `?` of its own is written `??` in style `qmark`.
   *
   * A COPY takes no arguments: its data comes from `stream`, or goes there.
   *
   * @throws {InterfaceError} the cursor is closed, an argument is missing or cannot be encoded, a
   * stream is not what the text needs, or a COMMIT was answered by ROLLBACK.
   * @throws {DatabaseError} the server refused it; the subclass tells why.
   */
  async execute(
    operation: string,
    args: Arguments = [],
    options: StreamOptions = {},
  ): Promise<this> {
    const { stream } = own(options);
    const host = this.#begin(operation);
    if (stream !== undefined) {
      this.#outcome = await executeCopy(host, operation, args, stream);
      return this;
    }
    if (!hasArguments(args)) {
      this.#outcome = await executeText(host, operation, true);
      return this;
    }
    const scanned = scanText(this.paramstyle, operation, host.backslashes);
    const types = this.#takeTypes(scanned);
    const values = bindArguments(scanned, args);
    this.#outcome = await executeStatement(host, scanned, values, types, true);
    return this;
  }

  /**
   * Runs a statement once for each set of arguments, without waiting in between; `rowcount` is the
   * sum. They are one transaction, also with autocommit on: when one fails none has any effect, and
   * the error's `index` says which it was.
   *
   * @throws {InterfaceError | DatabaseError} as `execute()`.
   */
  async executemany(operation: string, sets: Iterable<Arguments>): Promise<this> {
    const host = this.#begin(operation);
    const scanned = scanText(this.paramstyle, operation, host.backslashes);
    const types = this.#takeTypes(scanned);
    const all = Array.from(sets, (args) => bindArguments(scanned, args));
    this.#outcome = NOTHING;
    if (all.length > 0) this.#outcome = await executeSets(host, scanned, all, types);
    return this;
  }

  /**
   * Calls a procedure; what its OUT and INOUT parameters return is fetched as a row. It begins no
   * transaction of its own, so that the procedure may commit. Functions are called by a SELECT.
   *
   * @param procname the procedure's name as in SQL: schema-qualified and quoted where it needs to be.
   * @throws {InterfaceError} it is no name.
   */
  async callproc(procname: string, parameters: readonly unknown[] = []): Promise<void> {
    const host = this.#begin(procname);
    if (!NAME.test(procname)) throw new InterfaceError("callproc(): not the name of a procedure");
    const text = ownSql.callProcedure(procname, parameters.length);
    this.#outcome = await executeStatement(
      host,
      asGiven(text),
      parameters,
      this.#takeSizes(),
      false,
    );
  }

  /**
   * The next row, or `null` when there is none left.
   *
   * @throws {ProgrammingError} nothing was executed, or the statement returned no rows.
   */
  fetchone<Row extends unknown[] = unknown[]>(): Promise<Row | null> {
    return attempt(() => this.#take(1)[0] as Row | undefined ?? null);
  }

  /**
   * The next `size` rows, or as many as are left.
   *
   * @param size `arraysize` unless given.
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
   * All rows that are left.
   *
   * @throws {ProgrammingError} nothing was executed, or the statement returned no rows.
   */
  fetchall<Row extends unknown[] = unknown[]>(): Promise<Row[]> {
    return attempt(() => this.#take(Infinity) as Row[]);
  }

  /** The rows that are left, one by one. */
  async *[Symbol.asyncIterator](): AsyncGenerator<unknown[], void, undefined> {
    for (let row = await this.fetchone(); row !== null; row = await this.fetchone()) yield row;
  }

  /**
   * Says which types the parameters of the next `execute()` or `executemany()` have: OIDs, or
   * JavaScript's classes in their place (`String`, `BigInt`, `Uint8Array`, …); `null` leaves it to
   * the server.
   */
  setinputsizes(...sizes: readonly (InputSize | readonly InputSize[])[]): void {
    this.#inputSizes = typeOids(sizes.flat());
  }

  /** Does nothing: columns are never cut. Here because PEP 249 asks for it. */
  setoutputsize(_size: number, _column?: number): void {}

  /** Forgets the rows and the connection; closing twice is closing once. */
  close(): Promise<void> {
    this.#host = undefined;
    this.#outcome = undefined;
    return Promise.resolve();
  }

  /** `await using` closes. */
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

  /** The input sizes by the parameters' numbers in the scanned text. */
  #takeTypes({ keys }: ScannedText): readonly number[] {
    const sizes = this.#takeSizes();
    if (sizes.length === 0) return sizes;
    return keys.map((key, i) => sizes[typeof key === "number" ? key : i] ?? 0);
  }

  #takeSizes(): readonly number[] {
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

/** What `work` throws becomes a rejection. */
function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
