import { checkOptions, type Checks, object } from "../errors/checks.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { executeCopy, type StreamOptions } from "./copy_stream.ts";
import { type Arguments, hasArguments, STREAM_OPTIONS } from "./arguments.ts";
import type { PreparedStatement as DriverStatement } from "../query/prepared.ts";
import type { Result } from "../query/result.ts";
import { executeStatement, executeText, judge, runRewritten } from "./execution.ts";
import type { ExecutionHost, Outcome } from "./execution_host.ts";
import { bindArguments, type ScannedText, scanText } from "./paramstyle.ts";

/** Options of `run()`. */
export interface RunOptions extends StreamOptions {
  /** OIDs of the parameters' types by name, where the server is not to choose. */
  types?: Readonly<Record<string, number>> | undefined;
}

const PREPARE_OPTIONS: Checks = { types: object };
const RUN_OPTIONS: Checks = { ...STREAM_OPTIONS, ...PREPARE_OPTIONS };

/** Runs texts with `:name` parameters, and keeps the outcome of the last one. */
export class NamedStatements {
  readonly #host: ExecutionHost;
  #outcome: Outcome | undefined;

  constructor(host: ExecutionHost) {
    this.#host = host;
  }

  get columns(): Result["columns"] | null {
    return this.#outcome?.columns ?? null;
  }

  get rowCount(): number | null {
    return this.#outcome?.rowCount ?? null;
  }

  async run(
    sql: string,
    parameters: Arguments = {},
    options: RunOptions = {},
  ): Promise<unknown[][] | null> {
    if (typeof sql !== "string") throw new InterfaceError("run(): the SQL must be a string");
    checkOptions(options, RUN_OPTIONS);
    const { stream, types: named } = own(options);
    if (stream !== undefined) {
      this.#outcome = await executeCopy(this.#host, sql, parameters, stream);
      return null;
    }
    if (!hasArguments(parameters)) {
      this.#outcome = await executeText(this.#host, sql, true);
      return this.#outcome.rows;
    }
    const scanned = scanText("named", sql, this.#host.backslashes);
    const values = namedValues(scanned, parameters);
    const types = namedTypes(scanned, named);
    this.#outcome = await executeStatement(this.#host, scanned, values, types, true);
    return this.#outcome.rows;
  }
}

/**
 * Prepares a statement with `:name` parameters.
 *
 * @throws {InterfaceError} `sql` is not a string, or an option is unknown.
 * @throws {DatabaseError} the server refused the statement.
 */
export async function prepareNamed(
  host: ExecutionHost,
  sql: string,
  options: Pick<RunOptions, "types"> = {},
): Promise<PreparedStatement> {
  checkOptions(options, PREPARE_OPTIONS);
  const { types } = own(options);
  if (typeof sql !== "string") throw new InterfaceError("prepare(): the SQL must be a string");
  const scanned = scanText("named", sql, host.backslashes);
  const how = { rows: "array", parameterTypes: namedTypes(scanned, types) } as const;
  const prepare = () => host.db.prepare<unknown[]>(scanned.text, how);
  const statement = await runRewritten(host, scanned, false, prepare);
  return new PreparedStatement(host, scanned, statement);
}

/**
 * A statement with `:name` parameters that is prepared on the server, by the connection's
 * `prepare()`.
 */
export class PreparedStatement implements AsyncDisposable {
  readonly #host: ExecutionHost;
  readonly #scanned: ScannedText;
  readonly #statement: DriverStatement<unknown[]>;
  #outcome: Outcome | undefined;

  /** For the connection's `prepare()`. */
  constructor(host: ExecutionHost, scanned: ScannedText, statement: DriverStatement<unknown[]>) {
    this.#host = host;
    this.#scanned = scanned;
    this.#statement = statement;
  }

  /** The columns of the result; `null` when it returns no rows. */
  get columns(): Result["columns"] | null {
    if (this.#outcome !== undefined) return this.#outcome.columns;
    return this.#statement.columns.length > 0 ? this.#statement.columns : null;
  }

  /** Rows returned or changed by the last `run()`; -1 where none are counted, `null` before any. */
  get rowCount(): number | null {
    return this.#outcome?.rowCount ?? null;
  }

  /**
   * Runs the statement, and resolves to its rows as arrays, or to `null` when it returns none.
   *
   * @throws {InterfaceError} the statement is closed, or a parameter is missing or cannot be
   * encoded.
   * @throws {DatabaseError} the server refused the statement.
   */
  async run<Row extends unknown[] = unknown[]>(
    parameters: Arguments = {},
  ): Promise<Row[] | null> {
    const host = this.#host;
    const values = host.adapt(namedValues(this.#scanned, parameters));
    this.#outcome = await runRewritten(host, this.#scanned, true, async () => {
      const result = await this.#statement.query(values);
      return judge(host, this.#scanned.text, [result]);
    });
    return this.#outcome.rows as Row[] | null;
  }

  /** Closes the statement on the server. Further calls have no effect. */
  close(): Promise<void> {
    return this.#host.run(() => this.#statement.close(), false);
  }

  /** Closes the statement. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Returns the values for a text. A text with `$1`, `$2` takes named values in their order. */
function namedValues(scanned: ScannedText, parameters: Arguments): unknown[] {
  const { keys } = scanned;
  if (Array.isArray(parameters) || typeof keys[0] !== "number") {
    return bindArguments(scanned, parameters);
  }
  return bindArguments(scanned, Object.values(parameters).slice(0, keys.length));
}

/** Returns the types for the parameters of a text, 0 where the server is to choose. */
function namedTypes(
  { keys }: ScannedText,
  types: Readonly<Record<string, number>> = {},
): number[] {
  const oids = keys.map((key) => Object.hasOwn(types, key) ? types[key]! : 0);
  if (!oids.every(Number.isInteger)) throw new InterfaceError("types: an OID must be an integer");
  return oids.every((oid) => oid <= 0) ? [] : oids.map((oid) => Math.max(0, oid));
}
