import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { DataError, InterfaceError } from "../errors/errors.ts";
import { printFraction } from "./calendar.ts";
import type { Codec } from "./codec.ts";
import { expectLength } from "./component.ts";
import { OIDS } from "./oids.ts";
import { isTemporal } from "./temporal.ts";

/** The parts of an {@linkcode Interval}; each has its own sign and is 0 by default. */
export interface IntervalParts {
  /** Months, an integer of 32 bits. */
  readonly months?: number;
  /** Days, an integer of 32 bits. */
  readonly days?: number;
  /** Microseconds, an integer of 64 bits; a `number` must be a safe integer. */
  readonly microseconds?: number | bigint;
}

/**
 * PostgreSQL's `interval`: months, days and microseconds, which do not convert into each other,
 * because months and days differ in length.
 *
 * `microseconds` is a `bigint`, as an `int8` is: it reaches 292,000 years.
 *
 * @example
 * ```ts
 * const [[sum]] = await db.query("select $1::interval * 2", [new Interval({ days: 1 })]).values();
 * console.log(String(sum)); // → P2D
 * ```
 */
export class Interval {
  /** Months; twelve are printed as a year. */
  readonly months: number;
  /** Days; their length depends on where the interval is used. */
  readonly days: number;
  /** Hours, minutes and seconds together. */
  readonly microseconds: bigint;

  /**
   * Creates an interval from its parts; without any it is zero.
   *
   * @throws {InterfaceError} a part is not an integer or is out of range.
   */
  constructor(parts: IntervalParts = {}) {
    const { months = 0, days = 0, microseconds = 0n } = parts;
    if (!isInt32(months) || !isInt32(days)) {
      throw new InterfaceError("months and days of an Interval must be integers of 32 bits");
    }
    if (!isInt64(microseconds)) {
      throw new InterfaceError("microseconds of an Interval must be an integer of 64 bits");
    }
    this.months = months + 0; // -0 becomes 0
    this.days = days + 0;
    this.microseconds = BigInt(microseconds);
  }

  /**
   * Reads an interval that PostgreSQL printed in any IntervalStyle (`postgres`, `postgres_verbose`,
   * `sql_standard`, `iso_8601`); ±`Infinity` for `infinity` and `-infinity`.
   *
   * @throws {DataError} `text` is not an interval.
   */
  static parse(text: string): Interval | number {
    if (text === "infinity") return Infinity;
    if (text === "-infinity") return -Infinity;
    return made(text.startsWith("P") ? parseIso(text) : parseWords(text));
  }

