/**
 * How Drizzle's columns want their values: as its own drivers return them. Dates, times and intervals are
 * the server's text, from which each column makes what its mode says; int8 and numeric are strings.
 */
import type { ColumnParser } from "../query/parsers.ts";
import { parseArray } from "../types/array_text.ts";
import type { Codec } from "../types/codec.ts";
import { BUILTIN_TYPES, OIDS } from "../types/oids.ts";
import { completeRegistry } from "../types/complete_registry.ts";
import type { TypeRegistry } from "../types/registry.ts";

/** The types that the driver's codecs read, by themselves and in arrays. */
const BY_CODEC: ReadonlySet<string> = new Set([
  ...["bool", "bytea", "int2", "int4", "int8", "oid", "float4", "float8", "numeric"],
  ...["text", "varchar", "bpchar", "name", "uuid", "json", "jsonb", "point"],
]);

/** The parsers of one database object. A parser is made when its type is first seen. */
export class ColumnParsers {
  readonly #registry: TypeRegistry = completeRegistry({ int8: "string", numeric: "string" });
  readonly #parsers = new Map<number, ColumnParser>();

  /** Returns the parser of a type, always the same one. */
  readonly of = (typeOid: number): ColumnParser => {
    const known = this.#parsers.get(typeOid);
    if (known !== undefined) return known;
    const parser = this.#make(typeOid);
    // Types of users are text, so that the number of kept parsers is bounded.
    if (parser !== asText) this.#parsers.set(typeOid, parser);
    return parser;
  };

  #make(typeOid: number): ColumnParser {
    const row = BUILTIN_TYPES.find(([oid, , , arrayOid]) =>
      oid === typeOid || arrayOid === typeOid
    );
    if (row === undefined) return asText;
    const [oid, name, , , , delimiter] = row;
    const codec = BY_CODEC.has(name) ? this.#registry.lookup(typeOid) : undefined;
    if (codec !== undefined) return decoderOf(codec);
    if (oid === typeOid) return asText;
    return (text) => parseArray(text, { name: `_${name}`, delimiter, decode: asText }).elements;
  }
}

/** Returns a codec as a parser. `point` is read from text: Drizzle takes an object of `x` and `y`. */
function decoderOf(codec: Codec): ColumnParser {
  return codec.oid === OIDS.point ? (text) => codec.decodeText(text) : codec;
}

function asText(text: string): string {
  return text;
}
