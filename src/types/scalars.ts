import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError, ProtocolError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";
import { expectLength, malformed } from "./component.ts";
import { COMMON_OIDS } from "./common_oids.ts";

/** Functions that read and write json and jsonb. Default: `JSON.parse` and `JSON.stringify`. */
export interface JsonFunctions {
  /** Returns the value of a document's text. An error becomes the cause of a `DataError`. */
  parse?(text: string): unknown;
  /** Returns the text of an object or array. An error becomes the cause of an `InterfaceError`. */
  stringify?(value: unknown): string | undefined;
}

const HEX: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);
/** Any group of four digits may have a hyphen behind it. Source: uuid.c, `string_to_uuid`. */
const UUID = /^(?:[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}|\{[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}\})$/i;

/** Returns the codec of a type that is a string in JavaScript and in binary the UTF-8 of its text. */
export function textCodec(name: string, oid: number, arrayOid: number = 0): Codec<string> {
  return Object.freeze({
    name,
    oid,
    arrayOid,
    primitive: "text",
    decodeText: same,
    decodeBinary: (reader: Reader, length: number): string => reader.text(length),
    accepts: isString,
    encodeText: same,
    encodeBinary: (value: string, out: Writer): void => out.text(value),
  });
}

/**
 * Returns the codec of a type that is a string in JavaScript and is sent and received as text only:
 * its binary form differs from its text, does not exist or is unknown.
 */
export function textOnlyCodec(name: string, oid: number, arrayOid: number = 0): Codec<string> {
  return Object.freeze({
    name,
    oid,
    arrayOid,
    decodeText: same,
    accepts: nothing,
    encodeText: same,
  });
}

/** `bool` ↔ boolean. Source: bool.c. */
export const boolCodec: Codec<boolean> = Object.freeze({
  name: "bool",
  oid: COMMON_OIDS.bool,
  arrayOid: COMMON_OIDS._bool,
  primitive: "bool",
  decodeText(text: string): boolean {
    if (text !== "t" && text !== "f") throw malformed("bool");
    return text === "t";
  },
  decodeBinary(reader: Reader, length: number): boolean {
    expectLength(length, 1, "bool");
    return reader.uint8() !== 0;
  },
  accepts: (value: unknown): boolean => typeof value === "boolean",
  encodeText: (value: boolean): string => value ? "t" : "f",
  encodeBinary: (value: boolean, out: Writer): void => out.uint8(value ? 1 : 0),
});

/** `bytea` ↔ `Uint8Array`; both `bytea_output` formats are read. Source: varlena.c, encode.c. */
export const byteaCodec: Codec<Uint8Array | ArrayBuffer | DataView> = Object.freeze({
  name: "bytea",
  oid: COMMON_OIDS.bytea,
  arrayOid: COMMON_OIDS._bytea,
  decodeText: (text: string): Uint8Array =>
    text.startsWith("\\x") ? bytesOfHex(text) : bytesOfEscape(text),
  decodeBinary: (reader: Reader, length: number): Uint8Array => reader.bytes(length),
  accepts: (value: unknown): boolean =>
    value instanceof Uint8Array || value instanceof ArrayBuffer || value instanceof DataView,
  encodeText(value: Uint8Array | ArrayBuffer | DataView): string {
    let text = "\\x";
    for (const byte of octets(value)) text += HEX[byte];
    return text;
  },
  encodeBinary: (value: Uint8Array | ArrayBuffer | DataView, out: Writer): void =>
    out.bytes(octets(value)),
});

/** `uuid` ↔ its text in lower case. Source: uuid.c. */
export const uuidCodec: Codec<string> = Object.freeze({
  name: "uuid",
  oid: COMMON_OIDS.uuid,
  arrayOid: COMMON_OIDS._uuid,
  prefersText: true,
  decodeText: same,
  decodeBinary(reader: Reader, length: number): string {
    expectLength(length, 16, "uuid");
    return uuidText(reader.buffer, reader.take(16));
  },
  accepts: nothing,
  encodeText: same,
  encodeBinary(value: string, out: Writer): void {
    if (!UUID.test(value)) throw new InterfaceError("not a uuid", { code: "22P02" });
    const hex = value.replace(/[-{}]/g, "");
    for (let i = 0; i < 32; i += 2) out.uint8(parseInt(hex.slice(i, i + 2), 16));
  },
});

/**
 * Returns the codecs of `json` and `jsonb`: parsed values. Objects and arrays are written as JSON; a
 * string is JSON text already, as a string is the text of every type. Source: json.c, jsonb.c (`jsonb_send`: a version byte).
 */
