/** The types that postgres.js knows from the start, and those that a program adds. */
import { Buffer } from "./node_library.ts";

/** Returns the value of the server's text. */
// The parameter is whatever the program's function takes.
export type Parser = (text: Anything) => unknown;

/** Returns the text of a value. */
export type Serializer = (value: Anything) => unknown;

/** TypeScript's own type of values that are not checked, such as the columns of a row. */
export type Anything = ReturnType<JSON["parse"]>;

/** Conversions of a type that a program adds, by the name under which it makes parameters. */
export interface PostgresType<T = Anything> {
  /** The OID that parameters are sent with. */
  to: number;
  /** The OIDs of the columns that `parse` reads. */
  from: number | readonly number[] | null;
  /** Returns the text of a value. */
  serialize: (value: T) => unknown;
  /** Returns the value of a text. */
  parse?: (text: Anything) => T;
}

/** Functions by the OIDs of types. A program may change both at any time. */
export interface Conversions {
  /** The parsers, by the OIDs of columns' types. */
  readonly parsers: Record<string, Parser>;
  /** The serializers, by the OIDs of parameters' types. */
  readonly serializers: Record<string, Serializer>;
}

const text = (value: unknown): string => "" + value;
const number: Parser = (text: string) => +text;
const json: Serializer = (value) => JSON.stringify(value);
const parseJson: Parser = (text: string) => JSON.parse(text);
const boolean: Serializer = (value) => value === true ? "t" : "f";
const parseBoolean: Parser = (text: string) => text === "t";
const date: Serializer = (value) => (value instanceof Date ? value : new Date(value)).toISOString();
const parseDate: Parser = (text: string) => new Date(text);
const bytes: Serializer = (value) => `\\x${Buffer.from(value).toString("hex")}`;
const parseBytes: Parser = (text: string) => Buffer.from(text.slice(2), "hex");

/** The parsers that the driver may replace by reading the binary form. */
export const PLAIN_PARSERS: {
  readonly number: Parser;
  readonly parseBoolean: Parser;
  readonly parseDate: Parser;
  readonly parseBytes: Parser;
} = { number, parseBoolean, parseDate, parseBytes };

/** The serializer of bytea, which the driver may replace by writing the binary form. */
export const PLAIN_BYTES: Serializer = bytes;

/** The types of postgres.js under their names. Source: measured on 3.4.9. */
const TYPES: Readonly<Record<string, PostgresType>> = {
  string: { to: 25, from: null, serialize: text },
  number: { to: 0, from: [21, 23, 26, 700, 701], serialize: text, parse: number },
  json: { to: 114, from: [114, 3802], serialize: json, parse: parseJson },
  boolean: { to: 16, from: 16, serialize: boolean, parse: parseBoolean },
  date: { to: 1184, from: [1082, 1114, 1184], serialize: date, parse: parseDate },
  bytea: { to: 17, from: 17, serialize: bytes, parse: parseBytes },
};

/** The type that reads and writes `bigint` as a BigInt: `postgres({ types: { bigint: BigInt } })`. */
export const BIGINT: PostgresType<bigint> = {
  to: 20,
  from: [20],
  parse: (text: string) => globalThis.BigInt(text),
  serialize: (value) => value.toString(),
};

/** Returns the conversions of the known types and of a program's own, which replace them. */
export function conversionsOf(own: Readonly<Record<string, PostgresType>>): Conversions {
  const conversions: Conversions = { parsers: {}, serializers: {} };
  for (const type of [...Object.values(TYPES), ...Object.values(own)]) add(type, conversions);
  return conversions;
}

function add({ to, from, serialize, parse }: PostgresType, into: Conversions): void {
  const read = from === null ? [] : [from].flat();
  if (serialize !== undefined) {
    for (const oid of [to, ...read]) into.serializers[oid] = serialize;
  }
  if (parse !== undefined) { for (const oid of read) into.parsers[oid] = parse; }
}

/** Returns a Buffer of a value's bytes, for `raw()`. */
export function rawBytes(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

/** The value with which a cursor's callback ends the cursor: `sql.CLOSE`. */
export const CLOSE: Readonly<Record<never, never>> = Object.freeze({});
