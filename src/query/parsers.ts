/**
 * Results that are read by the caller's parsers instead of the connection's codecs. Adapters to other
 * drivers need them: their users' parsers take the server's text.
 */
import { InterfaceError } from "../errors/errors.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import type { Codec } from "../types/codec.ts";
import {
  interpretRows,
  type RowColumn,
  type RowDecoder,
  type RowShape,
  warmingRows,
} from "./rows.ts";

/** Reads the bytes of a value. `format` is 0 for text and 1 for binary. */
export interface BytesParser {
  /** Returns the value. The bytes are the caller's to keep. */
  bytes(value: Uint8Array<ArrayBuffer>, format: number): unknown;
}

/** The two decoders of a codec. With `decodeBinary`, kept statements return the column in binary. */
export type Decoder = Pick<Codec, "decodeText" | "decodeBinary" | "primitive">;

/** Reads the values of one column: from their text, by the decoders of a codec, or from their bytes. */
export type ColumnParser = ((text: string) => unknown) | Decoder | BytesParser;

/** Returns the parser of a column. NULL is never passed to a parser. */
export type Parsers = (typeOid: number, column: ColumnDescription) => ColumnParser;

/** The options of a query that decide how its result is read. */
export interface ParserOptions {
  readonly parsers?: Parsers | undefined;
  readonly binary?: boolean | undefined;
}

/** How the result of a statement is requested and read. */
export interface Reading {
  readonly binaryColumns: readonly RowColumn[];
  /** The formats that Bind asks for. */
  readonly resultFormats: readonly number[];
  /** OIDs of types that the catalogue must be asked about. */
  readonly unknown: readonly number[];
  /** Returns the decoder of results in `resultFormats`. */
  decoder(shape: RowShape): RowDecoder;
  /** Returns the decoder of a result that was requested before its columns were known. */
  textDecoder(shape: RowShape): RowDecoder;
}

/** A described statement, which keeps how its last run with parsers was read. */
export interface ParsedStatement extends Reading {
  readonly columns: readonly ColumnDescription[];
  parsed: ParsedColumns | undefined;
}

/**
 * Returns how a statement's result is read: by its codecs, or by the parsers of the options. `isExact`
 * tells that text says as much as binary; otherwise parsers are given text, so that each run of a
 * statement returns the same values.
 */
export function readingOf(
  statement: ParsedStatement,
  options: ParserOptions,
  isExact: boolean,
): Reading {
  const { parsers, binary = false } = options;
  if (parsers === undefined) return statement;
  const { columns, parsed } = statement;
  const chosen = columns.map((column) => parsers(column.typeOid, column));
  if (parsed?.serves(columns, chosen, binary, isExact)) return parsed;
  return statement.parsed = new ParsedColumns(columns, chosen, binary, isExact);
}

/** Returns a decoder of rows that came as text, by the simple protocol. */
export function textRows(
  columns: readonly ColumnDescription[],
  parsers: Parsers,
  shape: RowShape,
): RowDecoder {
  const chosen = columns.map((column) => parsers(column.typeOid, column));
  return new ParsedColumns(columns, chosen, false, false).textDecoder(shape);
}

/** The columns of a statement with the parsers that its last run has chosen. */
export class ParsedColumns implements Reading {
  readonly binaryColumns: readonly RowColumn[];
  readonly resultFormats: readonly number[];
  readonly unknown: readonly number[] = NONE;
  readonly #columns: readonly ColumnDescription[];
  readonly #parsers: readonly ColumnParser[];
  readonly #binary: boolean;
  readonly #isExact: boolean;
  #asObject: (() => RowDecoder) | undefined;
  #asArray: (() => RowDecoder) | undefined;

  /** @throws {InterfaceError} `binary` is asked for, and a parser reads only text. */
  constructor(
    columns: readonly ColumnDescription[],
    parsers: readonly ColumnParser[],
    binary: boolean,
    isExact: boolean,
  ) {
    this.#columns = columns;
    this.#parsers = parsers;
    this.#binary = binary;
    this.#isExact = isExact;
    const formats = parsers.map((parser) => binary || (isExact && readsBinary(parser)) ? 1 : 0);
    this.resultFormats = binary ? ALL_BINARY : formats.includes(1) ? formats : NONE;
    this.binaryColumns = columns.map((column, i) => rowColumn(column, parsers[i]!, formats[i]!));
  }

  /** Reports whether the columns would be read in the same way. */
  serves(
    columns: readonly ColumnDescription[],
    parsers: readonly ColumnParser[],
    binary: boolean,
    isExact: boolean,
  ): boolean {
    const isSame = columns === this.#columns && binary === this.#binary &&
      isExact === this.#isExact;
    if (!isSame) return false;
    for (let i = 0; i < parsers.length; i++) if (parsers[i] !== this.#parsers[i]) return false;
    return true;
  }

  decoder(shape: RowShape): RowDecoder {
    if (shape === "object") return (this.#asObject ??= warmingRows(this.binaryColumns, shape))();
    return (this.#asArray ??= warmingRows(this.binaryColumns, shape))();
  }

  textDecoder(shape: RowShape): RowDecoder {
    if (this.#binary) return this.decoder(shape);
    return interpretRows(
      this.#columns.map((column, i) => rowColumn(column, this.#parsers[i]!, 0)),
      shape,
    );
  }
}

/** The formats of a Bind that asks for every column in binary. */
export const ALL_BINARY: readonly number[] = Object.freeze([1]);
const NONE: readonly number[] = Object.freeze([]);

function readsBinary(parser: ColumnParser): boolean {
  return typeof parser === "object" && "decodeText" in parser && parser.decodeBinary !== undefined;
}

/** Returns the column for the row decoder, whose values come in `format`. */
function rowColumn(
  { name, typeOid }: ColumnDescription,
  parser: ColumnParser,
  format: number,
): RowColumn {
  const type = `type ${typeOid}`;
  if (typeof parser === "function") {
    if (format === 1) throw readsText(name, typeOid);
    return { name, typeOid, codec: decoderOnly({ name: type, decodeText: parser }), format };
  }
  if ("bytes" in parser) {
    // To the row decoder, raw bytes are a binary form, in whichever format they came.
    const codec = decoderOnly({
      name: type,
      decodeText: () => undefined,
      decodeBinary: (reader, length) => parser.bytes(reader.bytes(length), format),
    });
    return { name, typeOid, codec, format: 1 };
  }
  if (format === 1 && parser.decodeBinary === undefined) throw readsText(name, typeOid);
  const { primitive } = parser;
  const codec = decoderOnly({
    ...{ name: type, decodeText: (text: string) => parser.decodeText(text) },
    ...(parser.decodeBinary !== undefined && {
      decodeBinary: parser.decodeBinary.bind(parser),
    }),
    ...(primitive !== undefined && { primitive }),
  });
  return { name, typeOid, codec, format };
}

/** Returns a codec that decodes; it is never asked to encode. */
function decoderOnly(decoder: Pick<Codec, "name"> & Decoder): Codec {
  return {
    ...{ oid: 0, arrayOid: 0, accepts: () => false, encodeText: () => "" },
    ...decoder,
  };
}

function readsText(name: string, typeOid: number): InterfaceError {
  return new InterfaceError(
    `column "${name}" (type ${typeOid}): its parser reads text, but binary was asked for`,
  );
}
