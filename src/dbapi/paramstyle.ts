/**
 * DB-API's five styles of parameters, and their translation into PostgreSQL's `$n`. Source: PEP
 * 249, `paramstyle`; pg8000's `convert_paramstyle`.
 */
import { InterfaceError } from "../errors/errors.ts";
import { Colons } from "../query/colons.ts";
import { Lexer, matchEnd } from "../query/lexer.ts";
import type { Rewritten } from "../query/rewritten.ts";
import { type Arguments, checkParamStyle, type ParamStyle } from "./arguments.ts";

export { checkParamStyle, type ParamStyle };

/** A text with `$1`, `$2`, …, and the key of each: a position from 0, or a name. */
export interface ScannedText extends Rewritten {
  readonly keys: readonly (number | string)[];
}

/**
 * Returns the text with `$n` in place of its placeholders, and the values in their order. A name or
 * number that occurs twice is one parameter. Strings, quoted identifiers, comments and dollar
 * quotes contain no placeholders; `::`, `:=` and SQL's own colons (`a[1:n]`, `json_object('k':v)`)
 * are left alone.
 *
 * `%%` is `%` in the styles `format` and `pyformat`, `??` is `?` in the style `qmark`. A text that
 * has only `$1`, `$2`, … keeps them, and takes the arguments in order.
 *
 * @throws {InterfaceError} an argument is missing or superfluous, or a `%` has no meaning.
 *
 * @example
 * ```ts
 * convertParamstyle("named", "select :a::int + :a", { a: 1 }); // → ["select $1::int + $1", [1]]
 * ```
 */
export function convertParamstyle(
  style: ParamStyle,
  query: string,
  args: Arguments,
): [text: string, values: unknown[]] {
  const scanned = scanText(style, query);
  return [scanned.text, bindArguments(scanned, args)];
}

/**
 * Finds the placeholders of a text. `backslashes`: the session has `standard_conforming_strings`
 * off.
 *
 * @throws {InterfaceError} a `%` has no meaning, or the style is mixed with `$n`.
 */
export function scanText(
  style: ParamStyle,
  query: string,
  backslashes: boolean = false,
): ScannedText {
  return new Scan(checkParamStyle(style), query, backslashes).run();
}

/**
 * Returns the values for a scanned text.
 *
 * @throws {InterfaceError} a value is missing or superfluous.
 */
export function bindArguments({ keys }: ScannedText, args: Arguments): unknown[] {
  if (Array.isArray(args)) return bindPositions(keys, args);
  const named = args as Readonly<Record<string, unknown>>;
  return keys.map((key) => {
    if (typeof key === "number") {
      throw new InterfaceError("the text takes its arguments by position: give an array");
    }
    if (!Object.hasOwn(named, key)) {
      throw new InterfaceError(`no argument for the placeholder "${key}"`, { code: "08P01" });
    }
    return named[key];
  });
}

function bindPositions(keys: readonly (number | string)[], args: readonly unknown[]): unknown[] {
  const wanted = keys.reduce<number>((most, key) => {
    if (typeof key === "number") return Math.max(most, key + 1);
    throw new InterfaceError("the text takes its arguments by name: give an object");
  }, 0);
  if (args.length !== wanted) {
    const message = `${args.length} arguments given, the statement takes ${wanted}`;
    throw new InterfaceError(message, { code: "08P01" });
  }
  return keys.map((key) => args[key as number]);
}

/** The character that begins a placeholder, and the whole placeholder. */
const MARKERS: Readonly<Record<ParamStyle, readonly [char: string, pattern: RegExp]>> = {
  qmark: ["?", /\?\??/y],
  numeric: [":", /:[1-9]\d{0,4}/y],
  named: [":", /:[\p{L}_][\p{L}\p{N}_]*/uy],
  format: ["%", /%[s%]/y],
  pyformat: ["%", /%(?:[s%]|\([^()]+\)s)/y],
};

