/**
 * Tells whether the text of a value is exact. Two settings can make it inexact: in a DateStyle other
 * than ISO a date is ambiguous, and with extra_float_digits of 0 or less a float is rounded.
 *
 * The server reports DateStyle. The driver sees extra_float_digits in startup parameters and in the
 * texts that are run. A default of the role, the database or the server cannot be seen without a round
 * trip, which is not made.
 */
export class Exactness {
  readonly #statuses: ReadonlyMap<string, string>;
  readonly #printsFloatsExactly: boolean;
  #roundsFloats = false;
  /** The DateStyle that `#isIso` was found out for. */
  #dateStyle: string | undefined;
  #isIso = true;

  /** `statuses` are the parameters that the server reports, kept up to date. */
  constructor(statuses: ReadonlyMap<string, string>) {
    this.#statuses = statuses;
    // Before PostgreSQL 12 the text of a float was not exact.
    this.#printsFloatsExactly = !(Number.parseInt(statuses.get("server_version") ?? "12") < 12);
  }

  /** Takes note of a text that is about to be run, or of a startup parameter as `name=value`. */
  noteText(text: string): void {
    this.#roundsFloats ||= MAY_ROUND.test(text);
  }

  /** Whether results may come as text. */
  get ofText(): boolean {
    if (this.#roundsFloats) return false;
    const dateStyle = this.#statuses.get("DateStyle");
    if (dateStyle !== this.#dateStyle) {
      this.#dateStyle = dateStyle;
      this.#isIso = dateStyle === undefined || dateStyle.startsWith("ISO");
    }
    return this.#isIso && this.#printsFloatsExactly;
  }
}

/** The setting's name, unless it is plainly set to a value that rounds nothing. */
const MAY_ROUND = /extra_float_digits(?!\s*(?:=|\bto\b)\s*'?[1-3]\b)/i;
