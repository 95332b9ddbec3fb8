import { DataError } from "../errors/errors.ts";
import {
  DAY,
  DAY_MICROS,
  daysInMonth,
  daysOf,
  END_DAY,
  END_SECOND,
  FIRST_DAY,
  FIRST_SECOND,
  type Moment,
} from "./calendar.ts";

// The formats that EncodeDateOnly, EncodeTimeOnly and EncodeDateTime of src/backend/utils/adt/datetime.c
// print, by DateStyle. `a` and `b` are day and month in the order of the setting. Only ISO prints a
// zone's offset; the others print its abbreviation, and under TimeZone UTC+3 even `UTC` is wrong.
const DATES: readonly RegExp[] = [
  /^(?<year>\d{4,7})-(?<month>\d\d)-(?<day>\d\d)(?<bc> BC)?$/, // ISO
  /^(?<a>\d\d)[/-](?<b>\d\d)[/-](?<year>\d{4,7})(?<bc> BC)?$/, // SQL, Postgres
  /^(?<day>\d\d)\.(?<month>\d\d)\.(?<year>\d{4,7})(?<bc> BC)?$/, // German
];
const TIMESTAMPS: readonly RegExp[] = [
  /^(?<year>\d{4,6})-(?<month>\d\d)-(?<day>\d\d) (?<time>[\d:.]+)(?<zone>[-+][\d:]+)?(?<bc> BC)?$/,
  /^(?<a>\d\d)\/(?<b>\d\d)\/(?<year>\d{4,6}) (?<time>[\d:.]+)(?<zone> [-+\w]+?)??(?<bc> BC)?$/,
  /^\w{3} (?<name>\w{3}) (?<day>\d\d) (?<time>[\d:.]+) (?<year>\d{4,6})(?<zone> [-+\w]+?)??(?<bc> BC)?$/,
  /^\w{3} (?<day>\d\d) (?<name>\w{3}) (?<time>[\d:.]+) (?<year>\d{4,6})(?<zone> [-+\w]+?)??(?<bc> BC)?$/,
  /^(?<day>\d\d)\.(?<month>\d\d)\.(?<year>\d{4,6}) (?<time>[\d:.]+)(?<zone> [-+\w]+?)??(?<bc> BC)?$/,
];
const TIME = /^(\d\d):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?$/;
const ZONE = /^([-+])(\d\d)(?::([0-5]\d))?(?::([0-5]\d))?$/;
const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";
const INFINITE: ReadonlyMap<string, number> = new Map([
  ["infinity", Infinity],
  ["-infinity", -Infinity],
]);

/**
 * Returns the days since 1970-01-01 of a `date`'s text in any DateStyle; ±`Infinity` for `infinity` and
 * `-infinity`.
 *
 * @throws {DataError} `text` is not a date, or is ambiguous without the DateStyle (`05-04-2003`).
 */
export function parseDate(text: string): number {
  const infinite = INFINITE.get(text);
  if (infinite !== undefined) return infinite;
  const days = dayOf(match(DATES, text, "date"), "date");
  if (days < FIRST_DAY || days >= END_DAY) throw malformed("date", "22008");
  return days;
}

/**
 * Returns the moment of a `timestamp`'s text (`zoned` false) or a `timestamptz`'s text (`zoned` true);
 * the former in any DateStyle and as if it were UTC, the latter in ISO.
 *
 * @throws {DataError} `text` is no such text, or its day and month, or its zone's abbreviation
 * (`PST`), are ambiguous without the session's settings.
 */
export function parseTimestamp(text: string, zoned: boolean): Moment {
  const infinite = INFINITE.get(text);
  if (infinite !== undefined) return { seconds: infinite, micros: 0 };
  const what = zoned ? "timestamptz" : "timestamp";
  const fields = match(TIMESTAMPS, text, what);
  if ((fields.zone !== undefined) !== zoned) throw malformed(what);
  if (fields.zone?.startsWith(" ")) throw dependent(what, "its zone is an abbreviation");
  const time = parseTime(fields.time!, what);
  const east = zoned ? parseZone(fields.zone!, what) : 0;
  const whole = Math.floor(time / 1e6);
  const seconds = dayOf(fields, what) * DAY + whole - east;
  checkSeconds(seconds, what, "22008");
  return { seconds, micros: time - whole * 1e6 };
}

/**
 * Returns the microseconds since midnight of a time's text, `24:00:00` included.
 *
 * @throws {DataError} `text` is not a time of day.
 */
export function parseTime(text: string, what: string): number {
  const found = TIME.exec(text);
  if (found === null) throw malformed(what);
  const seconds = Number(found[1]) * 3600 + Number(found[2]) * 60 + Number(found[3]);
  const micros = seconds * 1e6 + Number((found[4] ?? "").padEnd(6, "0"));
  if (micros > DAY_MICROS) throw malformed(what);
  return micros;
}

/**
 * Returns the seconds east of Greenwich of an offset's text: `+01`, `+01:30`, `-00:01:15`.
 *
 * @throws {DataError} `text` is not an offset.
 */
export function parseZone(text: string, what: string): number {
  const found = ZONE.exec(text);
  if (found === null) throw malformed(what);
  const size = Number(found[2]) * 3600 + Number(found[3] ?? 0) * 60 + Number(found[4] ?? 0);
  return found[1] === "-" && size > 0 ? -size : size;
}

/** Throws for seconds since 1970 that a `timestamp` cannot hold. */
function checkSeconds(seconds: number, what: string, code: string): void {
  if (seconds < FIRST_SECOND || seconds >= END_SECOND) throw malformed(what, code);
}

/** Returns the error for a value that is not of type `what`; it does not quote the value. */
export function malformed(what: string, code: string = "22007"): DataError {
  return new DataError(`malformed ${what} from the server`, { code });
}

type Fields = Readonly<Record<string, string | undefined>>;

function match(styles: readonly RegExp[], text: string, what: string): Fields {
  for (const style of styles) {
    const found = style.exec(text);
    if (found !== null) return found.groups!;
  }
  throw malformed(what);
}

function dayOf(fields: Fields, what: string): number {
  const shown = Number(fields.year);
  const year = fields.bc === undefined ? shown : 1 - shown;
  const [month, day] = fields.a === undefined ? monthAndDay(fields) : inOrder(fields, what);
  const known = shown > 0 && Number.isInteger(month) && month >= 1 && month <= 12 && day >= 1;
  if (!known || day > daysInMonth(year, month)) throw malformed(what);
  return daysOf(year, month, day);
}

function monthAndDay(fields: Fields): readonly [number, number] {
  const { month, name, day } = fields;
  return [name === undefined ? Number(month) : MONTHS.indexOf(name) / 3 + 1, Number(day)];
}

function inOrder(fields: Fields, what: string): readonly [number, number] {
  const a = Number(fields.a);
  const b = Number(fields.b);
  if (a !== b && a <= 12 && b <= 12) throw dependent(what, "day and month look alike");
  return a > 12 ? [b, a] : [a, b];
}

function dependent(what: string, why: string): DataError {
  return new DataError(`cannot read a ${what} in text: ${why}; set DateStyle to ISO`, {
    code: "22007",
  });
}
