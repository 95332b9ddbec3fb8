/**
 * The text of one change as the plugin test_decoding writes it. Source: test_decoding.c,
 * `pg_decode_change`, `tuple_to_stringinfo`, `print_literal`.
 */
import { ProtocolError } from "../errors/errors.ts";
import { type TextColumn, UNSENT } from "./text_tables.ts";

/** A parsed change of a row, or of tables. */
export interface TextChange {
  readonly action: "INSERT" | "UPDATE" | "DELETE" | "TRUNCATE";
  /** The tables: one, except of TRUNCATE. */
  readonly tables: readonly (readonly [schema: string, name: string])[];
  /** The old key or row; of a DELETE too. `undefined`: the plugin has none. */
  readonly old: readonly TextColumn[] | undefined;
  readonly new: readonly TextColumn[];
  /** The options of TRUNCATE. */
  readonly flags: string;
}

const ACTIONS: ReadonlySet<string> = new Set(["INSERT", "UPDATE", "DELETE", "TRUNCATE"]);

/**
 * Parses a change: `table public.t: INSERT: id[integer]:1 s[text]:'it''s'`.
 *
 * @throws {ProtocolError} the text is not a change.
 */
export function parseChange(text: string): TextChange {
  const scanner = new Scanner(text);
  scanner.expect("table ");
  const tables = [scanner.table()];
  while (scanner.skip(", ")) tables.push(scanner.table());
  scanner.expect(": ");
  const action = scanner.until(":") as TextChange["action"];
  if (!ACTIONS.has(action)) throw malformed();
  if (action === "TRUNCATE") {
    return { action, tables, old: undefined, new: [], flags: scanner.rest() };
  }
  if (scanner.skip(" (no-tuple-data)")) {
    return { action, tables, old: undefined, new: [], flags: "" };
  }
  const old = scanner.skip(" old-key:") ? scanner.columns() : undefined;
  if (old !== undefined) scanner.expect(" new-tuple:");
  const columns = scanner.columns();
  if (!scanner.isAtEnd) throw malformed();
  if (action === "DELETE") return { action, tables, old: columns, new: [], flags: "" };
  return { action, tables, old, new: columns, flags: "" };
}

function malformed(): ProtocolError {
  return new ProtocolError("malformed change: the slot's plugin is not test_decoding");
}

/** Reads the parts of a change from left to right. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  skip(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  expect(word: string): void {
    if (!this.skip(word)) throw malformed();
  }

  /** Returns the text before `mark`, and moves behind it. */
  until(mark: string): string {
    const end = this.#text.indexOf(mark, this.#at);
    if (end < 0) throw malformed();
    const found = this.#text.slice(this.#at, end);
    this.#at = end + mark.length;
    return found;
  }

  rest(): string {
    const found = this.#text.slice(this.#at);
    this.#at = this.#text.length;
    return found;
  }

  table(): readonly [string, string] {
    const schema = this.#identifier(".:,");
    if (!this.skip(".")) return ["public", schema];
    return [schema, this.#identifier(".:,")];
  }

  columns(): TextColumn[] {
    const columns: TextColumn[] = [];
    while (this.#text[this.#at] === " " && !this.#text.startsWith(" new-tuple:", this.#at)) {
      this.#at++;
      const name = this.#identifier("[");
      this.expect("[");
      const typeName = this.#typeName();
      this.expect("]:");
      columns.push({ name, typeName, value: this.#value() });
    }
    return columns;
  }

  /** An identifier may be quoted, and has any characters then. */
  #identifier(ends: string): string {
    if (this.#text[this.#at] === '"') return this.#quoted('"');
    const start = this.#at;
    while (!this.isAtEnd && !ends.includes(this.#text[this.#at]!)) this.#at++;
    if (this.#at === start || this.isAtEnd) throw malformed();
    return this.#text.slice(start, this.#at);
  }

  /** A type's name ends at `]:`; `integer[]` and quoted names contain brackets. */
  #typeName(): string {
    const start = this.#at;
    for (let isQuoted = false; !this.isAtEnd; this.#at++) {
      const char = this.#text[this.#at];
      if (char === '"') isQuoted = !isQuoted;
      else if (char === "]" && !isQuoted && this.#text[this.#at + 1] === ":") {
        return this.#text.slice(start, this.#at);
      }
    }
    throw malformed();
  }

  #value(): TextColumn["value"] {
    if (this.#text[this.#at] === "'") return this.#quoted("'");
    // The literal of a bit string.
    if (this.skip("B'")) {
      this.#at--;
      return this.#quoted("'");
    }
    const end = this.#text.indexOf(" ", this.#at);
    const word = this.#text.slice(this.#at, end < 0 ? this.#text.length : end);
    this.#at += word.length;
    if (word === "null") return null;
    return word === "unchanged-toast-datum" ? UNSENT : word;
  }

  #quoted(quote: string): string {
    let from = this.#at + 1;
    let found = "";
    for (;;) {
      const end = this.#text.indexOf(quote, from);
      if (end < 0) throw malformed();
      found += this.#text.slice(from, end);
      this.#at = end + 1;
      if (this.#text[end + 1] !== quote) return found;
      found += quote;
      from = end + 2;
    }
  }
}
