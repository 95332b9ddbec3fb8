/** The parsers of `pg-types`' form as those of the core. */
import { Buffer } from "../node.ts";
import type { ColumnDescription } from "../../protocol/backend.ts";
import { type ColumnParser, ParsedColumns, type Parsers } from "../../query/parsers.ts";
import type { RowDecoder, RowShape } from "../../query/rows.ts";
import { TypeOverrides } from "./type_overrides.ts";
import {
  asText,
  type CustomTypes,
  FAST_DECODERS,
  parseBigInteger,
  type TypeParser,
} from "./types.ts";

/** Returns the parsers of columns that come as text, where a default parser may read binary instead. */
export function textParsers(types: CustomTypes): Parsers {
  return types instanceof TypeOverrides ? types._columnParsers(parsersBy) : parsersBy(types);
}

/** Returns the parsers of columns that are requested in binary. */
export function binaryParsers(types: CustomTypes): Parsers {
  return (oid) => {
    const parser = types.getTypeParser(oid, "binary");
    return { bytes: (value) => parser(bufferOf(value)) };
  };
}

/** Returns the decoder of rows that come as text, for parsers that were chosen before. */
export function textDecoder(
  columns: readonly ColumnDescription[],
  parsers: readonly TypeParser[],
  shape: RowShape,
): RowDecoder {
  const own = columns.map(({ typeOid }, i) => chosen(typeOid, parsers[i]!));
  return new ParsedColumns(columns, own, false, false).decoder(shape);
}

function parsersBy(types: CustomTypes): Parsers {
  return (oid) => chosen(oid, types.getTypeParser(oid, "text"));
}

/** Returns the core's parser for one of `pg-types`' form; a default one reads binary, too. */
function chosen(oid: number, parser: (text: string) => unknown): ColumnParser {
  if (parser === asText || parser === parseBigInteger) return TEXT;
  const fast = FAST_DECODERS.get(oid);
  return fast !== undefined && fast.parser === parser ? fast : parser;
}

/** Passes text on as it is. */
const TEXT: ColumnParser = (text) => text;

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
