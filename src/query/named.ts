/**
 * Named parameters: `:name` in a text, with the values in an object.
 */
import { InterfaceError } from "../errors/errors.ts";
import { Colons } from "./colons.ts";
import { Lexer, matchEnd } from "./lexer.ts";
import type { Rewritten } from "./rewritten.ts";

/** A text with `$1`, `$2`, … in place of `:name`s, and the names in order. */
export interface NamedText extends Rewritten {
  readonly names: readonly string[];
  /** Whether the text as given contains `$1`, … */
  readonly isNumbered: boolean;
}

/** The number of texts that are cached. */
const REMEMBERED = 1000;

/** The scanned texts of one connection. */
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
 * Replaces the `:name`s of a text. A name that occurs twice is one parameter. Strings, quoted
 * identifiers, comments, `::` and `:=` are left unchanged.
 *
 * Some colons belong to SQL itself. In a subscript and in the parentheses of `json_object` and
 * `json_objectagg`, a colon after an operand separates the bounds of a slice (`a[y :x]`) or a key from
 * its value (`json_object('k':x)`). After another colon, an operator, a keyword, a comma or the opening
 * bracket, a colon begins a parameter: `a[y : :x]`, `a[:x]`, `json_object('k' value :x)`. Write a slice
 * without a lower bound as `a[: x]`.
 *
 * `backslashes` means that `standard_conforming_strings` is off.
 *
 * @throws {InterfaceError} the text contains `$1` as well.
 */
export function scanNames(text: string, backslashes: boolean = false): NamedText {
  const scan = new Scan(text, backslashes);
  scan.run();
  const { out, names, isNumbered, edits } = scan;
  return { text: out, names, isNumbered, original: text, edits };
}

/**
 * Returns the values for a scanned text in order. The object may have other properties.
 *
 * @throws {InterfaceError} a value is missing or `undefined`, or the text contains `$1`.
 */
export function bindNames(
  { names, isNumbered }: NamedText,
  values: Readonly<Record<string, unknown>>,
): unknown[] {
  if (isNumbered) throw new InterfaceError("the text has $1, …: pass the values in an array");
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

  /** Returns the name after the colon at the lexer's position, and advances the lexer past it. */
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