  /**
   * Returns a number below 0, 0 or above 0, in PostgreSQL's order, where a month has 30 days and a
   * day 24 hours: `1 mon` and `30 days` compare as 0. Source: `interval_cmp_value` in timestamp.c.
   */
  static compare(a: Interval, b: Interval): number {
    const difference = span(a) - span(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  /** Reports whether all three parts are equal; stricter than PostgreSQL's `=`. */
  equals(other: Interval): boolean {
    return this.months === other.months && this.days === other.days &&
      this.microseconds === other.microseconds;
  }

  /** Returns the interval in ISO 8601, as IntervalStyle `iso_8601` prints it: `P1Y2M-3DT4H5M6.789S`. */
  toString(): string {
    const date = amount(Math.trunc(this.months / 12), "Y") + amount(this.months % 12, "M") +
      amount(this.days, "D");
    const minutes = this.microseconds / MINUTE;
    const rest = Number(this.microseconds % MINUTE);
    const time = amount(minutes / 60n, "H") + amount(minutes % 60n, "M") + seconds(rest);
    if (date === "" && time === "") return "PT0S";
    return time === "" ? `P${date}` : `P${date}T${time}`;
  }

  /** Returns the text of {@linkcode Interval.toString}, as JSON has no bigint. */
  toJSON(): string {
    return this.toString();
  }
}

/**
 * The codec of `interval`: {@linkcode Interval}, ±`Infinity` for PostgreSQL 17's infinity. It encodes an
 * `Interval`, an object of some of its parts, a `Temporal.Duration` (its nanoseconds dropped) and
 * ±`Infinity`. Source: `interval_send` in timestamp.c.
 */
export const intervalCodec: Codec = Object.freeze({
  name: "interval",
  oid: OIDS.interval,
  arrayOid: OIDS._interval,
  decodeText: (text: string) => Interval.parse(text),
  decodeBinary(reader: Reader, length: number): Interval | number {
    expectLength(length, 16, "interval");
    const microseconds = reader.int64();
    const days = reader.int32();
    return finite(reader.int32(), days, microseconds);
  },
  accepts: (value: unknown) =>
    value === Infinity || value === -Infinity || isParts(value) || isTemporal(value, "Duration"),
  // Before PostgreSQL 17 the bytes of infinity mean a finite interval; its text is an error there.
  encodesBinary: (value: unknown) => typeof value !== "number",
  encodeText(value: unknown): string {
    if (typeof value === "number") return value > 0 ? "infinity" : "-infinity";
    return intervalOf(value).toString();
  },
  encodeBinary(value: unknown, out: Writer): void {
    const infinite = typeof value === "number" ? value > 0 ? MOST : LEAST : undefined;
    const { months, days, microseconds } = infinite ?? intervalOf(value);
    out.int64(microseconds);
    out.int32(days);
    out.int32(months);
  },
});

interface Parts {
  readonly months: number;
  readonly days: number;
  readonly microseconds: bigint;
}

// Infinity is the largest, and the smallest, of all three. Source: INTERVAL_NOEND in timestamp.h.
const MOST: Parts = { months: 0x7fffffff, days: 0x7fffffff, microseconds: 0x7fffffffffffffffn };
const LEAST: Parts = { months: -0x80000000, days: -0x80000000, microseconds: -0x8000000000000000n };

const SECOND = 1_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;

// Nineteen digits are enough for every int64.
const ISO =
  /^P(?:(-?\d{1,19})Y)?(?:(-?\d{1,19})M)?(?:(-?\d{1,19})D)?(?:T(?:(-?\d{1,19})H)?(?:(-?\d{1,19})M)?(?:(-?\d{1,19}(?:\.\d{1,6})?)S)?)?$/;
const YEAR_MONTH = /^([-+]?)(\d{1,19})-(\d{1,2})$/;
const CLOCK = /^([-+]?)(\d{1,19}):([0-5]\d):([0-5]\d(?:\.\d{1,6})?)$/;
const NUMBER = /^[-+]?\d{1,19}(?:\.\d{1,6})?$/;

/** Characters; twice the length of the longest interval. */
const LONGEST = 200;

/** The units of the styles `postgres` and `postgres_verbose`, in months, days or microseconds. */
const UNITS: ReadonlyMap<string, readonly [part: keyof Sum, size: bigint]> = new Map([
  ["year", ["months", 12n]],
  ["mon", ["months", 1n]],
  ["day", ["days", 1n]],
  ["hour", ["microseconds", HOUR]],
  ["min", ["microseconds", MINUTE]],
  ["sec", ["microseconds", SECOND]],
]);

interface Sum {
  months: bigint;
  days: bigint;
  microseconds: bigint;
}

function parseIso(text: string): Sum {
  const found = ISO.exec(text);
  if (found === null || text.endsWith("P") || text.endsWith("T")) throw malformed();
  const [years, months, days, hours, minutes] = found.slice(1, 6).map((part) => BigInt(part ?? 0));
  return {
    months: years! * 12n + months!,
    days: days!,
    microseconds: hours! * HOUR + minutes! * MINUTE + scaled(found[6] ?? "0", SECOND),
  };
}

/** `1 year -2 mons +04:05:06`, `@ 1 day 2 hours ago`, `+1-2 -3 +4:05:06`, `-3 4:05:06`. */
function parseWords(text: string): Sum {
  const sum: Sum = { months: 0n, days: 0n, microseconds: 0n };
  if (text.length > LONGEST) throw malformed();
  const words = text.split(" ");
  const first = words[0] === "@" ? 1 : 0;
  const ago = words.at(-1) === "ago";
  const end = ago ? words.length - 1 : words.length;
  if (first === end) throw malformed();
  let inherited = ""; // the sign of `-3 4:05:06` applies to the time as well
  for (let i = first; i < end; i++) {
    const word = words[i]!;
    const unit = UNITS.get(words[i + 1]?.replace(/s$/, "") ?? "");
    if (addYearMonth(sum, word) || addClock(sum, word, inherited)) continue;
    const bare = unit === undefined && word !== "0" && !CLOCK.test(words[i + 1] ?? "");
    if (bare || !NUMBER.test(word)) throw malformed();
    const [part, size] = unit ?? ["days", 1n];
    sum[part] += scaled(word, size);
    if (unit === undefined && word.startsWith("-")) inherited = "-";
    if (unit !== undefined) i++;
  }
  if (!ago) return sum;
  return { months: -sum.months, days: -sum.days, microseconds: -sum.microseconds };
}

function addYearMonth(sum: Sum, word: string): boolean {
  const found = YEAR_MONTH.exec(word);
  if (found === null) return false;
  sum.months += signed(found[1]!, BigInt(found[2]!) * 12n + BigInt(found[3]!));
  return true;
}

function addClock(sum: Sum, word: string, inherited: string): boolean {
  const found = CLOCK.exec(word);
  if (found === null) return false;
  const time = BigInt(found[2]!) * HOUR + BigInt(found[3]!) * MINUTE + scaled(found[4]!, SECOND);
  sum.microseconds += signed(found[1] === "" ? inherited : found[1]!, time);
  return true;
}

/** Returns a decimal number times `size`; only seconds may have a fraction. */
function scaled(text: string, size: bigint): bigint {
  const [whole, fraction] = text.split(".");
  if (fraction === undefined) return BigInt(whole!.replace("+", "")) * size;
  if (size !== SECOND) throw malformed();
  const micros = BigInt(whole!.replace(/^[-+]/, "")) * SECOND + BigInt(fraction.padEnd(6, "0"));
  return signed(text[0]!, micros);
}

function signed(sign: string, value: bigint): bigint {
  return sign === "-" ? -value : value;
}

function made({ months, days, microseconds }: Sum): Interval | number {
  const fits = isInt32(Number(months)) && isInt32(Number(days)) && isInt64(microseconds);
  if (!fits) throw malformed();
  return finite(Number(months), Number(days), microseconds);
}

function finite(months: number, days: number, microseconds: bigint): Interval | number {
  if (months === MOST.months && days === MOST.days && microseconds === MOST.microseconds) {
    return Infinity;
  }
  if (months === LEAST.months && days === LEAST.days && microseconds === LEAST.microseconds) {
    return -Infinity;
  }
  return new Interval({ months, days, microseconds });
}

function intervalOf(value: unknown): Interval {
  if (value instanceof Interval) return value;
  return new Interval(isTemporal(value, "Duration") ? partsOf(value) : value as IntervalParts);
}

interface DurationFields {
  readonly years: number;
  readonly months: number;
  readonly weeks: number;
  readonly days: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly milliseconds: number;
  readonly microseconds: number;
  readonly nanoseconds: number;
}

function partsOf(value: unknown): IntervalParts {
  const duration = value as DurationFields;
  const { hours, minutes, milliseconds, microseconds, nanoseconds } = duration;
  return {
    months: duration.years * 12 + duration.months,
    days: duration.weeks * 7 + duration.days,
    microseconds: BigInt(hours) * HOUR + BigInt(minutes) * MINUTE +
      BigInt(duration.seconds) * SECOND + BigInt(milliseconds) * 1000n +
      (BigInt(microseconds) * 1000n + BigInt(nanoseconds)) / 1000n,
  };
}

function isParts(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Interval) return true;
  const names = Object.keys(value);
  return names.length > 0 &&
    names.every((name) => name === "months" || name === "days" || name === "microseconds");
}

function isInt32(value: number): boolean {
  return Number.isInteger(value) && value >= LEAST.months && value <= MOST.months;
}

function isInt64(value: number | bigint): boolean {
  if (typeof value !== "bigint") return Number.isSafeInteger(value);
  return value >= LEAST.microseconds && value <= MOST.microseconds;
}

function span({ months, days, microseconds }: Interval): bigint {
  return (BigInt(months) * 30n + BigInt(days)) * DAY + microseconds;
}

function amount(value: number | bigint, unit: string): string {
  return Number(value) === 0 ? "" : `${value}${unit}`;
}

function seconds(micros: number): string {
  if (micros === 0) return "";
  const size = Math.abs(micros);
  const whole = Math.floor(size / 1e6);
  return `${micros < 0 ? "-" : ""}${whole}${printFraction(size - whole * 1e6)}S`;
}

function malformed(): DataError {
  return new DataError("malformed interval from the server", { code: "22007" });
}
