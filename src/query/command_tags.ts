import type { Reader } from "../bytes/reader.ts";
import { readCommandTag } from "../protocol/backend.ts";

/** The most bytes of a tag that is kept, with the zero byte at its end. */
const MOST = 32;

/** Reads the command tags of one session. Queries often repeat the tag before, which is not decoded again. */
export class CommandTags {
  readonly #bytes = new Uint8Array(MOST);
  /** Bytes of the last tag with its zero byte; 0 before the first. */
  #length = 0;
  #tag = "";

  /** Reads CommandComplete. */
  read(reader: Reader): string {
    const { buffer, position, end } = reader;
    const length = end - position;
    const bytes = this.#bytes;
    if (length === this.#length) {
      let i = 0;
      while (i < length && buffer[position + i] === bytes[i]) i++;
      if (i === length) {
        reader.position = end;
        return this.#tag;
      }
    }
    const tag = readCommandTag(reader);
    if (length > MOST) return tag;
    for (let i = 0; i < length; i++) bytes[i] = buffer[position + i]!;
    this.#length = length;
    return this.#tag = tag;
  }
}