/** Source: manual, "Message Formats", Bind: an unsigned 16-bit count. */
const MAX_PARAMETERS = 65_535;

/** One walk over a text. */
class Scan {
  readonly #style: ParamStyle;
  readonly #lexer: Lexer;
  readonly #keys: (number | string)[] = [];
  readonly #places = new Map<number | string, number>();
  readonly #edits: [number, number, number, number][] = [];
  #out = "";
  /** The end of the text that `#out` contains. */
  #copied = 0;
  /** The highest `$n`. */
  #dollars = 0;
  #anonymous = 0;
  readonly #colons = new Colons();

  constructor(style: ParamStyle, query: string, backslashes: boolean) {
    this.#style = style;
    this.#lexer = new Lexer(query, backslashes);
  }

  run(): ScannedText {
    const lexer = this.#lexer;
    while (lexer.next()) {
      const isPlaceholder = lexer.kind === "symbol" && this.#symbol(lexer.text[lexer.start]!);
      if (lexer.kind === "parameter") this.#dollar();
      this.#colons.pass(lexer, isPlaceholder);
    }
    if (this.#dollars > 0 && this.#keys.length > 0) {
      throw new InterfaceError(`a text in paramstyle "${this.#style}" cannot have $1 as well`);
    }
    if (this.#dollars > 0) this.#keys.push(...Array(this.#dollars).keys());
    const text = this.#out + lexer.text.slice(this.#copied);
    return { text, keys: this.#keys, original: lexer.text, edits: this.#edits };
  }

  #dollar(): void {
    const { text, start, end } = this.#lexer;
    this.#dollars = Math.max(this.#dollars, Number(text.slice(start + 1, end)));
    // The list of keys has as many entries as the highest number says.
    if (this.#dollars > MAX_PARAMETERS) {
      throw new InterfaceError(`a statement can have at most ${MAX_PARAMETERS} parameters`);
    }
  }

  /** Takes the placeholder that begins with a symbol; reports whether there is one. */
  #symbol(char: string): boolean {
    const isOwn = char !== MARKERS[this.#style][0] || char === ":" && this.#colons.isOwn;
    return !isOwn && this.#placeholder();
  }

  #placeholder(): boolean {
    const lexer = this.#lexer;
    const { text, start } = lexer;
    // `::` and `:=` are one token.
    const end = lexer.end > start + 1 ? -1 : matchEnd(MARKERS[this.#style][1], text, start);
    if (end < 0) {
      this.#refusePercent();
      return false;
    }
    lexer.end = end;
    const mark = text.slice(start, end);
    this.#out += text.slice(this.#copied, start);
    this.#copied = end;
    const at = this.#out.length;
    if (mark === "%%" || mark === "??") this.#out += mark[0];
    else this.#out += `$${this.#place(keyOf(mark))}`;
    this.#edits.push([at, this.#out.length, start, end]);
    return mark !== "%%" && mark !== "??";
  }

  #refusePercent(): void {
    if (this.#style === "format") {
      throw new InterfaceError("Only %s and %% are supported in the query.");
    }
    if (this.#style === "pyformat") {
      throw new InterfaceError("Only %s, %(name)s and %% are supported in the query.");
    }
  }

  /**
   * Returns the number of the parameter for a key. An anonymous placeholder is always a new one.
   */
  #place(key: number | string | undefined): number {
    const own = key ?? this.#anonymous++;
    let place = this.#places.get(own);
    if (place === undefined) this.#places.set(own, place = this.#keys.push(own));
    return place;
  }
}

/** Returns the key of a placeholder; `undefined` for the next argument. */
function keyOf(mark: string): number | string | undefined {
  if (mark === "?" || mark === "%s") return undefined;
  if (mark[0] === "%") return mark.slice(2, -2);
  return /^:\d/.test(mark) ? Number(mark.slice(1)) - 1 : mark.slice(1);
}
