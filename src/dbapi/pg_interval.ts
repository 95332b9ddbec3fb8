import { DataError, InterfaceError } from "../errors/errors.ts";
import { Interval } from "../types/interval.ts";

/** The units of a {@linkcode PGInterval}, largest first; each may be absent. */
export interface PGIntervalParts {
  /** 1,000 years each. */
  millennia?: number | null;
  /** 100 years each. */
  centuries?: number | null;
  /** 10 years each. */
  decades?: number | null;
  /** 12 months each. */
  years?: number | null;
  /** Of no fixed length. */
  months?: number | null;
  /** 7 days each. */
  weeks?: number | null;
  /** Of no fixed length. */
  days?: number | null;
  /** 60 minutes each. */
  hours?: number | null;
  /** 60 seconds each. */
  minutes?: number | null;
  /** Whole ones, unless a fraction was given. */
  seconds?: number | null;
  /** The fraction of the seconds, in microseconds. */
  microseconds?: number | null;
}

/**
 * pg8000's interval, which keeps the units as they were written. `Interval` has months, days and
 * microseconds, as PostgreSQL stores them. A unit that was not given is `null`.
 *
 * A parameter is sent as its text. To read intervals of this class:
 * `connection.registerInAdapter(INTERVAL, PGInterval.fromStr)`.
 *
 * @example
 * ```ts
 * String(new PGInterval({ years: 2, hours: 3 })); // → "2 years 3 hours"
 * PGInterval.fromStr("-00:00:30").seconds; // → -30
 * ```
 */
export class PGInterval {
  /** 1,000 years each. */
  readonly millennia: number | null;
  /** 100 years each. */
  readonly centuries: number | null;
  /** 10 years each. */
  readonly decades: number | null;
  /** 12 months each. */
  readonly years: number | null;
  /** Of no fixed length. */
  readonly months: number | null;
  /** 7 days each. */
  readonly weeks: number | null;
  /** Of no fixed length. */
  readonly days: number | null;
  /** 60 minutes each. */
  readonly hours: number | null;
  /** 60 seconds each. */
  readonly minutes: number | null;
  /** Whole ones, unless a fraction was given. */
  readonly seconds: number | null;
  /** The fraction of the seconds, in microseconds. */
  readonly microseconds: number | null;

  /**
   * Constructs an interval from any of the units. None is carried into another.
   *
   * @throws {InterfaceError} a part is not a number, or the unit does not exist.
   */
  constructor(parts: PGIntervalParts = {}) {
    for (const [unit, value] of Object.entries(parts)) {
      if (!UNITS.includes(unit as Unit)) throw new InterfaceError(`PGInterval: no unit "${unit}"`);
      if (value !== null && value !== undefined && !Number.isFinite(value)) {
        throw new InterfaceError(`PGInterval: ${unit} must be a number`);
      }
    }
    this.millennia = parts.millennia ?? null;
    this.centuries = parts.centuries ?? null;
    this.decades = parts.decades ?? null;
    this.years = parts.years ?? null;
    this.months = parts.months ?? null;
    this.weeks = parts.weeks ?? null;
    this.days = parts.days ?? null;
    this.hours = parts.hours ?? null;
    this.minutes = parts.minutes ?? null;
    this.seconds = parts.seconds ?? null;
    this.microseconds = parts.microseconds ?? null;
  }

  /**
   * Reads any of the four IntervalStyles, recognized by the text.
   *
   * @throws {DataError} the text is not an interval.
   */
  static fromStr(text: string): PGInterval {
    if (text.startsWith("P")) return PGInterval.fromStrIso8601(text);
    if (/^@/.test(text) || /[a-z]/i.test(text)) return PGInterval.fromStrPostgres(text);
    return PGInterval.fromStrSqlStandard(text);
  }

  /**
   * Reads IntervalStyle `iso_8601`: `P1Y2M3DT4H5M6.7S`.
   *
   * @throws {DataError} the text is not in that style.
   */
  static fromStrIso8601(text: string): PGInterval {
    const found = ISO.exec(text);
    if (found === null || /[PT]$/.test(text)) throw malformed();
    const [years, months, weeks, days, hours, minutes] = found.slice(1, 7).map(numberOrNull);
    return new PGInterval({ years, months, weeks, days, hours, minutes, ...seconds(found[7]) });
  }

  /**
   * Reads IntervalStyles `postgres` and `postgres_verbose`: `1 year -2 days +03:04:05`, `@ 1 year 2
   * mins ago`.
   *
   * @throws {DataError} the text is not in one of these styles.
   */
  static fromStrPostgres(text: string): PGInterval {
    const words = text.trim().split(/\s+/);
    if (words[0] === "@") words.shift();
    const ago = words.at(-1) === "ago";
    if (ago) words.pop();
    if (words.length === 0) throw malformed();
    const parts: Parts = {};
    for (let i = 0; i < words.length; i++) {
      const clock = clockParts(words[i]!);
      if (clock !== undefined) Object.assign(parts, clock);
      else if (words.length === 1 && words[0] === "0") parts.seconds = 0;
      else addUnit(parts, words[i]!, words[++i] ?? "");
    }
    return new PGInterval(ago ? negated(parts) : parts);
  }

