/** The parts of an interval that have names in `PostgresInterval`. */
type Part = "years" | "months" | "days" | "hours" | "minutes" | "seconds" | "milliseconds";

const TEXT =
  /^(?:([+-]?\d+) years?)?\s*(?:([+-]?\d+) mons?)?\s*(?:([+-]?\d+) days?)?\s*(?:([+-])?(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?/;

/**
 * An interval as `pg-types` has it: own properties for the parts that are not zero, `milliseconds` with
 * a fraction.
 */
export class PostgresInterval {
  declare years?: number;
  declare months?: number;
  declare days?: number;
  declare hours?: number;
  declare minutes?: number;
  declare seconds?: number;
  declare milliseconds?: number;

  /** Reads the text of an interval in IntervalStyle `postgres`. */
  constructor(text?: string) {
    const found = TEXT.exec(text ?? "");
    if (found === null) return;
    const [, years, months, days, sign, hours, minutes, seconds, fraction] = found;
    const factor = sign === "-" ? -1 : 1;
    this.#set("years", Number(years ?? 0));
    this.#set("months", Number(months ?? 0));
    this.#set("days", Number(days ?? 0));
    this.#set("hours", factor * Number(hours ?? 0));
    this.#set("minutes", factor * Number(minutes ?? 0));
    this.#set("seconds", factor * Number(seconds ?? 0));
    this.#set("milliseconds", factor * Number((fraction ?? "").padEnd(6, "0")) / 1000);
  }

  /** Returns the text that PostgreSQL reads: `"1 days 2.5 seconds"`. */
  toPostgres(): string {
    const parts = PARTS.filter((part) => part !== "milliseconds" && this.#has(part));
    if (this.milliseconds && !parts.includes("seconds")) parts.push("seconds");
    if (parts.length === 0) return "0";
    return parts.map((part) => `${this.#text(part, true)} ${part}`).join(" ");
  }

  /** Returns the interval by ISO 8601 with all parts: `"P0Y0M1DT0H0M2.5S"`. */
  toISO(): string {
    const of = (part: Part): string => this.#text(part, false);
    return `P${of("years")}Y${of("months")}M${of("days")}DT` +
      `${of("hours")}H${of("minutes")}M${of("seconds")}S`;
  }

  /** Returns what {@linkcode PostgresInterval.toISO} does. */
  toISOString(): string {
    return this.toISO();
  }

  #has(part: Part): boolean {
    return Object.hasOwn(this, part);
  }

  #set(part: Part, value: number): void {
    if (value !== 0) this[part] = value;
  }

  #text(part: Part, dropsPoint: boolean): string {
    const value = this[part] ?? 0;
    if (part !== "seconds" || !this.milliseconds) return String(value);
    const digits = (value + this.milliseconds / 1000).toFixed(6);
    let end = digits.length;
    while (digits[end - 1] === "0") end--;
    return digits.slice(0, dropsPoint && digits[end - 1] === "." ? end - 1 : end);
  }
}

const PARTS: readonly Part[] = [
  ...["seconds", "minutes", "hours", "days", "months", "years", "milliseconds"] as const,
];

/** Reads the text of an interval. */
export function parseInterval(text: string): PostgresInterval {
  return new PostgresInterval(text);
}
