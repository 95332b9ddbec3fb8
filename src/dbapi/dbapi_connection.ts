import { connect as connectDriver, type ConnectOptions, type Url } from "../connect.ts";
import type { Connection as DriverConnection } from "../connection.ts";
import {
  DatabaseError,
  DataError,
  IntegrityError,
  InterfaceError,
  InternalError,
  NotSupportedError,
  OperationalError,
  PgError,
  ProgrammingError,
  Warning,
} from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { BaseConnection } from "./base_connection.ts";
import { Cursor, type CursorOptions } from "./cursor.ts";
import { executeText } from "./execution.ts";
import { checkParamStyle, type ParamStyle } from "./paramstyle.ts";
import * as ownSql from "../own_sql.ts";
import { literal } from "./quoting.ts";
import { gidOf, makeXid, type Xid, xidOf } from "./xid.ts";

/** Everything the DB-API `connect()` can be told: what the driver's can, and two things more. */
export interface DbapiOptions extends ConnectOptions {
  /** Whether each statement commits by itself. Default `false`: one begins a transaction. */
  autocommit?: boolean | undefined;
  /** How the texts of its cursors mark parameters. Default `"format"`. */
  paramstyle?: ParamStyle | undefined;
}

/**
 * Opens a DB-API connection. A DSN and options are the driver's own.
 *
 * @throws {InterfaceError | OperationalError | NotSupportedError} as the driver's `connect()`.
 *
 * @example
 * ```ts
 * import { connect } from "@cornac/pg/dbapi";
 *
 * const con = await connect({ user: "myuser", password: "mypassword" });
 * const cursor = con.cursor();
 * await cursor.execute("insert into book (title) values (%s)", ["Emma"]);
 * await con.commit();
 * await con.close();
 * ```
 */
export function connect(options?: string | Url | DbapiOptions): Promise<Connection>;
/** The same, with options that overlay the connection string's. */
export function connect(dsn: string | Url, options: DbapiOptions): Promise<Connection>;
export async function connect(
  first: string | Url | DbapiOptions = {},
  second: DbapiOptions = {},
): Promise<Connection> {
  const isDsn = typeof first === "string" || first instanceof URL;
  const { autocommit = false, paramstyle = "format", ...options } = own(
    isDsn ? second : first as DbapiOptions,
  );
  if (typeof autocommit !== "boolean") {
    throw new InterfaceError("option autocommit must be true or false");
  }
  checkParamStyle(paramstyle);
  const db = await (isDsn ? connectDriver(first, options) : connectDriver(options));
  return new Connection(db, autocommit, paramstyle);
}

/**
 * A DB-API connection. Source: PEP 249, "Connection Objects".
 *
 * Unless `autocommit` is on, the first statement begins a transaction, which lasts to `commit()` or
 * `rollback()`. BEGIN travels in front of it and costs no round trip, unless it is several statements
 * in one text; should BEGIN fail, it is not run. Statements run one after another, whichever cursor
 * they come from.
 */
export class Connection extends BaseConnection {
  /** Whether each statement commits by itself; a transaction that is open stays open. */
  autocommit: boolean;
  readonly #paramstyle: ParamStyle;
  #tpc: { readonly xid: Xid; prepared: boolean } | undefined;

  /** PEP 249's exceptions, for code that has only the connection at hand. */
  readonly Warning: typeof Warning = Warning;
  /** The base of all the others but `Warning`. */
  readonly Error: typeof PgError = PgError;
  /** The driver or its use. */
  readonly InterfaceError: typeof InterfaceError = InterfaceError;
  /** The database. */
  readonly DatabaseError: typeof DatabaseError = DatabaseError;
  /** A value the database could not process. */
  readonly DataError: typeof DataError = DataError;
  /** The connection, the server's resources, a timeout. */
  readonly OperationalError: typeof OperationalError = OperationalError;
  /** A constraint was violated. */
  readonly IntegrityError: typeof IntegrityError = IntegrityError;
  /** The database's own state. */
  readonly InternalError: typeof InternalError = InternalError;
  /** The SQL or what it names. */
  readonly ProgrammingError: typeof ProgrammingError = ProgrammingError;
  /** What the server or this runtime cannot do. */
  readonly NotSupportedError: typeof NotSupportedError = NotSupportedError;

