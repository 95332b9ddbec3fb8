import type { ConnectionCore, Notice } from "./connection_core.ts";
import { InterfaceError } from "./errors/errors.ts";
import type { Notification, TransactionStatus } from "./protocol/backend.ts";
import { Cursor, type CursorOptions } from "./dbapi/cursor.ts";
import { plainHost } from "./dbapi/execution.ts";
import { NO_OPTIONS, Query, type QueryHost, type QueryOptions } from "./query/query.ts";
import type { ObjectRow } from "./query/result.ts";
import { refuseCall, Templates } from "./query/sql.ts";
import type { Session } from "./session/session.ts";
import type { Codec } from "./types/codec.ts";
import type { CustomCodec } from "./types/custom.ts";

export type { ConnectionHooks, Notice } from "./connection_core.ts";

/** The server's version, as it reports it. */
export interface ServerVersion {
  /** `18` of 18.4; before PostgreSQL 10, `9` of 9.6.24. */
  readonly major: number;
  /** `4` of 18.4. */
  readonly minor: number;
  /** The whole of `server_version`: `"18.4 (Debian 18.4-1)"`. */
  readonly text: string;
}

const NO_PARAMETERS: readonly unknown[] = Object.freeze([]);

/** What a connection can be taught about types after it was opened. */
export interface ConnectionTypes {
  /**
   * Adds a codec, in place of the one there may be, from the next query on. Containers of the type
   * follow.
   *
   * @throws {InterfaceError} it has neither name nor OID.
   */
  register(codec: Codec | CustomCodec): void;
  /** The codec of a type by its OID; `undefined` while nothing is known of the type. */
  lookup(oid: number): Codec | undefined;
}

/**
 * Something queries can be run on: a connection now; a transaction and a pool share this interface.
 */
export interface Queryable {
  /**
   * A query, not sent before it is awaited. Parameters stand in the text as `$1`, `$2`, …
   *
   * @example
   * ```ts
   * const users = await db.query("select id, name from users where id < $1", [3]);
   * for (const user of users) console.log(user.name); // → Ada, Grace
   * ```
   */
  query<Row = ObjectRow>(
    text: string,
    parameters?: readonly unknown[],
    options?: QueryOptions,
  ): Query<Row>;
  /**
   * The same as a template: every value in it becomes a parameter.
   *
   * @example
   * ```ts
   * const [user] = await db.sql`select id, name from users where id = ${2}`; // → { id: 2, name: "Grace" }
   * ```
   */
  sql<Row = ObjectRow>(strings: TemplateStringsArray, ...values: readonly unknown[]): Query<Row>;
}

/**
 * One connection to one server, made by `connect()`.
 *
 * Queries are sent as they are made, without waiting for earlier ones, and answered in order. When
 * the connection dies, each pending query is rejected, later calls are refused with the reason as
 * their cause, and `closed` resolves; nothing is ever thrown where nobody waits.
 */
export class Connection implements Queryable, AsyncDisposable {
  readonly #session: Session;
  readonly #host: QueryHost;
  readonly #templates = new Templates();
  readonly #core: ConnectionCore;
  /** Resolves once, when the connection is over, whatever ended it. Never rejects. */
  readonly closed: Promise<void>;
  /**
   * The query template tag: every value becomes a parameter. A property, so that it can be taken off:
   * `const { sql } = db`.
   */
  readonly sql: Queryable["sql"];
  /** How this connection's values become JavaScript's and back. */
  readonly types: ConnectionTypes;

  static {
    // Shows what a person wants to see, and no secrets; Deno, Bun and Node all ask for it this way.
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: Connection): string {
        return this.#describe();
      },
    });
  }

  /** For `connect()` and pools. */
  constructor(core: ConnectionCore) {
    this.#core = core;
    this.#session = core.session;
    this.#host = core.host;
    this.closed = core.closed;
    this.sql = (strings, ...values) => this.#template(strings, values);
    this.types = {
      register: (codec) => core.host.executor.register(codec),
      lookup: (oid) => core.host.executor.types.lookup(oid),
    };
  }

  /** The server's version. */
  get serverVersion(): ServerVersion {
    const text = this.#session.parameterStatuses.get("server_version") ?? "";
    const [major = 0, minor = 0] = (/^[\d.]+/.exec(text)?.[0] ?? "").split(".").map(Number);
    return { major, minor, text };
  }

  /** Process ID of the backend that serves this connection; 0 when the server told none. */
  get processId(): number {
    return this.#session.processId;
  }

  /** The latest value of each parameter that the server reports: `TimeZone`, `DateStyle`, … */
  get parameterStatuses(): ReadonlyMap<string, string> {
    return this.#session.parameterStatuses;
  }

  /** Whether a transaction is open, as of the last answer: `"failed"` takes only ROLLBACK. */
  get transactionStatus(): TransactionStatus {
    return this.#session.transactionStatus;
  }

  /** The last 100 notices, oldest first. */
  get notices(): readonly Notice[] {
    return this.#core.notices;
  }

  /** The last 100 notifications, oldest first. */
  get notifications(): readonly Notification[] {
    return this.#core.notifications;
  }

  query<Row = ObjectRow>(
    text: string,
    parameters: readonly unknown[] = NO_PARAMETERS,
    options: QueryOptions = NO_OPTIONS,
  ): Query<Row> {
    if (typeof text !== "string") throw new InterfaceError("query(): the text must be a string");
    if (!Array.isArray(parameters)) {
      throw new InterfaceError("query(): the parameters must be an array");
    }
    return new Query<Row>(this.#host, text, parameters, options);
  }

  /** A DB-API cursor on this connection; each statement commits unless a transaction is open. */
  cursor(options?: CursorOptions): Cursor<this> {
    return new Cursor(this, plainHost(this), options);
  }

  /**
   * Asks the server to stop what it runs for this connection now, and no later query. Whoever waits
   * for that is told by an `OperationalError` with code 57014, unless it was done already.
   */
  cancel(): void {
    this.#session.cancel();
  }

  /**
   * Finishes what is queued, says goodbye and closes; meanwhile new queries are refused. Takes no
   * longer than `closeTimeout`, after which the rest is destroyed. Never rejects; closing twice is
   * closing once.
   */
  close(): Promise<void> {
    return this.#session.close();
  }

  /** Closes at once; pending queries are rejected with `reason` as the cause. */
  destroy(reason?: unknown): void {
    this.#session.destroy(reason);
  }

  /** `await using` closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #describe(): string {
    const { text } = this.serverVersion;
    const state = this.#session.closed ? "closed" : this.transactionStatus;
    return `Connection { processId: ${this.processId}, serverVersion: "${text}", ${state} }`;
  }

  #template<Row>(strings: TemplateStringsArray, values: readonly unknown[]): Query<Row> {
    refuseCall(strings);
    return new Query<Row>(this.#host, this.#templates.text(strings), values, NO_OPTIONS);
  }
}
