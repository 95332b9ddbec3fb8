import type { Reader } from "./reader.ts";

/** Up to so many bytes are copied faster by words than by `set()`, which needs a view of them. */
const SHORT = 256;

/** Copies `size` bytes of a reader's buffer from `start` on, to `at` of a buffer and its view. */
export function copyBytes(
  { buffer, view }: Reader,
  start: number,
  size: number,
  to: Uint8Array,
  toView: DataView,
  at: number,
): void {
  if (size > SHORT) return to.set(buffer.subarray(start, start + size), at);
  let i = 0;
  for (; i + 4 <= size; i += 4) toView.setUint32(at + i, view.getUint32(start + i));
  for (; i < size; i++) to[at + i] = buffer[start + i]!;
}
