/** The driver's errors in the terms of Prisma, which makes its codes (P2002 …) from them. */
import {
  DriverAdapterError,
  isDriverAdapterError,
  type MappedError,
} from "@prisma/driver-adapter-utils";
import { DatabaseError, PgError, PoolTimeoutError } from "../errors/errors.ts";

/** Throws an error as Prisma reads it. An error of no known kind is thrown as it is. */
export function rethrow(error: unknown): never {
  if (!(error instanceof PgError) || isDriverAdapterError(error)) throw error;
  const mapped = mappedError(error);
  if (mapped === undefined) throw error;
  throw new DriverAdapterError({
    ...mapped,
    originalCode: error.code,
    originalMessage: error.message,
  });
}

function mappedError(error: PgError): MappedError | undefined {
  if (error instanceof PoolTimeoutError) return { kind: "SocketTimeout" };
  if (error instanceof DatabaseError && "C" in error.fields) return ofServer(error);
  return ofConnection(error);
}

/** Returns the kind of an error that the driver has found about a connection. */
function ofConnection({ code = "", message }: PgError): MappedError | undefined {
  if (code === "28P01") return { kind: "AuthenticationFailed" };
  if (code === "57014" && message.includes("timed out after")) return { kind: "SocketTimeout" };
  // A call after the server has ended the session.
  if (code.startsWith("57P")) return { kind: "ConnectionClosed" };
  if (!code.startsWith("08")) return undefined;
  if (/\b(?:TLS|SSL|certificate)\b/.test(message)) {
    return { kind: "TlsConnectionError", reason: message };
  }
  if (code !== "08001") return { kind: "ConnectionClosed" };
  const place = /^cannot connect to (\S+) port (\d+)/.exec(message);
  if (place === null) return { kind: "DatabaseNotReachable" };
  return { kind: "DatabaseNotReachable", host: place[1]!, port: Number(place[2]) };
}

/** Returns the kind of an error that the server has reported. */
function ofServer(error: DatabaseError): MappedError {
  const { code = "", column } = error;
  const message = error.fields.M ?? error.message;
  switch (code) {
    case "22001":
      return { kind: "LengthMismatch", column };
    case "22003":
      return { kind: "ValueOutOfRange", cause: message };
    case "22P02":
      return { kind: "InvalidInputValue", message };
    case "23001":
      return { kind: "RestrictViolation", constraint: constraintOf(error) };
    case "23502":
      return { kind: "NullConstraintViolation", constraint: constraintOf(error) };
    case "23503":
      return { kind: "ForeignKeyConstraintViolation", constraint: indexOf(error) };
    case "23505":
      return uniqueViolation(error);
    case "28000":
      return { kind: "DatabaseAccessDenied", db: /database "([^"]*)"/.exec(message)?.[1] };
    case "28P01":
      return { kind: "AuthenticationFailed", user: firstName(message) };
    case "3D000":
      return { kind: "DatabaseDoesNotExist", db: firstName(message) };
    case "40001":
    case "40P01":
      return { kind: "TransactionWriteConflict" };
    case "42703":
      return { kind: "ColumnNotFound", column: columnIn(message) };
    case "42P01":
      return { kind: "TableDoesNotExist", table: firstName(message) };
    case "42P04":
      return { kind: "DatabaseAlreadyExists", db: firstName(message) };
    case "53300":
      return { kind: "TooManyConnections", cause: message };
    case "57P01":
    case "57P02":
      return { kind: "ConnectionClosed" };
    case "57P03":
      return { kind: "DatabaseNotReachable" };
  }
  const { severity = "ERROR", detail, hint } = error;
  return { kind: "postgres", code, severity, message, detail, column, hint };
}

type Constraint = { fields: string[] } | { index: string };

function uniqueViolation(error: DatabaseError): MappedError {
  const mapped = { kind: "UniqueConstraintViolation", constraint: constraintOf(error) } as const;
  return error.table === undefined ? mapped : { ...mapped, table: error.table };
}

/** Returns the columns that a constraint is about, or its name where the server names no columns. */
function constraintOf(error: DatabaseError): Constraint | undefined {
  const { column, detail } = error;
  if (column !== undefined) return { fields: [column] };
  // The detail is translated in servers with other messages: the columns stand before `)=(`.
  const end = detail?.indexOf(")=(") ?? -1;
  const start = end < 0 ? -1 : detail!.indexOf("(");
  if (start >= 0) return { fields: detail!.slice(start + 1, end).split(", ").map(unquoted) };
  return indexOf(error);
}

function indexOf({ constraint }: DatabaseError): Constraint | undefined {
  return constraint === undefined ? undefined : { index: constraint };
}

/** Returns the first name in double quotes of a message. */
function firstName(message: string): string | undefined {
  return /"([^"]*)"/.exec(message)?.[1];
}

function columnIn(message: string): string | undefined {
  const name = /^column (.+?) (?:of relation .+ )?does not exist$/.exec(message)?.[1];
  return name?.split(".").map(unquoted).join(".");
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
