/**
 * Reads DER, the encoding of certificates (X.690), with the bounds-checked cursor of `bytes/reader.ts`.
 * Lengths must be definite and as short as they can be; one pass over the bytes reads everything.
 */
import { Reader } from "../bytes/reader.ts";
import { ProtocolError } from "../errors/errors.ts";

/** The tags that certificates use. */
export const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OBJECT_IDENTIFIER: 0x06,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** The first byte of a context-specific element that holds other elements. */
export function contextTag(number: number): number {
  return 0xa0 + number;
}

/** Reads all of `bytes` by `read`, which must consume them. */
export function readDer<T>(bytes: Uint8Array, read: (reader: Reader) => T): T {
  const reader = new Reader(bytes);
  reader.what = "certificate";
  const value = read(reader);
  reader.finish();
  return value;
}

/** Reads one element by `read`, which sees only its contents and must consume them. */
export function within<T>(reader: Reader, tag: number, read: () => T): T {
  const found = reader.uint8();
  if (found !== tag) throw malformed(`element ${tag} expected, ${found} found`);
  const length = elementLength(reader);
  const outer = reader.end;
  reader.end = reader.take(length) + length;
  reader.position = reader.end - length;
  const value = read();
  reader.finish();
  reader.end = outer;
  return value;
}

/** Returns the tag of the next element, or -1 at the end. */
export function nextTag(reader: Reader): number {
  return reader.remaining === 0 ? -1 : reader.buffer[reader.position]!;
}

/** Reads the contents of one element; the result is a view of the reader's buffer. */
export function contents(reader: Reader, tag: number): Uint8Array {
  return within(reader, tag, () => rest(reader));
}

/** Reads one element with its tag and length, whatever its tag; the result is a view. */
export function element(reader: Reader): Uint8Array {
  const start = reader.position;
  reader.uint8();
  reader.take(elementLength(reader));
  return reader.buffer.subarray(start, reader.position);
}

/** Reads the contents of one element, whatever its tag; the result is a view. */
export function value(reader: Reader): Uint8Array {
  reader.uint8();
  const length = elementLength(reader);
  const start = reader.take(length);
  return reader.buffer.subarray(start, start + length);
}

/** Reads to the end of the element that `reader` is in; the result is a view. */
export function rest(reader: Reader): Uint8Array {
  const bytes = reader.buffer.subarray(reader.position, reader.end);
  reader.position = reader.end;
  return bytes;
}

/** Reads an object identifier in dots (X.690, 8.19). */
export function objectIdentifier(reader: Reader): string {
  return within(reader, Tag.OBJECT_IDENTIFIER, () => {
    const arcs: number[] = [];
    let arc = 0;
    while (reader.remaining > 0) {
      const byte = reader.uint8();
      arc = arc * 128 + (byte & 0x7f);
      if (byte >= 0x80) continue;
      if (arcs.length === 0) arcs.push(...firstArcs(arc));
      else arcs.push(arc);
      arc = 0;
    }
    return arcs.join(".");
  });
}

/** Reads BOOLEAN DEFAULT FALSE: absent, or true as DER writes it. */
export function optionalTrue(reader: Reader): boolean {
  if (nextTag(reader) !== Tag.BOOLEAN) return false;
  const [byte, ...more] = contents(reader, Tag.BOOLEAN);
  if (more.length > 0 || (byte !== 0 && byte !== 0xff)) throw malformed("a boolean is neither");
  return byte === 0xff;
}

/** Reads an INTEGER from 0 to 2^31 - 1. */
export function smallInteger(reader: Reader): number {
  const bytes = contents(reader, Tag.INTEGER);
  if (bytes.length === 0 || bytes.length > 4 || bytes[0]! > 127) throw malformed("bad integer");
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

/** Reads a BIT STRING of whole bytes. */
export function wholeBytes(reader: Reader): Uint8Array {
  const bytes = contents(reader, Tag.BIT_STRING);
  if (bytes[0] !== 0) throw malformed("a bit string is not of whole bytes");
  return bytes.subarray(1);
}

/** Reads UTCTime or GeneralizedTime in the forms of RFC 5280, 4.1.2.5; milliseconds since 1970. */
export function time(reader: Reader): number {
  const isShort = nextTag(reader) === Tag.UTC_TIME;
  const bytes = contents(reader, isShort ? Tag.UTC_TIME : Tag.GENERALIZED_TIME);
  const text = String.fromCharCode(...bytes.subarray(0, 16));
  const found = (isShort ? /^(\d{2})(\d{10})Z$/ : /^(\d{4})(\d{10})Z$/).exec(text);
  if (found === null) throw malformed("bad time");
  const number = Number(found[1]);
  const year = !isShort ? number : number < 50 ? 2000 + number : 1900 + number;
  const [month, day, hour, minute, second] = found[2]!.match(/../g)!.map(Number);
  const at = new Date(0);
  at.setUTCFullYear(year, month! - 1, day!);
  at.setUTCHours(hour!, minute!, second!);
  const isReal = at.getUTCMonth() === month! - 1 && at.getUTCDate() === day &&
    hour! < 24 && minute! < 60 && second! < 60;
  if (!isReal) throw malformed("bad time");
  return at.getTime();
}

/** Makes the error for bytes that are not the certificate they should be. */
export function malformed(reason: string): ProtocolError {
  return new ProtocolError(`malformed certificate: ${reason}`);
}

/** One byte, or a count of bytes and as many of them; the indefinite form is not DER. */
function elementLength(reader: Reader): number {
  const first = reader.uint8();
  if (first < 0x80) return first;
  const size = first & 0x7f;
  if (size === 0 || size > 3) throw malformed("bad length");
  let length = 0;
  for (let i = 0; i < size; i++) length = length * 256 + reader.uint8();
  if (length < 0x80 || length < 256 ** (size - 1)) throw malformed("bad length");
  return length;
}

function firstArcs(joined: number): [number, number] {
  const first = Math.min(Math.floor(joined / 40), 2);
  return [first, joined - first * 40];
}
