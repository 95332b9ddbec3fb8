/**
 * Parameters by name: `:name` in a text, and an object with their values.
 */
import { InterfaceError } from "../errors/errors.ts";
import { Colons } from "./colons.ts";
import { Lexer, matchEnd } from "./lexer.ts";
import type { Rewritten } from "./rewritten.ts";

/** A text with `$1`, `$2`, … for its `:name`s, and whose values they are, in order. */
export interface NamedText extends Rewritten {
  readonly names: readonly string[];
  /** Whether the text has `$1`, … of its own. */
  readonly isNumbered: boolean;
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
 * Finds the `:name`s of a text; a name that occurs twice is one parameter. Strings, quoted identifiers
 * and comments are left alone, and so are `::` and `:=`.
 *
 * Where SQL has a colon of its own, its grammar decides: within the brackets of a subscript and the
 * parentheses of `json_object` and `json_objectagg`, a colon behind an operand separates the bounds of
 * a slice (`a[y :x]`) or a key from its value (`json_object('k':x)`). Behind another colon, an
 * operator, a keyword, a comma or the opening bracket it begins a parameter: `a[y : :x]`, `a[:x]`,
 * `json_object('k' value :x)`. A slice without a lower bound is written `a[: x]`.
 *
 * `backslashes`: `standard_conforming_strings` is off.
 *
 * @throws {InterfaceError} the text has `$1` as well.
 */
export function scanNames(text: string, backslashes: boolean = false): NamedText {
  const scan = new Scan(text, backslashes);
  scan.run();
  const { out, names, isNumbered, edits } = scan;
  return { text: out, names, isNumbered, original: text, edits };
}

/**
 * Returns the values for a scanned text, from an object that may have more.
 *
 * @throws {InterfaceError} a value is missing or `undefined`, or the text has `$1`.
 */
export function bindNames(
  { names, isNumbered }: NamedText,
  values: Readonly<Record<string, unknown>>,
): unknown[] {
  if (isNumbered) throw new InterfaceError("the text has $1, …: give their values in an array");
  return names.map((name) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new InterfaceError(`no value for the parameter :${name}`);
    return value;
  });
}

class Scan {
  readonly names: string[] = [];
  out = "";
  isNumbered = false;
  readonly edits: [number, number, number, number][] = [];
  readonly #lexer: Lexer;
  readonly #colons = new Colons();

  constructor(text: string, backslashes: boolean) {
    this.#lexer = new Lexer(text, backslashes);
  }

  run(): void {
    const lexer = this.#lexer;
    while (lexer.next()) {
      const name = this.#name();
      if (name !== undefined) this.#replace(`$${this.#place(name)}`);
      else this.out += lexer.text.slice(lexer.start, lexer.end);
      this.isNumbered ||= lexer.kind === "parameter";
      this.#colons.pass(lexer, name !== undefined);
    }
    if (this.isNumbered && this.names.length > 0) {
      throw new InterfaceError("a text cannot have both :name and $1");
    }
  }

  /** Returns the name behind the colon that the lexer stands at, and moves it behind the name. */
  #name(): string | undefined {
    const lexer = this.#lexer;
    const { text, start } = lexer;
    if (text[start] !== ":" || lexer.end > start + 1) return undefined;
    if (this.#colons.isOwn) return undefined;
    const end = matchEnd(NAME, text, start + 1);
    if (end < 0) return undefined;
    lexer.end = end;
    return text.slice(start + 1, end);
  }

  #replace(placeholder: string): void {
    const { start, end } = this.#lexer;
    const at = this.out.length;
    this.out += placeholder;
    this.edits.push([at, this.out.length, start, end]);
  }

  #place(name: string): number {
    const known = this.names.indexOf(name);
    return known < 0 ? this.names.push(name) : known + 1;
  }
}

const NAME = /[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*/y;
