import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";
import { malformed, primitiveText } from "./component.ts";
import { geometryCodec } from "./geometry.ts";
import { textCodec } from "./scalars.ts";
import { setProperty } from "./set_property.ts";
import { versionedTextCodec } from "./system.ts";
import { halfvecCodec, sparsevecCodec, vectorCodec } from "./vectors.ts";

/** A cube by two opposite corners, of equal length; a point has the same corner twice. */
export interface Cube {
  /** One corner. */
  readonly lower: readonly number[];
  /** The opposite corner. */
  readonly upper: readonly number[];
}

const CUBE = /^\(([^()]*)\)(?:,\s*\(([^()]*)\))?$/;

/**
 * The codec of `hstore`: an object with string or `null` values. It also writes a `Map`, and writes
 * numbers and booleans as their text. Source: contrib/hstore, `hstore_send`, `hstore_out`.
 */
const hstoreCodec: Codec<object> = Object.freeze({
  name: "hstore",
  oid: 0,
  arrayOid: 0,
  decodeText: parseHstore,
  decodeBinary(reader: Reader): object {
    const object = {};
    const count = reader.count(reader.int32(), 8);
    for (let i = 0; i < count; i++) {
      const key = reader.text(reader.int32());
      const length = reader.int32();
      setProperty(object, key, length === -1 ? null : reader.text(length));
    }
    reader.finish();
    return object;
  },
  accepts: (value: unknown): boolean =>
    typeof value === "object" && !Array.isArray(value) && !ArrayBuffer.isView(value) &&
    !(value instanceof Date),
  encodeText: (value: object): string =>
    pairsOf(value).map(([key, item]) => `${quoted(key)}=>${item === null ? "NULL" : quoted(item)}`)
      .join(", "),
  encodeBinary(value: object, out: Writer): void {
    const pairs = pairsOf(value);
    out.int32(pairs.length);
    for (const [key, item] of pairs) {
      writeText(key, out);
      if (item === null) out.int32(-1);
      else writeText(item, out);
    }
  },
});

/** The codec of `cube`: {@linkcode Cube}, in text, as servers before 14 have no other form. Source: contrib/cube. */
const cubeCodec: Codec<Cube> = Object.freeze({
  name: "cube",
  oid: 0,
  arrayOid: 0,
  decodeText(text: string): Cube {
    const corners = CUBE.exec(text);
    if (corners === null) throw malformed("cube");
    const lower = coordinates(corners[1]!);
    const upper = corners[2] === undefined ? [...lower] : coordinates(corners[2]);
    if (lower.length !== upper.length) throw malformed("cube");
    return { lower, upper };
  },
  accepts: (value: unknown): boolean =>
    typeof value === "object" && Array.isArray((value as Partial<Cube>).lower) &&
    Array.isArray((value as Partial<Cube>).upper),
  encodeText({ lower, upper }: Cube): string {
    if (lower.length !== upper.length) {
      throw new InterfaceError("a cube needs corners of equal length");
    }
    return `(${lower.map(coordinate).join(", ")}),(${upper.map(coordinate).join(", ")})`;
  },
});

/** The codecs of extension types by name; their OIDs differ from database to database. */
export const EXTENSION_CODECS: ReadonlyMap<string, Codec> = new Map(
  [
    hstoreCodec,
    cubeCodec,
    textCodec("citext", 0),
    versionedTextCodec("ltree", 0),
    versionedTextCodec("lquery", 0),
    versionedTextCodec("ltxtquery", 0),
    vectorCodec,
    halfvecCodec,
    sparsevecCodec,
    geometryCodec("geometry"),
    geometryCodec("geography"),
  ].map((codec) => [codec.name, codec as Codec]),
);

/** Reads `hstore_out`'s text, `"key"=>"value", "key"=>NULL`. */
function parseHstore(text: string): object {
  const object = {};
  for (let at = 0; at < text.length;) {
    const key = unquote(text, at);
    at = expect(text, "=>", key.end);
    const isNull = text.startsWith("NULL", at);
    const value = isNull ? { text: null, end: at + 4 } : unquote(text, at);
    setProperty(object, key.text, value.text);
    at = value.end === text.length ? value.end : expect(text, ', "', value.end) - 1;
  }
  return object;
}

function expect(text: string, sign: string, at: number): number {
  if (!text.startsWith(sign, at)) throw malformed("hstore");
  return at + sign.length;
}

/** Returns the text in the quotes that open at `at`, and the index behind them. */
function unquote(text: string, at: number): { text: string; end: number } {
  let from = expect(text, '"', at);
  let unquoted = "";
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 34) return { text: unquoted + text.slice(from, i), end: i + 1 };
    if (code !== 92) continue;
    unquoted += text.slice(from, i);
    from = ++i;
  }
  throw malformed("hstore");
}

function pairsOf(value: object): [string, string | null][] {
  const entries: Iterable<[unknown, unknown]> = value instanceof Map
    ? value.entries()
    : Object.entries(value);
  return Array.from(entries, ([key, item]) => {
    const text = typeof item === "string" ? item : item === null ? null : primitiveText(item);
    if (typeof key !== "string" || text === undefined) {
      throw new InterfaceError("hstore holds strings and null");
    }
    return [key, text];
  });
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

function writeText(text: string, out: Writer): void {
  const at = out.lengthHere();
  out.text(text);
  out.patchValueLength(at);
}

function coordinates(text: string): number[] {
  if (text.trim() === "") return [];
  return text.split(",").map((part) => {
    const number = part.trim() === "" ? NaN : Number(part);
    if (Number.isNaN(number) && part.trim() !== "NaN") throw malformed("cube");
    return number;
  });
}

function coordinate(value: number): string {
  if (typeof value !== "number") throw new InterfaceError("a cube's corners are numbers");
  return primitiveText(value)!;
}
