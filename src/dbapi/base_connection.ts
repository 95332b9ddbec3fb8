import type { Connection as DriverConnection, Notice } from "../connection.ts";
import { InterfaceError } from "../errors/errors.ts";
import { ImplicitQueries } from "../features/implicit.ts";
import type { Result } from "../query/result.ts";
import type { Class } from "./adapters.ts";
import { Host } from "./host.ts";
import {
  NamedStatements,
  type PreparedStatement,
  prepareNamed,
  type RunOptions,
} from "./named_statements.ts";
import type { Arguments } from "./arguments.ts";

/** The base of the connections of `./dbapi` and `./native`. */
export abstract class BaseConnection implements AsyncDisposable {
  readonly #db: DriverConnection;
  readonly #host: Host;
  readonly #statements: NamedStatements;

  /** For `connect()`. */
  constructor(db: DriverConnection, wantsTransaction: () => boolean) {
    this.#db = db;
    const queries = db.implicit((host) => new ImplicitQueries(host));
    this.#host = new Host(queries, wantsTransaction);
    this.#statements = new NamedStatements(this.#host);
  }

  /** The last 100 notices, oldest first: the same fields as a `DatabaseError`. */
  get notices(): readonly Notice[] {
    return this.#db.notices;
  }

  /** The last 100 notifications, oldest first. They also arrive while nothing is executed. */
  get notifications(): DriverConnection["notifications"] {
    return this.#db.notifications;
  }

  /** The latest value of each parameter that the server reports: `TimeZone`, `DateStyle`, … */
  get parameterStatuses(): ReadonlyMap<string, string> {
    return this.#db.parameterStatuses;
  }

  /** The columns of the last `run()`; `null` before the first, and when it returned no rows. */
  get columns(): Result["columns"] | null {
    return this.#statements.columns;
  }

  /** Rows returned or changed by the last `run()`; -1 where none are counted, `null` before any. */
  get rowCount(): number | null {
    return this.#statements.rowCount;
  }

  /**
   * Runs a statement with parameters `:name`, and resolves to its rows as arrays, or to `null` when
   * it returns none. A name that occurs twice is one parameter. A value without a placeholder is
   * ignored.
   *
   * Without parameters the text is sent as it is: colons have no meaning, and several statements
   * are allowed, whose rows follow each other. A COPY takes no parameters: the option `stream` is
   * the source or the sink of its data.
   *
   * @throws {InterfaceError} a parameter is missing or cannot be encoded, the stream does not suit
   * the text, or a COMMIT was answered by ROLLBACK.
   * @throws {DatabaseError} the server refused the statement; the subclass depends on the reason.
   */
  run<Row extends unknown[] = unknown[]>(
    sql: string,
    parameters?: Arguments,
    options?: RunOptions,
  ): Promise<Row[] | null> {
    return this.#statements.run(sql, parameters, options) as Promise<Row[] | null>;
  }

  /**
   * Prepares a statement with parameters `:name`, to be run many times.
   *
   * @throws {DatabaseError} the server refused the statement.
   */
  prepare(sql: string, options?: Pick<RunOptions, "types">): Promise<PreparedStatement> {
    return prepareNamed(this.#host, sql, options);
  }

  /**
   * Reads the values of a type by `adapter`, from the server's text; in arrays of the type, too.
   *
   * @param oid the type's OID.
   * @throws {InterfaceError} `oid` is not an OID, or `adapter` is not a function.
   */
  registerInAdapter(oid: number, adapter: (text: string) => unknown): void {
    if (!Number.isInteger(oid) || oid <= 0 || typeof adapter !== "function") {
      throw new InterfaceError("registerInAdapter(): takes the OID of a type and a function");
    }
    const known = this.#db.types.lookup(oid);
    if (known === undefined) return this.#db.types.register({ oid, decode: adapter });
    const { decodeBinary: _binary, primitive: _primitive, ...rest } = known;
    this.#db.types.register({ ...rest, decodeText: adapter });
  }

  /**
   * Writes the values of a class, and of classes that extend it, by `adapter`, as text. `null` is
   * NULL.
   *
   * @throws {InterfaceError} `type` is not a class, or `adapter` is not a function.
   */
  registerOutAdapter<T>(type: Class<T>, adapter: (value: T) => string | null): void {
    this.#host.adapters.register(type, adapter);
  }

  /**
   * Waits for the answers and closes. An open transaction is rolled back. Further calls have no
   * effect.
   */
  close(): Promise<void> {
    return this.#db.close();
  }

  /** Closes the connection. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal The host that the subclasses run statements on. */
  protected get host(): Host {
    return this.#host;
  }
}
