/**
 * Whether what the server prints of a value is all of it. Two settings can make its text less: in a
 * DateStyle other than ISO a date is ambiguous, and with extra_float_digits of 0 or less a float is
 * rounded.
 *
 * The server reports the first. Of the second the driver knows what it is shown: startup parameters
 * and the texts that are run. A default that somebody has given the role, the database or the server
 * it cannot see without asking, and nobody is made to wait for that answer.
 */
export class Exactness {
  readonly #statuses: ReadonlyMap<string, string>;
  #roundsFloats = false;

  /** `statuses`: what the server has reported of the session, now and later. */
  constructor(statuses: ReadonlyMap<string, string>) {
    this.#statuses = statuses;
  }

  /** Takes note of a text that is about to be run, or of an assignment made at startup. */
  noteText(text: string): void {
    this.#roundsFloats ||= MAY_ROUND.test(text);
  }

  /** Whether results may come as text. */
  get ofText(): boolean {
    if (this.#roundsFloats) return false;
    const dateStyle = this.#statuses.get("DateStyle");
    if (dateStyle !== undefined && !dateStyle.startsWith("ISO")) return false;
    // Before PostgreSQL 12 the text of a float was not exact.
    return !(Number.parseInt(this.#statuses.get("server_version") ?? "12") < 12);
  }
}

/** Names the setting, and does not plainly set it to one of the values that round nothing. */
const MAY_ROUND = /extra_float_digits(?!\s*(?:=|\bto\b)\s*'?[1-3]\b)/i;
