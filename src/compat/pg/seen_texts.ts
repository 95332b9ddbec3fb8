/** Characters of texts that are remembered. */
const MOST_CHARACTERS = 1 << 18;
/** A longer text is not remembered: to send it twice costs less than to keep it. */
const LONGEST = 1 << 14;

/** The texts that were run before: at most 256 KiB of them. */
export class SeenTexts {
  readonly #texts = new Set<string>();
  #characters = 0;

  /** Reports whether a text was run before. */
  has(text: string): boolean {
    return this.#texts.has(text);
  }

  /** Remembers a text. The others are forgotten when there are too many. */
  add(text: string): void {
    if (text.length > LONGEST || this.#texts.has(text)) return;
    this.#characters += text.length;
    if (this.#characters > MOST_CHARACTERS) {
      this.#texts.clear();
      this.#characters = text.length;
    }
    this.#texts.add(text);
  }
}
