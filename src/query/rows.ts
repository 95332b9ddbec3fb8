/**
 * Turns DataRow messages into rows. For a statement that returns many, the decoder is compiled: one
 * function, generated from the columns' names, formats and codecs, that reads the message in place.
 * Where code generation is forbidden (`--disallow-code-generation-from-strings`, some workers) the
 * interpreted decoder does the same, more slowly; a test proves them equal.
 */
import type { Reader } from "../bytes/reader.ts";
import { DataError, ProtocolError } from "../errors/errors.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import type { Codec } from "../types/codec.ts";

/** One column: its name, and how its values are read. */
export interface RowColumn {
  readonly name: string;
  readonly typeOid: number;
  /** `undefined`: the type is not known, and values are text. */
  readonly codec: Codec | undefined;
  /** 0 text, 1 binary. */
  readonly format: number;
}

/** The shape of rows: objects by column name, or arrays in column order. */
export type RowShape = "object" | "array";

/** Reads one DataRow. */
export type RowDecoder = (reader: Reader) => unknown;

/** Returns the columns of a description with the codec of each. */
export function rowColumns(
  columns: readonly ColumnDescription[],
  formats: readonly number[],
  codecOf: (oid: number) => Codec | undefined,
): RowColumn[] {
  return columns.map(({ name, typeOid }, i) => ({
    name,
    typeOid,
    codec: codecOf(typeOid),
    format: formats[i] ?? 0,
  }));
}

/** Returns a decoder that looks at the columns for every row. */
export function interpretRows(columns: readonly RowColumn[], shape: RowShape): RowDecoder {
  return (reader) => {
    const count = reader.uint16();
    if (count !== columns.length) throw wrongCount(columns.length, count);
    const values: unknown[] = [];
    for (const column of columns) values.push(readValue(reader, column));
    reader.finish();
    return shape === "array" ? values : toObject(columns, values);
  };
}

/**
 * Rows of one statement after which its decoder is compiled. Compiling takes as long as interpreting
 * about so many rows, and V8 15 keeps a kilobyte and more for each different source.
 */
const WORTH_COMPILING = 64;

/** Returns the decoder of a statement's next result, which interprets until compiling is worth it. */
export function warmingRows(columns: readonly RowColumn[], shape: RowShape): () => RowDecoder {
  let left = WORTH_COMPILING;
  let decode = interpretRows(columns, shape);
  const warming: RowDecoder = (reader) => {
    if (left > 0 && --left === 0) decode = compileRows(columns, shape);
    return decode(reader);
  };
  return () => left > 0 ? warming : decode;
}

/**
 * Columns beyond which nothing is compiled. Source: htup_details.h, MaxTupleAttributeNumber: no
 * PostgreSQL sends more, and engines take a second and more to compile a function for 65,535.
 */
const MAX_COMPILED = 1664;

/**
 * Returns a decoder generated for these columns, or the interpreting one where code generation is
 * forbidden or there are too many columns.
 */
export function compileRows(columns: readonly RowColumn[], shape: RowShape): RowDecoder {
  if (columns.length > MAX_COMPILED) return interpretRows(columns, shape);
  try {
    const make = new Function("columns", "help", source(columns, shape));
    return make(columns, HELP) as RowDecoder;
  } catch {
    return interpretRows(columns, shape);
  }
}

/** Decodes values that are still text because the codec of their column was not known before. */
export function decodeLate(
  rows: readonly unknown[],
  before: readonly RowColumn[],
  after: readonly RowColumn[],
): void {
  after.forEach((column, i) => {
    const { codec, name } = column;
    if (codec === undefined || before[i]!.codec !== undefined) return;
    const isHidden = after.some((other, j) => j > i && other.name === name);
    for (const row of rows as Record<string | number, unknown>[]) {
      const key = Array.isArray(row) ? i : name;
      if (typeof key === "string" && isHidden) return;
      const text = row[key];
      if (text !== null) row[key] = decodeText(column, codec, text as string);
    }
  });
}

function decodeText(column: RowColumn, codec: Codec, text: string): unknown {
  try {
    return codec.decodeText(text);
  } catch (error) {
    throw refused(column, error);
  }
}

function readValue(reader: Reader, column: RowColumn): unknown {
  const length = reader.int32();
  if (length === -1) return null;
  const start = reader.take(length);
  const end = reader.end;
  const { codec, format } = column;
  if (codec === undefined || format === 0) {
    const text = reader.utf8(start, start + length);
    try {
      return codec === undefined ? text : codec.decodeText(text);
    } catch (error) {
      throw refused(column, error);
    }
  }
  reader.position = start;
  reader.end = start + length;
  try {
    const value = codec.decodeBinary!(reader, length);
    if (reader.position !== reader.end) throw wrongLength();
    return value;
  } catch (error) {
    throw refused(column, error);
  } finally {
    reader.end = end;
  }
}

function toObject(columns: readonly RowColumn[], values: readonly unknown[]): object {
  const row: Record<string, unknown> = {};
  for (let i = 0; i < columns.length; i++) {
    const { name } = columns[i]!;
    if (name === "__proto__") define(row, name, values[i]);
    else row[name] = values[i];
  }
  return row;
}

