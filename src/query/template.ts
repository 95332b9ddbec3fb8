/**
 * The texts of templates, and checks for mistakes that JavaScript does not report: escape sequences
 * that are invalid or lose their backslash, and `$1` beside values.
 */
import { InterfaceError } from "../errors/errors.ts";
import { Assembly } from "./fragment.ts";

/**
 * The texts of templates, with `$1`, `$2`, … in place of the values. Each template is assembled and
 * checked once; its strings array is the key.
 */
export class Templates {
  readonly #texts = new WeakMap<TemplateStringsArray, string>();

  /**
   * Returns the text of a template.
   *
   * @throws {InterfaceError} an escape sequence is invalid, or numbers and values are mixed.
   */
  text(strings: TemplateStringsArray): string {
    let text = this.#texts.get(strings);
    if (text === undefined) this.#texts.set(strings, text = numbered(strings));
    return text;
  }
}

function numbered(strings: TemplateStringsArray): string {
  checkEscapes(strings);
  const assembly = new Assembly();
  assembly.template(strings, new Array(strings.length - 1).fill(null));
  assembly.finish();
  return assembly.text;
}

/**
 * Checks the escape sequences of a template. If one is invalid (`\users`, `\x`), JavaScript has no text
 * for it. In others JavaScript drops a backslash that is meant for SQL (`'\d+'`, `'100\%'`).
 *
 * Source: ECMAScript, "Template Literal Lexical Components", TV and NonEscapeCharacter.
 *
 * @throws {InterfaceError} the message names the escape sequence.
 */
export function checkEscapes(strings: TemplateStringsArray): void {
  for (let i = 0; i < strings.length; i++) {
    const raw = strings.raw[i] ?? "";
    if (strings[i] !== undefined && !raw.includes("\\")) continue;
    const escape = wrongEscape(raw);
    if (escape === undefined && strings[i] !== undefined) continue;
    throw new InterfaceError(
      `sql: JavaScript ${strings[i] === undefined ? "does not know" : "drops the backslash of"} ` +
        `the escape sequence ${escape ?? "in this template"}: ` +
        "write \\\\ for a backslash, or give the text as a value",
    );
  }
}

function wrongEscape(raw: string): string | undefined {
  for (const [escape] of raw.matchAll(ESCAPE)) if (!RIGHT_ESCAPE.test(escape)) return escape;
  return undefined;
}

const ESCAPE = /\\(?:u\{[\da-fA-F]*\}?|u[\da-fA-F]{0,4}|x[\da-fA-F]{0,2}|\d+|\r\n|[^])/gu;

/** The sequences that JavaScript replaces, and escaped quotes and braces, which lose nothing. */
const RIGHT_ESCAPE =
  /^\\(?:u\{0*(?:10|[\da-fA-F])?[\da-fA-F]{1,4}\}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|0|[bfnrtv\\`'"$\{\}\r\n\u2028\u2029])$/u;
