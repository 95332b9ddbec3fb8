/**
 * Loops that read the elements of a array dimension in place. A loop has no calls but the one that
 * decodes a string. Whatever is unusual about an element (NULL, a wrong length, the last bytes of the
 * array) is left to `readComponent`, which also reports errors.
 */
import type { Reader } from "../bytes/reader.ts";
import type { Codec } from "./codec.ts";
import { readComponent } from "./component.ts";

/** Reads `size` elements, the last of which ends at `end`. */
export type ReadElements = (codec: Codec, reader: Reader, end: number, size: number) => unknown[];

/** Returns the loop for a codec of elements, if there is one. */
export function elementLoop({ primitive }: Codec): ReadElements | undefined {
  switch (primitive) {
    case "int4":
      return int4s;
    case "int8":
      return int8s;
    case "float8":
      return float8s;
    case "text":
      return texts;
    default:
      return undefined;
  }
}

function int4s(codec: Codec, reader: Reader, end: number, size: number): unknown[] {
  const { view } = reader;
  const items: unknown[] = new Array(size);
  let p = reader.position;
  for (let i = 0; i < size; i++) {
    if (end - p >= 8 && view.getInt32(p) === 4) {
      items[i] = view.getInt32(p + 4);
      p += 8;
    } else {
      items[i] = component(codec, reader, end, p);
      p = reader.position;
    }
  }
  reader.position = p;
  return items;
}

function int8s(codec: Codec, reader: Reader, end: number, size: number): unknown[] {
  const { view } = reader;
  const items: unknown[] = new Array(size);
  let p = reader.position;
  for (let i = 0; i < size; i++) {
    if (end - p >= 12 && view.getInt32(p) === 8) {
      items[i] = view.getBigInt64(p + 4);
      p += 12;
    } else {
      items[i] = component(codec, reader, end, p);
      p = reader.position;
    }
  }
  reader.position = p;
  return items;
}

function float8s(codec: Codec, reader: Reader, end: number, size: number): unknown[] {
  const { view } = reader;
  const items: unknown[] = new Array(size);
  let p = reader.position;
  for (let i = 0; i < size; i++) {
    if (end - p >= 12 && view.getInt32(p) === 8) {
      items[i] = view.getFloat64(p + 4);
      p += 12;
    } else {
      items[i] = component(codec, reader, end, p);
      p = reader.position;
    }
  }
  reader.position = p;
  return items;
}

function texts(codec: Codec, reader: Reader, end: number, size: number): unknown[] {
  const { view, buffer } = reader;
  const items: unknown[] = new Array(size);
  let p = reader.position;
  for (let i = 0; i < size; i++) {
    const left = end - p - 4;
    const length = left < 0 ? -1 : view.getInt32(p);
    if (length >= 0 && length <= left) {
      items[i] = reader.decode(buffer, p + 4, p + 4 + length);
      p += 4 + length;
    } else {
      items[i] = component(codec, reader, end, p);
      p = reader.position;
    }
  }
  reader.position = p;
  return items;
}

function component(codec: Codec, reader: Reader, end: number, at: number): unknown {
  reader.position = at;
  return readComponent(codec, reader, end);
}
