import { conditionOf } from "./condition.ts";
import { poolerRemark } from "./pooler.ts";
import type { ConditionName } from "./sqlstate.ts";

/**
 * The fields of an ErrorResponse or NoticeResponse by their letters, as the server sent them; more than
 * 1 MiB is cut. Source: manual, "Error and Notice Message Fields".
 */
export type ServerFields = Readonly<Record<string, string>>;

/** An ErrorResponse or NoticeResponse with readable names. */
export interface ServerReport {
  /** `ERROR`, `FATAL`, `PANIC`, `WARNING`, `NOTICE`, `DEBUG`, `INFO` or `LOG`; never localised. */
  readonly severity: string;
  /** The SQLSTATE, five characters. */
  readonly code?: string;
  /** The primary message, usually one line. */
  readonly message: string;
  /** Details about the problem. */
  readonly detail?: string;
  /** A suggestion what to do about the problem. */
  readonly hint?: string;
  /**
   * The position in the query text, in characters, from 1. It counts in your text, also in one with
   * `:name`s or a cursor's placeholders; in a template, in the text with `$1`, … for the values.
   */
  readonly position?: number;
  /** The position in `internalQuery`, in characters, from 1. */
  readonly internalPosition?: number;
  /** A failed query that the server had generated, such as one of a PL/pgSQL function. */
  readonly internalQuery?: string;
  /** The context of the error: a call stack of functions, one per line. */
  readonly where?: string;
  /** The schema of the object that the error is about. */
  readonly schema?: string;
  /** The table that the error is about. */
  readonly table?: string;
  /** The column that the error is about. */
  readonly column?: string;
  /** The data type that the error is about. */
  readonly dataType?: string;
  /** The constraint that was violated; an index counts as a constraint. */
  readonly constraint?: string;
  /** The source file of the server that reported the error. */
  readonly file?: string;
  /** The line in `file`. */
  readonly line?: number;
  /** The function of the server that reported the error. */
  readonly routine?: string;
  /** All fields, by the letters of the protocol (S V C M D H P p q W s t c d n F L R). */
  readonly fields: ServerFields;
}

/** Returns a server's fields by readable names; absent fields are `undefined`. */
export function serverReport(fields: ServerFields): ServerReport {
  return {
    severity: fields.V ?? fields.S ?? "ERROR",
    code: fields.C,
    message: fields.M ?? "",
    detail: fields.D,
    hint: fields.H,
    position: number(fields.P),
    internalPosition: number(fields.p),
    internalQuery: fields.q,
    where: fields.W,
    schema: fields.s,
    table: fields.t,
    column: fields.c,
    dataType: fields.d,
    constraint: fields.n,
    file: fields.F,
    line: number(fields.L),
    routine: fields.R,
    fields,
  };
}

