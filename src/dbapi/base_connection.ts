import type { Connection as DriverConnection, Notice } from "../connection.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Result } from "../query/result.ts";
import type { Class } from "./adapters.ts";
import { Host } from "./host.ts";
import {
  NamedStatements,
  type PreparedStatement,
  prepareNamed,
  type RunOptions,
} from "./named_statements.ts";
import type { Arguments } from "./paramstyle.ts";

/** What the connections of `./dbapi` and `./native` have in common. */
export abstract class BaseConnection implements AsyncDisposable {
  readonly #db: DriverConnection;
  readonly #host: Host;
  readonly #statements: NamedStatements;

  /** For `connect()`. */
  constructor(db: DriverConnection, wantsTransaction: () => boolean) {
    this.#db = db;
    this.#host = new Host(db.implicit(), wantsTransaction);
    this.#statements = new NamedStatements(this.#host);
  }

  /** The last 100 notices, oldest first: the same fields as a `DatabaseError`. */
  get notices(): readonly Notice[] {
    return this.#db.notices;
  }

  /** The last 100 notifications, oldest first; they also come while nothing is executed. */
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
   * it returns none. A name that comes twice is one parameter; a value that no name asks for is not
   * looked at.
   *
   * Without parameters the text is sent as it is: colons mean nothing and several statements are
   * allowed, whose rows then follow each other. A COPY takes no parameters: its data comes from the
   * option `stream`, or goes there.
   *
   * @throws {InterfaceError} a parameter is missing or cannot be encoded, a stream is not what the text
   * needs, or a COMMIT was answered by ROLLBACK.
   * @throws {DatabaseError} the server refused it; the subclass tells why.
   */
  run<Row extends unknown[] = unknown[]>(
    sql: string,
    parameters?: Arguments,
    options?: RunOptions,
  ): Promise<Row[] | null> {
    return this.#statements.run(sql, parameters, options) as Promise<Row[] | null>;
  }

  /**
   * Prepares a statement with parameters `:name`, to be run again and again.
   *
   * @throws {DatabaseError} the server refused it.
   */
  prepare(sql: string, options?: Pick<RunOptions, "types">): Promise<PreparedStatement> {
    return prepareNamed(this.#host, sql, options);
  }

  /**
   * Has `adapter` make the values of a type from the server's text, in arrays of the type as well.
   *
   * @param oid the type's OID.
   * @throws {InterfaceError} it is no OID or no function.
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
   * Has `adapter` make the text that is sent for the values of a class, and of the classes that
   * extend it. `null` is NULL.
   *
   * @throws {InterfaceError} it is no class or no function.
   */
  registerOutAdapter<T>(type: Class<T>, adapter: (value: T) => string | null): void {
    this.#host.adapters.register(type, adapter);
  }

  /** Finishes what is sent and closes; an open transaction is rolled back. Closing twice is harmless. */
  close(): Promise<void> {
    return this.#db.close();
  }

  /** `await using` closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal For the subclasses: what their statements run on. */
  protected get host(): Host {
    return this.#host;
  }
}
