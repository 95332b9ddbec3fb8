import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import {
  datePrinter,
  DAY,
  END_DAY,
  END_SECOND,
  FIRST_DAY,
  FIRST_SECOND,
  type Moment,
  printDate,
  printTime,
  printTimestamp,
} from "./calendar.ts";
import type { Codec } from "./codec.ts";
import { expectLength } from "./component.ts";
import { malformed, parseDate, parseTimestamp } from "./date_style.ts";
import { COMMON_OIDS } from "./common_oids.ts";
import {
  type DateTimeValues,
  daysOfPlainDate,
  isTemporal,
  momentOfInstant,
  momentOfPlainDateTime,
} from "./temporal.ts";

/**
 * JavaScript values for `date`, `time`, `timestamp` and `timestamptz`.
 *
 * - `"date"`: `timestamptz`, and `timestamp` read as UTC, become `Date`, rounded down to
 *   milliseconds. Infinity is ±`Infinity`. A value that a `Date` cannot hold (after 275760-09-13) is
 *   the string of policy `"string"`. `date` and `time` become strings.
 * - `"temporal"`: `Temporal.Instant`, `PlainDateTime`, `PlainDate` and `PlainTime` with all
 *   microseconds. Infinity is ±`Infinity`. A value that `Temporal` cannot hold (after 275760-09-13,
 *   and `24:00:00`) is the string of policy `"string"`.
 * - `"string"`: PostgreSQL's text in DateStyle ISO, a `timestamptz` always in UTC:
 *   `1997-12-17 07:37:16.25+00`, `0044-03-15 BC`, `infinity`.
 *
 * `timetz` is PostgreSQL's text under each policy. None depends on the process's time zone or on the
 * session's `DateStyle` and `TimeZone`.
 */
export type DateTimePolicy = "date" | "temporal" | "string";

/**
 * Returns the codecs of `date`, `timestamp` and `timestamptz` with the values of a policy. `time.ts`
 * has the others.
 *
 * Under each policy they encode: for `timestamptz` a `Date`, `Temporal.Instant` or
 * `ZonedDateTime`; for `timestamp` a `Date` or `Instant` (their UTC time) or a `PlainDateTime`; for
 * `date` a `Date` (its UTC date) or `PlainDate`; and for all ±`Infinity`. Nanoseconds are dropped.
 */
export function dateTimeCodecs(values: DateTimeValues): readonly Codec[] {
  return Object.freeze([
    dateCodec(values),
    timestampCodec(values),
    timestamptzCodec(values),
  ]);
}

/**
 * Returns the values of the policies without `Temporal`.
 *
 * @throws {InterfaceError} the policy is unknown.
 */
export function plainValues(policy: Exclude<DateTimePolicy, "temporal">): DateTimeValues {
  switch (policy) {
    case "date":
      return { ...DATES, date: datePrinter() };
    case "string":
      return { ...STRINGS, date: datePrinter() };
    default:
      throw new InterfaceError('option types.datetime must be "date", "temporal" or "string"');
  }
}

/** The values of the policy `"string"`. */
export const STRINGS: DateTimeValues = {
  timestamptz: (seconds, micros) => printTimestamp(seconds, micros, "+00"),
  timestamp: (seconds, micros) => printTimestamp(seconds, micros, ""),
  date: printDate,
  time: printTime,
};

const DATES: DateTimeValues = {
  timestamptz: (seconds, micros) => dateOrElse(seconds, micros, STRINGS.timestamptz),
  timestamp: (seconds, micros) => dateOrElse(seconds, micros, STRINGS.timestamp),
  date: printDate,
  time: printTime,
};

/** The last millisecond of a `Date`. Source: ECMA-262, "Time Values and Time Range". */
const LAST_MILLISECOND = 8.64e15;

function dateOrElse(
  seconds: number,
  micros: number,
  otherwise: DateTimeValues["timestamp"],
): unknown {
  const milliseconds = seconds * 1000 + Math.floor(micros / 1000);
  if (milliseconds <= LAST_MILLISECOND && milliseconds >= -LAST_MILLISECOND) {
    return new Date(milliseconds);
  }
  return Number.isFinite(seconds) ? otherwise(seconds, micros) : seconds;
}

/** 2000-01-01, the epoch of the binary formats, in days and in seconds since 1970. */
const EPOCH_DAY = 10_957;
const EPOCH_SECOND = EPOCH_DAY * DAY;
const MAX_INT32 = 0x7fffffff;
const MIN_INT32 = -0x80000000;

function timestamptzCodec(values: DateTimeValues): Codec {
  return Object.freeze({
    name: "timestamptz",
    oid: COMMON_OIDS.timestamptz,
    arrayOid: COMMON_OIDS._timestamptz,
    decodeText(text: string): unknown {
      const { seconds, micros } = parseTimestamp(text, true);
      return values.timestamptz(seconds, micros);
    },
    decodeBinary(reader: Reader, length: number): unknown {
      expectLength(length, 8, "timestamptz");
      return readMoment(reader, "timestamptz", values.timestamptz);
    },
    accepts: (value: unknown) => isDateOrInfinity(value) || isInstant(value),
    encodeText(value: unknown): string {
      const { seconds, micros } = momentOf(value, "timestamptz");
      return STRINGS.timestamptz(seconds, micros) as string;
    },
    encodeBinary(value: unknown, out: Writer): void {
      writeMoment(momentOf(value, "timestamptz"), out);
    },
  });
}