function number(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

/** The properties of an error besides its message. */
export interface PgErrorOptions {
  /** The error that led to this one. */
  cause?: unknown | undefined;
  /** The SQLSTATE. The driver's own errors have one where PostgreSQL defines a fitting one. */
  code?: string | undefined;
  /** Whether the request had no effect and may succeed if it is made again. */
  safeToRetry?: boolean | undefined;
}

/** DB-API's `Warning`. The driver never throws one, because notices are values, not errors. */
export class Warning extends Error {
  static {
    this.prototype.name = "Warning";
  }
}

/** The base class of all errors of the driver (DB-API's `Error`). */
export class PgError extends Error {
  /** The SQLSTATE, if there is one. */
  declare readonly code?: string;
  /** Whether the request had no effect and may succeed if it is made again. */
  readonly safeToRetry: boolean;
  /** The index of the failed statement of a batch, or of the set of parameters; from 0. */
  declare readonly index?: number;
  static {
    this.prototype.name = "PgError";
  }
  /** Makes an error. For the driver and its extensions. */
  constructor(message: string, options: PgErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    if (options.code !== undefined) this.code = options.code;
    this.safeToRetry = options.safeToRetry ?? false;
  }
}

/** Wrong use of the driver: a bad option, a closed connection, a parameter that cannot be encoded. */
export class InterfaceError extends PgError {
  static {
    this.prototype.name = "InterfaceError";
  }
}

/** `.one()` or `.scalar()` found no row. */
export class NoRowsError extends InterfaceError {
  static {
    this.prototype.name = "NoRowsError";
  }
}

/** `.one()`, `.optional()` or `.scalar()` found more than one row. */
export class TooManyRowsError extends InterfaceError {
  static {
    this.prototype.name = "TooManyRowsError";
  }
}

/** No connection of a pool became free within `acquireTimeout`, or too many callers wait for one. */
export class PoolTimeoutError extends InterfaceError {
  static {
    this.prototype.name = "PoolTimeoutError";
  }
}

/**
 * A deadlock of a pool: the caller waits for a connection while it holds one, and so do all holders of
 * the others. The message names where connections are held and where another one is requested.
 */
export class PoolDeadlockError extends PoolTimeoutError {
  static {
    this.prototype.name = "PoolDeadlockError";
  }
}

/** The properties of a {@linkcode DatabaseError} besides its message. */
export interface DatabaseErrorOptions extends PgErrorOptions {
  /** The fields that the server sent; absent in errors of the driver, such as a lost connection. */
  fields?: ServerFields | undefined;
}

/**
 * An error of the database: a report of the server, with the names of {@linkcode ServerReport}, or a
 * failure of the connection to it (then `fields` is empty).
 *
 * The subclass follows from the class of the SQLSTATE; see the manual's appendix "PostgreSQL Error
 * Codes".
 */
export class DatabaseError extends PgError {
  /** `ERROR`, `FATAL` or `PANIC`; never localised. */
  declare readonly severity?: string;
  /** Details about the problem. */
  declare readonly detail?: string;
  /** A suggestion what to do about the problem. */
  declare readonly hint?: string;
  /**
   * The position in the query text, in characters, from 1. It counts in your text, also in one with
   * `:name`s or a cursor's placeholders; in a template, in the text with `$1`, … for the values.
   */
  declare readonly position?: number;
  /** The position in `internalQuery`, in characters, from 1. */
  declare readonly internalPosition?: number;
  /** A failed query that the server had generated, such as one of a PL/pgSQL function. */
  declare readonly internalQuery?: string;
  /** The context of the error: a call stack of functions, one per line. */
  declare readonly where?: string;
  /** The schema of the object that the error is about. */
  declare readonly schema?: string;
  /** The table that the error is about. */
  declare readonly table?: string;
  /** The column that the error is about. */
  declare readonly column?: string;
  /** The data type that the error is about. */
  declare readonly dataType?: string;
  /** The constraint that was violated; an index counts as a constraint. */
  declare readonly constraint?: string;
  /** The source file of the server that reported the error. */
  declare readonly file?: string;
  /** The line in `file`. */
  declare readonly line?: number;
  /** The function of the server that reported the error. */
  declare readonly routine?: string;
  /** The server's fields by the letters of the protocol; empty in errors of the driver. */
  readonly fields: ServerFields;
  static {
    this.prototype.name = "DatabaseError";
  }
  /** Makes an error. For the driver and its extensions. */
  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, options);
    // JavaScriptCore gives an error the line and the column at which it was made.
    delete (this as { line?: number }).line;
    delete (this as { column?: string }).column;
    this.fields = options.fields ?? {};
    if (options.fields === undefined) return;
    for (const [name, value] of Object.entries(serverReport(options.fields))) {
      if (value === undefined || name === "fields" || name === "message" || name === "code") {
        continue;
      }
      Object.defineProperty(this, name, { value, enumerable: true, configurable: true });
    }
  }
  /** PostgreSQL's name of the SQLSTATE (`"unique_violation"`), or `undefined` for an unlisted one. */
  get condition(): ConditionName | undefined {
    return this.code === undefined ? undefined : conditionOf(this.code);
  }
}

/** Class 22: a value that the database cannot process. */
export class DataError extends DatabaseError {
  static {
    this.prototype.name = "DataError";
  }
}

/** Classes 08, 28, 53, 55, 57, 58, a failed connect, a lost connection, a timeout. */
export class OperationalError extends DatabaseError {
  static {
    this.prototype.name = "OperationalError";
  }
}

