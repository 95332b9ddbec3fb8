/** The driver's errors as those of postgres.js. */
import { DatabaseError, DataError, InterfaceError, PgError } from "../../errors/errors.ts";
import { readError } from "../system_errors.ts";
import type { Statement } from "./client.ts";
import { connectionError, namedFields, type Place, PostgresError } from "./postgres_error.ts";
import type { Runnable } from "./runnable.ts";

/**
 * Returns the error of a query. A backend that is ended while it runs a query gives
 * CONNECTION_CLOSED, as in postgres.js; the server's report is the cause.
 */
export function queryFailure(error: unknown, place: Place): unknown {
  if (!(error instanceof PgError)) return error;
  if (error instanceof DatabaseError && Object.keys(error.fields).length > 0) {
    const report = new PostgresError(namedFields(error.fields));
    return isFatal(error) ? connectionError("CONNECTION_CLOSED", place, report) : report;
  }
  if (error.code === "57014") return cancellation(error);
  if (isLoss(error)) return readError(error) ?? connectionError("CONNECTION_CLOSED", place, error);
  const { cause } = error;
  const isOfProgram = error instanceof InterfaceError || error instanceof DataError;
  return isOfProgram && cause !== undefined && !(cause instanceof PgError) ? cause : error;
}

/**
 * Returns the error of an attempt to connect: the server's report, the system's error, or
 * CONNECTION_CLOSED where the server has ended the connection.
 */
export function connectFailure(error: unknown, place: Place): unknown {
  if (!(error instanceof PgError)) return error;
  if (error instanceof DatabaseError && Object.keys(error.fields).length > 0) {
    return new PostgresError(namedFields(error.fields));
  }
  const isClosed = isLoss(error);
  return systemError(error, place) ??
    (isClosed ? connectionError("CONNECTION_CLOSED", place, error) : error);
}

/** Sets the query's facts and the caller's stack on an error, once. */
export function explain(
  error: unknown,
  { origin, args, sent }: Pick<Runnable, "origin" | "args" | "sent">,
  statement: Statement | undefined,
  debug: boolean,
): unknown {
  if (typeof error !== "object" || error === null) error = new Error(String(error));
  const failure = error as Error;
  if ("query" in failure || "parameters" in failure || !Object.isExtensible(failure)) return error;
  const facts: Record<string, unknown> = {
    stack: `${failure.name}: ${failure.message}\n${
      [...frames(failure), ...frames(origin).slice(0, debug ? undefined : 1)].join("\n")
    }`,
    query: statement?.text,
    parameters: sent?.parameters ?? statement?.values,
    args: [...args],
    types: statement === undefined ? null : statement.types ?? statement.values.map(() => 0),
  };
  for (const [name, value] of Object.entries(facts)) {
    Object.defineProperty(failure, name, { value, enumerable: debug, configurable: true });
  }
  return error;
}

/** Returns the frames of a stack, without those of this library. */
function frames(error: Error | undefined): string[] {
  return (error?.stack ?? "").split("\n")
    .filter((line) => /^\s+at |@/.test(line) && !/[/\\]compat[/\\]postgres[/\\]/.test(line));
}

function isFatal({ severity }: DatabaseError): boolean {
  return severity === "FATAL" || severity === "PANIC";
}

function isLoss({ code, message }: PgError): boolean {
  return message === "connection is closed" || code?.startsWith("08") === true ||
    code?.startsWith("57P") === true;
}

function cancellation({ message, cause }: PgError): PostgresError {
  const report = new PostgresError({
    severity_local: "ERROR",
    severity: "ERROR",
    code: "57014",
    message: "canceling statement due to user request",
  });
  Object.defineProperty(report, "cause", { value: cause ?? message, configurable: true });
  return report;
}

/** Returns the system's error behind a failed attempt, with the properties that Node gives it. */
function systemError(error: unknown, { host, port, path }: Place): Error | undefined {
  for (const found of causes(error)) {
    const { code } = found as { code?: unknown };
    if (typeof code !== "string" || !/^E[A-Z]+$|^(CERT|DEPTH|ERR|SELF|UNABLE)_/.test(code)) {
      continue;
    }
    if ("syscall" in found && "errno" in found) return found;
    const where = path || `${host}:${port}`;
    const named = new Error(`connect ${code} ${where}`, { cause: found });
    const place = path ? { address: path } : { address: host, port };
    const errno = (found as { errno?: unknown }).errno ?? code;
    return Object.assign(named, { errno, code, syscall: "connect", ...place });
  }
  return undefined;
}

/** Lists an error and its causes; of several attempts, all. */
function causes(error: unknown, depth: number = 0): Error[] {
  if (!(error instanceof Error) || depth > 8) return [];
  const inner = error instanceof AggregateError ? error.errors as unknown[] : [];
  return [error, ...[...inner, error.cause].flatMap((cause) => causes(cause, depth + 1))];
}
