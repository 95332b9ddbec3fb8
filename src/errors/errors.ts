import { poolerRemark } from "./pooler.ts";
import { type ConditionName, CONDITIONS } from "./sqlstate.ts";

/**
 * The letters of an ErrorResponse or NoticeResponse and their values, exactly as the server sent
 * them. Source: manual, "Error and Notice Message Fields".
 */
export type ServerFields = Readonly<Record<string, string>>;

/** What a server says in an ErrorResponse or a NoticeResponse, by readable names. */
export interface ServerReport {
  /** `ERROR`, `FATAL`, `PANIC`, `WARNING`, `NOTICE`, `DEBUG`, `INFO` or `LOG`, never localised. */
  readonly severity: string;
  /** SQLSTATE, five characters. */
  readonly code?: string;
  /** What happened, one line. */
  readonly message: string;
  /** More of it. */
  readonly detail?: string;
  /** What to do about it. */
  readonly hint?: string;
  /**
   * Where in the query text, in characters, from 1. In a text with `:name`s, or with a cursor's
   * placeholders, it counts in your text; in a template, in the text with `$1`, … for its values.
   */
  readonly position?: number;
  /** Where in `internalQuery`, in characters, from 1. */
  readonly internalPosition?: number;
  /** A query that the server ran by itself and that failed. */
  readonly internalQuery?: string;
  /** The context: a call stack of functions, one a line. */
  readonly where?: string;
  /** Schema of the object at fault. */
  readonly schema?: string;
  /** Table at fault. */
  readonly table?: string;
  /** Column at fault. */
  readonly column?: string;
  /** Data type at fault. */
  readonly dataType?: string;
  /** Constraint that was violated; an index counts as one. */
  readonly constraint?: string;
  /** Source file of the server that reported it. */
  readonly file?: string;
  /** Line in `file`. */
  readonly line?: number;
  /** Function of the server that reported it. */
  readonly routine?: string;
  /** All of it, by the protocol's letters (S V C M D H P p q W s t c d n F L R). */
  readonly fields: ServerFields;
}

/** Reads a server's fields into their readable names; absent fields stay `undefined`. */
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

/** What an error can be told besides its message. */
export interface PgErrorOptions {
  /** What led to it. */
  cause?: unknown | undefined;
  /** SQLSTATE; the driver's own errors carry one where PostgreSQL has a fitting one. */
  code?: string | undefined;
  /** Nothing of the request had any effect, and the same request may succeed when made again. */
  safeToRetry?: boolean | undefined;
}

/** DB-API's `Warning`. The driver itself throws none: notices are values, not errors. */
export class Warning extends Error {
  static {
    this.prototype.name = "Warning";
  }
}

/** The base of everything this driver throws (DB-API's `Error`). */
export class PgError extends Error {
  /** SQLSTATE, where there is one. */
  declare readonly code?: string;
  /** Nothing of the request had any effect, and the same request may succeed when made again. */
  readonly safeToRetry: boolean;
  /** Which statement of a batch, or which set of parameters, it was; from 0. */
  declare readonly index?: number;
  static {
    this.prototype.name = "PgError";
  }
  /** For the driver and for those who extend it. */
  constructor(message: string, options: PgErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    if (options.code !== undefined) this.code = options.code;
    this.safeToRetry = options.safeToRetry ?? false;
  }
}

/** The driver or its use: a bad option, a closed connection, a parameter that cannot be encoded. */
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

/** No connection of a pool came free within `acquireTimeout`, or too many wait for one already. */
export class PoolTimeoutError extends InterfaceError {
  static {
    this.prototype.name = "PoolTimeoutError";
  }
}

/**
 * Who waits for a connection of a pool holds one himself, and so do all who could give one back: it
 * would never come. The message names where the connection was taken and where another is waited for.
 */
export class PoolDeadlockError extends PoolTimeoutError {
  static {
    this.prototype.name = "PoolDeadlockError";
  }
}

/** What a {@linkcode DatabaseError} can be told besides its message. */
export interface DatabaseErrorOptions extends PgErrorOptions {
  /** The server's own words; absent where the driver speaks for the database (a lost connection). */
  fields?: ServerFields | undefined;
}

/**
 * The database: what the server reported, by the readable names of {@linkcode ServerReport}, or what
 * became of the connection to it (then `fields` is empty).
 *
 * Its subclass follows from the SQLSTATE's class; see the manual's appendix "PostgreSQL Error Codes".
 */