function timestampCodec(values: DateTimeValues): Codec {
  return Object.freeze({
    name: "timestamp",
    oid: COMMON_OIDS.timestamp,
    arrayOid: COMMON_OIDS._timestamp,
    decodeText(text: string): unknown {
      const { seconds, micros } = parseTimestamp(text, false);
      return values.timestamp(seconds, micros);
    },
    decodeBinary(reader: Reader, length: number): unknown {
      expectLength(length, 8, "timestamp");
      return readMoment(reader, "timestamp", values.timestamp);
    },
    accepts: (value: unknown) =>
      isDateOrInfinity(value) || isTemporal(value, "PlainDateTime") ||
      isTemporal(value, "Instant"),
    encodeText(value: unknown): string {
      const { seconds, micros } = momentOf(value, "timestamp");
      return STRINGS.timestamp(seconds, micros) as string;
    },
    encodeBinary(value: unknown, out: Writer): void {
      writeMoment(momentOf(value, "timestamp"), out);
    },
  });
}

function dateCodec(values: DateTimeValues): Codec {
  return Object.freeze({
    name: "date",
    oid: COMMON_OIDS.date,
    arrayOid: COMMON_OIDS._date,
    decodeText: (text: string) => values.date(parseDate(text)),
    decodeBinary(reader: Reader, length: number): unknown {
      expectLength(length, 4, "date");
      return values.date(readDay(reader));
    },
    accepts: (value: unknown) => isDateOrInfinity(value) || isTemporal(value, "PlainDate"),
    encodeText: (value: unknown) => printDate(dayOf(value)),
    encodeBinary(value: unknown, out: Writer): void {
      const day = dayOf(value);
      out.int32(Number.isFinite(day) ? day - EPOCH_DAY : day > 0 ? MAX_INT32 : MIN_INT32);
    },
  });
}

/**
 * Reads an int64 of microseconds since 2000 as seconds and microseconds, exactly and without a
 * BigInt: 2³² microseconds are 4294 seconds and 967,296 microseconds.
 */
function readMoment(
  reader: Reader,
  what: string,
  make: (seconds: number, micros: number) => unknown,
): unknown {
  const at = reader.take(8);
  const high = reader.view.getInt32(at);
  const low = reader.view.getUint32(at + 4);
  const rest = high * 967_296 + low;
  const carry = Math.floor(rest / 1e6);
  const seconds = EPOCH_SECOND + high * 4294 + carry;
  if (seconds >= FIRST_SECOND && seconds < END_SECOND) return make(seconds, rest - carry * 1e6);
  if (high === MAX_INT32 && low === 0xffffffff) return make(Infinity, 0);
  if (high === MIN_INT32 && low === 0) return make(-Infinity, 0);
  throw malformed(what, "22008");
}

function writeMoment({ seconds, micros }: Moment, out: Writer): void {
  if (Number.isFinite(seconds)) return writeMicros(seconds - EPOCH_SECOND, micros, out);
  out.int32(seconds > 0 ? MAX_INT32 : MIN_INT32);
  out.int32(seconds > 0 ? -1 : 0);
}

/** Writes `seconds` and `micros` as one int64 of microseconds, exactly and without a BigInt. */
export function writeMicros(seconds: number, micros: number, out: Writer): void {
  const high = Math.floor(seconds / 2 ** 32);
  const rest = (seconds - high * 2 ** 32) * 1e6 + micros;
  const carry = Math.floor(rest / 2 ** 32);
  out.int32(high * 1e6 + carry);
  out.int32(rest - carry * 2 ** 32);
}

function readDay(reader: Reader): number {
  const days = reader.int32();
  if (days === MAX_INT32) return Infinity;
  if (days === MIN_INT32) return -Infinity;
  const day = days + EPOCH_DAY;
  if (day < FIRST_DAY || day >= END_DAY) throw malformed("date", "22008");
  return day;
}

function isDateOrInfinity(value: unknown): boolean {
  return value instanceof Date || value === Infinity || value === -Infinity;
}

function isInstant(value: unknown): boolean {
  return isTemporal(value, "Instant") || isTemporal(value, "ZonedDateTime");
}

function momentOf(value: unknown, what: string): Moment {
  const moment = anyMoment(value, what);
  const { seconds } = moment;
  if (Number.isFinite(seconds) && (seconds < FIRST_SECOND || seconds >= END_SECOND)) {
    throw outOfRange(what);
  }
  return moment;
}

function anyMoment(value: unknown, what: string): Moment {
  if (value instanceof Date) return momentOfDate(value, what);
  if (typeof value === "number") return { seconds: value, micros: 0 };
  return isTemporal(value, "PlainDateTime") ? momentOfPlainDateTime(value) : momentOfInstant(value);
}

export function momentOfDate(value: Date, what: string): Moment {
  const milliseconds = value.getTime();
  if (Number.isNaN(milliseconds)) throw new InterfaceError(`an invalid Date cannot be a ${what}`);
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, micros: (milliseconds - seconds * 1000) * 1000 };
}

function dayOf(value: unknown): number {
  if (typeof value === "number") return value;
  const day = value instanceof Date
    ? Math.floor(momentOfDate(value, "date").seconds / DAY)
    : daysOfPlainDate(value);
  if (day < FIRST_DAY || day >= END_DAY) throw outOfRange("date");
  return day;
}

function outOfRange(what: string): InterfaceError {
  return new InterfaceError(`the value is outside the range of ${what}`);
}
