/**
 * Reads the text of an array as `pg-types` does: elements are texts or what `transform` makes of them,
 * an unquoted `NULL` is `null`, and bounds in front are skipped. Source: manual, "Array Input and Output
 * Syntax".
 */
export function parseArrayText<T = string>(
  text: string,
  transform?: (element: string) => T,
): unknown[] {
  const reader = new ArrayReader(text, transform ?? ((element) => element as T));
  return reader.read();
}

/** The error of a text whose braces do not match. */
const UNBALANCED = "array dimension not balanced";

class ArrayReader<T> {
  readonly #text: string;
  readonly #transform: (element: string) => T;
  #at = 0;

  constructor(text: string, transform: (element: string) => T) {
    this.#text = text;
    this.#transform = transform;
  }

  read(): unknown[] {
    const text = this.#text;
    if (text.startsWith("[")) this.#at = text.indexOf("=") + 1;
    if (text[this.#at] !== "{") throw new Error(UNBALANCED);
    const open: unknown[][] = [];
    for (;;) {
      const character = text[this.#at];
      if (character === "{") {
        this.#at++;
        const nested: unknown[] = [];
        open.at(-1)?.push(nested);
        open.push(nested);
      } else if (character === "}") {
        this.#at++;
        const done = open.pop()!;
        if (open.length === 0) return done;
      } else if (character === ",") this.#at++;
      else if (character === undefined) throw new Error(UNBALANCED);
      else open.at(-1)!.push(character === '"' ? this.#quoted() : this.#bare());
    }
  }

  #bare(): T | null {
    const text = this.#text;
    const start = this.#at;
    let hasEscape = false;
    for (; this.#at < text.length; this.#at++) {
      const character = text[this.#at];
      if (character === "," || character === "}") break;
      if (character === "\\") {
        hasEscape = true;
        this.#at++;
      }
    }
    const element = text.slice(start, this.#at);
    if (element === "NULL") return null;
    return this.#transform(hasEscape ? unescaped(element) : element);
  }

  #quoted(): T {
    const text = this.#text;
    const start = ++this.#at;
    let hasEscape = false;
    for (; text[this.#at] !== '"'; this.#at++) {
      if (this.#at >= text.length) throw new Error(UNBALANCED);
      if (text[this.#at] === "\\") {
        hasEscape = true;
        this.#at++;
      }
    }
    const element = text.slice(start, this.#at++);
    return this.#transform(hasEscape ? unescaped(element) : element);
  }
}

function unescaped(text: string): string {
  return text.replace(/\\([^])/g, "$1");
}