  /** For `connect()`. */
  constructor(db: DriverConnection, autocommit: boolean, paramstyle: ParamStyle) {
    super(db, () => this.#wantsTransaction());
    this.autocommit = autocommit;
    this.#paramstyle = paramstyle;
  }

  /** A cursor; all cursors of a connection see one another's changes. */
  cursor(options: CursorOptions = {}): Cursor<this> {
    return new Cursor(this, this.host, { paramstyle: this.#paramstyle, ...options });
  }

  /**
   * Commits; without an open transaction it has no effect but a notice.
   *
   * @throws {InterfaceError} a statement had failed, and the server has rolled back instead; the
   * cause is that failure.
   * @throws {ProgrammingError} within `tpc_begin()` … `tpc_commit()`.
   */
  async commit(): Promise<void> {
    this.#refuseInTpc("commit()");
    await executeText(this.host, ownSql.COMMIT, false);
  }

  /**
   * Rolls back; without an open transaction nothing is sent.
   *
   * @throws {ProgrammingError} within `tpc_begin()` … `tpc_rollback()`.
   */
  async rollback(): Promise<void> {
    this.#refuseInTpc("rollback()");
    await this.#rollback();
  }

  /** A transaction ID for the methods below. @throws {InterfaceError} a part is too long. */
  xid(formatId: number, globalTransactionId: string, branchQualifier: string): Xid {
    return makeXid(formatId, globalTransactionId, branchQualifier);
  }

  /**
   * Begins a two-phase transaction, with the next statement.
   *
   * @throws {ProgrammingError} a transaction is open, or a prepared one not finished.
   * @throws {InterfaceError} `xid` was not made by `xid()`.
   */
  tpc_begin(xid: Xid): Promise<void> {
    gidOf(xid);
    return this.host.run(() => {
      if (this.#tpc !== undefined) {
        throw new ProgrammingError("tpc_begin(): another TPC transaction is open");
      }
      this.#refuseInTransaction("tpc_begin()");
      this.#tpc = { xid, prepared: false };
      return Promise.resolve();
    }, false);
  }

  /**
   * The first phase: the transaction is kept by the server, and can be committed or rolled back by
   * any connection, also after a crash.
   *
   * @throws {ProgrammingError} there is no transaction that `tpc_begin()` began.
   * @throws {InterfaceError} a statement had failed, and the server has rolled back instead.
   */
  async tpc_prepare(): Promise<void> {
    const tpc = this.#tpc;
    if (tpc === undefined || tpc.prepared) {
      throw new ProgrammingError("Cannot tpc_prepare() without a TPC transaction!");
    }
    await executeText(this.host, ownSql.prepareTransaction(literal(gidOf(tpc.xid))), true);
    tpc.prepared = true;
  }

  /**
   * The second phase; without `tpc_prepare()`, both in one. With `xid`, commits that prepared
   * transaction, whoever prepared it.
   *
   * @throws {ProgrammingError} there is nothing to commit, the server knows no such transaction, or
   * another is open.
   */
  async tpc_commit(xid?: Xid): Promise<void> {
    const tpc = this.#take("tpc_commit()", xid);
    if (tpc.prepared) await this.#finish("tpc_commit()", ownSql.commitPrepared, tpc.xid);
    else await executeText(this.host, ownSql.COMMIT, false);
    this.#tpc = undefined;
  }

  /**
   * Rolls back instead. With `xid`, rolls that prepared transaction back, whoever prepared it.
   *
   * @throws {ProgrammingError} as `tpc_commit()`.
   */
  async tpc_rollback(xid?: Xid): Promise<void> {
    const tpc = this.#take("tpc_rollback()", xid);
    if (tpc.prepared) await this.#finish("tpc_rollback()", ownSql.rollbackPrepared, tpc.xid);
    else await this.#rollback();
    this.#tpc = undefined;
  }

  /** The prepared transactions of this database that wait for their second phase. */
  async tpc_recover(): Promise<Xid[]> {
    const { host } = this;
    return (await host.run(() => host.db.preparedHere(), false)).map(xidOf);
  }

  #wantsTransaction(): boolean {
    if (this.#tpc?.prepared === true) {
      throw new ProgrammingError(
        "after tpc_prepare() only tpc_commit() and tpc_rollback() may come",
      );
    }
    return !this.autocommit || this.#tpc !== undefined;
  }

  #rollback(): Promise<void> {
    const { host } = this;
    return host.run(async () => {
      if (host.db.transactionStatus !== "idle") await host.db.query(ownSql.ROLLBACK).simple();
    }, false);
  }

  /** Neither may stand in a transaction, and none is begun for it. */
  #finish(method: string, text: (gid: string) => string, xid: Xid): Promise<unknown> {
    this.#refuseInTransaction(method);
    return executeText(this.host, text(literal(gidOf(xid))), false);
  }

  /** The transaction to end: the one begun here, or the prepared one that was named. */
  #take(method: string, xid: Xid | undefined): { readonly xid: Xid; readonly prepared: boolean } {
    const tpc = this.#tpc;
    if (xid === undefined || (tpc !== undefined && gidOf(tpc.xid) === gidOf(xid))) {
      if (tpc === undefined) {
        throw new ProgrammingError(`Cannot ${method} without a TPC transaction!`);
      }
      return tpc;
    }
    if (tpc !== undefined) {
      throw new ProgrammingError(`${method}: another TPC transaction is open`);
    }
    return { xid, prepared: true };
  }

  #refuseInTpc(method: string): void {
    if (this.#tpc === undefined) return;
    throw new ProgrammingError(`${method} cannot end a TPC transaction: use tpc_${method}`);
  }

  #refuseInTransaction(method: string): void {
    if (this.host.db.transactionStatus !== "idle") {
      throw new ProgrammingError(`${method} cannot be called within a transaction`);
    }
  }
}
