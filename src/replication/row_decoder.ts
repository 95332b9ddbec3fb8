/**
 * Turns the tuples of a relation into rows. As for the rows of a query (query/rows.ts), a decoder that
 * has many rows to read is compiled: one function, generated from the columns' names and codecs, that
 * reads the message in place. Where code generation is forbidden the interpreted decoder does the same,
 * more slowly; a test proves them equal.
 *
 * A tuple is a count of columns and, for each, a letter: `n` null, `u` not sent because it is large and
 * unchanged, `t` text or `b` binary, each with a length. Source: manual, "Logical Replication Message
 * Formats", TupleData; proto.c, `logicalrep_write_tuple`.
 */
import { charText, type Reader } from "../bytes/reader.ts";
import { DataError, NotSupportedError, PgError, ProtocolError } from "../errors/errors.ts";
import { IN_PLACE, type RowShape } from "../query/rows.ts";
import type { Codec } from "../types/codec.ts";
import { setProperty } from "../types/set_property.ts";
import type { DecodedRow } from "./change_objects.ts";

/** One column of a tuple. */
export interface TupleColumn {
  readonly name: string;
  readonly type: number;
  readonly typeName: string;
  /** Whether the column is part of the replica identity. */
  readonly key: boolean;
  /** `undefined`: the type does not exist any more; values are text, or bytes in the binary format. */
  readonly codec: Codec | undefined;
}

/**
 * A value came in the binary format, but its codec reads only text. The stream must be started with
 * `binary: false`.
 */
export class TextNeededError extends NotSupportedError {
  static {
    this.prototype.name = "NotSupportedError";
  }

  /** Reports whether an error is a TextNeededError, or was caused by one. */
  static isBehind(error: unknown): boolean {
    return error instanceof TextNeededError ||
      error instanceof PgError && error.cause instanceof TextNeededError;
  }
}

/** Reads tuples; `old` fills in the values that a new tuple does not contain. */
type ReadRow = (reader: Reader, old: DecodedRow | undefined) => DecodedRow;

/** Rows after which a decoder is compiled, as for queries. */
const WORTH_COMPILING = 64;

/** Columns beyond which nothing is compiled. Source: htup_details.h, MaxTupleAttributeNumber. */
const MAX_COMPILED = 1664;

const NONE: readonly string[] = Object.freeze([]);

/** In place of a value that was not sent. */
const UNSENT = Symbol("unsent");

const NULL = 0x6e;
const UNCHANGED = 0x75;
const TEXT = 0x74;
const BINARY = 0x62;

/** Reads the tuples of one relation. */
export class RowDecoder {
  /** The columns that the latest row does not have, because their values were not sent. */
  unchanged: readonly string[] = NONE;
  readonly #columns: readonly TupleColumn[];
  readonly #shape: RowShape;
  /** The columns of the replica identity. */
  readonly #keys: readonly (readonly [index: number, name: string])[];
  readonly #read: (reader: Reader, old: DecodedRow | undefined) => DecodedRow;
  #decode: ReadRow;
  #left = WORTH_COMPILING;

  constructor(columns: readonly TupleColumn[], shape: RowShape) {
    this.#columns = columns;
    this.#shape = shape;
    this.#keys = columns.flatMap(({ key, name }, i) => key ? [[i, name] as const] : []);
    this.#decode = this.#read = interpretTuple(columns, shape, this);
  }

  /** Whether the decoder is compiled. */
  get isCompiled(): boolean {
    return this.#decode !== this.#read;
  }

