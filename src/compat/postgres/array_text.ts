/** The text form of arrays. Source: manual, "Array Input and Output Syntax". */

/** The OID of `box[]`, the one built-in array whose elements are separated by `;`. */
const BOX_ARRAY = 1020;

/** Returns what separates the elements of an array type. */
export function delimiterOf(arrayOid: number): string {
  return arrayOid === BOX_ARRAY ? ";" : ",";
}

/** Reads the elements of an array, nested as its dimensions are. NULL is `null`. */
export function parseArray(
  text: string,
  parse: ((text: string) => unknown) | undefined,
  delimiter: string,
): unknown[] {
  // Bounds may stand in front: [0:1]={1,2}.
  const start = text.charCodeAt(0) === BRACKET ? text.indexOf("=") + 1 : 0;
  return new ArrayText(text, start, parse, delimiter.charCodeAt(0)).elements();
}

const [BRACKET, OPEN, CLOSE, QUOTE, BACKSLASH] = [91, 123, 125, 34, 92];

/** A cursor over the text of an array. */
class ArrayText {
  readonly #text: string;
  readonly #parse: ((text: string) => unknown) | undefined;
  readonly #delimiter: number;
  #at: number;

  constructor(
    text: string,
    at: number,
    parse: ((text: string) => unknown) | undefined,
    delimiter: number,
  ) {
    this.#text = text;
    this.#at = at;
    this.#parse = parse;
    this.#delimiter = delimiter;
  }

  /** Reads from an opening brace to the closing one. */
  elements(): unknown[] {
    const text = this.#text;
    const elements: unknown[] = [];
    this.#at++;
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at);
      if (code === CLOSE) {
        this.#at++;
        return elements;
      }
      if (code === this.#delimiter) this.#at++;
      else if (code === OPEN) elements.push(this.elements());
      else elements.push(code === QUOTE ? this.#value(this.#quoted()) : this.#bare());
    }
    return elements;
  }

  #value(text: string): unknown {
    return this.#parse === undefined ? text : this.#parse(text);
  }

  #bare(): unknown {
    const start = this.#at;
    let at = start;
    for (; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === this.#delimiter || code === CLOSE) break;
    }
    this.#at = at;
    const text = this.#text.slice(start, at);
    return text === "NULL" ? null : this.#value(text);
  }

  #quoted(): string {
    const text = this.#text;
    let [from, at, read] = [this.#at + 1, this.#at + 1, ""];
    for (; at < text.length && text.charCodeAt(at) !== QUOTE; at++) {
      if (text.charCodeAt(at) !== BACKSLASH) continue;
      read += text.slice(from, at);
      from = ++at;
    }
    this.#at = at + 1;
    return read + text.slice(from, at);
  }
}

/** Writes an array. `write` returns the text of an element, `null` for NULL. */
export function arrayText(
  elements: readonly unknown[],
  write: (element: unknown) => string | null,
  delimiter: string,
): string {
  const texts = elements.map((element) => {
    if (Array.isArray(element)) return arrayText(element, write, delimiter);
    const text = write(element);
    return text === null ? "null" : `"${text.replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${texts.join(delimiter)}}`;
}
