/** Reads timestamptz from its binary form, with the results of `new Date()` on its text. */
import type { Reader } from "../../bytes/reader.ts";

/** Milliseconds from 1970 to 2000, where PostgreSQL counts from. */
const EPOCH = 946_684_800_000;

/**
 * Returns the moment. A fraction of a millisecond is cut off, as it is from the text. An infinite one
 * is an invalid date, as in postgres.js. Years before 100, which `Date` misreads in text, are right.
 */
export function readTimestamp(reader: Reader, _length: number): Date {
  const at = reader.take(8);
  const high = reader.view.getInt32(at);
  const low = reader.view.getUint32(at + 4);
  const isInfinite = high === 0x7fffffff && low === 0xffffffff || high === -0x80000000 && low === 0;
  return new Date(isInfinite ? NaN : toMilliseconds(high, low) + EPOCH);
}

/** Divides a 64-bit number of microseconds by 1000, rounding down, without a BigInt. */
function toMilliseconds(high: number, low: number): number {
  // 2 ** 32 is 4294967 * 1000 + 296.
  return high * 4_294_967 + Math.floor(low / 1000) + Math.floor((high * 296 + low % 1000) / 1000);
}

/** Returns the midnight of a date in UTC, as `new Date()` does of its text. */
export function readDate(reader: Reader, _length: number): Date {
  const days = reader.int32();
  const isInfinite = days === 0x7fffffff || days === -0x80000000;
  return new Date(isInfinite ? NaN : days * 86_400_000 + EPOCH);
}
