/** The driver's errors as `pg` has them: of the server, of the socket, of a parser. */
import {
  DatabaseError as CoreError,
  DataError,
  PgError,
  ProtocolError,
  type ServerFields,
} from "../../errors/errors.ts";
import { codeOf, NUMBERS, type SystemError } from "../system_errors.ts";
import { type DatabaseError, databaseErrorOf } from "./database_error.ts";

/** Returns the error that a query fails with. */
export function queryError(error: unknown): unknown {
  const report = reportOf(error);
  if (report !== undefined) return report;
  // A parser of the caller's has thrown it.
  if (error instanceof DataError && error.cause !== undefined) return error.cause;
  return error;
}

/** Returns the server's error if `error` is or is caused by one. */
export function reportOf(error: unknown): DatabaseError | undefined {
  if (error instanceof CoreError && "C" in error.fields) {
    return databaseErrorOf(renamed(error.fields), error);
  }
  return undefined;
}

/** The driver's name of a statement, where `pg` has none. */
const STATEMENT = /"cornac_[0-9a-f]+_\d+"/g;

/** Returns the fields as of a statement without a name. */
function renamed(fields: ServerFields): ServerFields {
  const { M = "" } = fields;
  return M.includes('"cornac_') ? { ...fields, M: M.replace(STATEMENT, '""') } : fields;
}

/** Returns the error that connecting fails with: the server's, or the system's as Node has it. */
export function connectError(error: unknown): unknown {
  const report = reportOf(error);
  if (report !== undefined) return report;
  const system = systemErrorOf(error);
  if (system !== undefined) return system;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ProtocolError) {
    return new Error(`received invalid response: ${message}`, { cause: error });
  }
  if (message.includes("the server does not support TLS")) {
    return new Error("The server does not support SSL connections", { cause: error });
  }
  if (message.includes("the server answered SSLRequest with an error")) {
    return new Error("There was an error establishing an SSL connection", { cause: error });
  }
  if (error instanceof PgError && error.code === "08006") {
    return new Error("Connection terminated unexpectedly", { cause: error });
  }
  return error;
}

/** Returns the system's error behind an error of connecting. */
function systemErrorOf(error: unknown): Error | undefined {
  const message = error instanceof Error ? error.message : "";
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, syscall } = cause as Partial<SystemError>;
    if (cause instanceof PgError) continue;
    if (typeof syscall === "string" && typeof code === "string") return cause;
    const known = codeOf(cause);
    if (known !== undefined) return nodeError(known, message, cause);
    // TLS: Node's codes, such as SELF_SIGNED_CERT_IN_CHAIN.
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]+$/.test(code)) return cause;
  }
  return undefined;
}

/** Returns the error of node:net or node:dns for a failure that another runtime has reported. */
function nodeError(code: string, message: string, cause: Error): Error {
  const place = /connect to (?:the Unix socket )?(\S+?)(?: \((\S+)\))?(?: port (\d+))?:/.exec(
    message,
  );
  const [, host = "", address = host, port] = place ?? [];
  const errno = NUMBERS[code]!;
  if (code === "ENOTFOUND") {
    const error = new Error(`getaddrinfo ENOTFOUND ${host}`, { cause });
    return Object.assign(error, { errno, code, syscall: "getaddrinfo", hostname: host });
  }
  const where = port === undefined ? { address: host } : { address, port: Number(port) };
  const shown = port === undefined ? host : `${address}:${port}`;
  const error = new Error(`connect ${code} ${shown}`, { cause });
  return Object.assign(error, { errno, code, syscall: "connect", ...where });
}

/** Rejects with the error, which gets the stack of the caller instead of the socket's. */
export function relocated(error: unknown): never {
  if (error instanceof Error) captureStack?.(error);
  throw error;
}

/** V8 and JavaScriptCore have it; ECMAScript has not. */
const captureStack = (Error as { captureStackTrace?: (error: Error) => void }).captureStackTrace;
