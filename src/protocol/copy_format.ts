/**
 * The formats in which COPY moves rows. Source: manual, "COPY", "File Formats"; copyto.c, copyfrom.c.
 */
import type { Reader } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { ProtocolError } from "../errors/errors.ts";

/** The signature, `PGCOPY\n\377\r\n\0`. */
const SIGNATURE = [0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00] as const;
/** Bytes of the signature, the flags and the length of the extension. */
const HEADER_SIZE = 19;
/** The flags that a reader must know. Bit 16 meant that OIDs are included. */
const CRITICAL = 0xffff0000;
const NEWLINE = 0x0a;
const QUOTE = 0x22;

/** Appends the header of the binary format. */
export function writeBinaryHeader(out: Writer): void {
  for (const byte of SIGNATURE) out.uint8(byte);
  out.int32(0);
  out.int32(0);
}

/** Appends the end of the binary format. */
export function writeBinaryTrailer(out: Writer): void {
  out.int16(-1);
}

/**
 * Reads the binary header and reports whether it has arrived whole; if not, the reader does not move.
 *
 * @throws {ProtocolError} the data begins with anything else.
 */
export function readBinaryHeader(reader: Reader): boolean {
  const { position } = reader;
  if (reader.remaining < HEADER_SIZE) return false;
  for (const byte of SIGNATURE) {
    if (reader.uint8() !== byte) throw new ProtocolError("malformed COPY data: no signature");
  }
  if ((reader.int32() & CRITICAL) !== 0) {
    throw new ProtocolError("malformed COPY data: unknown flags");
  }
  const extension = reader.int32();
  if (extension < 0) throw new ProtocolError("malformed COPY data: a negative length");
  if (extension > reader.remaining) {
    reader.position = position;
    return false;
  }
  reader.take(extension);
  return true;
}

/** Counts the rows in `bytes[start, end)`. */
export type RowCounter = (bytes: Uint8Array, start: number, end: number) => number;

/**
 * Returns a counter of lines; of CSV, of those outside of double quotes. A last line without an end is
 * not counted, and other quote characters are not supported.
 */
export function lineCounter(csv: boolean): RowCounter {
  let isQuoted = false;
  return (bytes, start, end) => {
    let lines = 0;
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      if (byte === NEWLINE && !isQuoted) lines++;
      else if (byte === QUOTE && csv) isQuoted = !isQuoted;
    }
    return lines;
  };
}

/** Returns a counter of the tuples of the binary format, in pieces of any length. */
export function tupleCounter(): RowCounter {
  /** Bytes to skip before the next number; that number's size, its missing bytes, its value so far. */
  let skip = HEADER_SIZE - 4, size = 4, missing = 4, number = 0;
  /** Fields left in this tuple; -1 in the header. */
  let fields = -1;
  const take = (): number => {
    const isCount = size === 2;
    if (isCount) fields = number;
    else if (fields > 0) fields--;
    else fields = 0;
    if (!isCount) skip = Math.max(0, number | 0); // a length; -1 is NULL
    else if (number === 0xffff) skip = Infinity; // the trailer
    size = missing = fields > 0 ? 4 : 2;
    number = 0;
    return isCount && skip === 0 ? 1 : 0;
  };
  return (bytes, start, end) => {
    let tuples = 0;
    for (let i = start; i < end;) {
      if (skip > 0) {
        const passed = Math.min(skip, end - i);
        skip -= passed;
        i += passed;
      } else {
        number = (number << 8 | bytes[i++]!) >>> 0;
        if (--missing === 0) tuples += take();
      }
    }
    return tuples;
  };
}

/** Finds where tuples end in data that arrives in pieces, and looks at each field once. */
export class TupleEnds {
  /** Fields of the tuple that are still to be passed; -1 before its count is known. */
  #fields = -1;
  /** Bytes of the tuple, from its first, that were passed. */
  #passed = 0;

  /**
   * Returns where the tuple at the reader's position ends, or `undefined` while not all of it has
   * arrived; the reader stays where it is. The next call is for the same tuple with more data, or
   * for the tuple behind it.
   *
   * @throws {ProtocolError} a length is negative.
   */
  find({ view, position, end }: Reader): number | undefined {
    if (this.#fields < 0) {
      if (end - position < 2) return undefined;
      this.#fields = Math.max(0, view.getInt16(position));
      this.#passed = 2;
    }
    for (; this.#fields > 0; this.#fields--) {
      const at = position + this.#passed;
      if (end - at < 4) return undefined;
      const length = view.getInt32(at);
      if (length < -1) throw new ProtocolError("malformed COPY data: a negative length");
      this.#passed += 4 + Math.max(0, length);
    }
    if (position + this.#passed > end) return undefined;
    this.#fields = -1;
    return position + this.#passed;
  }
}

/**
 * Adds `chunk` behind the bytes that the reader has left, and returns the buffer that contains both,
 * if one is needed; `kept` is the result of the previous call. The buffer doubles, so that a tuple in a thousand
 * chunks is not copied a thousand times.
 */
export function appendChunk(
  reader: Reader,
  chunk: Uint8Array,
  kept: Writer | undefined,
): Writer | undefined {
  const { buffer, position, end } = reader;
  let held = kept;
  if (position === end) held = undefined;
  else if (held === undefined || position > 0) {
    held = new Writer(2 * (end - position + chunk.length));
    held.bytes(buffer.subarray(position, end));
  }
  held?.bytes(chunk);
  reader.attach(held?.buffer ?? chunk);
  reader.position = 0;
  reader.end = held?.length ?? chunk.length;
  return held;
}

/** Reports whether the end of the data is at the reader's position, in place of a tuple. */
export function isTrailer({ view, position }: Reader): boolean {
  return view.getInt16(position) === -1;
}
