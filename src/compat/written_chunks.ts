/** Chunks that a program has written to a stream of Node, as the data of a COPY. */
import { Buffer } from "./node.ts";

/** A chunk of a `Writable` that does not decode strings. */
export interface WrittenChunk {
  readonly chunk: Uint8Array | string;
  /** The encoding of a string. */
  readonly encoding: string;
}

/**
 * Returns the data of chunks. Strings that follow one another are joined, because one long string is
 * encoded faster than many short ones.
 */
export function dataOf(chunks: readonly WrittenChunk[]): (Uint8Array | string)[] {
  const data: (Uint8Array | string)[] = [];
  let text = "";
  for (const { chunk, encoding } of chunks) {
    if (typeof chunk === "string" && isUtf8(encoding)) {
      text += chunk;
      continue;
    }
    if (text !== "") data.push(text);
    text = "";
    data.push(typeof chunk === "string" ? Buffer.from(chunk, encoding as "latin1") : chunk);
  }
  if (text !== "") data.push(text);
  return data;
}

function isUtf8(encoding: string): boolean {
  return /^utf-?8$/i.test(encoding);
}