export class DatabaseError extends PgError {
  /** `ERROR`, `FATAL` or `PANIC`, never localised. */
  declare readonly severity?: string;
  /** More of it. */
  declare readonly detail?: string;
  /** What to do about it. */
  declare readonly hint?: string;
  /**
   * Where in the query text, in characters, from 1. In a text with `:name`s, or with a cursor's
   * placeholders, it counts in your text; in a template, in the text with `$1`, … for its values.
   */
  declare readonly position?: number;
  /** Where in `internalQuery`, in characters, from 1. */
  declare readonly internalPosition?: number;
  /** A query that the server ran by itself and that failed. */
  declare readonly internalQuery?: string;
  /** The context: a call stack of functions, one a line. */
  declare readonly where?: string;
  /** Schema of the object at fault. */
  declare readonly schema?: string;
  /** Table at fault. */
  declare readonly table?: string;
  /** Column at fault. */
  declare readonly column?: string;
  /** Data type at fault. */
  declare readonly dataType?: string;
  /** Constraint that was violated; an index counts as one. */
  declare readonly constraint?: string;
  /** Source file of the server that reported it. */
  declare readonly file?: string;
  /** Line in `file`. */
  declare readonly line?: number;
  /** Function of the server that reported it. */
  declare readonly routine?: string;
  /** The server's fields by the protocol's letters; empty when the server said nothing. */
  readonly fields: ServerFields;
  static {
    this.prototype.name = "DatabaseError";
  }
  /** For the driver and for those who extend it. */
  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, options);
    this.fields = options.fields ?? {};
    if (options.fields === undefined) return;
    for (const [name, value] of Object.entries(serverReport(options.fields))) {
      if (value === undefined || name === "fields" || name === "message" || name === "code") {
        continue;
      }
      Object.defineProperty(this, name, { value, enumerable: true, configurable: true });
    }
  }
  /** PostgreSQL's name for the SQLSTATE (`"unique_violation"`), or `undefined` for one it does not list. */
  get condition(): ConditionName | undefined {
    const code = this.code as keyof typeof CONDITIONS;
    return Object.hasOwn(CONDITIONS, code) ? CONDITIONS[code] : undefined;
  }
}

/** Class 22: a value the database could not process. */
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

/** The peer broke the protocol (SQLSTATE 08P01); the connection is closed, nothing is guessed. */
export class ProtocolError extends OperationalError {
  static {
    this.prototype.name = "ProtocolError";
  }
  /** For the driver and for those who extend it. */
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

/** Classes XX, 24, 25, 40 …: the database's own state. */
export class InternalError extends DatabaseError {
  static {
    this.prototype.name = "InternalError";
  }
}

/** Classes 42, 3D, 3F, 26 …: the SQL or what it names. */
export class ProgrammingError extends DatabaseError {
  static {
    this.prototype.name = "ProgrammingError";
  }
}

/**
 * A prepared statement was not on the server any more, or what it selects from has changed (SQLSTATE
 * 26000, 42P05 or 0A000), and the transaction it was in has failed over it. Outside of a transaction
 * the driver prepares it anew by itself; here the transaction must be run again, and will succeed.
 */
export class StaleStatementError extends ProgrammingError {
  static {
    this.prototype.name = "StaleStatementError";
  }
  /** For the driver: `cause` is what the server said; `remark` says more. */
  constructor(cause: DatabaseError, remark = "") {
    super(`${cause.message}; the transaction must be run again${remark}`, {
      ...{ cause, code: cause.code, fields: cause.fields, safeToRetry: true },
    });
  }
}

/** Class 0A, and what this runtime cannot do: the message names both. */
export class NotSupportedError extends DatabaseError {
  static {
    this.prototype.name = "NotSupportedError";
  }
  /** For the driver and for those who extend it. */
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

/** Corrects {@linkcode PgError.safeToRetry} where more is known than the SQLSTATE says. */
export function setSafeToRetry(error: PgError, isSafe: boolean): void {
  (error as { safeToRetry: boolean }).safeToRetry = isSafe;
}

/**
 * SQLSTATEs after which the same request may be made again. 57P05, idle_session_timeout, comes only
 * while the server waits for a request, so that none has run.
 */
const RETRYABLE: ReadonlySet<string> = new Set(["40001", "40P01", "57P03", "53300", "57P05"]);

/**
 * The error for an ErrorResponse: the class that its SQLSTATE asks for, with all its fields. What a
 * pooler has said is followed by a sentence on what it means.
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
