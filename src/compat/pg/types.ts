/**
 * The table of type parsers, by OID, that `pg.types` is: global, mutable, in force for results that are
 * described afterwards. Source: pg-types 2.2.0.
 */
import type { Reader } from "../../bytes/reader.ts";
import { Buffer } from "../node.ts";
import { parseArrayText } from "./array_text.ts";
import { BUILTINS } from "./builtins.ts";
import { parseBytea } from "./bytea.ts";
import { binaryParser } from "./binary_values.ts";
import { parseDate, readInstant, readLocalDate, readLocalTime } from "./dates.ts";
import { parseInterval } from "./interval.ts";

/** Reads a value: from the server's text, or from a `Buffer` where the format is binary. */
export type TypeParser = {
  /** A method's parameter may be narrower: a parser takes either strings or buffers. */
  parse(value: string | Buffer): unknown;
}["parse"];

/** The format of values, as `getTypeParser` takes it. */
export type TypeFormat = "text" | "binary";

/** An object that chooses parsers: `types`, a `TypeOverrides`, or one of the caller's. */
export interface CustomTypes {
  /** Returns the parser of a type. */
  getTypeParser(oid: number, format?: TypeFormat): TypeParser;
}

/** A point of a `point` or `circle`. */
export interface PgPoint {
  x: number;
  y: number;
}

const arrayParser: ArrayParser = {
  create: (text, transform) => ({ parse: () => parseArrayText(text, transform) }),
};

/** Returns the value's text: the parser of every type that has no other. */
export function asText(value: unknown): string {
  return String(value);
}

/** Reads an `int8`: its text. */
export function parseBigInteger(text: string): string {
  return text;
}

/** Reads an integer. */
export function parseInteger(text: string): number {
  return parseInt(text, 10);
}

function parseReal(text: string): number {
  return parseFloat(text);
}

function parseBool(text: string): boolean {
  return TRUE.has(text);
}

function parseJson(text: string): unknown {
  return JSON.parse(text);
}

function parsePoint(text: string): PgPoint | null {
  if (!text.startsWith("(")) return null;
  const [x = "", y = ""] = text.slice(1, -1).split(",");
  return { x: parseFloat(x), y: parseFloat(y) };
}

function parseCircle(text: string): PgPoint & { radius: number } | null {
  const found = /^<(\(.*\)),(.*)>$/.exec(text);
  const center = found === null ? null : parsePoint(found[1]!);
  return center === null ? null : { ...center, radius: parseFloat(found![2]!) };
}

const TRUE: ReadonlySet<string> = new Set(["TRUE", "t", "true", "y", "yes", "on", "1"]);

function arrayOf(parse?: (element: string) => unknown): (text: string) => unknown[] | null {
  return (text) => text ? parseArrayText(text, parse) : null;
}

const integers = arrayOf(parseInteger);
const reals = arrayOf(parseReal);
const strings = arrayOf();
const dates = arrayOf(parseDate);
const documents = arrayOf(parseJson);

/** OIDs of arrays whose elements stay text. */
const ARRAYS_OF_TEXT: readonly number[] = [
  ...[651, 1014, 1015, 1008, 1009, 1040, 1041, 3907, 2951, 791, 1183, 1270],
];

/** The parsers of text that hold until others are set. */
const TEXT_DEFAULTS: readonly (readonly [oid: number, parser: TypeParser])[] = [
  ...[20].map((oid) => [oid, parseBigInteger] as const),
  ...[21, 23, 26].map((oid) => [oid, parseInteger] as const),
  ...[700, 701].map((oid) => [oid, parseReal] as const),
  ...[1082, 1114, 1184].map((oid) => [oid, parseDate] as const),
  ...[114, 3802].map((oid) => [oid, parseJson] as const),
  ...[16].map((oid) => [oid, parseBool] as const),
  [17, parseBytea],
  [600, parsePoint],
  [718, parseCircle],
  [1186, parseInterval],
  [1000, arrayOf(parseBool)],
  [1001, arrayOf(parseBytea)],
  [1016, arrayOf()],
  [1017, arrayOf(parsePoint)],
  [1187, arrayOf(parseInterval)],
  ...[1005, 1007, 1028].map((oid) => [oid, integers] as const),
  ...[1021, 1022, 1231].map((oid) => [oid, reals] as const),
  ...ARRAYS_OF_TEXT.map((oid) => [oid, strings] as const),
  ...[1115, 1182, 1185].map((oid) => [oid, dates] as const),
  ...[199, 3807].map((oid) => [oid, documents] as const),
];

