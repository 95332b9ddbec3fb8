import { dateOf, DAY, DAY_MICROS } from "./calendar.ts";
import { type DateTimePolicy, plainValues, STRINGS } from "./datetime.ts";
import { type DateTimeValues, findTemporal, type TemporalLike } from "./temporal.ts";

/**
 * Returns the values that a policy makes.
 *
 * @param temporal the `Temporal` for that policy; the runtime's own by default.
 * @throws {InterfaceError} the policy is unknown, or `Temporal` is missing.
 */
export function valuesOf(policy: DateTimePolicy, temporal?: TemporalLike): DateTimeValues {
  if (policy !== "temporal") return plainValues(policy);
  return temporalValues(findTemporal(temporal), STRINGS);
}

/** Days from 1970 to the last day of `Temporal.PlainDate` and of `Date`, 275760-09-13. */
const LAST_DAY = 1e8;

/**
 * The policy `"temporal"`: `Instant`, `PlainDateTime`, `PlainDate`, `PlainTime`, microseconds kept.
 * Infinity becomes ±`Infinity`. A value that `Temporal` cannot hold (after 275760-09-13, and
 * `24:00:00`) is converted by `strings`.
 */
function temporalValues(temporal: TemporalLike, strings: DateTimeValues): DateTimeValues {
  const { Instant, PlainDateTime, PlainDate, PlainTime } = temporal;
  return {
    timestamptz(seconds, micros) {
      if (!Number.isFinite(seconds)) return seconds;
      const end = LAST_DAY * DAY;
      if (seconds > end || (seconds === end && micros > 0)) {
        return strings.timestamptz(seconds, micros);
      }
      return Instant.fromEpochNanoseconds(BigInt(seconds) * 1_000_000_000n + BigInt(micros * 1000));
    },
    timestamp(seconds, micros) {
      if (!Number.isFinite(seconds)) return seconds;
      const days = Math.floor(seconds / DAY);
      if (days > LAST_DAY) return strings.timestamp(seconds, micros);
      const { year, month, day } = dateOf(days);
      return new PlainDateTime(year, month, day, ...clock((seconds - days * DAY) * 1e6 + micros));
    },
    date(days) {
      if (!Number.isFinite(days)) return days;
      if (days > LAST_DAY) return strings.date(days);
      const { year, month, day } = dateOf(days);
      return new PlainDate(year, month, day);
    },
    time(micros) {
      return micros === DAY_MICROS ? strings.time(micros) : new PlainTime(...clock(micros));
    },
  };
}

function clock(micros: number): [number, number, number, number, number] {
  const seconds = Math.floor(micros / 1e6);
  const minutes = Math.floor(seconds / 60);
  const rest = micros - seconds * 1e6;
  return [
    Math.floor(minutes / 60),
    minutes % 60,
    seconds % 60,
    Math.floor(rest / 1000),
    rest % 1000,
  ];
}
