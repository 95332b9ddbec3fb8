import { Buffer } from "node:buffer";
import type { Reader } from "../bytes/reader.ts";

/** Up to so many bytes are copied faster one by one than by `set()`, which needs a view of them. */
const SHORT = 64;

/**
 * Reads the rest of a message as a Buffer of its own. Short ones share their memory, as those of
 * `Buffer.allocUnsafe()` do: for data that is passed on in order, such as that of a COPY.
 */
export function pooledRest(reader: Reader): Buffer {
  const { buffer, position, end } = reader;
  const size = end - position;
  const copy = Buffer.allocUnsafe(size);
  if (size > SHORT) copy.set(buffer.subarray(position, end));
  else for (let i = 0; i < size; i++) copy[i] = buffer[position + i]!;
  reader.position = end;
  return copy;
}
