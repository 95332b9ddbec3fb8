import { InterfaceError } from "../errors/errors.ts";
import { checkWellFormed } from "../bytes/well_formed.ts";

/**
 * Returns the parts of a name in double quotes, separated by dots: `"public"."users"`.
 *
 * @throws {InterfaceError} a part is empty, is not a string, or contains a zero byte.
 */
export function quoteIdentifier(...parts: readonly string[]): string {
  if (parts.length === 0) throw new InterfaceError("an identifier needs a name");
  return parts.map(quoted).join(".");
}

function quoted(part: string): string {
  if (typeof part !== "string" || part === "") {
    throw new InterfaceError("an identifier must be a string that is not empty");
  }
  if (part.includes("\0")) throw new InterfaceError("an identifier cannot contain a zero byte");
  checkWellFormed(part, "an identifier");
  return `"${part.replaceAll('"', '""')}"`;
}

/**
 * Returns a value as a literal of SQL, for statements that take no parameters. A negative number is
 * written in parentheses, because a minus sign before it would begin a comment.
 *
 * @throws {InterfaceError} the value has no literal, or a string contains a zero byte.
 */
export function quoteLiteral(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoteString(value);
    case "boolean":
      return value ? "true" : "false";
    case "bigint":
      return value < 0n ? `(${value})` : `${value}`;
    case "number":
      return quoteNumber(value);
  }
  if (value === null) return "null";
  if (value instanceof Date) return `${quoteString(timestamp(value))}::pg_catalog.timestamptz`;
  if (value instanceof Uint8Array) return `${quoteString(`\\x${hex(value)}`)}::pg_catalog.bytea`;
  throw new InterfaceError("sql.literal() takes strings, numbers, booleans, dates, bytes and null");
}

/** Quotes a string as libpq's PQescapeLiteral does: for both `standard_conforming_strings`. */
function quoteString(text: string): string {
  if (text.includes("\0")) throw new InterfaceError("a literal cannot contain a zero byte");
  checkWellFormed(text, "a literal");
  const doubled = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? ` E${doubled.replaceAll("\\", "\\\\")}` : doubled;
}

function quoteNumber(value: number): string {
  if (!Number.isFinite(value)) return `'${value}'::pg_catalog.float8`;
  return value < 0 || Object.is(value, -0) ? `(-${-value})` : `${value}`;
}

function timestamp(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new InterfaceError("an invalid Date has no literal");
  const iso = date.toISOString();
  if (iso[0] !== "-") return iso.replace("+", "");
  const year = 1 - date.getUTCFullYear();
  return `${String(year).padStart(4, "0")}${iso.slice(7)} BC`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