  /**
   * Reads IntervalStyle `sql_standard`: `1-2`, `3 4:05:06`, `+1-2 -3 +4:05:06`.
   *
   * @throws {DataError} the text is not in that style.
   */
  static fromStrSqlStandard(text: string): PGInterval {
    if (text === "0") return new PGInterval({ seconds: 0 });
    const found = SQL.exec(text);
    if (found === null || text === "") throw malformed();
    const [, sign = "", years, months, days, clock] = found;
    const parts: Parts = {};
    if (months !== undefined) {
      const factor = sign === "-" ? -1 : 1;
      Object.assign(parts, { years: factor * Number(years), months: factor * Number(months) });
    }
    if (days !== undefined) parts.days = Number(days);
    // The single sign of `-3 4:05:06` applies to the time, too.
    const inherits = clock !== undefined && /^\d/.test(clock) && days?.startsWith("-");
    if (clock !== undefined) Object.assign(parts, clockParts(inherits ? `-${clock}` : clock));
    return new PGInterval(parts);
  }

  /**
   * Returns the same length in months, days, seconds and microseconds only, as PostgreSQL stores
   * it.
   */
  normalize(): PGInterval {
    const { months, days, microseconds } = this.#sum();
    const seconds = Math.trunc(microseconds / 1e6);
    return new PGInterval({
      months: months + 0,
      days: days + 0,
      seconds: seconds + 0,
      microseconds: microseconds - seconds * 1e6 + 0,
    });
  }

  /**
   * Returns the interval as one of the driver's.
   *
   * @throws {InterfaceError} a month or day is broken, or a part does not fit.
   */
  toInterval(): Interval {
    return new Interval(this.#sum());
  }

  /** Reports whether both have the same length once normalized. */
  equals(other: unknown): boolean {
    if (!(other instanceof PGInterval)) return false;
    const [a, b] = [this.#sum(), other.#sum()];
    return a.months === b.months && a.days === b.days && a.microseconds === b.microseconds;
  }

  /** Returns the text that PostgreSQL reads: `2 millennia 24 months 2 days`. */
  toString(): string {
    const words = UNITS.flatMap((unit) => this[unit] === null ? [] : [`${this[unit]} ${unit}`]);
    return words.length === 0 ? "0 seconds" : words.join(" ");
  }

  #sum(): { months: number; days: number; microseconds: number } {
    const of = (unit: Unit): number => this[unit] ?? 0;
    const years = of("millennia") * 1000 + of("centuries") * 100 + of("decades") * 10 + of("years");
    const seconds = of("hours") * 3600 + of("minutes") * 60 + of("seconds");
    return {
      months: years * 12 + of("months"),
      days: of("weeks") * 7 + of("days"),
      microseconds: Math.round(seconds * 1e6) + of("microseconds"),
    };
  }
}

type Unit = keyof PGIntervalParts;
type Parts = { -readonly [unit in Unit]?: number };

const UNITS: readonly Unit[] = [
  "millennia",
  "centuries",
  "decades",
  "years",
  "months",
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "microseconds",
];

/** PostgreSQL's words for the units, printed and read. Source: datetime.c, `deltatktbl`. */
const UNIT_OF_WORD: Readonly<Record<string, Unit>> = {
  millennium: "millennia",
  mil: "millennia",
  century: "centuries",
  cent: "centuries",
  decade: "decades",
  dec: "decades",
  year: "years",
  month: "months",
  mon: "months",
  week: "weeks",
  day: "days",
  hour: "hours",
  minute: "minutes",
  min: "minutes",
  second: "seconds",
  sec: "seconds",
  microsecond: "microseconds",
};

const ISO =
  /^P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?\d+(?:\.\d{1,6})?)S)?)?$/;
const CLOCK = /^([-+]?)(\d+):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,6})?))?$/;
const SQL =
  /^(?:([-+]?)(\d+)-(\d+)(?:\s+(?=\S)|$))?(?:(?:([-+]?\d+)\s+)?([-+]?\d+:\d+(?::\d+(?:\.\d+)?)?))?$/;

function clockParts(word: string): Parts | undefined {
  const found = CLOCK.exec(word);
  if (found === null) return undefined;
  const [, sign, hours, minutes, rest = "0"] = found;
  const parts = { hours: Number(hours), minutes: Number(minutes), ...seconds(rest) };
  return sign === "-" ? negated(parts) : parts;
}

function addUnit(parts: Parts, number: string, word: string): void {
  const bare = word.toLowerCase();
  const singular = bare.replace(/ies$/, "y").replace(/s$/, "");
  const unit = UNITS.find((one) => one === bare) ?? UNIT_OF_WORD[singular];
  if (unit === undefined || !/^[-+]?\d+(?:\.\d+)?$/.test(number)) throw malformed();
  if (unit === "seconds") Object.assign(parts, seconds(number));
  else parts[unit] = Number(number);
}

/** Returns the whole seconds, and the rest as microseconds of the same sign. */
function seconds(text: string | undefined): Parts {
  if (text === undefined) return {};
  const [whole = "0", fraction] = text.split(".");
  if (fraction === undefined) return { seconds: Number(whole) + 0 };
  const microseconds = Number(fraction.padEnd(6, "0").slice(0, 6));
  return {
    seconds: Number(whole) + 0,
    microseconds: whole.startsWith("-") ? 0 - microseconds : microseconds,
  };
}

function negated(parts: Parts): Parts {
  return Object.fromEntries(Object.entries(parts).map(([unit, value]) => [unit, 0 - value!]));
}

function numberOrNull(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function malformed(): DataError {
  return new DataError("malformed interval", { code: "22007" });
}
