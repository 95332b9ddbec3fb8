/** The codecs of connections, which convert by the program's parsers and serializers. */
import type { Reader } from "../../bytes/reader.ts";
import type { Writer } from "../../bytes/writer.ts";
import { InterfaceError } from "../../errors/errors.ts";
import type { Codec } from "../../types/codec.ts";
import { TypeRegistry } from "../../types/registry.ts";
import { bufferOver } from "./node_library.ts";
import { readDate, readTimestamp } from "./timestamps.ts";
import {
  type Conversions,
  type Parser,
  PLAIN_BYTES,
  PLAIN_PARSERS,
  rawBytes,
  type Serializer,
} from "./value_types.ts";

/**
 * The types of one connection. Every type is known: without a parser its values are the server's text,
 * so the catalogue is never asked. A parser or serializer that is replaced counts for statements that
 * are prepared afterwards, as in postgres.js.
 */
export class PostgresTypes extends TypeRegistry {
  readonly #conversions: Conversions;
  readonly #known = new Map<number, { parse: Parser | undefined; codec: Codec }>();

  constructor(conversions: Conversions) {
    super();
    this.#conversions = conversions;
  }

  /** A serializer may write any value in its own way. */
  override get encodesPrimitives(): boolean {
    return true;
  }

  override get encodesStrings(): boolean {
    return true;
  }

  override lookup(oid: number): Codec {
    const parse = this.#conversions.parsers[oid];
    const known = this.#known.get(oid);
    if (known !== undefined && known.parse === parse) return known.codec;
    const codec = codecOf(oid, parse, this.#conversions.serializers);
    this.#known.set(oid, { parse, codec });
    return codec;
  }
}

/** The types of results as they came: each value is a Buffer of the server's text. */
export class RawTypes extends PostgresTypes {
  override lookup(oid: number): Codec {
    const { encodeText, name } = super.lookup(oid);
    return { ...COMMON, name, oid, encodeText, decodeText: rawBytes };
  }
}

const COMMON = { arrayOid: 0, accepts: () => true, encodesStrings: true } as const;

function codecOf(
  oid: number,
  parse: Parser | undefined,
  serializers: Readonly<Record<string, Serializer>>,
): Codec {
  const binary = BINARY.get(oid);
  return {
    ...COMMON,
    name: `type ${oid}`,
    oid,
    decodeText: parse ?? ((text: string) => text),
    ...(binary !== undefined && binary.instead === parse && binary.form),
    encodeText: (value) => serialized(value, oid, serializers),
    ...(oid === BYTEA && {
      encodesBinary: (value: unknown) =>
        value instanceof Uint8Array && serializers[BYTEA] === PLAIN_BYTES,
      encodeBinary: (value: unknown, out: Writer) => out.bytes(value as Uint8Array),
    }),
  };
}

const BYTEA = 17;

/** Returns the text of a parameter. Bytes and other objects that a serializer returns are refused. */
function serialized(
  value: unknown,
  oid: number,
  serializers: Readonly<Record<string, Serializer>>,
): string {
  const serialize = serializers[oid];
  const text = serialize === undefined ? "" + value : serialize(value);
  if (typeof text === "string") return text;
  if (typeof text === "object" && text !== null || text === undefined) {
    throw new InterfaceError(`the serializer of type ${oid} returned no text`);
  }
  return String(text);
}

/** The binary form of a type, which is read where the type has the parser that it began with. */
interface BinaryForm {
  readonly instead: Parser;
  readonly form: Partial<Pick<Codec, "decodeBinary" | "primitive">>;
}

const { number, parseBoolean, parseBytes, parseDate } = PLAIN_PARSERS;

const BINARY: ReadonlyMap<number, BinaryForm> = new Map<number, BinaryForm>([
  [16, { instead: parseBoolean, form: inPlace("bool", (reader) => reader.uint8() !== 0) }],
  [BYTEA, {
    instead: parseBytes,
    form: { decodeBinary: (reader, length) => bufferOver(reader.bytes(length)) },
  }],
  [21, { instead: number, form: inPlace("int2", (reader) => reader.int16()) }],
  [23, { instead: number, form: inPlace("int4", (reader) => reader.int32()) }],
  [26, { instead: number, form: inPlace("uint4", (reader) => reader.uint32()) }],
  [701, { instead: number, form: inPlace("float8", (reader) => reader.float64()) }],
  [1082, { instead: parseDate, form: { decodeBinary: readDate } }],
  [1184, { instead: parseDate, form: { decodeBinary: readTimestamp } }],
]);

function inPlace(
  primitive: NonNullable<Codec["primitive"]>,
  read: (reader: Reader) => unknown,
): BinaryForm["form"] {
  return { primitive, decodeBinary: read };
}
