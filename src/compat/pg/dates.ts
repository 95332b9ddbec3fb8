/**
 * Dates as `pg-types` reads them: an instant for `timestamptz`, and the process's local time for `date`
 * and `timestamp`. Text and binary give the same values.
 */
import type { Reader } from "../../bytes/reader.ts";

const DATE_TIME = /^(\d+)-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(\.\d+)?)?(.*)$/;
const ZONE = /^([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?/;

/** Reads the text of a date or a timestamp in DateStyle ISO. Returns `null` for any other text. */
export function parseDate(text: string): Date | number | null {
  if (text === "infinity") return Infinity;
  if (text === "-infinity") return -Infinity;
  const parts = DATE_TIME.exec(text);
  if (parts === null) return null;
  const isBC = text.endsWith(" BC");
  const year = isBC ? 1 - Number(parts[1]) : Number(parts[1]);
  const [month, day] = [Number(parts[2]) - 1, Number(parts[3])];
  if (parts[4] === undefined) return localDate(year, month, day);
  const [hour, minute, second] = [Number(parts[4]), Number(parts[5]), Number(parts[6])];
  const ms = parts[7] === undefined ? 0 : 1000 * Number(parts[7]);
  const offset = offsetOf(parts[8]!);
  if (offset === undefined) return localTime(year, month, day, hour, minute, second, ms);
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  date.setUTCHours(hour, minute, second, ms);
  if (offset !== 0) date.setTime(date.getTime() - offset);
  return date;
}

/** Returns the offset in milliseconds; `undefined` for a text without a zone. */
function offsetOf(zone: string): number | undefined {
  if (zone.startsWith("Z")) return 0;
  const parts = ZONE.exec(zone);
  if (parts === null) return undefined;
  const [, sign, hours, minutes = 0, seconds = 0] = parts;
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return (sign === "-" ? -1000 : 1000) * offset;
}

function localDate(year: number, month: number, day: number): Date {
  const date = new Date(year, month, day);
  if (year >= 0 && year < 100) date.setFullYear(year);
  return date;
}

function localTime(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  ms: number,
): Date {
  const date = new Date(year, month, day, hour, minute, second, ms);
  if (year >= 0 && year < 100) date.setFullYear(year);
  return date;
}

/** Milliseconds from 1970 to 2000, where PostgreSQL's time begins. */
const EPOCH_MS = 946_684_800_000;
const DAY_MS = 86_400_000;
/** The high and low halves of 64-bit infinity. */
const LEAST_HIGH = -0x8000_0000;
const MOST_HIGH = 0x7fff_ffff;

/** Reads the binary form of `timestamptz`. */
export function readInstant(reader: Reader): Date | number {
  const ms = readMilliseconds(reader);
  return Number.isFinite(ms) ? new Date(ms) : ms;
}

/** Reads the binary form of `timestamp`, in local time. */
export function readLocalTime(reader: Reader): Date | number {
  const ms = readMilliseconds(reader);
  if (!Number.isFinite(ms)) return ms;
  const utc = new Date(ms);
  return localTime(
    utc.getUTCFullYear(),
    utc.getUTCMonth(),
    utc.getUTCDate(),
    utc.getUTCHours(),
    utc.getUTCMinutes(),
    utc.getUTCSeconds(),
    utc.getUTCMilliseconds(),
  );
}

/** Reads the binary form of `date`, as midnight in local time. */
export function readLocalDate(reader: Reader): Date | number {
  const days = reader.int32();
  if (days === LEAST_HIGH) return -Infinity;
  if (days === MOST_HIGH) return Infinity;
  const utc = new Date(days * DAY_MS + EPOCH_MS);
  return localDate(utc.getUTCFullYear(), utc.getUTCMonth(), utc.getUTCDate());
}

/** Reads microseconds as milliseconds since 1970, without those after the last whole one. */
function readMilliseconds(reader: Reader): number {
  const high = reader.int32();
  const low = reader.uint32();
  if (high === MOST_HIGH && low === 0xffff_ffff) return Infinity;
  if (high === LEAST_HIGH && low === 0) return -Infinity;
  // Both halves are divided apart: a double is not exact to the microsecond beyond 285 years.
  const upper = high * (2 ** 32 % 1e6) + low;
  const rest = ((upper % 1e6) + 1e6) % 1e6;
  const seconds = high * Math.floor(2 ** 32 / 1e6) + (upper - rest) / 1e6;
  // The product is that of the text's fraction, to the last bit.
  return seconds * 1000 + Math.trunc(1000 * (rest / 1e6)) + EPOCH_MS;
}