  /** Reads a whole row, new or old, and sets {@linkcode unchanged}. */
  row(reader: Reader, old?: DecodedRow): DecodedRow {
    if (this.#left > 0 && --this.#left === 0) this.compile();
    this.unchanged = NONE;
    return this.#decode(reader, old);
  }

  /** Generates the decoder, if code may be generated and there are not too many columns. */
  compile(): void {
    this.#left = 0;
    this.#decode = compileTuple(this.#columns, this.#shape, this) ?? this.#read;
  }

  /** Reads a key tuple: all columns are there, but only those of the replica identity have values. */
  key(reader: Reader): DecodedRow {
    const row = this.#emptyRow();
    expectCount(reader, this.#columns.length);
    for (let i = 0; i < this.#columns.length; i++) {
      const column = this.#columns[i]!;
      const value = column.key ? readValue(reader, column) : skipValue(reader);
      if (column.key && value !== UNSENT) setProperty(row, this.#name(i, column.name), value);
    }
    return row;
  }

  /** Returns the columns of the replica identity of a row. */
  keyOf(row: DecodedRow): DecodedRow {
    const key = this.#emptyRow();
    for (const [i, name] of this.#keys) {
      const property = this.#name(i, name);
      if (Object.hasOwn(row, property)) setProperty(key, property, row[property]);
    }
    return key;
  }

  #name(i: number, name: string): string {
    return this.#shape === "array" ? String(i) : name;
  }

  #emptyRow(): DecodedRow {
    return this.#shape === "array" ? emptyArray(this.#columns.length) : {};
  }
}

/** Returns an array without elements, of the length of a row. */
function emptyArray(length: number): DecodedRow {
  return Array.from({ length }) as unknown as DecodedRow;
}

/** Returns a decoder that looks at the columns for every row. */
function interpretTuple(
  columns: readonly TupleColumn[],
  shape: RowShape,
  state: RowDecoder,
): ReadRow {
  return (reader, old) => {
    expectCount(reader, columns.length);
    const values: unknown[] = [];
    let unsent = 0;
    for (const column of columns) {
      const value = readValue(reader, column);
      if (value === UNSENT) unsent++;
      values.push(value);
    }
    if (unsent > 0) return partialRow(columns, values, shape, state, old);
    return shape === "array" ? values as unknown as DecodedRow : toObject(columns, values);
  };
}

function toObject(columns: readonly TupleColumn[], values: readonly unknown[]): DecodedRow {
  const row: DecodedRow = {};
  for (let i = 0; i < columns.length; i++) setProperty(row, columns[i]!.name, values[i]);
  return row;
}

/** Returns a row of which some values were not sent: they are taken from the old row, or are absent. */
function partialRow(
  columns: readonly TupleColumn[],
  values: readonly unknown[],
  shape: RowShape,
  state: RowDecoder,
  old: DecodedRow | undefined,
): DecodedRow {
  const row = shape === "array" ? emptyArray(columns.length) : {};
  const unchanged: string[] = [];
  columns.forEach(({ name }, i) => {
    const property = shape === "array" ? String(i) : name;
    if (values[i] !== UNSENT) setProperty(row, property, values[i]);
    else if (old !== undefined && Object.hasOwn(old, property)) {
      setProperty(row, property, old[property]);
    } else unchanged.push(name);
  });
  state.unchanged = unchanged;
  return row;
}

function expectCount(reader: Reader, wanted: number): void {
  const count = reader.uint16();
  if (count !== wanted) throw wrongCount(wanted, count);
}

function readValue(reader: Reader, column: TupleColumn): unknown {
  const kind = reader.uint8();
  if (kind === NULL) return null;
  if (kind === UNCHANGED) return UNSENT;
  if (kind !== TEXT && kind !== BINARY) throw wrongKind(kind);
  const length = reader.int32();
  const start = reader.take(length);
  const { end } = reader;
  try {
    if (kind === TEXT) return textValue(reader, column, start, start + length);
    reader.position = start;
    reader.end = start + length;
    const value = binaryValue(reader, column, length);
    if (reader.position !== start + length) throw wrongLength();
    return value;
  } catch (error) {
    throw refused(column, error);
  } finally {
    reader.end = end;
    reader.position = start + length;
  }
}

function textValue(reader: Reader, { codec }: TupleColumn, start: number, end: number): unknown {
  const text = reader.utf8(start, end);
  return codec === undefined ? text : codec.decodeText(text);
}

function binaryValue(reader: Reader, { codec }: TupleColumn, length: number): unknown {
  if (codec === undefined) return reader.bytes(length);
  if (codec.decodeBinary === undefined) throw textNeeded();
  return codec.decodeBinary(reader, length);
}

function skipValue(reader: Reader): void {
  const kind = reader.uint8();
  if (kind === NULL || kind === UNCHANGED) return;
  if (kind !== TEXT && kind !== BINARY) throw wrongKind(kind);
  reader.take(reader.int32());
}

function compileTuple(
  columns: readonly TupleColumn[],
  shape: RowShape,
  state: RowDecoder,
): ReadRow | undefined {
  if (columns.length > MAX_COMPILED) return undefined;
  const help = {
    ...{ charText, UNSENT, short, wrongCount, wrongKind, wrongLength, textNeeded, refused },
    partial: (values: readonly unknown[], old: DecodedRow | undefined) =>
      partialRow(columns, values, shape, state, old),
  };
  try {
    return new Function("columns", "help", source(columns, shape))(columns, help) as ReadRow;
  } catch {
    return undefined;
  }
}

function source(columns: readonly TupleColumn[], shape: RowShape): string {
  const names = columns.map((_, i) => `v${i}`);
  const fields = columns.map(({ name }, i) => {
    const quoted = JSON.stringify(name);
    // A computed key would be right for every name but is slower; only this one needs it.
    return `${name === "__proto__" ? `[${quoted}]` : quoted}: v${i}`;
  });
  return `"use strict";
const { charText, UNSENT, short, wrongCount, wrongKind, wrongLength } = help;
const { textNeeded, refused, partial } = help;
${columns.map((_, i) => `const c${i} = columns[${i}].codec;`).join("\n")}
return (reader, old) => {
  const { view, buffer, end } = reader;
  let p = reader.position, n = 0, at = -1, kind = 0, unsent = 0${
    names.map((name) => `, ${name} = null`).join("")
  };
  if (end - p < 2) throw short();
  if (view.getUint16(p) !== ${columns.length}) throw wrongCount(${columns.length}, view.getUint16(p));
  p += 2;
  try {
${columns.map(columnSource).join("")}
  } catch (error) {
    reader.end = end;
    throw at < 0 ? error : refused(columns[at], error);
  }
  reader.position = p;
  if (unsent > 0) return partial([${names.join(", ")}], old);
  return ${shape === "array" ? `[${names.join(", ")}]` : `{ ${fields.join(", ")} }`};
};`;
}

function columnSource({ codec }: TupleColumn, i: number): string {
  return `    at = -1;
    if (p >= end) throw short();
    kind = buffer[p++];
    if (kind === ${BINARY} || kind === ${TEXT}) {
      if (end - p < 4) throw short();
      n = view.getInt32(p); p += 4;
      if (n < 0 || n > end - p) throw short();
      at = ${i};
      if (kind === ${BINARY}) { ${binarySource(codec, i)} }
      else v${i} = ${textSource(codec, i)};
      p += n;
    } else if (kind === ${UNCHANGED}) { v${i} = UNSENT; unsent++; }
    else if (kind !== ${NULL}) throw wrongKind(kind);
`;
}

function textSource(codec: Codec | undefined, i: number): string {
  const text = "reader.utf8(p, p + n)";
  return codec === undefined ? text : `c${i}.decodeText(${text})`;
}

function binarySource(codec: Codec | undefined, i: number): string {
  if (codec === undefined) return `v${i} = buffer.slice(p, p + n);`;
  if (codec.decodeBinary === undefined) return "throw textNeeded();";
  if (codec.primitive === "text") return `v${i} = reader.utf8(p, p + n);`;
  const called = `reader.position = p; reader.end = p + n;
        v${i} = c${i}.decodeBinary(reader, n);
        if (reader.position !== p + n) throw wrongLength();
        reader.end = end;`;
  const known = codec.primitive === undefined ? undefined : IN_PLACE[codec.primitive];
  if (known === undefined) return called;
  const [size, expression] = known;
  return `if (n === ${size}) v${i} = ${expression};
      else { ${called} }`;
}

function short(): ProtocolError {
  return new ProtocolError("malformed tuple: a value does not fit in it");
}

function wrongCount(wanted: number, found: number): ProtocolError {
  return new ProtocolError(
    `malformed tuple: ${found} columns, but its Relation message describes ${wanted}`,
  );
}

function wrongKind(kind: number): ProtocolError {
  return new ProtocolError(`malformed tuple: a value of the unknown kind ${kind}`);
}

function wrongLength(): DataError {
  return new DataError("bytes left over");
}

function textNeeded(): TextNeededError {
  return new TextNeededError("its codec reads only text; start the stream with binary: false");
}

/** Returns the error of a value that its codec refuses. It names the column and the type, not the value. */
function refused({ name, codec, typeName }: TupleColumn, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `column "${name}" (${codec?.name ?? typeName}): ${reason}`;
  if (cause instanceof TextNeededError) return new TextNeededError(message, { cause });
  const code = cause instanceof DataError && cause.code !== undefined ? cause.code : "22000";
  return new DataError(message, { code, cause });
}
