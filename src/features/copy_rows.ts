/**
 * COPY of typed rows: JavaScript values in and out, through the codecs of the columns' types.
 * Source: manual, "COPY", "Binary Format"; a tuple there is laid out as in a DataRow.
 */
import { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { InterfaceError, ProtocolError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import * as ownSql from "../own_sql.ts";
import {
  appendChunk,
  isTrailer,
  readBinaryHeader,
  TupleEnds,
  writeBinaryHeader,
  writeBinaryTrailer,
} from "../protocol/copy_format.ts";
import type { HostLoan, QueryHost } from "../query/host.ts";
import { quoteIdentifier } from "../query/quote.ts";
import type { ObjectRow } from "../query/result.ts";
import { compileRows, type RowColumn, type RowShape } from "../query/rows.ts";
import { type Item, openSource, type Pull, type Source } from "../query/source.ts";
import { limit, unlessAborted } from "../session/deadline.ts";
import type { Codec } from "../types/codec.ts";
import { componentText, isBinaryComponent, writeComponent } from "../types/component.ts";
import { textOnlyCodec } from "../types/scalars.ts";
import { copyIn, type CopyOptions, copyTo } from "./copy.ts";

/** Bytes that are encoded before they are handed on. */
const CHUNK = 65_536;

/** A table: its name, with its schema's and a dot before it or not; or the parts of the name. */
export type TableName = string | readonly string[];

/** A row to copy: values in the order of the columns, or by their names. */
export type CopyRow = readonly unknown[] | Readonly<Record<string, unknown>>;

/** How rows are copied into a table. */
export interface CopyRowsFromOptions extends CopyOptions {
  /**
   * How the values travel. Default `binary`, unless the first row, or a column's type, has values that
   * only the server can read: a string for a date, any value of a type without a binary form.
   */
  format?: "binary" | "text";
}

/** How rows are copied out of a table. */
export interface CopyRowsToOptions extends CopyOptions {
  /** Rows as objects by column name, or as arrays in column order. Default: the connection's. */
  rows?: RowShape;
}

/**
 * Copies rows into a table; see `copyRowsFrom()` of a connection.
 *
 * The columns' types are asked for first. The first row is read before the copy begins, because it
 * has a say in the format.
 */
export async function copyRowsFrom(
  host: QueryHost,
  table: TableName,
  columns: readonly string[],
  rows: Source<CopyRow>,
  given: CopyRowsFromOptions = {},
): Promise<number> {
  const options = own(given);
  const [into, names] = [tableOf(table), namesOf(columns)];
  const pull = openSource(rows, "copyRowsFrom(): the source");
  const { signal, lift } = limit("copy", options.timeout, options.signal);
  const how = own<CopyRowsFromOptions>(options, { signal, timeout: 0 });
  try {
    const described = await describe(host, table, columns, how);
    const first = await unlessAborted(pull.next(), signal);
    const encoder = encoderOf(described.map(fieldOf), first, options.format);
    const text = ownSql.copyInto(into, names, encoder.format);
    return await copyIn(host, text, new Chunks(encoder, pull, first), how);
  } catch (error) {
    pull.cancel(error);
    throw error;
  } finally {
    lift();
  }
}

/**
 * The rows of a table; see `copyRowsTo()` of a connection. The host is asked for when the first row
 * is, so that rows that are never read hold none.
 */
export async function* copyRowsTo<Row = ObjectRow>(
  lend: () => HostLoan | Promise<HostLoan>,
  table: TableName,
  columns: readonly string[],
  given: CopyRowsToOptions = {},
): AsyncGenerator<Row, void, undefined> {
  const options = own(given);
  const { host, giveBack } = await lend();
  const { signal, lift } = limit("copy", options.timeout, options.signal);
  const how = own<CopyRowsToOptions>(options, { signal, timeout: 0 });
  try {
    const described = await describe(host, table, columns, how);
    const decode = compileRows(described, options.rows ?? host.defaults.rows ?? "object");
    const query = ownSql.columnsOf(described.map(readable), tableOf(table));
    const chunks = copyTo(host, ownSql.copyOut(query), how);
    const ends = new TupleEnds();
    for await (const tuples of cut(chunks, host.executor.session.wire.reader)) {
      for (
        let end = ends.find(tuples);
        end !== undefined && !isTrailer(tuples);
        end = ends.find(tuples)
      ) {
        const whole = tuples.end;
        tuples.end = end;
        const row = decode(tuples) as Row;
        tuples.end = whole;
        yield row;
      }
    }
  } finally {
    lift();
    await giveBack?.();
  }
}

/** What has no binary form, or none that anybody here knows, goes as its text within the binary format. */
function readable({ name, format }: RowColumn): string {
  const quoted = quoteIdentifier(name);
  return format === 1 ? quoted : ownSql.asText(quoted);
}

/**
 * Yields one reader again and again, each time with more of the data; it is to be left where the last
 * whole tuple ends. The reader decodes strings as the session's does.
 */
async function* cut(
  chunks: AsyncIterable<Uint8Array>,
  { decode }: Reader,
): AsyncGenerator<Reader, void, undefined> {
  const reader = new Reader();
  reader.decode = decode;
  let kept: Writer | undefined;
  let isBegun = false;
  for await (const chunk of chunks) {
    kept = appendChunk(reader, chunk, kept);
    isBegun ||= readBinaryHeader(reader);
    if (isBegun) yield reader;
  }
  if (!isBegun || reader.remaining < 2 || !isTrailer(reader)) {
    throw new ProtocolError("malformed COPY data: it ends before its end");
  }
}

/** The columns with their codecs, by a Describe: no right to read them is needed. */
async function describe(
  { executor, defaults: { turn } }: QueryHost,
  table: TableName,
  columns: readonly string[],
  { signal }: CopyOptions,
): Promise<readonly RowColumn[]> {
  const text = ownSql.columnsOf(namesOf(columns), tableOf(table));
  return (await executor.describe(text, own({ prepare: false, signal, turn }))).binaryColumns;
}

function tableOf(table: TableName): string {
  return quoteIdentifier(...(typeof table === "string" ? table.split(".") : table));
}

function namesOf(columns: readonly string[]): string[] {
  if (!Array.isArray(columns) || columns.length === 0) {
    throw new InterfaceError("the columns to copy must be an array of names");
  }
  return columns.map((name) => quoteIdentifier(name));
}

/** One column to write. */
interface Field {
  readonly name: string;
  readonly codec: Codec;
}

function fieldOf({ name, typeOid, codec }: RowColumn): Field {
  return { name, codec: codec ?? textOnlyCodec(`type ${typeOid}`, typeOid) as Codec };
}

/** Writes rows in one of the formats. */
interface Encoder {
  readonly fields: readonly Field[];
  readonly format: "binary" | "text";
  begin(out: Writer): void;
  /** Called with the values of a row, in order. */
  row(values: readonly unknown[], out: Writer): void;
  end(out: Writer): void;
}

function encoderOf(
  fields: readonly Field[],
  first: Item<CopyRow>,
  format: CopyRowsFromOptions["format"],
): Encoder {
  const values = first.done ? [] : valuesOf(first.value!, fields, 1);
  const suits = fields.every(({ codec }, i) =>
    codec.encodeBinary !== undefined && suitsBinary(codec, values[i] ?? null)
  );
  return (format ?? (suits ? "binary" : "text")) === "binary"
    ? new BinaryRows(fields)
    : new TextRows(fields);
}

/** The rows of a source, encoded, a chunk at a time; a chunk is valid until the next is asked for. */
class Chunks implements Pull<Uint8Array> {
  readonly #encoder: Encoder;
  readonly #rows: Pull<CopyRow>;
  readonly #out: Writer = new Writer(2 * CHUNK);
  #first: Item<CopyRow> | undefined;
  #row = 0;
  #isOver = false;

  constructor(encoder: Encoder, rows: Pull<CopyRow>, first: Item<CopyRow>) {
    this.#encoder = encoder;
    this.#rows = rows;
    this.#first = first;
  }

  next(): PromiseLike<Item<Uint8Array>> | Item<Uint8Array> {
    if (this.#isOver) return { done: true };
    const out = this.#out;
    out.clear();
    if (this.#row === 0) this.#encoder.begin(out);
    while (out.length < CHUNK && !this.#isOver) {
      const item = this.#first ?? this.#rows.next();
      this.#first = undefined;
      if ("then" in item) return this.#later(item);
      this.#take(item);
    }
    return { value: out.peek() };
  }

  cancel(reason: unknown): void {
    this.#rows.cancel(reason);
  }

  async #later(next: PromiseLike<Item<CopyRow>>): Promise<Item<Uint8Array>> {
    const out = this.#out;
    this.#take(await next);
    while (out.length < CHUNK && !this.#isOver) this.#take(await this.#rows.next());
    return { value: out.peek() };
  }

  #take({ done, value }: Item<CopyRow>): void {
    const encoder = this.#encoder;
    if (done) {
      this.#isOver = true;
      return encoder.end(this.#out);
    }
    const values = valuesOf(value!, encoder.fields, ++this.#row);
    try {
      encoder.row(values, this.#out);
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause;
      const { field: { name, codec }, reason } = cause;
      const message = `row ${this.#row}, column "${name}" (${codec.name}): ${reason}`;
      const { code } = Object(cause.cause);
      throw new InterfaceError(message, { cause: cause.cause, code });
    }
  }
}

/** The values in the order of the fields; a missing one is `undefined`, which no field takes. */
function valuesOf(row: CopyRow, fields: readonly Field[], number: number): readonly unknown[] {
  if (typeof row !== "object" || row === null) {
    throw new InterfaceError(`row ${number} is neither an array nor an object`);
  }
  if (!Array.isArray(row)) {
    return fields.map(({ name }) => (row as Readonly<Record<string, unknown>>)[name]);
  }
  if (row.length === fields.length) return row;
  throw new InterfaceError(`row ${number} has ${row.length} values for ${fields.length} columns`);
}

/** A value that a field does not take; Chunks knows the row. */
class Refusal extends Error {
  readonly field: Field;
  readonly reason: string;

  constructor(field: Field, reason: string, cause?: unknown) {
    super(reason, { cause });
    this.field = field;
    this.reason = reason;
  }
}

function attempt<T>(field: Field, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new Refusal(field, cause instanceof Error ? cause.message : String(cause), cause);
  }
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
    out.int16(values.length);
    for (let i = 0; i < values.length; i++) {
      const field = this.fields[i]!;
      const value = values[i];
      if (value === null) out.int32(-1);
      else attempt(field, () => writeBinary(field, value, out));
    }
  }
}

function writeBinary({ codec }: Field, value: unknown, out: Writer): void {
  if (!goesInBinary(codec, value)) throw new InterfaceError(ONLY_TEXT);
  if (!isTextOfBinary(codec, value)) return writeComponent(codec, value, out);
  const at = out.lengthHere();
  codec.encodeBinary!(value, out);
  out.patchValueLength(at);
}

const ONLY_TEXT = 'this value can only go as text; ask for it with { format: "text" }';

/** Whether the value has a binary form that can be made here. `null` has. */
function goesInBinary(codec: Codec, value: unknown): boolean {
  if (value === undefined || codec.encodeBinary === undefined) return value === undefined;
  return isTextOfBinary(codec, value) || isBinaryComponent(codec, value);
}

/** The same; a value that nothing takes is refused when its row is written. */
function suitsBinary(codec: Codec, value: unknown): boolean {
  try {
    return goesInBinary(codec, value);
  } catch {
    return true;
  }
}

/** A string for a type whose encoder reads the type's text. */
function isTextOfBinary(codec: Codec, value: unknown): boolean {
  return typeof value === "string" && READ_TEXT.has(codec.name);
}

const READ_TEXT: ReadonlySet<string> = new Set(["numeric", "uuid", "bit", "varbit"]);

/** The text format: everything a parameter may be. */
class TextRows implements Encoder {
  readonly format = "text";
  readonly fields: readonly Field[];

  constructor(fields: readonly Field[]) {
    this.fields = fields;
  }

  begin(): void {}

  row(values: readonly unknown[], out: Writer): void {
    for (let i = 0; i < values.length; i++) {
      if (i > 0) out.uint8(0x09);
      const field = this.fields[i]!;
      attempt(field, () => {
        const text = componentText(field.codec, values[i]);
        out.text(text === null ? "\\N" : text.replace(SPECIAL, escaped));
      });
    }
    out.uint8(0x0a);
  }

  end(): void {}
}

/** What the text format would take for its own. Source: manual, "COPY", "Text Format". */
const SPECIAL = /[\\\b\f\n\r\t\v]/g;

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
