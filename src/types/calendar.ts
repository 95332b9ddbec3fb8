/**
 * A date and time without a zone, or in UTC: whole seconds since 1970-01-01 00:00:00, and
 * microseconds (0 … 999,999) after them. `seconds` is ±`Infinity` for PostgreSQL's `infinity` and
 * `-infinity`; `micros` is then 0.
 */
export interface Moment {
  /** Seconds since 1970, or ±`Infinity`. */
  readonly seconds: number;
  /** Microseconds after `seconds`, 0 … 999,999. */
  readonly micros: number;
}

/** A day of the proleptic Gregorian calendar; year 0 is 1 BC, as in ISO 8601. */
export interface CalendarDate {
  /** The year; 0 is 1 BC. */
  readonly year: number;
  /** The month, 1 … 12. */
  readonly month: number;
  /** The day of the month, 1 … 31. */
  readonly day: number;
}

/** Seconds in a day. */
export const DAY = 86_400;
/** Microseconds in a day: the largest `time`, `24:00:00`. */
export const DAY_MICROS = 86_400_000_000;

// The limits are those of src/include/datatype/timestamp.h, counted from 1970 instead of 2000.
/** Days since 1970 of the first `date`: 4714-11-24 BC, the Julian day 0. */
export const FIRST_DAY: number = -2_440_588;
/** Days since 1970 of the first day that a `date` cannot hold: 5874898-01-01. */
export const END_DAY = 2_145_042_906;
/** Seconds since 1970 of the first `timestamp`: 4714-11-24 BC. */
export const FIRST_SECOND: number = -210_866_803_200;
/** Seconds since 1970 of the first second that a `timestamp` cannot hold: 294277-01-01. */
export const END_SECOND = 9_224_318_016_000;

/** Returns the days from 1970-01-01 to a date. */
export function daysOf(year: number, month: number, day: number): number {
  // A year that begins in March ends with its leap day, and each era of 400 years has the same days.
  const y = month > 2 ? year : year - 1;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) +
    dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Returns the date that is `days` after 1970-01-01; the inverse of {@linkcode daysOf}. */
export function dateOf(days: number): CalendarDate {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra -
    (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const m = Math.floor((5 * dayOfYear + 2) / 153);
  const month = m < 10 ? m + 3 : m - 9;
  return {
    year: era * 400 + yearOfEra + (month > 2 ? 0 : 1),
    month,
    day: dayOfYear - Math.floor((153 * m + 2) / 5) + 1,
  };
}

/** Returns the number of days in a month. */
export function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Returns a day as PostgreSQL prints it in DateStyle ISO: `1997-12-17`, `0044-03-15 BC`, `infinity`. */
export function printDate(days: number): string {
  if (!Number.isFinite(days)) return printInfinity(days);
  const date = dateOf(days);
  return printYmd(date) + printEra(date);
}

/** Days whose texts a printer keeps. */
const KEPT_DAYS = 1024;

/**
 * Returns a function that prints as {@linkcode printDate} does and keeps the texts of some days: dates
 * of a result are often near each other, and a string that exists costs no collection.
 */
export function datePrinter(): (days: number) => string {
  const days = new Int32Array(KEPT_DAYS);
  const texts: (string | undefined)[] = [];
  return (day) => {
    const at = day & (KEPT_DAYS - 1);
    const kept = texts[at];
    if (kept !== undefined && days[at] === day) return kept;
    const text = printDate(day);
    if (!Number.isFinite(day)) return text;
    if (texts.length === 0) { for (let i = 0; i < KEPT_DAYS; i++) texts.push(undefined); }
    days[at] = day;
    return texts[at] = text;
  };
}

/** Returns a time of day in microseconds as PostgreSQL prints it: `07:37:16`, `07:37:16.25`. */
export function printTime(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const minutes = Math.floor(seconds / 60);
  const clock = `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}`;
  return clock + printFraction(micros - seconds * 1e6);
}

/**
 * Returns a moment as PostgreSQL prints it in DateStyle ISO, with `zone` behind the time:
 * `1997-12-17 07:37:16.25+00`, `0044-03-15 12:00:00 BC`, `infinity`.
 */
export function printTimestamp(seconds: number, micros: number, zone: string): string {
  if (!Number.isFinite(seconds)) return printInfinity(seconds);
  const days = Math.floor(seconds / DAY);
  const date = dateOf(days);
  const time = printTime((seconds - days * DAY) * 1e6 + micros);
  return `${printYmd(date)} ${time}${zone}${printEra(date)}`;
}

/** Returns microseconds as a decimal fraction with its point and no trailing zeros; "" for 0. */
export function printFraction(micros: number): string {
  if (micros === 0) return "";
  let digits = String(micros).padStart(6, "0");
  while (digits.endsWith("0")) digits = digits.slice(0, -1);
  return `.${digits}`;
}

/** Returns a number with two digits, zero-padded. */
export function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function printYmd({ year, month, day }: CalendarDate): string {
  const shown = year > 999 ? year : String(year > 0 ? year : 1 - year).padStart(4, "0");
  return `${shown}-${two(month)}-${two(day)}`;
}

function printEra({ year }: CalendarDate): string {
  return year > 0 ? "" : " BC";
}

function printInfinity(value: number): string {
  return value > 0 ? "infinity" : "-infinity";
}
