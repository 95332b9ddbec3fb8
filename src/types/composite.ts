import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { AlteredTypeError } from "./altered_type.ts";
import type { Codec } from "./codec.ts";
import {
  componentText,
  isBinaryComponent,
  malformed,
  type Mutable,
  readComponent,
  type TypeName,
  writeComponent,
} from "./component.ts";
import { OIDS } from "./oids.ts";
import { setProperty } from "./set_property.ts";

/** One attribute of a composite type, in the type's order. */
export interface Attribute {
  /** `pg_attribute.attname`, the property's name. */
  readonly name: string;
  /** The OID of the attribute's type; of a domain, the domain's own. */
  readonly oid: number;
  /** The codec of the attribute's values. */
  readonly codec: Codec;
}

type Row = Record<string, unknown>;

const NEEDS_QUOTES = /^$|["\\(),\s]/;

/**
 * The codec of a composite type: an object with its attributes, NULL as `null`. To be written, an
 * object must have every attribute; other properties are ignored. Source: rowtypes.c, `record_send`,
 * `record_out`.
 *
 * @throws {AlteredTypeError} when decoding: the value has other attributes.
 */
export function compositeOf(
  attributes: readonly Attribute[],
  type: TypeName,
): Codec<Record<string, unknown>> {
  const { name, oid, arrayOid } = type;
  const codec: Mutable<Codec<Row>> = {
    name,
    oid,
    arrayOid,
    decodeText: (text) => fromTexts(attributes, parseRecord(text, name), name),
    accepts: isRow,
    encodeText: (value) => rowText(attributes, value, name),
  };
  if (attributes.every((attribute) => attribute.codec.decodeBinary)) {
    codec.decodeBinary = (reader, length) => readRow(attributes, reader, length, name);
  }
  if (attributes.every((attribute) => attribute.codec.encodeBinary)) {
    codec.encodeBinary = (value, out) => writeRow(attributes, value, out, name);
    codec.encodesBinary = (value) =>
      attributes.every((attribute) =>
        isBinaryComponent(attribute.codec, attributeOf(value, attribute.name, name))
      );
  }
  return Object.freeze(codec);
}

/**
 * The codec of an anonymous `record`: an array of its fields' texts, NULL as `null`. The text does not
 * contain the fields' types, and the binary form is not requested because it may contain types
 * without a codec. A cast to a named type gives typed fields. The server does not accept an anonymous
 * record as a parameter.
 */
export const recordCodec: Codec<(string | null)[]> = Object.freeze({
  name: "record",
  oid: OIDS.record,
  arrayOid: OIDS._record,
  decodeText: (text: string): (string | null)[] => parseRecord(text, "record"),
  accepts: (value: unknown): boolean => Array.isArray(value),
  encodeText: (value: readonly unknown[]): string => `(${value.map(fieldText).join(",")})`,
});

/**
 * Returns the fields of `record_out`'s text, `(1,"a b",)`: an empty field is NULL, `""` the empty string.
 * Source: rowtypes.c; manual, "Composite Type Input and Output Syntax".
 *
 * @throws {DataError} `text` is not a record.
 */
export function parseRecord(text: string, name: string): (string | null)[] {
  const last = text.length - 1;
  if (last < 1 || text[0] !== "(" || text[last] !== ")") throw malformed(name);
  const fields: (string | null)[] = [];
  let at = 1;
  do {
    const start = at;
    let field = "";
    let inQuotes = false;
    for (; at < last; at++) {
      const char = text[at]!;
      if (char === "\\") field += text[++at] ?? "";
      else if (char === '"' && inQuotes && text[at + 1] === '"') field += text[++at];
      else if (char === '"') inQuotes = !inQuotes;
      else if (char === "," && !inQuotes) break;
      else field += char;
    }
    if (inQuotes || at > last) throw malformed(name);
    fields.push(at === start ? null : field);
  } while (at++ < last);
  return fields;
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !ArrayBuffer.isView(value) && !(value instanceof Date);
}

function fromTexts(attributes: readonly Attribute[], texts: (string | null)[], name: string): Row {
  if (attributes.length === 0 && texts.length === 1 && texts[0] === null) texts = [];
  if (texts.length !== attributes.length) throw new AlteredTypeError(name);
  const row: Row = {};
  attributes.forEach(({ name: key, codec }, i) => {
    const text = texts[i]!;
    setProperty(row, key, text === null ? null : codec.decodeText(text));
  });
  return row;
}

function readRow(
  attributes: readonly Attribute[],
  reader: Reader,
  length: number,
  name: string,
): Row {
  const end = reader.position + length;
  if (reader.int32() !== attributes.length) throw new AlteredTypeError(name);
  const row: Row = {};
  try {
    for (const attribute of attributes) {
      reader.end = end;
      if (reader.uint32() !== attribute.oid) throw new AlteredTypeError(name);
      setProperty(row, attribute.name, readComponent(attribute.codec, reader, end));
    }
    return row;
  } finally {
    reader.end = end;
  }
}

function writeRow(attributes: readonly Attribute[], value: Row, out: Writer, name: string): void {
  out.int32(attributes.length);
  for (const attribute of attributes) {
    out.int32(attribute.oid);
    writeComponent(attribute.codec, attributeOf(value, attribute.name, name), out);
  }
}

function rowText(attributes: readonly Attribute[], value: Row, name: string): string {
  const fields = attributes.map((attribute) =>
    quotedField(componentText(attribute.codec, attributeOf(value, attribute.name, name)))
  );
  return `(${fields.join(",")})`;
}

function attributeOf(value: Row, key: string, name: string): unknown {
  const field = key === "__proto__" && !Object.hasOwn(value, key) ? undefined : value[key];
  if (field !== undefined) return field;
  throw new InterfaceError(`${name} needs the attribute ${JSON.stringify(key)}; null for NULL`);
}

function quotedField(text: string | null): string {
  if (text === null) return "";
  return NEEDS_QUOTES.test(text) ? `"${text.replace(/["\\]/g, "$&$&")}"` : text;
}

function fieldText(value: unknown): string {
  if (value === null) return "";
  if (typeof value === "object" || value === undefined) {
    throw new InterfaceError("record takes strings, numbers, booleans and null as fields");
  }
  return quotedField(Object.is(value, -0) ? "-0" : String(value));
}
