import { InterfaceError } from "../errors/errors.ts";

/**
 * The text of a template whose every value is a parameter: `$1`, `$2`, … stand where the values
 * were. The same template is assembled once: its strings array is the key.
 */
export class Templates {
  readonly #texts = new WeakMap<TemplateStringsArray, string>();

  text(strings: TemplateStringsArray): string {
    let text = this.#texts.get(strings);
    if (text === undefined) this.#texts.set(strings, text = assemble(strings));
    return text;
  }
}

function assemble(strings: TemplateStringsArray): string {
  let text = strings[0]!;
  for (let i = 1; i < strings.length; i++) text += `$${i}${strings[i]}`;
  return text;
}

/**
 * Refuses anything but a template.
 *
 * @throws {InterfaceError} `strings` is not a template's: the tag was called as a function.
 */
export function refuseCall(strings: unknown): asserts strings is TemplateStringsArray {
  if (Array.isArray(strings) && "raw" in strings) return;
  throw new InterfaceError(
    "sql is a template tag: write sql`select ${value}`, or use query(text, parameters)",
  );
}
