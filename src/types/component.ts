import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { DataError, InterfaceError, ProtocolError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";

/** A codec, or another frozen object, under construction. */
export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The name and OIDs of a container type that the catalogue describes. */
export interface TypeName {
  /** `pg_type.typname`. */
  readonly name: string;
  /** The type's OID. */
  readonly oid: number;
  /** The OID of the array of this type; 0 when there is none. */
  readonly arrayOid: number;
}

/**
 * Returns the error for text or bytes that are not a value of the type `what`. The message does not
 * quote the value, which may be a secret.
 */
export function malformed(what: string, why?: string, cause?: unknown): DataError {
  const message = `malformed ${what}${why === undefined ? "" : `: ${why}`}`;
  return new DataError(message, cause === undefined ? { code: "22P02" } : { code: "22P02", cause });
}

/** Refuses a binary value of a fixed-size type that has another size. */
export function expectLength(length: number, size: number, what: string): void {
  if (length !== size) {
    throw new ProtocolError(`malformed ${what}: ${length} bytes instead of ${size}`);
  }
}

/**
 * Reads one component of a container (an array's element, a range's bound, a composite's
 * attribute): its length, then its value; length -1 is NULL.
 *
 * `end` is the container's end. `reader.end` is left at the component's end; the container restores
 * it after its last component.
 */
export function readComponent(codec: Codec, reader: Reader, end: number): unknown {
  reader.end = end;
  const length = reader.int32();
  if (length === -1) return null;
  const start = reader.take(length);
  reader.position = start;
  reader.end = start + length;
  const value = codec.decodeBinary!(reader, length);
  if (reader.position !== start + length) reader.finish();
  return value;
}

/**
 * Returns the text of a number, bigint or boolean as the server reads it in any type; `undefined` for
 * other values. Negative zero keeps its sign.
 */
export function primitiveText(value: unknown): string | undefined {
  switch (typeof value) {
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
    case "boolean":
      return String(value);
    default:
      return undefined;
  }
}

/**
 * Returns the text of a component, by the rule for parameters: the codec writes the values that it
 * accepts, strings only if it has `encodesStrings`; any other primitive is sent as its text. `null` is
 * NULL.
 *
 * @throws {InterfaceError} the value is `undefined`, or the type cannot hold it.
 */
export function componentText(codec: Codec, value: unknown): string | null {
  if (value === null) return null;
  if (typeof value === "string" && codec.encodesStrings !== true) return value;
  if (value !== undefined && codec.accepts(value)) return codec.encodeText(value);
  const text = typeof value === "string" ? value : primitiveText(value);
  if (text === undefined) throw unacceptable(codec, value);
  return text;
}

/** Reports whether {@linkcode writeComponent} can write a value: not a text that only the server can read. */
export function isBinaryComponent(codec: Codec, value: unknown): boolean {
  if (value === null) return true;
  if (value === undefined) throw unacceptable(codec, value);
  if (codec.accepts(value)) return codec.encodesBinary?.(value) ?? true;
  if (typeof value === "object" || typeof value === "function" || typeof value === "symbol") {
    throw unacceptable(codec, value);
  }
  return takesText(codec);
}

/** Reports whether the binary form of each value is its text. */
function takesText(codec: Codec): boolean {
  return codec.encodesStrings !== true && codec.accepts("");
}

/** Appends a component's length and binary form; the inverse of {@linkcode readComponent}. */
export function writeComponent(codec: Codec, value: unknown, out: Writer): void {
  if (value === null) return out.int32(-1);
  const at = out.lengthHere();
  if (value !== undefined && codec.accepts(value)) codec.encodeBinary!(value, out);
  else codec.encodeBinary!(plainText(codec, value), out);
  out.patchValueLength(at);
}

function plainText(codec: Codec, value: unknown): string {
  const text = takesText(codec) ? primitiveText(value) : undefined;
  if (text === undefined) throw unacceptable(codec, value);
  return text;
}

function unacceptable(codec: Codec, value: unknown): InterfaceError {
  const what = value === undefined ? "undefined; write null for NULL" : "this value";
  return new InterfaceError(`${codec.name} cannot hold ${what}`);
}
