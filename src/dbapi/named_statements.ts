import { InterfaceError } from "../errors/errors.ts";
import type { Result } from "../query/result.ts";
import { executeStatement, executeText, type ExecutionHost, type Outcome } from "./execution.ts";
import {
  type Arguments,
  bindArguments,
  hasArguments,
  type ScannedText,
  scanText,
} from "./paramstyle.ts";

/** What `run()` can be told besides the text and its parameters. */
export interface RunOptions {
  /** OIDs of parameters' types by their names, where the server is not to choose. */
  types?: Readonly<Record<string, number>>;
}

/** Runs texts with `:name` parameters, and remembers what the last one said of its result. */
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
    if (!hasArguments(parameters)) {
      this.#outcome = await executeText(this.#host, sql, true);
      return this.#outcome.rows;
    }
    const scanned = scanText("named", sql, this.#host.backslashes);
    const values = namedValues(scanned, parameters);
    const types = namedTypes(scanned, options.types);
    this.#outcome = await executeStatement(this.#host, scanned.text, values, types, true);
    return this.#outcome.rows;
  }
}

/**
 * Makes a statement that can be run again and again.
 *
 * @throws {InterfaceError} `sql` is not a string.
 */
export function prepareNamed(
  host: ExecutionHost,
  sql: string,
  { types }: RunOptions = {},
): Promise<PreparedStatement> {
  if (typeof sql !== "string") throw new InterfaceError("prepare(): the SQL must be a string");
  const scanned = scanText("named", sql, host.backslashes);
  return Promise.resolve(new PreparedStatement(host, scanned, namedTypes(scanned, types)));
}

/**
 * A statement with `:name` parameters, to be run again and again; made by the connection's
 * `prepare()`.
 */
export class PreparedStatement {
  readonly #host: ExecutionHost;
  readonly #scanned: ScannedText;
  readonly #types: readonly number[];
  #outcome: Outcome | undefined;
  #closed = false;

  /** For the connection's `prepare()`. */
  constructor(host: ExecutionHost, scanned: ScannedText, types: readonly number[]) {
    this.#host = host;
    this.#scanned = scanned;
    this.#types = types;
  }

  /** The columns of the last `run()`; `null` before the first, and when it returns no rows. */
  get columns(): Result["columns"] | null {
    return this.#outcome?.columns ?? null;
  }

  /** Rows returned or changed by the last `run()`; -1 where none are counted, `null` before any. */
  get rowCount(): number | null {
    return this.#outcome?.rowCount ?? null;
  }

  /**
   * Runs it, and resolves to its rows as arrays, or to `null` when it returns none.
   *
   * @throws {InterfaceError} it is closed, or a parameter is missing or cannot be encoded.
   * @throws {DatabaseError} the server refused it.
   */
  async run<Row extends unknown[] = unknown[]>(
    parameters: Arguments = {},
  ): Promise<Row[] | null> {
    if (this.#closed) throw new InterfaceError("the prepared statement is closed");
    const values = namedValues(this.#scanned, parameters);
    const { text } = this.#scanned;
    this.#outcome = await executeStatement(this.#host, text, values, this.#types, true);
    return this.#outcome.rows as Row[] | null;
  }

  /** Has the server forget it; closing twice is closing once. */
  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}

/** The values for a text; one with `$1`, `$2` takes named ones in their order. */
export function namedValues(scanned: ScannedText, parameters: Arguments): unknown[] {
  const { keys } = scanned;
  if (Array.isArray(parameters) || typeof keys[0] !== "number") {
    return bindArguments(scanned, parameters);
  }
  return bindArguments(scanned, Object.values(parameters).slice(0, keys.length));
}

/** The types for the parameters of a text, 0 where the server is to choose. */
export function namedTypes(
  { keys }: ScannedText,
  types: Readonly<Record<string, number>> = {},
): number[] {
  const oids = keys.map((key) => Object.hasOwn(types, key) ? types[key]! : 0);
  if (!oids.every(Number.isInteger)) throw new InterfaceError("types: an OID must be an integer");
  return oids.every((oid) => oid <= 0) ? [] : oids.map((oid) => Math.max(0, oid));
}
