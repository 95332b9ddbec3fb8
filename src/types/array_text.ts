import { malformed } from "./component.ts";

/** array.h: MAXDIM. */
const MAX_DEPTH = 6;
const BOUNDS = /^(?:\[[+-]?\d{1,10}(?::[+-]?\d{1,10})?\])+=/;
const NEEDS_QUOTES = /^$|["\\{}\s]|^null$/i;

/** The facts about an array type that {@linkcode parseArray} needs. */
export interface ArraySyntax {
  /** The type's name, for error messages. */
  readonly name: string;
  /** The character between two elements. */
  readonly delimiter: string;
  /** Returns the value of an element's text. */
  decode(text: string): unknown;
}

/** An array that was read from its text. */
export interface ParsedArray {
  /** Nested arrays, NULL as `null`. */
  readonly elements: unknown[];
  /** The first index of each dimension. */
  readonly lowerBounds: number[];
}

/**
 * Reads `array_out`'s text: `{1,NULL,"a b"}`, nested up to six deep, with an optional
 * `[lower:upper]…=` in front. Source: arrayfuncs.c, `array_in`; manual, "Array Input and Output Syntax".
 *
 * @throws {DataError} `text` is not an array, or its sub-arrays differ in length.
 */
export function parseArray(text: string, syntax: ArraySyntax): ParsedArray {
  const prefix = text[0] === "[" ? BOUNDS.exec(text)?.[0] ?? "" : "";
  const parser = new ArrayParser(text, prefix.length, syntax);
  const elements = parser.parse();
  const { sizes } = parser;
  const lowerBounds = prefix === "" ? sizes.map(() => 1) : boundsOf(prefix, sizes, syntax.name);
  return { elements, lowerBounds };
}

/** Returns an element's text as it is written in an array's: quoted where needed; `null` is NULL. */
export function quoted(text: string | null, delimiter: string): string {
  if (text === null) return "NULL";
  if (!NEEDS_QUOTES.test(text) && !text.includes(delimiter)) return text;
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

class ArrayParser {
  /** The length of each dimension, known after its first array was read. */
  readonly sizes: number[] = [];
  readonly #text: string;
  readonly #syntax: ArraySyntax;
  #at: number;
  /** The depth of the elements; 0 before the first was read. */
  #leafDepth = 0;

  constructor(text: string, at: number, syntax: ArraySyntax) {
    this.#text = text;
    this.#at = at;
    this.#syntax = syntax;
  }

  parse(): unknown[] {
    const elements = this.#array(1);
    if (this.#at !== this.#text.length) throw this.#malformed();
    if (elements.length === 0) this.sizes.length = 0;
    return elements;
  }

  #array(depth: number): unknown[] {
    if (depth > MAX_DEPTH || this.#text[this.#at] !== "{") throw this.#malformed();
    this.#at++;
    const items: unknown[] = [];
    if (depth === 1 && this.#text[this.#at] === "}") {
      this.#at++;
      return items;
    }
    for (;;) {
      items.push(this.#item(depth));
      const next = this.#text[this.#at++];
      if (next === "}") break;
      if (next !== this.#syntax.delimiter) throw this.#malformed();
    }
    if ((this.sizes[depth - 1] ??= items.length) !== items.length) throw this.#malformed();
    return items;
  }

  #item(depth: number): unknown {
    const first = this.#text[this.#at];
    if (first === "{") return this.#array(depth + 1);
    if (this.#leafDepth === 0) this.#leafDepth = depth;
    if (this.#leafDepth !== depth) throw this.#malformed();
    return first === '"' ? this.#quoted() : this.#bare();
  }

  #bare(): unknown {
    const text = this.#text;
    const start = this.#at;
    const { delimiter } = this.#syntax;
    let at = start;
    for (; at < text.length; at++) {
      const char = text[at]!;
      if (char === delimiter || char === "}") break;
      if (char === "{" || char === '"' || char === "\\") throw this.#malformed();
    }
    this.#at = at;
    if (at === start) throw this.#malformed();
    const element = text.slice(start, at);
    if (element.length === 4 && element.toUpperCase() === "NULL") return null;
    return this.#syntax.decode(element);
  }

  #quoted(): unknown {
    const text = this.#text;
    let from = this.#at + 1;
    let element = "";
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 34) {
        this.#at = at + 1;
        return this.#syntax.decode(element + text.slice(from, at));
      }
      if (code !== 92) continue;
      element += text.slice(from, at);
      from = ++at;
    }
    throw this.#malformed();
  }

  #malformed(): Error {
    return malformed(this.#syntax.name);
  }
}

function boundsOf(prefix: string, sizes: readonly number[], name: string): number[] {
  const ranges = prefix.slice(1, -2).split("][").map((range) => range.split(":").map(Number));
  const fits = ranges.length === sizes.length && ranges.every(([lower, upper], d) => {
    return upper === undefined ? lower === sizes[d] : upper - lower! + 1 === sizes[d];
  });
  if (!fits) throw malformed(name, "its bounds");
  return ranges.map(([lower, upper]) => upper === undefined ? 1 : lower!);
}
