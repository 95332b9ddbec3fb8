/**
 * Turns DataRow messages into rows. For a statement that returns many, the decoder is compiled: one
 * function, generated from the columns' names, formats and codecs, that reads the message in place.
 * Where code generation is forbidden (`--disallow-code-generation-from-strings`, some workers) the
 * interpreted decoder does the same, more slowly; a test proves them equal.
 */
import { charText, type Reader } from "../bytes/reader.ts";
import { DataError, ProtocolError } from "../errors/errors.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import type { Codec } from "../types/codec.ts";
import { RepeatedText } from "./repeated_text.ts";

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
  const width = columns.length;
  const blank = shape === "object" ? blankRow(columns) : undefined;
  const isSingle = width === 1 && columns[0]!.name !== "__proto__";
  return (reader) => {
    const count = reader.uint16();
    if (count !== width) throw wrongCount(width, count);
    // Values are assigned faster to the properties of a copy than to new ones, but for a single one.
    const row: unknown[] | Record<string, unknown> = blank === undefined
      ? []
      : isSingle
      ? {}
      : { ...blank };
    const { view, end } = reader;
    let p = reader.position;
    for (let i = 0; i < width; i++) {
      const column = columns[i]!;
      if (end - p < 4) throw HELP.short(4, end - p);
      const length = view.getInt32(p);
      p += 4;
      let value: unknown = null;
      if (length !== -1) {
        if (length < 0 || length > end - p) throw HELP.short(length, end - p);
        value = readValue(reader, column, p, length);
        p += length;
      }
      if (blank === undefined) (row as unknown[])[i] = value;
      else (row as Record<string, unknown>)[column.name] = value;
    }
    if (p !== end) throw HELP.leftover(end - p);
    reader.position = p;
    return row;
  };
}

