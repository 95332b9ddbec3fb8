/**
 * Parameters by name: `:name` in a text, and an object with their values.
 */
import { InterfaceError } from "../errors/errors.ts";
import { Lexer, matchEnd } from "./lexer.ts";

/** A text with `$1`, `$2`, … for its `:name`s, and whose values they are, in order. */
export interface NamedText {
  readonly text: string;
  readonly names: readonly string[];
}

/** How many texts are remembered. */
const REMEMBERED = 1000;

/** The texts of one connection, each scanned once as long as it is remembered. */
export class NamedTexts {
  readonly #scanned = new Map<string, NamedText>();

  scan(text: string, backslashes: boolean): NamedText {
    const key = backslashes ? `\\${text}` : text;
    let scanned = this.#scanned.get(key);
    if (scanned !== undefined) return scanned;
    scanned = scanNames(text, backslashes);
    if (this.#scanned.size >= REMEMBERED) this.#scanned.clear();
    this.#scanned.set(key, scanned);
    return scanned;
  }
}

/**
 * Finds the `:name`s of a text; one that comes twice is one parameter. Those in strings, quoted
 * identifiers and comments are none, and `::`, `:=` and the colon of a slice (`a[1:n]`) are left
 * alone; `a[1: :n]` has a parameter. `backslashes`: `standard_conforming_strings` is off.
 *
 * @throws {InterfaceError} the text has `$1` as well.
 */
export function scanNames(text: string, backslashes: boolean = false): NamedText {
  const scan = new Scan(text, backslashes);
  scan.run();
  return { text: scan.out, names: scan.names };
}

/**
 * The values for a scanned text, from an object that may have more.
 *
 * @throws {InterfaceError} one is missing or `undefined`.
 */
export function bindNames(
  { names }: NamedText,
  values: Readonly<Record<string, unknown>>,
): unknown[] {
  return names.map((name) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new InterfaceError(`no value for the parameter :${name}`);
    return value;
  });
}

class Scan {
  readonly names: string[] = [];
  out = "";
  readonly #lexer: Lexer;
  /** The brackets and parentheses that are open. */
  readonly #open: string[] = [];
  /** What came last; a word with a space behind it may be a keyword, which is no operand. */
  #before: "operand" | "word" | "other" = "other";

  constructor(text: string, backslashes: boolean) {
    this.#lexer = new Lexer(text, backslashes);
  }

  run(): void {
    const lexer = this.#lexer;
    let hasNumbers = false;
    while (lexer.next()) {
      const name = this.#name();
      if (name !== undefined) this.out += `$${this.#place(name)}`;
      else this.out += lexer.text.slice(lexer.start, lexer.end);
      hasNumbers ||= lexer.kind === "parameter";
      this.#remember(name !== undefined);
    }
    if (hasNumbers && this.names.length > 0) {
      throw new InterfaceError("a text cannot have both :name and $1");
    }
  }

  /** The name behind the colon that the lexer stands at, and moves it behind the name. */
  #name(): string | undefined {
    const lexer = this.#lexer;
    const { text, start } = lexer;
    if (text[start] !== ":" || lexer.end > start + 1) return undefined;
    if (this.#open.at(-1) === "[" && this.#before !== "other") return undefined;
    const end = matchEnd(NAME, text, start + 1);
    if (end < 0) return undefined;
    lexer.end = end;
    return text.slice(start + 1, end);
  }

  #remember(isParameter: boolean): void {
    const { kind, text, start, end } = this.#lexer;
    if (kind === "space" || kind === "comment") {
      if (this.#before === "word") this.#before = "other";
      return;
    }
    if (kind === "word") this.#before = "word";
    else this.#before = kind === "symbol" && !isParameter ? "other" : "operand";
    const symbol = text.slice(start, end);
    if (symbol === "[" || symbol === "(") this.#open.push(symbol);
    else if (symbol === "]" || symbol === ")") {
      this.#open.pop();
      this.#before = "operand";
    }
  }

  #place(name: string): number {
    const known = this.names.indexOf(name);
    return known < 0 ? this.names.push(name) : known + 1;
  }
}

const NAME = /[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*/y;
