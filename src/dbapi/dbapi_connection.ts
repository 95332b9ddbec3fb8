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
import * as cursorWork from "./cursor_work.ts";
import { executeText } from "./execution.ts";
import { checkParamStyle, type ParamStyle } from "./paramstyle.ts";
import { commitPrepared, rollbackPrepared } from "../features/late_sql.ts";
import * as ownSql from "../own_sql.ts";
import * as transactionSql from "../query/transaction_sql.ts";
import { literal } from "./quoting.ts";
import { WorkLoader } from "./work_loader.ts";
import { gidOf, makeXid, type Xid, xidOf } from "./xid.ts";

/** Options of the DB-API `connect()`: the driver's, and two more. */
export interface DbapiOptions extends ConnectOptions {
  /**
   * Whether each statement commits by itself. Default `false`: a statement begins a transaction.
   */
  autocommit?: boolean | undefined;
  /** How the texts of cursors mark parameters. Default `"format"`. */
  paramstyle?: ParamStyle | undefined;
}

/**
 * Opens a DB-API connection. Connection strings and options are the driver's.
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
/** Opens a DB-API connection by a connection string, with options that override its parts. */
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
  await db.types.load();
  return new Connection(db, autocommit, paramstyle);
}

/**
 * A DB-API connection. Source: PEP 249, "Connection Objects".
 *
 * Unless `autocommit` is on, the first statement begins a transaction, which lasts until `commit()`
 * or `rollback()`. For most statements BEGIN costs no round trip; when it fails, the statement does
 * not run. The statements of all cursors run one after another.
 */
export class Connection extends BaseConnection {
  /** Whether each statement commits by itself. An open transaction stays open when this is set. */
  autocommit: boolean;
  readonly #paramstyle: ParamStyle;
  readonly #cursorWork: WorkLoader = new WorkLoader(cursorWork);
  #tpc: { readonly xid: Xid; prepared: boolean } | undefined;

  /** PEP 249's exceptions, for code that has only the connection. */
  readonly Warning: typeof Warning = Warning;
  /** The base of all the others but `Warning`. */
  readonly Error: typeof PgError = PgError;
  /** The driver or its use. */
  readonly InterfaceError: typeof InterfaceError = InterfaceError;
  /** The database. */
  readonly DatabaseError: typeof DatabaseError = DatabaseError;
  /** A value that the database could not process. */
  readonly DataError: typeof DataError = DataError;
  /** The connection, the server's resources, a timeout. */
  readonly OperationalError: typeof OperationalError = OperationalError;
  /** A constraint was violated. */
  readonly IntegrityError: typeof IntegrityError = IntegrityError;
  /** The database's own state. */
  readonly InternalError: typeof InternalError = InternalError;
  /** The SQL or what it names. */
  readonly ProgrammingError: typeof ProgrammingError = ProgrammingError;
  /** A feature that the server or this runtime lacks. */
  readonly NotSupportedError: typeof NotSupportedError = NotSupportedError;

  /** For `connect()`. */
  constructor(db: DriverConnection, autocommit: boolean, paramstyle: ParamStyle) {
    super(db, () => this.#wantsTransaction());
    this.autocommit = autocommit;
    this.#paramstyle = paramstyle;
  }

  /** Returns a cursor. All cursors of a connection see each other's changes. */
  cursor(options: CursorOptions = {}): Cursor<this> {
    const cursor = new Cursor(this, this.host, this.#cursorWork, options);
    if (own(options).paramstyle === undefined) cursor.paramstyle = this.#paramstyle;
    return cursor;
  }

  /**
   * Commits. Without an open transaction the only effect is a notice.
   *
   * @throws {InterfaceError} a statement had failed, and the server has rolled back instead; the
   * cause is that failure.
   * @throws {ProgrammingError} it is called between `tpc_begin()` and `tpc_commit()`.
   */
  async commit(): Promise<void> {
    this.#refuseInTpc("commit()");
    await executeText(this.host, transactionSql.COMMIT, false);
  }

  /**
   * Rolls back. Without an open transaction nothing is sent.
   *
   * @throws {ProgrammingError} it is called between `tpc_begin()` and `tpc_rollback()`.
   */
  async rollback(): Promise<void> {
    this.#refuseInTpc("rollback()");
    await this.#rollback();
  }

  /**
   * Returns a transaction ID for the methods below. @throws {InterfaceError} a part is too long.
   */
  xid(formatId: number, globalTransactionId: string, branchQualifier: string): Xid {
    return makeXid(formatId, globalTransactionId, branchQualifier);
  }

  /**
   * Begins a two-phase transaction with the next statement.
   *
   * @throws {ProgrammingError} a transaction is open, or a prepared one has not ended.
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
   * Runs the first phase: the server keeps the transaction, and any connection can commit it or
   * roll it back, even after a crash.
   *
   * @throws {ProgrammingError} `tpc_begin()` has not begun a transaction.
   * @throws {InterfaceError} a statement had failed, and the server has rolled back instead.
   */
  async tpc_prepare(): Promise<void> {
    const tpc = this.#tpc;
    if (tpc === undefined || tpc.prepared) {
      throw new ProgrammingError("Cannot tpc_prepare() without a TPC transaction!");
    }
    await executeText(this.host, transactionSql.prepareTransaction(literal(gidOf(tpc.xid))), true);
    tpc.prepared = true;
  }

  /**
   * Runs the second phase; without `tpc_prepare()`, both. With `xid`, commits that prepared
   * transaction, also one of another connection.
   *
   * @throws {ProgrammingError} there is nothing to commit, the server has no such transaction, or
   * another is open.
   */
  async tpc_commit(xid?: Xid): Promise<void> {
    const tpc = this.#take("tpc_commit()", xid);
    if (tpc.prepared) await this.#finish("tpc_commit()", commitPrepared, tpc.xid);
    else await executeText(this.host, transactionSql.COMMIT, false);
    this.#tpc = undefined;
  }

  /**
   * Rolls the two-phase transaction back. With `xid`, rolls that prepared transaction back, also
   * one of another connection.
   *
   * @throws {ProgrammingError} as `tpc_commit()`.
   */
  async tpc_rollback(xid?: Xid): Promise<void> {
    const tpc = this.#take("tpc_rollback()", xid);
    if (tpc.prepared) await this.#finish("tpc_rollback()", rollbackPrepared, tpc.xid);
    else await this.#rollback();
    this.#tpc = undefined;
  }

  /** Returns the prepared transactions of this database that wait for their second phase. */
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

  /** Runs the second phase, which is not allowed in a transaction. */
  #finish(method: string, text: (gid: string) => string, xid: Xid): Promise<unknown> {
    this.#refuseInTransaction(method);
    return executeText(this.host, text(literal(gidOf(xid))), false);
  }

  /** Returns the transaction to end: the one begun here, or the prepared one that was named. */
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