function define(row: object, name: string, value: unknown): void {
  const how = { value, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(row, name, how);
}

function source(columns: readonly RowColumn[], shape: RowShape): string {
  const names = columns.map((_, i) => `v${i}`);
  const fields = columns.map(({ name }, i) => `[${JSON.stringify(name)}]: v${i}`);
  // A computed key would be right for every name but is slower; only this one needs it.
  const plain = fields.map((field) =>
    field.startsWith('["__proto__"]') ? field : field.replace(/^\[(".*")\]: (v\d+)$/s, "$1: $2")
  );
  return `"use strict";
const { short, wrongCount, wrongLength, refused, leftover } = help;
${columns.map((_, i) => `const k${i} = columns[${i}], c${i} = k${i}.codec;`).join("\n")}
return (reader) => {
  const { view, buffer, end } = reader;
  let p = reader.position, n = 0, at = 0${names.map((name) => `, ${name} = null`).join("")};
  if (end - p < 2) throw short();
  if (view.getUint16(p) !== ${columns.length}) throw wrongCount(${columns.length}, view.getUint16(p));
  p += 2;
  try {
${columns.map(columnSource).join("")}
  } catch (error) {
    throw refused(columns[at], error);
  }
  if (p !== end) throw leftover();
  reader.position = p;
  return ${shape === "array" ? `[${names.join(", ")}]` : `{ ${plain.join(", ")} }`};
};`;
}

function columnSource(column: RowColumn, i: number): string {
  return `    if (end - p < 4) throw short();
    n = view.getInt32(p); p += 4;
    if (n !== -1) {
      if (n < 0 || n > end - p) throw short();
      ${valueSource(column, i)}
      p += n;
    }
`;
}

/** The size of a primitive, and the expression that reads it in place at `p`. */
export const IN_PLACE: Readonly<Record<string, readonly [size: number, expression: string]>> = {
  bool: [1, "buffer[p] !== 0"],
  int2: [2, "view.getInt16(p)"],
  int4: [4, "view.getInt32(p)"],
  uint4: [4, "view.getUint32(p)"],
  int8: [8, "view.getBigInt64(p)"],
  float4: [4, "view.getFloat32(p)"],
  float8: [8, "view.getFloat64(p)"],
};

function valueSource({ codec, format }: RowColumn, i: number): string {
  if (codec === undefined) return `v${i} = reader.decode(buffer, p, p + n);`;
  if (format === 0) return `at = ${i}; v${i} = c${i}.decodeText(reader.decode(buffer, p, p + n));`;
  if (codec.primitive === "text") return `v${i} = reader.decode(buffer, p, p + n);`;
  const known = codec.primitive === undefined ? undefined : IN_PLACE[codec.primitive];
  if (known !== undefined) {
    const [size, expression] = known;
    return `if (n === ${size}) v${i} = ${expression};
      else { ${decoded(i)} }`;
  }
  return decoded(i);
}

function decoded(i: number): string {
  return `at = ${i}; reader.position = p; reader.end = p + n;
      v${i} = c${i}.decodeBinary(reader, n);
      if (reader.position !== p + n) throw wrongLength();
      reader.end = end;`;
}

/** A DataRow with another number of columns than its description has. */
class WidthError extends ProtocolError {
  static {
    this.prototype.name = "ProtocolError";
  }
}

/** Returns the violation of a DataRow that does not fit its description. */
export function wrongCount(wanted: number, found: number): WidthError {
  return new WidthError(`malformed DataRow: ${found} columns where ${wanted} were described`);
}

/**
 * Returns the error of a request that was bound to a kept statement, when the server has returned other
 * columns than it described when it parsed that statement: the table has changed since, and what the
 * request did is done. `undefined`: the error is a violation.
 */
export function staleRow(error: ProtocolError, isKept: boolean): DataError | undefined {
  if (!isKept || !(error instanceof WidthError)) return undefined;
  const remark = "; the statement is stale and is described again when it is run again";
  return new DataError(error.message + remark, { code: "22000", cause: error });
}

/** Reports whether an error was made by {@linkcode staleRow}. */
export function isStaleRow(error: unknown): boolean {
  return error instanceof DataError && error.cause instanceof WidthError;
}

function wrongLength(): DataError {
  return new DataError("bytes left over");
}

/** Returns the error of a value that its codec refuses. It names the column and the type, not the value. */
function refused(column: RowColumn, cause: unknown): Error {
  if (cause instanceof ProtocolError && cause.message.startsWith("malformed DataRow")) return cause;
  const type = column.codec?.name ?? `type ${column.typeOid}`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof DataError && cause.code !== undefined ? cause.code : "22000";
  return new DataError(`column "${column.name}" (${type}): ${reason}`, { code, cause });
}

const HELP = {
  short: (): Error => new ProtocolError("malformed DataRow: a value does not fit in it"),
  leftover: (): Error => new ProtocolError("malformed DataRow: bytes left over"),
  wrongLength,
  wrongCount,
  refused,
};
