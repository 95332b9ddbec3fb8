/** The errors of postgres.js: their names, codes and properties. */
import type { ServerFields } from "../../errors/errors.ts";

/** The properties of a report of the server, by the letters of the protocol. */
const NAMES: Readonly<Record<string, string>> = {
  S: "severity_local",
  V: "severity",
  C: "code",
  M: "message",
  D: "detail",
  H: "hint",
  P: "position",
  p: "internal_position",
  q: "internal_query",
  W: "where",
  s: "schema_name",
  t: "table_name",
  c: "column_name",
  d: "data type_name",
  n: "constraint_name",
  F: "file",
  L: "line",
  R: "routine",
};

/** A report of the server with the names of postgres.js. All values are strings. */
export type Notice = Record<string, string>;

/** Returns the fields of a report by the names of postgres.js. */
export function namedFields(fields: ServerFields): Notice {
  const named: Notice = {};
  for (const [letter, value] of Object.entries(fields)) {
    const name = NAMES[letter];
    if (name !== undefined) named[name] = value;
  }
  return named;
}

/**
 * An error of the server. All properties are strings, and only those that the server has sent exist.
 *
 * `query`, `parameters`, `args` and `types` are the statement's. They are enumerable only with the
 * option `debug`, so that logs do not show values.
 */
export class PostgresError extends Error {
  /** `ERROR`, `FATAL` or `PANIC`. */
  declare readonly severity: string;
  /** The severity in the server's language. */
  declare readonly severity_local: string;
  /** The SQLSTATE. */
  declare readonly code: string;
  /** Details about the problem. */
  declare readonly detail?: string;
  /** A suggestion what to do. */
  declare readonly hint?: string;
  /** The position in the query, in characters from 1. */
  declare readonly position?: string;
  /** The position in `internal_query`. */
  declare readonly internal_position?: string;
  /** A failed query that the server had generated. */
  declare readonly internal_query?: string;
  /** The context of the error. */
  declare readonly where?: string;
  /** The schema that the error is about. */
  declare readonly schema_name?: string;
  /** The table that the error is about. */
  declare readonly table_name?: string;
  /** The column that the error is about. */
  declare readonly column_name?: string;
  /** The constraint that was violated. */
  declare readonly constraint_name?: string;
  /** The server's source file. */
  declare readonly file?: string;
  /** The line in `file`. */
  declare readonly line?: string;
  /** The server's function. */
  declare readonly routine?: string;
  /** The text of the query. */
  declare readonly query: string;
  /** The parameters as they were sent. */
  declare readonly parameters: unknown[];
  /** The values as they were given. */
  declare readonly args: unknown[];
  /** The OIDs of the parameters' types, as far as they were given. */
  declare readonly types: number[];

  /** Makes an error of a report with the names of postgres.js. */
  constructor(report: Readonly<Record<string, unknown>>) {
    super(String(report.message ?? ""));
    this.name = "PostgresError";
    for (const [name, value] of Object.entries(report)) {
      if (name !== "message") Object.defineProperty(this, name, { value, ...PLAIN });
    }
  }
}

const PLAIN = { writable: true, enumerable: true, configurable: true };

/** The codes of errors of connections. */
export type ConnectionErrorCode =
  | "CONNECT_TIMEOUT"
  | "CONNECTION_CLOSED"
  | "CONNECTION_ENDED"
  | "CONNECTION_DESTROYED";

/** A place that a connection goes to. */
export interface Place {
  readonly host: string | readonly string[];
  readonly port: number | readonly number[];
  /** The path of a Unix socket, which replaces host and port. */
  readonly path?: string | false;
}

/** Returns the error of a connection. `cause` is the driver's own error. */
export function connectionError(
  code: ConnectionErrorCode,
  { host, port, path }: Place,
  cause?: unknown,
): Error {
  const where = path || `${host}:${port}`;
  const error = new Error(`write ${code} ${where}`, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code, errno: code, address: path || host, ...!path && { port } });
}

/** Returns an error of the library itself. */
export function genericError(code: string, message: string, cause?: unknown): Error {
  const error = new Error(`${code}: ${message}`, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code });
}

/** Returns the error of a query that was cancelled before it was sent. */
export function cancelledError(): Error {
  return Object.assign(new Error("57014: canceling statement due to user request"), {
    code: "57014",
  });
}
