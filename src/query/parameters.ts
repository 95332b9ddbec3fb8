/**
 * Writes the parameters of a Bind. The server's description of a parameter decides how a value is
 * encoded, not the JavaScript type of the value. A string is sent unchanged as the text of any type,
 * unless a codec of the user encodes strings.
 */
import { Writer } from "../bytes/writer.ts";
import { DatabaseError, DataError, InterfaceError, ProtocolError } from "../errors/errors.ts";
import { MAX_PARAMETERS } from "../protocol/frontend.ts";
import type { Codec } from "../types/codec.ts";

const NULL = -1;

/**
 * Checks parameters before anything is written.
 *
 * @throws {InterfaceError} there are too many parameters, or one is `undefined`.
 */
export function checkParameters(values: readonly unknown[]): void {
  if (values.length > MAX_PARAMETERS) {
    throw new InterfaceError(
      `${values.length} parameters: a statement can have at most ${MAX_PARAMETERS}`,
    );
  }
  for (let i = 0; i < values.length; i++) {
    if (values[i] === undefined) {
      throw new InterfaceError(`parameter $${i + 1} is undefined; use null for NULL`);
    }
  }
}

/**
 * Reports whether every value has a text that means the same for every type, so that it can be sent
 * before the types are known. Arrays, objects and integers that are not exact have no such text.
 */
export function arePlain(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value !== null && !isPrimitive(value)) return false;
  }
  return true;
}

/**
 * Reports whether every value is NULL or, unless a codec encodes strings, a string: those are sent as
 * they are for every type.
 */
export function areTexts(values: readonly unknown[], encodesStrings: boolean): boolean {
  return values.every((value) => value === null || typeof value === "string" && !encodesStrings);
}

/** Appends formats, count and values, all as text, because the types are not known yet. */
export function writePlain(out: Writer, values: readonly unknown[]): void {
  out.int16(0);
  out.int16(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null) out.int32(NULL);
    else writeString(out, primitiveText(value)!, i);
  }
}

/**
 * Appends formats, count and values, encoded for the described types.
 *
 * @throws {InterfaceError} a type cannot take its value; the message has the position.
 */
export function writeParameters(
  out: Writer,
  values: readonly unknown[],
  types: readonly ParameterType[],
): void {
  const count = types.length;
  if (values.length !== count) throw wrongCount(values.length, count);
  out.int16(count);
  let format = out.length;
  out.reserve(2 * count + 2);
  out.length += 2 * count;
  out.int16(count);
  for (let i = 0; i < count; i++, format += 2) {
    const value = values[i];
    if (value === null) {
      out.view.setInt16(format, 0);
      out.int32(NULL);
    } else if (typeof value === "string" && !types[i]!.encodesStrings) {
      out.view.setInt16(format, 0);
      writeString(out, value, i, types[i]);
    } else {
      const binary = writeValue(out, value, types[i]!, i);
      out.view.setInt16(format, binary ? 1 : 0);
    }
  }
}

/**
 * Returns the error that the codecs have for values which the server has refused as text, or `error`
 * itself if it is about something else. The server does not say which parameter it was, and the error of
 * the first run must be that of the next.
 */
export function explainedBy(
  error: unknown,
  values: readonly unknown[],
  types: readonly ParameterType[],
): unknown {
  const isTheirs = error instanceof DatabaseError && !(error instanceof ProtocolError);
  const isOfValues = error instanceof DataError || isTheirs && error.code === "08P01";
  if (!isOfValues) return error;
  try {
    writeParameters(new Writer(), values, types);
  } catch (ours) {
    if (!(ours instanceof InterfaceError)) return error;
    ours.cause = error;
    return ours;
  }
  return error;
}

/** The type of a parameter, as the server describes it. */
export interface ParameterType {
  readonly oid: number;
  /** `undefined` if the type is unknown. */
  readonly codec: Codec | undefined;
  /** Whether the codec encodes strings. */
  readonly encodesStrings: boolean;
}

function writeValue(out: Writer, value: unknown, type: ParameterType, i: number): boolean {
  const { codec } = type;
  if (codec === undefined || !accepts(codec, value, type, i)) {
    const text = primitiveText(value);
    if (text === undefined) throw refused(i, type, `it does not take ${kindOf(value)}`);
    writeString(out, text, i, type);
    return false;
  }
  try {
    if (codec.encodeBinary === undefined || codec.encodesBinary?.(value) === false) {
      writeText(out, codec.encodeText(value));
      return false;
    }
    const at = out.lengthHere();
    codec.encodeBinary(value, out);
    out.patchValueLength(at);
    return true;
  } catch (cause) {
    throw failed(i, type, cause);
  }
}

/** Asks the codec, which may be a user's and throw. */
function accepts(codec: Codec, value: unknown, type: ParameterType, i: number): boolean {
  try {
    return codec.accepts(value);
  } catch (cause) {
    throw failed(i, type, cause);
  }
}

/** Appends the text of the `i`th parameter. `type` is absent while it is unknown. */
export function writeString(out: Writer, text: string, i: number, type?: ParameterType): void {
  try {
    writeText(out, text);
  } catch (cause) {
    if (!(cause instanceof InterfaceError)) throw cause;
    if (type !== undefined) throw failed(i, type, cause);
    throw new InterfaceError(`parameter $${i + 1}: ${cause.message}`, { cause, code: cause.code });
  }
}

function writeText(out: Writer, text: string): void {
  const at = out.lengthHere();
  out.text(text);
  out.patchValueLength(at);
}

/** Reports whether a value is a primitive with a text that every type reads alike. */
function isPrimitive(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "bigint":
      return true;
    case "number":
      return !Number.isInteger(value) || Number.isSafeInteger(value);
    default:
      return false;
  }
}

/** Returns the text of such a primitive, or `undefined` for another value. */
function primitiveText(value: unknown): string | undefined {
  if (!isPrimitive(value)) return undefined;
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Returns the error for fewer or more values than the statement has parameters. */
function wrongCount(given: number, wanted: number): InterfaceError {
  return new InterfaceError(`${given} parameters given, the statement takes ${wanted}`, {
    code: "08P01",
  });
}

function failed(i: number, type: ParameterType, cause: unknown): InterfaceError {
  return refused(i, type, cause instanceof Error ? cause.message : String(cause), cause);
}

function refused(i: number, type: ParameterType, reason: string, cause?: unknown): InterfaceError {
  const name = type.codec?.name ?? `type ${type.oid}`;
  const message = `parameter $${i + 1} (${name}): ${reason}`;
  if (cause === undefined) return new InterfaceError(message);
  return new InterfaceError(message, {
    cause,
    code: cause instanceof InterfaceError ? cause.code : undefined,
  });
}

/** Describes a value without showing it. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) {
    const name = value.constructor?.name ?? "";
    return name === "" || name === "Object" ? "a plain object" : `an object of class ${name}`;
  }
  if (typeof value === "number") return "a number that is no exact integer";
  return `a ${typeof value}`;
}
