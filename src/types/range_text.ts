import { malformed } from "./component.ts";

const NEEDS_QUOTES = /^$|["\\()[\],\s]/;

/** A range that was read from its text: the texts of its bounds, `null` where it is unbounded. */
export interface ParsedRange {
  /** The text of the lower bound. */
  readonly lower: string | null;
  /** The text of the upper bound. */
  readonly upper: string | null;
  /** The two brackets, such as `[)`. */
  readonly bounds: string;
}

/**
 * Reads `range_out`'s text: `[1,5)`, `(,"a b"]`; `null` for `empty`. Source: rangetypes.c,
 * `range_parse`.
 *
 * @throws {DataError} `text` is not a range.
 */
export function parseRange(text: string, name: string): ParsedRange | null {
  const scan = new Scan(text, name);
  const range = scan.range();
  scan.end();
  return range;
}

/**
 * Reads `multirange_out`'s text, `{[1,2),[5,6)}`, into the texts of its ranges. Source:
 * multirangetypes.c, `multirange_in`.
 *
 * @throws {DataError} `text` is not a multirange.
 */
export function parseMultirange(text: string, name: string): string[] {
  const scan = new Scan(text, name);
  const ranges: string[] = [];
  scan.expect("{");
  if (!scan.skip("}")) {
    do ranges.push(scan.rangeText()); while (scan.skip(","));
    scan.expect("}");
  }
  scan.end();
  return ranges;
}

/** Returns a bound's text as it is written in a range's; `null` is unbounded. */
export function quotedBound(text: string | null): string {
  if (text === null) return "";
  return NEEDS_QUOTES.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : text;
}

class Scan {
  readonly #text: string;
  readonly #name: string;
  #at = 0;

  constructor(text: string, name: string) {
    this.#text = text;
    this.#name = name;
  }

  range(): ParsedRange | null {
    if (this.#text.startsWith("empty", this.#at)) {
      this.#at += 5;
      return null;
    }
    const open = this.#oneOf("[(");
    const lower = this.#bound();
    this.expect(",");
    const upper = this.#bound();
    return { lower, upper, bounds: open + this.#oneOf("])") };
  }

  /** Returns the text of the range that begins here. */
  rangeText(): string {
    const start = this.#at;
    this.range();
    return this.#text.slice(start, this.#at);
  }

  expect(char: string): void {
    if (!this.skip(char)) throw malformed(this.#name);
  }

  skip(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  end(): void {
    if (this.#at !== this.#text.length) throw malformed(this.#name);
  }

  #oneOf(chars: string): string {
    const char = this.#text[this.#at++];
    if (char === undefined || !chars.includes(char)) throw malformed(this.#name);
    return char;
  }

  /** Reads up to a `,`, `]` or `)` outside of quotes; an empty bound is unbounded. */
  #bound(): string | null {
    const text = this.#text;
    const start = this.#at;
    let bound = "";
    let inQuotes = false;
    for (let char = text[this.#at]; char !== undefined; char = text[++this.#at]) {
      if (char === "\\") bound += text[++this.#at] ?? "";
      else if (char === '"' && inQuotes && text[this.#at + 1] === '"') bound += text[++this.#at];
      else if (char === '"') inQuotes = !inQuotes;
      else if (!inQuotes && (char === "," || char === "]" || char === ")")) break;
      else bound += char;
    }
    return this.#at === start ? null : bound;
  }
}
