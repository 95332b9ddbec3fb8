import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
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
import { parseMultirange, parseRange, quotedBound } from "./range_text.ts";

/** The bounds that a range includes: `[` and `]` are inclusive, `(` and `)` exclusive. */
export type RangeBounds = "[)" | "[]" | "(]" | "()";

/** The flags at the start of a range's binary form. Source: rangetypes.h. */
const EMPTY = 0x01;
const LOWER_INCLUSIVE = 0x02;
const UPPER_INCLUSIVE = 0x04;
const LOWER_INFINITE = 0x08;
const UPPER_INFINITE = 0x10;

/**
 * A PostgreSQL range. A bound of `null` means unbounded on that side.
 *
 * @example
 * ```ts
 * new Range(5, 6).toString(); // → "[5,6)"
 * Range.empty().isEmpty; // → true
 * ```
 */
export class Range<T = unknown> {
  /** The lower bound; `null` when there is none, or when the range is empty. */
  readonly lower: T | null;
  /** The upper bound; `null` when there is none, or when the range is empty. */
  readonly upper: T | null;
  /** The bounds that the range includes. */
  readonly bounds: RangeBounds;
  /** Whether the range is empty. */
  readonly isEmpty: boolean;

  /**
   * Creates a range from `lower` to `upper`; without arguments, unbounded on both sides.
   *
   * @throws {InterfaceError} `bounds` is not one of `[)`, `[]`, `(]`, `()`.
   */
  constructor(
    lower: T | null = null,
    upper: T | null = null,
    bounds: RangeBounds = "[)",
    isEmpty: boolean = false,
  ) {
    if (!/^[[(][\])]$/.test(bounds)) {
      throw new InterfaceError('the bounds of a range are "[)", "[]", "(]" or "()"');
    }
    this.lower = isEmpty ? null : lower;
    this.upper = isEmpty ? null : upper;
    this.bounds = bounds;
    this.isEmpty = isEmpty;
  }

  /** Returns the empty range. */
  static empty<T = never>(): Range<T> {
    return new Range<T>(null, null, "[)", true);
  }

  /**
   * Reports whether both ranges are empty, or have equal bounds: dates are compared by their time,
   * other objects by their text. `[1,3)` and `[1,2]` differ: the server alone knows a type's steps.
   */
  equals(other: unknown): boolean {
    if (!(other instanceof Range)) return false;
    if (this.isEmpty || other.isEmpty) return this.isEmpty === other.isEmpty;
    return this.bounds === other.bounds && sameBound(this.lower, other.lower) &&
      sameBound(this.upper, other.upper);
  }

  /** Returns `[5,6)`, or `empty`; an unbounded side is omitted. */
  toString(): string {
    if (this.isEmpty) return "empty";
    const [open, close] = this.bounds;
    return `${open}${boundText(this.lower)},${boundText(this.upper)}${close}`;
  }
}

/** Returns the codec of a range over `subtype`: {@linkcode Range}. Source: rangetypes.c, `range_send`, `range_out`. */
export function rangeOf(subtype: Codec, type: TypeName): Codec<Range> {
  const { name, oid, arrayOid } = type;
  const codec: Mutable<Codec<Range>> = {
    name,
    oid,
    arrayOid,
    decodeText: (text) => rangeOfText(subtype, text, name),
    accepts: (value) => value instanceof Range,
    encodeText: (value) => rangeText(subtype, value),
  };
  if (subtype.decodeBinary) {
    codec.decodeBinary = (reader, length) => readRange(subtype, reader, length, name);
  }
  if (subtype.encodeBinary) {
    codec.encodeBinary = (value, out) => writeRange(subtype, value, out);
    codec.encodesBinary = (value) => goesInBinary(subtype, value);
  }
  return Object.freeze(codec);
}

/**
 * Returns the codec of a multirange over `range`: an array of {@linkcode Range}. Source: multirangetypes.c.
 */
