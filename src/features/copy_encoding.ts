/**
 * Encodes rows for COPY, in the binary format or as text. A string means the same as in a
 * parameter.
 */
import { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { writeBinaryHeader, writeBinaryTrailer } from "../protocol/copy_format.ts";
import type { RowColumn } from "../query/rows.ts";
import type { Item } from "../query/source.ts";
import type { Codec } from "../types/codec.ts";
import { componentText, isBinaryComponent, writeComponent } from "../types/component.ts";
import { COMMON_OIDS } from "../types/common_oids.ts";
import { textOnlyCodec } from "../types/scalars.ts";

/** A row to copy: values in the order of the columns, or by their names. */
export type CopyRow = readonly unknown[] | Readonly<Record<string, unknown>>;

/** One column to write. */
export interface Field {
  readonly name: string;
  readonly codec: Codec;
}

export function fieldOf({ name, typeOid, codec }: RowColumn): Field {
  return { name, codec: codec ?? textOnlyCodec(`type ${typeOid}`, typeOid) as Codec };
}

/** Writes rows in one of the two formats. */
export interface Encoder {
  readonly fields: readonly Field[];
  readonly format: "binary" | "text";
  begin(out: Writer): void;
  /** Writes the values of one row, in the order of the columns. */
  row(values: readonly unknown[], out: Writer): void;
  end(out: Writer): void;
}

export function encoderOf(
  fields: readonly Field[],
  first: Item<CopyRow>,
  format: "binary" | "text" | undefined,
): Encoder {
  const values = first.done ? [] : valuesOf(first.value!, fields, 1);
  const suits = fields.every(({ codec }, i) =>
    codec.encodeBinary !== undefined && suitsBinary(codec, values[i] ?? null)
  );
  return (format ?? (suits ? "binary" : "text")) === "binary"
    ? new BinaryRows(fields)
    : new TextRows(fields);
}

/**
 * Returns the values in the order of the fields. A missing one is `undefined`, which no field
 * takes.
 */
export function valuesOf(
  row: CopyRow,
  fields: readonly Field[],
  number: number,
): readonly unknown[] {
  if (typeof row !== "object" || row === null) {
    throw new InterfaceError(`row ${number} is neither an array nor an object`);
  }
  if (!Array.isArray(row)) {
    return fields.map(({ name }) => (row as Readonly<Record<string, unknown>>)[name]);
  }
  if (row.length === fields.length) return row;
  throw new InterfaceError(`row ${number} has ${row.length} values for ${fields.length} columns`);
}

/** Refuses a value for a field. `Chunks` adds the number of the row. */
export class Refusal extends Error {
  readonly field: Field;
  readonly reason: string;

  constructor(field: Field, reason: string, cause?: unknown) {
    super(reason, { cause });
    this.field = field;
    this.reason = reason;
  }
}

function refused(field: Field, cause: unknown): Refusal {
  return new Refusal(field, cause instanceof Error ? cause.message : String(cause), cause);
}

class BinaryRows implements Encoder {
  readonly format = "binary";
  readonly begin = writeBinaryHeader;
  readonly end = writeBinaryTrailer;
  readonly fields: readonly Field[];

  constructor(fields: readonly Field[]) {
    this.fields = fields;
  }

  row(values: readonly unknown[], out: Writer): void {
    const { fields } = this;
    out.int16(values.length);
    let i = 0;
    try {
      for (; i < values.length; i++) {
        const value = values[i];
        if (value === null) out.int32(-1);
        else writeBinary(fields[i]!, value, out);
      }
    } catch (cause) {
      throw refused(fields[i]!, cause);
    }
  }
}

function writeBinary({ codec }: Field, value: unknown, out: Writer): void {
  // Most values are of these kinds, for which nothing else is to be decided.
  const isPlain = typeof value === "number" && codec.encodesBinary === undefined &&
    codec.encodeBinary !== undefined && codec.accepts(value);
  if (isPlain) return writeAccepted(codec, value, out);
  if (!goesInBinary(codec, value)) throw new InterfaceError(ONLY_TEXT);
  if (!isTextOfBinary(codec, value)) return writeComponent(codec, value, out);
  const at = out.lengthHere();
  try {
    codec.encodeBinary!(value, out);
  } catch (cause) {
    if (!(cause instanceof InterfaceError) || cause.code !== "22P02") throw cause;
    throw new InterfaceError(ONLY_TEXT, { code: cause.code, cause });
  }
  out.patchValueLength(at);
}

function writeAccepted(codec: Codec, value: unknown, out: Writer): void {
  const at = out.lengthHere();
  codec.encodeBinary!(value, out);
  out.patchValueLength(at);
}

const ONLY_TEXT = 'this value can only go as text; ask for it with { format: "text" }';

/** Reports whether the driver can write the value in binary. It can write `null`. */
function goesInBinary(codec: Codec, value: unknown): boolean {
  if (value === undefined || codec.encodeBinary === undefined) return value === undefined;
  if (isLongName(codec, value)) return false;
  return isTextOfBinary(codec, value) || isBinaryComponent(codec, value);
}

/**
 * Reports whether a value of the first row lets all rows go in binary. A value that its type cannot
 * hold does, because it is refused when its row is written.
 */
function suitsBinary(codec: Codec, value: unknown): boolean {
  try {
    if (isTextOfBinary(codec, value)) codec.encodeBinary!(value, new Writer());
    return goesInBinary(codec, value);
  } catch (error) {
    return !isTextOfBinary(codec, value) || (error as { code?: string }).code !== "22P02";
  }
}

/**
 * Reports a `name` that is cut when it is read as text, and refused in binary. Source: name.c,
 * `namerecv`.
 */
function isLongName(codec: Codec, value: unknown): boolean {
  return codec.oid === COMMON_OIDS.name && typeof value === "string" &&
    value.length > MAX_NAME / 3 && new TextEncoder().encode(value).length > MAX_NAME;
}

/** The longest name in bytes. Source: pg_config_manual.h, NAMEDATALEN. */
const MAX_NAME = 63;

/** Reports whether the value is a string for a type whose encoder reads the type's text. */
function isTextOfBinary(codec: Codec, value: unknown): boolean {
  return typeof value === "string" && READ_TEXT.has(codec.name);
}

const READ_TEXT: ReadonlySet<string> = new Set(["numeric", "uuid", "bit", "varbit"]);

/** Writes the text format, which takes every value that a parameter takes. */
class TextRows implements Encoder {
  readonly format = "text";
  readonly fields: readonly Field[];

  constructor(fields: readonly Field[]) {
    this.fields = fields;
  }

  begin(): void {}

  row(values: readonly unknown[], out: Writer): void {
    const { fields } = this;
    let i = 0;
    try {
      for (; i < values.length; i++) {
        if (i > 0) out.uint8(0x09);
        const text = componentText(fields[i]!.codec, values[i]);
        if (text === null) out.text("\\N");
        else out.text(SPECIAL.test(text) ? text.replace(EACH_SPECIAL, escaped) : text);
      }
    } catch (cause) {
      throw refused(fields[i]!, cause);
    }
    out.uint8(0x0a);
  }

  end(): void {}
}

/** Characters with a meaning in the text format. Source: manual, "COPY", "Text Format". */
const SPECIAL = /[\\\b\f\n\r\t\v]/;
const EACH_SPECIAL = /[\\\b\f\n\r\t\v]/g;

function escaped(character: string): string {
  return ESCAPES[character]!;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};
