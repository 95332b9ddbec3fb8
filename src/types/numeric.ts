import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { DataError, InterfaceError } from "../errors/errors.ts";
import type { Codec } from "./codec.ts";
import { malformed, primitiveText } from "./component.ts";
import { COMMON_OIDS } from "./common_oids.ts";

/** JavaScript values for `numeric`. */
export type NumericPolicy = "string" | "number";

const NEGATIVE = 0x4000;
const NAN = 0xc000;
const INFINITY = 0xd000;
const NEGATIVE_INFINITY = 0xf000;
/** numeric.c: NUMERIC_DSCALE_MASK and NUMERIC_WEIGHT_MAX. */
const MAX_SCALE = 0x3fff;
const MAX_WEIGHT = 0x7fff;
/**
 * Zeros in a row that a decoded value may have at its end or behind its point. Source: numeric.h,
 * NUMERIC_MAX_PRECISION and NUMERIC_MAX_DISPLAY_SCALE: no declared `numeric(p,s)` has more digits.
 */
const MAX_ZEROS = 1000;
const ZERO = 48;
const DECIMAL = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,7}))?$/;

/**
 * Returns the codec of `numeric`: its exact text ("1.500" keeps its zeros; `NaN`, `Infinity`,
 * `-Infinity`), or a number, which refuses a value that would lose digits with a `DataError`.
 * Source: numeric.c, `numeric_send`.
 */
export function numericCodec(policy: NumericPolicy): Codec<string | number | bigint> {
  const present = policy === "number" ? exactNumber : (text: string): string => text;
  const scratch = new Uint8Array(SCRATCH);
  return Object.freeze({
    name: "numeric",
    oid: COMMON_OIDS.numeric,
    arrayOid: COMMON_OIDS._numeric,
    decodeText(text: string): string | number {
      if (!DECIMAL.test(text) && !isSpecial(text)) throw malformed("numeric");
      return present(text.length > MAX_ZEROS ? shortened(text) : text);
    },
    decodeBinary: (reader: Reader, length: number): string | number =>
      present(readNumeric(reader, length, scratch)),
    accepts: (value: unknown): boolean => typeof value === "number" || typeof value === "bigint",
    encodeText: (value: string | number | bigint): string => primitiveText(value) ?? String(value),
    encodeBinary: (value: string | number | bigint, out: Writer): void =>
      writeNumeric(primitiveText(value) ?? String(value), out),
  });
}

/**
 * Reads the binary form into the text that the server prints, except that long runs of zeros are cut
 * short: see {@linkcode decimalText}. `scratch` is overwritten.
 */
export function readNumeric(
  reader: Reader,
  length: number,
  scratch: Uint8Array = new Uint8Array(SCRATCH),
): string {
  const count = reader.uint16();
  let weight = reader.int16();
  const sign = reader.uint16();
  const scale = reader.uint16();
  if (length !== 8 + 2 * count || scale > MAX_SCALE) throw malformed("numeric");
  if (sign !== 0 && sign !== NEGATIVE) return special(sign, count);
  const { view } = reader;
  let at = reader.take(2 * count);
  const end = at + 2 * count;
  for (; at < end && view.getUint16(at) === 0; at += 2) weight--;
  if (at === end) weight = -1;
  const minus = sign === NEGATIVE && at < end ? "-" : "";
  if (scale > MAX_ZEROS || weight >= MAX_ZEROS / 4 || weight < -MAX_ZEROS / 4) {
    return decimalText(minus, digitsOf(view, at, end), 4 * (weight + 1), scale);
  }
  if (scale + 4 * Math.max(0, weight) <= SHORT) {
    return shortText(reader, scratch, at, end, weight, minus, scale);
  }
  let text = weight < 0 ? `${minus}0` : minus;
  for (let k = 0; k <= weight; k++, at += 2) {
    const digit = at < end ? fourDigits(view, at) : 10000;
    text += k === 0 ? String(digit - 10000) : String(digit).slice(1);
  }
  return scale === 0 ? text : text + "." + fraction(view, at, end, weight, scale);
}

/** Decimals, and digits before the point behind the first four, of a text that is made at once. */
const SHORT = 24;
/** Bytes for such a text: besides, a sign, a point, and four digits twice. */
const SCRATCH: number = SHORT + 12;

/**
 * Returns the text of the digits at `[at, end)`, made from bytes: joined strings are a tree of pieces,
 * which costs more to collect than to make.
 */