export function jsonCodecs(functions: JsonFunctions = {}): readonly Codec[] {
  const parse = parserOf(functions.parse ?? JSON.parse);
  const write = writerOf(functions.stringify ?? JSON.stringify);
  const common = { decodeText: parse, accepts: isDocument, encodeText: write };
  const json: Codec = {
    name: "json",
    oid: COMMON_OIDS.json,
    arrayOid: COMMON_OIDS._json,
    ...common,
    decodeBinary: (reader: Reader, length: number): unknown => parse(reader.text(length)),
    encodeBinary: (value: unknown, out: Writer): void => out.text(write(value)),
  };
  const jsonb: Codec = {
    name: "jsonb",
    oid: COMMON_OIDS.jsonb,
    arrayOid: COMMON_OIDS._jsonb,
    ...common,
    decodeBinary: (reader: Reader, length: number): unknown =>
      parse(versioned(reader, length, "jsonb")),
    encodeBinary(value: unknown, out: Writer): void {
      out.uint8(1);
      out.text(write(value));
    },
  };
  return [Object.freeze(json), Object.freeze(jsonb)];
}

/** Reads a value that begins with the version byte 1 and goes on as text. */
export function versioned(reader: Reader, length: number, what: string): string {
  if (length < 1) throw new ProtocolError(`malformed ${what}: it is empty`);
  const version = reader.uint8();
  if (version !== 1) throw malformed(what, `version ${version} is not known`);
  return reader.text(length - 1);
}

/** Returns the text of a uuid. One call with all codes is four times as fast as joining 16 strings. */
// deno-fmt-ignore
function uuidText(b: Uint8Array, at: number): string {
  const b0 = b[at]!, b1 = b[at + 1]!, b2 = b[at + 2]!, b3 = b[at + 3]!;
  const b4 = b[at + 4]!, b5 = b[at + 5]!, b6 = b[at + 6]!, b7 = b[at + 7]!;
  const b8 = b[at + 8]!, b9 = b[at + 9]!, b10 = b[at + 10]!, b11 = b[at + 11]!;
  const b12 = b[at + 12]!, b13 = b[at + 13]!, b14 = b[at + 14]!, b15 = b[at + 15]!;
  return String.fromCharCode(
    digit(b0 >> 4), digit(b0 & 15), digit(b1 >> 4), digit(b1 & 15),
    digit(b2 >> 4), digit(b2 & 15), digit(b3 >> 4), digit(b3 & 15), 45,
    digit(b4 >> 4), digit(b4 & 15), digit(b5 >> 4), digit(b5 & 15), 45,
    digit(b6 >> 4), digit(b6 & 15), digit(b7 >> 4), digit(b7 & 15), 45,
    digit(b8 >> 4), digit(b8 & 15), digit(b9 >> 4), digit(b9 & 15), 45,
    digit(b10 >> 4), digit(b10 & 15), digit(b11 >> 4), digit(b11 & 15),
    digit(b12 >> 4), digit(b12 & 15), digit(b13 >> 4), digit(b13 & 15),
    digit(b14 >> 4), digit(b14 & 15), digit(b15 >> 4), digit(b15 & 15),
  );
}

/** Returns the character code of a hexadecimal digit. */
function digit(value: number): number {
  return value < 10 ? 48 + value : 87 + value;
}

function same(value: string): string {
  return value;
}

function nothing(): boolean {
  return false;
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

/** Reports whether a value can be a document. Bytes cannot: JSON would make them an object. */
function isDocument(value: unknown): boolean {
  return typeof value === "string" ||
    typeof value === "object" && !ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer);
}

function parserOf(parse: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return parse(text);
    } catch (cause) {
      throw malformed("json", undefined, cause);
    }
  };
}

function writerOf(stringify: (value: unknown) => string | undefined): (value: unknown) => string {
  return (value) => {
    if (typeof value === "string") return value;
    let text: string | undefined;
    try {
      text = stringify(value);
    } catch (cause) {
      throw new InterfaceError("cannot be written as JSON", { code: "22023", cause });
    }
    if (typeof text === "string") return text;
    throw new InterfaceError("has no JSON", { code: "22023" });
  };
}

function octets(value: Uint8Array | ArrayBuffer | DataView): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function bytesOfHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw malformed("bytea");
  const bytes = new Uint8Array(text.length / 2 - 1);
  for (let i = 0; i < bytes.length; i++) {
    const high = nibble(text.charCodeAt(2 * i + 2));
    const low = nibble(text.charCodeAt(2 * i + 3));
    if ((high | low) < 0) throw malformed("bytea");
    bytes[i] = high << 4 | low;
  }
  return bytes;
}

function nibble(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Reads the format `bytea_output = escape`: printable ASCII as itself, `\\` and `\ooo`. */
function bytesOfEscape(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === 92 && text[i + 1] === "\\") i++;
    else if (code === 92) {
      const octal = text.slice(i + 1, i + 4);
      if (!/^[0-3][0-7]{2}$/.test(octal)) throw malformed("bytea");
      code = parseInt(octal, 8);
      i += 3;
    } else if (code > 127) throw malformed("bytea");
    bytes[size++] = code;
  }
  return bytes.slice(0, size);
}
