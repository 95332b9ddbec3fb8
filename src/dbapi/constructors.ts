import { InterfaceError } from "../errors/errors.ts";

/**
 * Returns a date for a parameter: `Date(2024, 2, 29)` is `"2024-02-29"`, the form in which dates
 * are read. Source: PEP 249, "Type Objects and Constructors".
 *
 * @throws {InterfaceError} the day does not exist.
 */
function makeDate(year: number, month: number, day: number): string {
  return utc(year, month, day).toISOString().slice(0, 10);
}

/**
 * Returns a time of day for a parameter: `Time(12, 5, 9)` is `"12:05:09"`.
 *
 * @throws {InterfaceError} the time does not exist.
 */
export function Time(hour: number, minute: number, second: number): string {
  return utc(2000, 1, 1, hour, minute, second).toISOString().slice(11, 19);
}

/**
 * Returns a point in time for a parameter: a JavaScript `Date`. The parts are in UTC, as the driver
 * reads `timestamp`.
 *
 * @throws {InterfaceError} the time does not exist.
 */
export function Timestamp(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): globalThis.Date {
  return utc(year, month, day, hour, minute, second);
}

/**
 * Returns the date, in UTC, of a number of seconds since 1970. pg8000 uses the time zone of the
 * process.
 *
 * @throws {InterfaceError} the number is out of range.
 */
export function DateFromTicks(ticks: number): string {
  return TimestampFromTicks(ticks).toISOString().slice(0, 10);
}

/**
 * Returns the time of day, in UTC, of a number of seconds since 1970.
 *
 * @throws {InterfaceError} the number is out of range.
 */
export function TimeFromTicks(ticks: number): string {
  return TimestampFromTicks(ticks).toISOString().slice(11, 19);
}

/**
 * Returns the point in time of a number of seconds since 1970.
 *
 * @throws {InterfaceError} the number is out of range.
 */
export function TimestampFromTicks(ticks: number): globalThis.Date {
  const date = new globalThis.Date(ticks * 1000);
  if (!isOrdinary(date)) throw new InterfaceError("TimestampFromTicks(): out of range");
  return date;
}

/**
 * Returns bytes for a parameter: an array of numbers or an `ArrayBuffer` as a `Uint8Array`. A
 * `Uint8Array` is returned unchanged.
 */
export function Binary(bytes: Uint8Array | ArrayBuffer | readonly number[]): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  return bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : Uint8Array.from(bytes);
}

export { makeDate as Date };

function utc(year: number, month: number, day: number, ...time: number[]): globalThis.Date {
  const date = new globalThis.Date(0);
  const [hour = 0, minute = 0, second = 0] = time;
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const same = isOrdinary(date) && date.getUTCMonth() === month - 1 && date.getUTCDate() === day &&
    date.getUTCHours() === hour && date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === Math.trunc(second);
  if (!same) throw new InterfaceError("no such date or time");
  return date;
}

/** Reports whether the year has four digits: 0001 to 9999. */
function isOrdinary(date: globalThis.Date): boolean {
  const year = date.getUTCFullYear();
  return year >= 1 && year <= 9999;
}