function shortText(
  reader: Reader,
  out: Uint8Array,
  at: number,
  end: number,
  weight: number,
  minus: string,
  scale: number,
): string {
  const { view } = reader;
  let n = 0;
  if (minus !== "") out[n++] = 45;
  const first = weight < 0 || at >= end ? 0 : fourDigits(view, at) - 10000;
  n = putFour(out, n, first, first > 999 ? 4 : first > 99 ? 3 : first > 9 ? 2 : 1);
  if (weight >= 0) at += 2;
  for (let k = 1; k <= weight; k++, at += 2) {
    n = putFour(out, n, at < end ? fourDigits(view, at) - 10000 : 0, 4);
  }
  if (scale === 0) return reader.decode(out, 0, n);
  out[n++] = 46;
  const last = n + scale;
  for (let k = weight + 1; n < last; k++) {
    const isStored = k >= 0 && at < end;
    n = putFour(out, n, isStored ? fourDigits(view, at) - 10000 : 0, 4);
    if (isStored) at += 2;
  }
  return reader.decode(out, 0, last);
}

/** Writes the last `count` of four digits. Returns the position behind them. */
function putFour(out: Uint8Array, at: number, digits: number, count: number): number {
  let rest = digits;
  for (let i = at + count - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    out[i] = 48 + rest - next * 10;
    rest = next;
  }
  return at + count;
}

/**
 * Appends the binary form of a decimal text: digits, point and exponent as JavaScript and the
 * server print them, or another spelling that the server reads: `1_000`, `infinity`, blanks around.
 *
 * @throws {InterfaceError} `text` is none of these (`0x1F`), or beyond what `numeric` can hold.
 */
export function writeNumeric(text: string, out: Writer): void {
  const parts = DECIMAL.exec(text) ?? DECIMAL.exec(canonical(text));
  if (parts === null) return writeSpecial(canonical(text), out);
  const [, sign, whole = "", decimals = "", exponent = "0"] = parts;
  const shift = Number(exponent);
  const scale = Math.max(0, decimals.length - shift);
  const all = whole + decimals;
  let first = 0;
  while (first < all.length && all.charCodeAt(first) === ZERO) first++;
  let last = all.length;
  while (last > first && all.charCodeAt(last - 1) === ZERO) last--;
  if (first === last) return writeHeader(out, 0, 0, 0, scale);
  /** Digits before the point once the leading zeros are gone; may be negative. */
  const point = whole.length + shift - first;
  const weight = Math.ceil(point / 4) - 1;
  const padded = "0".repeat(4 * (weight + 1) - point) + all.slice(first, last);
  const count = Math.ceil(padded.length / 4);
  writeHeader(out, count, weight, sign === "-" ? NEGATIVE : 0, scale);
  for (let i = 0; i < count; i++) out.int16(Number(padded.slice(4 * i, 4 * i + 4).padEnd(4, "0")));
}

/** Returns the digits at `[at, end)`, four for each of base 10000. */
function digitsOf(view: DataView, at: number, end: number): string {
  let digits = "";
  for (; at < end; at += 2) digits += String(fourDigits(view, at)).slice(1);
  return digits;
}

/** Returns a text that the server printed, with its zeros cut short by {@linkcode decimalText}. */
function shortened(text: string): string {
  const [, sign, whole = "", decimals = "", exponent] = DECIMAL.exec(text)!;
  if (exponent !== undefined) return text;
  return decimalText(sign!, whole + decimals, whole.length, decimals.length);
}

/**
 * Returns the decimal with the point behind its first `point` digits and with `scale` decimals. The
 * text is at most 2,000 characters longer than the digits, where ten bytes can mean 131,072 digits.
 *
 * An integer that ends in more than {@linkcode MAX_ZEROS} zeros has an exponent instead (`1e131071`),
 * and so does a fraction that begins with more (`1e-16383`): the same value, which the server reads
 * again. Zeros at the end of a fraction, which show only its scale, are cut after as many.
 */
function decimalText(sign: string, digits: string, point: number, scale: number): string {
  let first = 0;
  let last = Math.min(digits.length, Math.max(0, point + scale));
  while (first < last && digits.charCodeAt(first) === ZERO) first++;
  while (last > first && digits.charCodeAt(last - 1) === ZERO) last--;
  const exponent = point - last;
  if (first === last) return scale > MAX_ZEROS ? `0e-${scale}` : plainText("0", zeros(scale));
  const significant = digits.slice(first, last);
  if (exponent > MAX_ZEROS) return `${sign}${significant}e${exponent}`;
  const trailing = zeros(Math.min(MAX_ZEROS, exponent < 0 ? scale + exponent : scale));
  if (first - point > MAX_ZEROS) {
    return `${sign}${significant}${trailing}e${exponent - trailing.length}`;
  }
  const whole = point <= first ? "0" : digits.slice(first, Math.min(point, last)) + zeros(exponent);
  const decimals = zeros(first - point) + digits.slice(Math.max(first, point), last) + trailing;
  return plainText(sign + whole, decimals);
}

