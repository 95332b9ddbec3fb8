import { InterfaceError } from "../errors/errors.ts";
import { quoted } from "../types/array_text.ts";
import { dateTimeCodecs, plainValues } from "../types/datetime.ts";
import { OIDS } from "../types/oids.ts";
import { Range } from "../types/range.ts";
import { quotedBound } from "../types/range_text.ts";
import { byteaCodec } from "../types/scalars.ts";

/**
 * Returns a name as an identifier in SQL, always in double quotes.
 *
 * @throws {InterfaceError} the name is not a string, is empty, or contains a zero character.
 *
 * @example
 * ```ts
 * console.log(`create table ${identifier('my "table"')} (id int)`); // → create table "my ""table""" (id int)
 * ```
 */
export function identifier(name: string): string {
  if (typeof name !== "string") throw new InterfaceError("identifier must be a string");
  if (name === "") throw new InterfaceError("identifier must be > 0 characters in length");
  if (name.includes("\0")) throw new InterfaceError("identifier cannot contain the zero character");
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Returns a value as a literal in SQL. Prefer parameters wherever SQL takes them.
 *
 * Strings with a backslash become `E'…'`, so that they mean the same whatever
 * `standard_conforming_strings` is. Negative numbers and `E` begin with a space, so that they do
 * not join the text before them. Plain objects become JSON, dates a time in UTC, arrays `'{…}'`,
 * whose type depends on the context.
 *
 * @throws {InterfaceError} the value has no text (`undefined`, a function, a symbol, an invalid
 * date), or contains a zero character.
 *
 * @example
 * ```ts
 * console.log(literal("O'Reilly")); // → 'O''Reilly'
 * console.log(literal([1, null, "a b"])); // → '{1,NULL,"a b"}'
 * ```
 */
export function literal(value: unknown): string {
  switch (typeof value) {
    case "boolean":
      return value ? "TRUE" : "FALSE";
    case "number":
      if (!Number.isFinite(value)) return `'${value}'::pg_catalog.float8`;
      return signed(Object.is(value, -0) ? "-0.0" : String(value));
    case "bigint":
      return signed(String(value));
  }
  if (value === null) return "NULL";
  const text = textOf(value);
  return byteaCodec.accepts(value) ? `${quotedString(text)}::pg_catalog.bytea` : quotedString(text);
}

function signed(digits: string): string {
  return digits.startsWith("-") ? ` ${digits}` : digits;
}

function quotedString(text: string): string {
  if (text.includes("\0")) {
    throw new InterfaceError("literal: a string cannot contain a zero character");
  }
  const body = text.replaceAll("'", "''");
  return body.includes("\\") ? ` E'${body.replaceAll("\\", "\\\\")}'` : `'${body}'`;
}

/** Returns the text that PostgreSQL's input functions read. */
function textOf(value: unknown): string {
  if (typeof value === "boolean") return value ? "t" : "f";
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") {
    return Object.is(value, -0) ? "-0" : String(value);
  }
  if (typeof value !== "object" || value === null) {
    throw new InterfaceError(`literal: a ${typeof value} has no text`);
  }
  if (value instanceof Date) return timestamptzText(value);
  if (byteaCodec.accepts(value)) return byteaCodec.encodeText(value as Uint8Array);
  if (Array.isArray(value)) return `{${value.map(elementOf).join(",")}}`;
  if (value instanceof Range) return rangeText(value);
  return isPlain(value) ? jsonText(value) : ownText(value);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function jsonText(value: object): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new InterfaceError("literal: the object has no JSON", { cause });
  }
}

/** Returns the text of an object by its own `toString()`; that of `Object` tells nothing. */
function ownText(value: object): string {
  if (value.toString !== Object.prototype.toString) return String(value);
  throw new InterfaceError("literal: an object of its class has no text");
}

function elementOf(value: unknown): string {
  if (value === null) return "NULL";
  return Array.isArray(value) ? textOf(value) : quoted(textOf(value), ",");
}

function rangeText({ isEmpty, bounds, lower, upper }: Range): string {
  if (isEmpty) return "empty";
  const [low, high] = [lower, upper].map((bound) =>
    quotedBound(bound === null ? null : textOf(bound))
  );
  return `${bounds[0]}${low},${high}${bounds[1]}`;
}

function timestamptzText(value: Date): string {
  const codec = dateTimeCodecs(plainValues("date")).find(({ oid }) => oid === OIDS.timestamptz)!;
  return codec.encodeText(value);
}
