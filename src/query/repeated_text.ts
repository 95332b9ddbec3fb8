/**
 * Short texts of one column that come again: names of a state, a country, a currency. A text that is kept
 * costs neither an allocation nor, in each row of a result, the memory of another copy.
 */

/** The longest text that is kept, in bytes, as a shift. */
const SHIFT = 4;
const MOST: number = 1 << SHIFT;
/** Texts that are kept, a power of two. */
const SLOTS = 32;
/** Values that are looked up before the column is judged. */
const TRIAL = 128;

type Decode = (bytes: Uint8Array, start: number, end: number) => string;

/** The kept texts of one column. */
export class RepeatedText {
  /** Whether the texts are looked up: most of the last ones had come before. */
  isUseful = true;
  readonly #texts: string[] = [];
  #bytes: Uint8Array = new Uint8Array(SLOTS * MOST);
  #looked = 0;
  #found = 0;

  constructor() {
    for (let i = 0; i < SLOTS; i++) this.#texts.push("");
  }

  /** Returns the text in `bytes[start, end)`, which `decode` decodes where it is not kept. */
  read(bytes: Uint8Array, start: number, end: number, decode: Decode): string {
    const length = end - start;
    if (length > MOST || length === 0) return decode(bytes, start, end);
    const slot = (bytes[start]! ^ bytes[end - 1]! << 2 ^ length << 4) & (SLOTS - 1);
    const text = this.#texts[slot]!;
    if (++this.#looked === TRIAL && !this.#isStillUseful()) return decode(bytes, start, end);
    if (text.length !== length) return this.#keep(slot, bytes, start, end, decode);
    const kept = this.#bytes;
    for (let i = start, at = slot << SHIFT; i < end; i++, at++) {
      if (kept[at] !== bytes[i]) return this.#keep(slot, bytes, start, end, decode);
    }
    this.#found++;
    return text;
  }

  /** Keeps a text in place of another. Most texts that are not ASCII have fewer characters than bytes. */
  #keep(slot: number, bytes: Uint8Array, start: number, end: number, decode: Decode): string {
    const text = decode(bytes, start, end);
    if (text.length !== end - start) return text;
    this.#texts[slot] = text;
    for (let i = start, at = slot << SHIFT; i < end; i++, at++) this.#bytes[at] = bytes[i]!;
    return text;
  }

  /** Judges the column by its last values, and releases the texts if they are not useful. */
  #isStillUseful(): boolean {
    this.isUseful = this.#found * 2 > TRIAL;
    this.#looked = this.#found = 0;
    if (!this.isUseful) {
      this.#texts.length = 0;
      this.#bytes = NOTHING;
    }
    return this.isUseful;
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);