/** The server violated the protocol (SQLSTATE 08P01). The connection is closed. */
export class ProtocolError extends OperationalError {
  static {
    this.prototype.name = "ProtocolError";
  }
  /** Makes an error. For the driver and its extensions. */
  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, { code: "08P01", ...options });
  }
}

/** Class 23: a constraint was violated. */
export class IntegrityError extends DatabaseError {
  static {
    this.prototype.name = "IntegrityError";
  }
}

/** Classes XX, 24, 25, 40 …: the state of the database or the transaction. */
export class InternalError extends DatabaseError {
  static {
    this.prototype.name = "InternalError";
  }
}

/** Classes 42, 3D, 3F, 26 …: the SQL, or the objects that it names. */
export class ProgrammingError extends DatabaseError {
  static {
    this.prototype.name = "ProgrammingError";
  }
}

/**
 * A prepared statement is no longer on the server, or a table of its query has changed (SQLSTATE 26000,
 * 42P05 or 0A000), and the transaction has failed for that reason. Run the transaction again: it will
 * succeed. Outside of a transaction the driver prepares the statement again by itself.
 */
export class StaleStatementError extends ProgrammingError {
  static {
    this.prototype.name = "StaleStatementError";
  }
  /** For the driver: `cause` is the server's error, `remark` the end of the message. */
  constructor(cause: DatabaseError, remark = "") {
    super(`${cause.message}; the transaction must be run again${remark}`, {
      ...{ cause, code: cause.code, fields: cause.fields, safeToRetry: true },
    });
  }
}

/** Class 0A, or a feature that this runtime does not have; the message names both. */
export class NotSupportedError extends DatabaseError {
  static {
    this.prototype.name = "NotSupportedError";
  }
  /** Makes an error. For the driver and its extensions. */
  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, { code: "0A000", ...options });
  }
}

const BY_CLASS: Readonly<Record<string, typeof DatabaseError>> = {
  "08": OperationalError,
  "0A": NotSupportedError,
  "20": ProgrammingError,
  "21": ProgrammingError,
  "22": DataError,
  "23": IntegrityError,
  "24": InternalError,
  "25": InternalError,
  "26": ProgrammingError,
  "27": OperationalError,
  "28": OperationalError,
  "2B": InternalError,
  "2D": InternalError,
  "2F": InternalError,
  "34": ProgrammingError,
  "38": InternalError,
  "39": InternalError,
  "3B": InternalError,
  "3D": ProgrammingError,
  "3F": ProgrammingError,
  "40": InternalError,
  "42": ProgrammingError,
  "44": IntegrityError,
  "53": OperationalError,
  "54": OperationalError,
  "55": OperationalError,
  "57": OperationalError,
  "58": OperationalError,
  "F0": OperationalError,
  "HV": OperationalError,
  "XX": InternalError,
};

/** Corrects {@linkcode PgError.safeToRetry} where the SQLSTATE does not decide it. */
export function setSafeToRetry(error: PgError, isSafe: boolean): void {
  (error as { safeToRetry: boolean }).safeToRetry = isSafe;
}

/**
 * SQLSTATEs after which the same request may be made again. 57P05, idle_session_timeout, comes only
 * while the server waits for a request, so that none has run.
 */
const RETRYABLE: ReadonlySet<string> = new Set(["40001", "40P01", "57P03", "53300", "57P05"]);

/**
 * Returns the error for an ErrorResponse, of the class that its SQLSTATE determines, with all fields.
 * The message of a pooler is followed by a sentence that explains it.
 */
export function databaseError(fields: ServerFields, cause?: unknown): DatabaseError {
  const code = fields.C ?? "";
  const Class = BY_CLASS[code.slice(0, 2)] ?? DatabaseError;
  const options: DatabaseErrorOptions = { fields, code, safeToRetry: RETRYABLE.has(code) };
  if (cause !== undefined) options.cause = cause;
  const remark = poolerRemark(fields);
  const message = fields.M ?? "the server reported an error without a message";
  return new Class(remark === undefined ? message : `${message}; ${remark}`, options);
}
