import { InterfaceError } from "../errors/errors.ts";
import { DAY, daysOf, type Moment } from "./calendar.ts";

/**
 * The part of `Temporal` that the policy `"temporal"` uses: `globalThis.Temporal` where a runtime
 * has it, or what a polyfill exports. Described by its shape, so that no runtime's types are needed.
 *
 * @example
 * ```ts
 * import { Temporal } from "temporal-polyfill";
 * const db = await connect({ types: { datetime: "temporal", temporal: Temporal } });
 * ```
 */
export interface TemporalLike {
  /** Creates the value of a `timestamptz`. */
  readonly Instant: { fromEpochNanoseconds(nanoseconds: bigint): unknown };
  /** Creates the value of a `timestamp`. */
  readonly PlainDateTime: new (
    year: number,
    month: number,
    day: number,
    hour: number,
    minute: number,
    second: number,
    millisecond: number,
    microsecond: number,
  ) => unknown;
  /** Creates the value of a `date`. */
  readonly PlainDate: new (year: number, month: number, day: number) => unknown;
  /** Creates the value of a `time`. */
  readonly PlainTime: new (
    hour: number,
    minute: number,
    second: number,
    millisecond: number,
    microsecond: number,
  ) => unknown;
}

/** Functions that make a policy's JavaScript values; infinity is ±`Infinity`, and never a time. */
export interface DateTimeValues {
  /** Returns a value for seconds since 1970-01-01 00:00:00 UTC and microseconds after them. */
  timestamptz(seconds: number, micros: number): unknown;
  /** Returns a value for such seconds and microseconds without a zone. */
  timestamp(seconds: number, micros: number): unknown;
  /** Returns a value for days since 1970-01-01. */
  date(days: number): unknown;
  /** Returns a value for microseconds since midnight; 86,400,000,000 is `24:00:00`. */
  time(micros: number): unknown;
}

/**
 * Returns the `Temporal` to use: the given one, or else the runtime's own.
 *
 * @throws {InterfaceError} there is none, or the given value is not a `Temporal`.
 */
export function findTemporal(given: TemporalLike | undefined): TemporalLike {
  const found = given ?? (globalThis as { Temporal?: TemporalLike }).Temporal;
  if (found === undefined) {
    throw new InterfaceError(
      'option types.datetime: "temporal" needs Temporal, which this runtime does not have: ' +
        "give a polyfill as types.temporal",
    );
  }
  const classes = ["PlainDateTime", "PlainDate", "PlainTime"] as const;
  if (
    typeof found.Instant?.fromEpochNanoseconds !== "function" ||
    classes.some((name) => typeof found[name] !== "function")
  ) {
    throw new InterfaceError("option types.temporal is not Temporal");
  }
  return found;
}

/** The name of a `Temporal` class. */
export type TemporalName =
  | "Instant"
  | "ZonedDateTime"
  | "PlainDateTime"
  | "PlainDate"
  | "PlainTime"
  | "Duration";

/** Reports whether a value is of a `Temporal` class, the runtime's own or any polyfill's. */
export function isTemporal(value: unknown, name: TemporalName): boolean {
  return typeof value === "object" && value !== null &&
    (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === `Temporal.${name}`;
}

/** Returns the moment of an `Instant` or `ZonedDateTime`; nanoseconds are dropped towards the past. */
export function momentOfInstant(value: unknown): Moment {
  const nanoseconds = (value as { readonly epochNanoseconds: bigint }).epochNanoseconds;
  const micros = floorDivide(nanoseconds, 1000n);
  const seconds = floorDivide(micros, 1_000_000n);
  return { seconds: Number(seconds), micros: Number(micros - seconds * 1_000_000n) };
}

/** Returns the moment of a `PlainDateTime`, read as UTC; nanoseconds are dropped. */
export function momentOfPlainDateTime(value: unknown): Moment {
  const micros = microsOfPlainTime(value);
  const whole = Math.floor(micros / 1e6);
  return { seconds: daysOfPlainDate(value) * DAY + whole, micros: micros - whole * 1e6 };
}

/** Returns the days since 1970-01-01 of a `PlainDate` or `PlainDateTime` of any calendar. */
export function daysOfPlainDate(value: unknown): number {
  const { year, month, day } = (value as PlainDateFields).withCalendar("iso8601");
  return daysOf(year, month, day);
}

/** Returns the microseconds since midnight of a `PlainTime` or `PlainDateTime`; nanoseconds are dropped. */
export function microsOfPlainTime(value: unknown): number {
  const { hour, minute, second, millisecond, microsecond } = value as PlainTimeFields;
  return ((hour * 60 + minute) * 60 + second) * 1e6 + millisecond * 1e3 + microsecond;
}

interface PlainDateFields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  withCalendar(calendar: string): PlainDateFields;
}

interface PlainTimeFields {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
  readonly microsecond: number;
}

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend < 0n && quotient * divisor !== dividend ? quotient - 1n : quotient;
}