function plainText(whole: string, decimals: string): string {
  return decimals === "" ? whole : `${whole}.${decimals}`;
}

function zeros(count: number): string {
  return "0".repeat(Math.max(0, count));
}

function special(sign: number, count: number): string {
  if (count === 0) {
    if (sign === NAN) return "NaN";
    if (sign === INFINITY) return "Infinity";
    if (sign === NEGATIVE_INFINITY) return "-Infinity";
  }
  throw malformed("numeric");
}

function isSpecial(text: string): boolean {
  return text === "NaN" || text === "Infinity" || text === "-Infinity";
}

/** Returns a digit of base 10000, plus 10000, so that its text keeps leading zeros. */
function fourDigits(view: DataView, at: number): number {
  const digit = view.getUint16(at);
  if (digit > 9999) throw malformed("numeric");
  return 10000 + digit;
}

/** Returns `scale` decimals, from the digits at `[at, end)`; `weight` is the first digit's place. */
function fraction(
  view: DataView,
  at: number,
  end: number,
  weight: number,
  scale: number,
): string {
  let text = weight < -1 ? "0".repeat(Math.min(scale, 4 * (-1 - weight))) : "";
  for (; at < end && text.length < scale; at += 2) text += String(fourDigits(view, at)).slice(1);
  return text.length < scale ? text.padEnd(scale, "0") : text.slice(0, scale);
}

/** Returns a text in the spelling that the server prints. Source: numeric.c, `numeric_in`. */
function canonical(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && BLANKS.includes(text[start]!)) start++;
  while (end > start && BLANKS.includes(text[end - 1]!)) end--;
  const bare = text.slice(start, end);
  const special = SPECIAL.exec(bare);
  if (special === null) return bare.replace(/(\d)_(?=\d)/g, "$1");
  if (special[2] !== undefined) return special[1] === "-" ? "-Infinity" : "Infinity";
  return special[1] === "" ? "NaN" : bare;
}

/** `isspace()` of the C locale. */
const BLANKS = " \t\n\v\f\r";
const SPECIAL = /^([+-]?)(?:nan|(inf|infinity))$/i;

function writeSpecial(text: string, out: Writer): void {
  if (text === "NaN") return writeHeader(out, 0, 0, NAN, 0);
  if (text === "Infinity") return writeHeader(out, 0, 0, INFINITY, 0);
  if (text === "-Infinity") return writeHeader(out, 0, 0, NEGATIVE_INFINITY, 0);
  throw notNumeric();
}

function writeHeader(
  out: Writer,
  count: number,
  weight: number,
  sign: number,
  scale: number,
): void {
  if (scale > MAX_SCALE || weight > MAX_WEIGHT || weight < -MAX_WEIGHT || count > MAX_WEIGHT) {
    throw new InterfaceError("out of range for numeric", { code: "22003" });
  }
  out.int16(count);
  out.int16(weight);
  out.int16(sign);
  out.int16(scale);
}

function notNumeric(): InterfaceError {
  return new InterfaceError("not a numeric", { code: "22P02" });
}

/** Returns the number of a decimal. A double keeps fifteen digits; beyond, the digits are compared. */
function exactNumber(text: string): number {
  const number = Number(text);
  if ((text.length <= 15 && !/e/i.test(text)) || isSpecial(text)) return number;
  if (Number.isFinite(number) && significant(String(number)) === significant(text)) return number;
  throw new DataError("numeric does not fit a number without losing digits", { code: "22003" });
}

/** Returns a decimal's digits without zeros at the ends, and the power of ten of the first. */
function significant(text: string): string {
  const [, sign, whole = "", decimals = "", exponent = "0"] = DECIMAL.exec(text)!;
  const all = whole + decimals;
  let first = 0;
  let last = all.length;
  while (first < last && all.charCodeAt(first) === ZERO) first++;
  while (last > first && all.charCodeAt(last - 1) === ZERO) last--;
  if (first === last) return "0";
  return `${sign}${all.slice(first, last)}e${Number(exponent) + whole.length - first}`;
}
