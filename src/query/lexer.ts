/**
 * Splits SQL into code, strings and comments, for code that looks for placeholders.
 *
 * The rules are those of the server's scanner: nested comments, `E''` and its continuation over lines,
 * `U&''`, dollar quotes, quoted identifiers, comments that begin inside an operator. An unterminated
 * token extends to the end of the text; the server refuses it.
 * Source: manual, "Lexical Structure"; src/backend/parser/scan.l.
 */

/** The kind of a token. */
export type TokenKind =
  | "space"
  /** `-- …`, or a nesting block comment. */
  | "comment"
  /** `'…'`, `E'…'`, `U&'…'`, `B'…'`, `X'…'`, `N'…'`, `$tag$…$tag$`. */
  | "string"
  /** `"…"`, `U&"…"`. */
  | "quoted"
  /** An identifier or a keyword, unquoted. */
  | "word"
  | "number"
  /** `$1`. */
  | "parameter"
  /** `::`, `:=`, or any other single character. */
  | "symbol";

/**
 * Iterates over the tokens of a text. A caller that finds a placeholder longer than the token sets
 * {@linkcode Lexer.end} to the end of the placeholder.
 *
 * @example
 * ```ts ignore
 * for (const lexer = new Lexer(text); lexer.next();) {
 *   if (lexer.kind === "symbol" && text[lexer.start] === "?") …
 * }
 * ```
 */
export class Lexer {
  readonly text: string;
  /** The kind of the token; undefined before the first `next()`. */
  kind: TokenKind = "space";
  /** The start of the token. */
  start = 0;
  /** The end of the token, where the next one begins. */
  end = 0;
  readonly #backslashes: boolean;

  /** With `backslashes`, `\` escapes in `'…'`, too: `standard_conforming_strings` is off. */
  constructor(text: string, backslashes: boolean = false) {
    this.text = text;
    this.#backslashes = backslashes;
  }

  /** Advances to the next token. Returns `false` at the end of the text. */
  next(): boolean {
    const { text } = this;
    this.start = this.end;
    if (this.start >= text.length) return false;
    switch (text[this.start]) {
      case "'":
        return this.#string(1, this.#backslashes);
      case '"':
        return this.#take("quoted", QUOTED);
      case "-":
        return this.#take("comment", LINE_COMMENT) || this.#symbol(1);
      case "/":
        return text[this.start + 1] === "*" ? this.#blockComment() : this.#symbol(1);
      case "$":
        return this.#take("parameter", PARAMETER) || this.#dollarQuoted() || this.#symbol(1);
      case ":":
        return this.#symbol(/[:=]/.test(text[this.start + 1] ?? "") ? 2 : 1);
    }
    return this.#take("space", SPACE) || this.#prefixed() || this.#take("word", WORD) ||
      this.#take("number", NUMBER) || this.#symbol(1);
  }

  #symbol(length: number): true {
    this.kind = "symbol";
    this.end = this.start + length;
    return true;
  }

  #take(kind: TokenKind, pattern: RegExp): boolean {
    const end = matchEnd(pattern, this.text, this.start);
    if (end < 0) return false;
    this.kind = kind;
    this.end = end;
    return true;
  }

  /** Takes `E'…'`, `U&'…'` and the other strings with a prefix. */
  #prefixed(): boolean {
    const end = matchEnd(PREFIX, this.text, this.start);
    if (end < 0) return false;
    if (this.text[end - 1] === '"') return this.#take("quoted", UNICODE_QUOTED);
    const escapes = /[eE]/.test(this.text[this.start]!);
    const plain = /[nN]/.test(this.text[this.start]!) && this.#backslashes;
    return this.#string(end - this.start, escapes || plain);
  }

  /** Takes the rest of a string whose opening has `opening` characters. */
  #string(opening: number, backslashes: boolean): true {
    const pattern = backslashes ? ESCAPED_REST : PLAIN_REST;
    this.kind = "string";
    let at = this.start + opening;
    for (;;) {
      this.end = matchEnd(pattern, this.text, at);
      // A string continues after a line break, by the rules of its first part.
      at = backslashes ? matchEnd(CONTINUATION, this.text, this.end) : -1;
      if (at < 0) return true;
    }
  }

  #dollarQuoted(): boolean {
    const { text, start } = this;
    const opened = matchEnd(DOLLAR_TAG, text, start);
    if (opened < 0) return false;
    const tag = text.slice(start, opened);
    const closing = text.indexOf(tag, opened);
    this.kind = "string";
    this.end = closing < 0 ? text.length : closing + tag.length;
    return true;
  }

  #blockComment(): true {
    const { text } = this;
    let depth = 0;
    let at = this.start;
    do {
      const mark = text.slice(at, at + 2);
      if (mark === "/*") depth++;
      else if (mark === "*/") depth--;
      at += mark === "/*" || mark === "*/" ? 2 : 1;
    } while (depth > 0 && at < text.length);
    this.kind = "comment";
    this.end = Math.min(at, text.length);
    return true;
  }
}

/** Returns the end of a sticky pattern's match at `at`, or -1. */
export function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

const SPACE = /[ \t\n\r\f\v]+/y;
const LINE_COMMENT = /--[^\n\r]*/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /\d\w*(?:\.(?!\.)\w*)?(?:(?<=[eE])[+-]\d+)?/y;
const PARAMETER = /\$\d+/y;
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const PREFIX = /[eEbBxXnN]'|[uU]&['"]/y;
const QUOTED = /"[^"]*(?:""[^"]*)*(?:"|$)/y;
const UNICODE_QUOTED = /[uU]&"[^"]*(?:""[^"]*)*(?:"|$)/y;
const PLAIN_REST = /[^']*(?:''[^']*)*(?:'|$)/y;
const ESCAPED_REST = /[^'\\]*(?:(?:''|\\[^])[^'\\]*)*(?:'|\\?$)/y;
// A comment takes its whole line, so that a text matches in one way only and matching stays linear.
const CONTINUATION = /[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y;
