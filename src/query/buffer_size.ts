/** The number of rows that a stream requests at a time. */
import { InterfaceError } from "../errors/errors.ts";
import type { RowBuffer } from "./row_buffer.ts";

/** How many rows to request at a time. */
export interface BufferSize {
  /** Returns how many rows to request, given the buffer before. */
  rows(before: RowBuffer | undefined): number;
  /** Whether the next buffer is requested while one is read. */
  readonly readsAhead: boolean;
}

/** The size that a buffer should have. */
const BUFFER_BYTES = 256 * 1024;
const FIRST_ROWS = 64;
/** More rows at once outlive the young generation, which costs more than it saves. */
const MOST_ROWS = 2048;

/** As many rows as should fill a buffer, judged by those before. */
export const BY_SIZE: BufferSize = {
  readsAhead: true,
  rows: (before) => {
    if (before === undefined || before.rows === 0) return FIRST_ROWS;
    const fitting = Math.floor(BUFFER_BYTES * before.rows / (before.bytes + 1));
    return Math.min(MOST_ROWS, Math.max(1, fitting));
  },
};

/**
 * Returns the size of batches: a number, or a function that returns it before each batch.
 *
 * @throws {InterfaceError} the number is not an integer from 1 to 2,147,483,647.
 */
export function batchSize(size: number | (() => number)): BufferSize {
  if (typeof size === "function") return { readsAhead: false, rows: () => checkedSize(size()) };
  checkedSize(size);
  return { readsAhead: true, rows: () => size };
}

function checkedSize(size: number): number {
  if (Number.isInteger(size) && size > 0 && size < 2 ** 31) return size;
  throw new InterfaceError("batches(): the size must be an integer from 1 to 2,147,483,647");
}