export function multirangeOf(range: Codec<Range>, type: TypeName): Codec<Range[]> {
  const { name, oid, arrayOid } = type;
  const codec: Mutable<Codec<Range[]>> = {
    name,
    oid,
    arrayOid,
    decodeText: (text) => parseMultirange(text, name).map((item) => range.decodeText(item)),
    accepts: (value) => Array.isArray(value) && value.every((item) => item instanceof Range),
    encodeText: (value) => `{${value.map((item) => range.encodeText(item)).join(",")}}`,
  };
  if (range.decodeBinary) {
    codec.decodeBinary = (reader, length) => readRanges(range, reader, length, name);
  }
  if (range.encodeBinary) {
    codec.encodeBinary = (value, out) => {
      out.int32(value.length);
      for (const item of value) writeComponent(range, item, out);
    };
    codec.encodesBinary = (value) => value.every((item) => range.encodesBinary!(item));
  }
  return Object.freeze(codec);
}

function rangeOfText(subtype: Codec, text: string, name: string): Range {
  const parsed = parseRange(text, name);
  if (parsed === null) return Range.empty();
  const [lower, upper] = [parsed.lower, parsed.upper].map((bound) =>
    bound === null ? null : subtype.decodeText(bound)
  );
  return new Range(lower, upper, parsed.bounds as RangeBounds);
}

function readRange(subtype: Codec, reader: Reader, length: number, name: string): Range {
  const end = reader.position + length;
  const flags = reader.uint8();
  if (flags & EMPTY) return Range.empty();
  try {
    const lower = flags & LOWER_INFINITE ? null : readBound(subtype, reader, end, name);
    const upper = flags & UPPER_INFINITE ? null : readBound(subtype, reader, end, name);
    const open = flags & LOWER_INCLUSIVE ? "[" : "(";
    const close = flags & UPPER_INCLUSIVE ? "]" : ")";
    return new Range(lower, upper, `${open}${close}` as RangeBounds);
  } finally {
    reader.end = end;
  }
}

function readBound(subtype: Codec, reader: Reader, end: number, name: string): unknown {
  const start = reader.position;
  const bound = readComponent(subtype, reader, end);
  // JSON's null is a value of four bytes; NULL has none besides its length.
  if (bound === null && reader.position === start + 4) throw malformed(name, "a bound is NULL");
  return bound;
}

function readRanges(range: Codec<Range>, reader: Reader, length: number, name: string): Range[] {
  const end = reader.position + length;
  const count = reader.int32();
  reader.count(count, 5);
  const ranges: Range[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const item = readComponent(range as Codec, reader, end) as Range | null;
      if (item === null) throw malformed(name, "a range is NULL");
      ranges.push(item);
    }
    return ranges;
  } finally {
    reader.end = end;
  }
}

function writeRange(subtype: Codec, value: Range, out: Writer): void {
  if (value.isEmpty) return out.uint8(EMPTY);
  const { lower, upper, bounds } = value;
  out.uint8(
    (lower === null ? LOWER_INFINITE : bounds[0] === "[" ? LOWER_INCLUSIVE : 0) |
      (upper === null ? UPPER_INFINITE : bounds[1] === "]" ? UPPER_INCLUSIVE : 0),
  );
  if (lower !== null) writeComponent(subtype, lower, out);
  if (upper !== null) writeComponent(subtype, upper, out);
}

function goesInBinary(subtype: Codec, value: Range): boolean {
  return isBinaryComponent(subtype, value.lower) && isBinaryComponent(subtype, value.upper);
}

function rangeText(subtype: Codec, value: Range): string {
  if (value.isEmpty) return "empty";
  const lower = quotedBound(componentText(subtype, value.lower));
  const upper = quotedBound(componentText(subtype, value.upper));
  return `${value.bounds[0]}${lower},${upper}${value.bounds[1]}`;
}

function sameBound(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  return a.constructor === b.constructor && hasOwnText(a) && String(a) === String(b);
}

/** Reports whether an object has a text of its own, other than `[object Object]`. */
function hasOwnText(value: object): boolean {
  return value.toString !== Object.prototype.toString;
}

function boundText(bound: unknown): string {
  if (bound === null || bound === undefined) return "";
  return bound instanceof Date && !Number.isNaN(bound.getTime())
    ? bound.toISOString()
    : String(bound);
}
