/**
 * The text of a template whose every value is a parameter, and the mistakes that JavaScript lets
 * pass in one: escapes that it does not know or drops, and values that are not tokens of their own.
 */
import { InterfaceError } from "../errors/errors.ts";
import { Assembly } from "./fragment.ts";

/**
 * The texts of templates whose every value is a parameter: `$1`, `$2`, … stand in place of the
 * values. Each template is assembled and checked once; its strings array is the key.
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
 * Refuses a template in which an escape sequence is invalid (`\users`, `\x`), so that JavaScript has
 * no text for it, or in which JavaScript drops a backslash that SQL was to see (`'\d+'`, `'100\%'`).
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

/** Those that JavaScript replaces; and a quote or a brace, of which nothing is lost. */
const RIGHT_ESCAPE =
  /^\\(?:u\{0*(?:10|[\da-fA-F])?[\da-fA-F]{1,4}\}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|0|[bfnrtv\\`'"$\{\}\r\n\u2028\u2029])$/u;