/** Returns a row without values, which has its columns as own properties, also one called `__proto__`. */
function blankRow(columns: readonly RowColumn[]): Record<string, unknown> {
  return Object.fromEntries(columns.map(({ name }) => [name, null]));
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

function readValue(reader: Reader, column: RowColumn, at: number, length: number): unknown {
  const { codec, format } = column;
  if (codec === undefined || format === 0 || codec.primitive === "text") {
    const text = reader.decode(reader.buffer, at, at + length);
    if (codec === undefined || format === 1) return text;
    return decodeText(column, codec, text);
  }
  switch (codec.primitive) {
    case "char":
      if (length === 1) return charText(reader.buffer[at]!);
      break;
    case "bool":
      if (length === 1) return reader.buffer[at] !== 0;
      break;
    case "int2":
      if (length === 2) return reader.view.getInt16(at);
      break;
    case "int4":
      if (length === 4) return reader.view.getInt32(at);
      break;
    case "uint4":
      if (length === 4) return reader.view.getUint32(at);
      break;
    case "float8":
      if (length === 8) return reader.view.getFloat64(at);
      break;
  }
  return decodeBinary(reader, column, at, length);
}

function decodeBinary(reader: Reader, column: RowColumn, at: number, length: number): unknown {
  const { end } = reader;
  reader.position = at;
  reader.end = at + length;
  try {
    const value = column.codec!.decodeBinary!(reader, length);
    if (reader.position !== reader.end) throw wrongLength();
    return value;
  } catch (error) {
    throw refused(column, error);
  } finally {
    reader.end = end;
  }
}

function source(columns: readonly RowColumn[], shape: RowShape): string {
  const names = columns.map((_, i) => `v${i}`);
  const [declaration, row] = rowSource(columns, names, shape);
  return `"use strict";
const { charText, short, wrongCount, wrongLength, refused, leftover, repeated } = help;
${columns.map((_, i) => `const k${i} = columns[${i}], c${i} = k${i}.codec;`).join("\n")}
${columns.map((column, i) => isText(column) ? `const t${i} = repeated();` : "").join("")}
${declaration}
return (reader) => {
  const { view, buffer, end, decode } = reader;
  let p = reader.position, n = 0, at = 0${names.map((name) => `, ${name} = null`).join("")};
  if (end - p < 2) throw short(2, end - p);
  if (view.getUint16(p) !== ${columns.length}) throw wrongCount(${columns.length}, view.getUint16(p));
  p += 2;
  try {
${columnsSource(columns)}
  } catch (error) {
    throw refused(columns[at], error);
  }
  if (p !== end) throw leftover(end - p);
  reader.position = p;
  return ${row};
};`;
}

/** Columns up to which no literal is needed. Beyond, V8 keeps properties outside of the object. */
const MAX_MADE = 64;

/**
 * Returns a declaration and an expression that makes a row. V8 moves the objects and arrays of a literal
 * into the old generation once many of them have outlived a collection. Each later row is then garbage
 * that keeps its values alive until a collection of everything (V8, PretenuringHandler). Objects of a
 * constructor and rest parameters remain young. A name that `Object.prototype` has could not be
 * assigned to if that were frozen.
 */
function rowSource(
  columns: readonly RowColumn[],
  names: readonly string[],
  shape: RowShape,
): readonly [declaration: string, row: string] {
  const values = names.join(", ");
  const isWide = columns.length > MAX_MADE;
  if (shape === "array") {
    return isWide ? ["", `[${values}]`] : ["const list = (...v) => v;", `list(${values})`];
  }
  if (isWide || columns.some(({ name }) => name in PLAIN)) return ["", literal(columns, names)];
  const fields = columns.map(({ name }, i) => `this[${JSON.stringify(name)}] = ${names[i]};`);
  // The prototype is that of every plain object, so that rows are equal to literals.
  const constructor = `function Row(${values}) { ${fields.join(" ")} }
Row.prototype = Object.prototype;`;
  return [constructor, `new Row(${values})`];
}

const PLAIN: object = Object.freeze({});

/** A computed key would be right for every name but is slower; only `__proto__` needs it. */
function literal(columns: readonly RowColumn[], names: readonly string[]): string {
  const fields = columns.map(({ name }, i) =>
    name === "__proto__" ? `["__proto__"]: ${names[i]}` : `${JSON.stringify(name)}: ${names[i]}`
  );
  return `{ ${fields.join(", ")} }`;
}

/** Joins the sources of the columns. Those of neighbours of fixed sizes are read together. */
function columnsSource(columns: readonly RowColumn[]): string {
  const parts: string[] = [];
  for (let i = 0; i < columns.length;) {
    let end = i;
    while (end < columns.length && inPlace(columns[end]!) !== undefined) end++;
    if (end > i) parts.push(runSource(columns, i, end));
    else parts.push(columnSource(columns[end++]!, i));
    i = end;
  }
  return parts.join("");
}

/** Reads columns of fixed sizes at offsets that are known if none of them is NULL. */
function runSource(columns: readonly RowColumn[], start: number, end: number): string {
  const tests: string[] = [];
  const reads: string[] = [];
  let offset = 0;
  for (let i = start; i < end; i++) {
    const [size, expression] = inPlace(columns[i]!)!;
    tests.push(`view.getInt32(p + ${offset}) === ${size}`);
    reads.push(`v${i} = ${expression.replace(/\bp\b/, `p + ${offset + 4}`)};`);
    offset += 4 + size;
  }
  const each = columns.slice(start, end).map((column, i) => columnSource(column, start + i));
  return `    if (end - p >= ${offset} && ${tests.join(" && ")}) {
      ${reads.join(" ")}
      p += ${offset};
    } else {
${each.join("")}    }
`;
}

function columnSource(column: RowColumn, i: number): string {
  return `    if (end - p < 4) throw short(4, end - p);
    n = view.getInt32(p); p += 4;
    if (n !== -1) {
      if (n < 0 || n > end - p) throw short(n, end - p);
      ${valueSource(column, i)}
      p += n;
    }
`;
}

/**
 * The size of a primitive, and the expression that reads it in place at `p`. The expressions use the
 * function `charText`.
 */
export const IN_PLACE: Readonly<Record<string, readonly [size: number, expression: string]>> = {
  char: [1, "charText(buffer[p])"],
  bool: [1, "buffer[p] !== 0"],
  int2: [2, "view.getInt16(p)"],
  int4: [4, "view.getInt32(p)"],
  uint4: [4, "view.getUint32(p)"],
  int8: [8, "view.getBigInt64(p)"],
  float4: [4, "view.getFloat32(p)"],
  float8: [8, "view.getFloat64(p)"],
};

/** Reports whether a column's binary form is text. */
function isText({ codec, format }: RowColumn): boolean {
  return format === 1 && codec?.primitive === "text";
}

/** Returns the size of a column's values and how they are read in place, if they can be. */
function inPlace({ codec, format }: RowColumn): (typeof IN_PLACE)[string] | undefined {
  return format === 0 || codec?.primitive === undefined ? undefined : IN_PLACE[codec.primitive];
}

function valueSource(column: RowColumn, i: number): string {
  const { codec, format } = column;
  if (codec === undefined) return `v${i} = reader.decode(buffer, p, p + n);`;
  if (format === 0) return `at = ${i}; v${i} = c${i}.decodeText(reader.decode(buffer, p, p + n));`;
  if (isText(column)) {
    return `v${i} = t${i}.isUseful
        ? t${i}.read(buffer, p, p + n, decode) : decode(buffer, p, p + n);`;
  }
  const known = inPlace(column);
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
  const remark = "; the statement is stale, and described again when it is run";
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
  charText,
  short: (wanted: number, left: number): Error =>
    new ProtocolError(`malformed DataRow: ${wanted} bytes wanted, ${left} left`),
  leftover: (count: number): Error =>
    new ProtocolError(`malformed DataRow: ${count} bytes left over`),
  wrongLength,
  wrongCount,
  refused,
  repeated: (): RepeatedText => new RepeatedText(),
};