/** Decoders of both formats, used while a type has its default parser. */
export interface FastDecoder {
  readonly parser: TypeParser;
  readonly decodeText: (text: string) => unknown;
  readonly decodeBinary: (reader: Reader, length: number) => unknown;
  readonly primitive?: "bool" | "int2" | "int4" | "uint4" | "float8";
}

/** The default parsers that have an equal for the binary form. */
export const FAST_DECODERS: ReadonlyMap<number, FastDecoder> = new Map([
  fast(16, parseBool, (reader) => reader.uint8() !== 0, "bool"),
  fast(21, parseInteger, (reader) => reader.int16(), "int2"),
  fast(23, parseInteger, (reader) => reader.int32(), "int4"),
  fast(26, parseInteger, (reader) => reader.uint32(), "uint4"),
  fast(701, parseReal, (reader) => reader.float64(), "float8"),
  fast(1082, parseDate, readLocalDate),
  fast(1114, parseDate, readLocalTime),
  fast(1184, parseDate, readInstant),
  fast(17, parseBytea, (reader, length) => {
    const { buffer } = reader.bytes(length);
    return Buffer.from(buffer);
  }),
]);

function fast(
  oid: number,
  parser: TypeParser,
  decodeBinary: FastDecoder["decodeBinary"],
  primitive?: FastDecoder["primitive"],
): [number, FastDecoder] {
  const decoder = { parser, decodeText: parser as (text: string) => unknown, decodeBinary };
  return [oid, primitive === undefined ? decoder : { ...decoder, primitive }];
}

const PARSERS: Readonly<Record<TypeFormat, Map<number, TypeParser>>> = {
  text: new Map(TEXT_DEFAULTS),
  binary: new Map(),
};

/** Returns the parser of a type; one that returns the text for a type without a parser. */
export function getTypeParser(oid: number, format: TypeFormat = "text"): TypeParser {
  const set = PARSERS[format || "text"]?.get(Number(oid));
  if (set !== undefined) return set;
  return format === "binary" ? binaryParser(Number(oid)) ?? asText : asText;
}

/** Sets the parser of a type, for all clients, from the next description of a result on. */
export function setTypeParser(oid: number, parser: TypeParser): void;
/** Sets the parser of a type in a format. */
export function setTypeParser(oid: number, format: TypeFormat, parser: TypeParser): void;
export function setTypeParser(
  oid: number,
  format: TypeFormat | TypeParser,
  parser?: TypeParser,
): void {
  if (typeof format === "function") PARSERS.text.set(Number(oid), format);
  else PARSERS[format].set(Number(oid), parser!);
}

/** The names of types with their OIDs: `types.builtins.TIMESTAMPTZ` is 1184. */
export const builtins: Readonly<Record<string, number>> = BUILTINS;

/** Makes readers of arrays, in the old interface of `postgres-array`. */
export interface ArrayParser {
  /** Returns an object whose `parse()` reads the array; `transform` gets each element but NULL. */
  create(text: string, transform?: (element: string) => unknown): { parse(): unknown[] };
}

/** The interface of the module `pg-types`. */
export interface Types extends CustomTypes {
  /** Sets the parser of a type, for all clients, from the next description of a result on. */
  setTypeParser(oid: number, parser: TypeParser): void;
  /** Sets the parser of a type in a format. */
  setTypeParser(oid: number, format: TypeFormat, parser: TypeParser): void;
  /** Readers of arrays. */
  readonly arrayParser: ArrayParser;
  /** OIDs of types by name. */
  readonly builtins: Readonly<Record<string, number>>;
}

/** The module `pg-types`. */
export const types: Types = {
  getTypeParser: getTypeParser,
  setTypeParser: setTypeParser,
  arrayParser: arrayParser,
  builtins: builtins,
};
