/**
 * Tells TypeScript's templates from its other code, strings, comments and regular expressions. This is
 * a lexer and no parser: it needs no compiler, whose API changes from version to version.
 */

/** A piece of source code that means something. */
export interface Token {
  readonly kind: "word" | "number" | "string" | "regex" | "symbol" | "template";
  readonly start: number;
  readonly end: number;
  /** The text; empty for templates. */
  readonly text: string;
  /** The parts and holes of a template. */
  readonly template?: TemplateLiteral;
}

/** A template's texts and the expressions between them. */
export interface TemplateLiteral {
  /** Where each text begins and ends; one more than there are holes. */
  readonly parts: readonly Span[];
  readonly holes: readonly Hole[];
}

/** A part of the source: from `start` up to `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The code within `${…}`. */
export interface Hole extends Span {
  readonly tokens: readonly Token[];
}

/** Why a source cannot be read, and where. */
export class SourceError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Returns the tokens of a source.
 *
 * @throws {SourceError} a template or a comment has no end, or a brace within a template.
 */
export function tokensOf(text: string): readonly Token[] {
  return new SourceLexer(text).read();
}

const SPACE = /\s+|\/\/[^\n]*/y;
const WORD = /[\p{ID_Start}$_#@][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /\d[\w.]*/y;
const STRING = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/y;
const REGEX = /\/(?![*/])(?:[^\\/[\n]|\\[^\n]|\[(?:[^\]\\\n]|\\[^\n])*\])+\/[a-z]*/y;
const SYMBOL = /=>|\?\.(?!\d)|\?\?=?|\.{3}|[^]/y;

/** Words behind which a slash begins a regular expression. */
const BEFORE_REGEX: ReadonlySet<string> = new Set([
  ...["return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "instanceof"],
  ...["else", "do", "yield", "await"],
]);

class SourceLexer {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Token[] {
    if (this.#text.startsWith("#!")) this.#at = this.#lineEnd();
    return this.#tokens(false);
  }

  /** Reads to the end of the source, or to the brace that ends a hole. */
  #tokens(isHole: boolean): Token[] {
    const tokens: Token[] = [];
    let depth = 0;
    for (;;) {
      this.#skipSpace();
      if (this.#at >= this.#text.length) {
        if (isHole) throw new SourceError("a template has no end", this.#at);
        return tokens;
      }
      const token = this.#token(tokens);
      if (isHole && token.text === "{") depth++;
      if (isHole && token.text === "}" && depth-- === 0) return tokens;
      tokens.push(token);
    }
  }

  #token(before: readonly Token[]): Token {
    const start = this.#at;
    if (this.#text[start] === "`") {
      const template = this.#template();
      return { kind: "template", start, end: this.#at, text: "", template };
    }
    const kinds = [["word", WORD], ["number", NUMBER], ["string", STRING]] as const;
    for (const [kind, pattern] of kinds) {
      const text = this.#take(pattern);
      if (text !== undefined) return { kind, start, end: this.#at, text };
    }
    const regex = mayBeRegex(before.at(-1), start) ? this.#take(REGEX) : undefined;
    if (regex !== undefined) return { kind: "regex", start, end: this.#at, text: regex };
    return { kind: "symbol", text: this.#take(SYMBOL)!, start, end: this.#at };
  }

  #template(): TemplateLiteral {
    const opening = this.#at++;
    const parts: Span[] = [];
    const holes: Hole[] = [];
    let start = this.#at;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) throw new SourceError("a template has no end", opening);
      if (character === "\\") this.#at += 2;
      else if (character === "`") {
        parts.push({ start, end: this.#at++ });
        return { parts, holes };
      } else if (character === "$" && this.#text[this.#at + 1] === "{") {
        parts.push({ start, end: this.#at });
        this.#at += 2;
        const from = this.#at;
        const tokens = this.#tokens(true);
        holes.push({ start: from, end: this.#at - 1, tokens });
        start = this.#at;
      } else this.#at++;
    }
  }

  #skipSpace(): void {
    for (;;) {
      if (this.#take(SPACE) !== undefined) continue;
      if (!this.#text.startsWith("/*", this.#at)) return;
      const end = this.#text.indexOf("*/", this.#at + 2);
      if (end < 0) throw new SourceError("a comment has no end", this.#at);
      this.#at = end + 2;
    }
  }

  #lineEnd(): number {
    const end = this.#text.indexOf("\n");
    return end < 0 ? this.#text.length : end;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}

/** `</` closes a JSX element; behind a value a slash divides. */
function mayBeRegex(before: Token | undefined, at: number): boolean {
  switch (before?.kind) {
    case undefined:
      return true;
    case "word":
      return BEFORE_REGEX.has(before.text);
    case "symbol":
      return !")]}".includes(before.text) && !(before.text === "<" && before.end === at);
    default:
      return false;
  }
}
