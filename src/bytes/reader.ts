import { ProtocolError } from "../errors/errors.ts";

/** The decoder of UTF-8; it keeps a byte order mark, which is a character of the value. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** Bytes up to which a string is built faster here than by a platform's decoder. */
const SHORT = 10;

/**
 * A bounds-checked cursor over one message, or one value, inside a buffer that the caller owns.
 *
 * Every read checks that the bytes are there and throws a {@linkcode ProtocolError} when they are
 * not; {@linkcode Reader.finish} refuses bytes that are left over. The reader and its views are valid
 * until the buffer's owner goes on: copy bytes to keep them, as {@linkcode Reader.bytes} does.
 */
export class Reader {
  /** The whole buffer; only `[position, end)` belongs to this message. */
  buffer: Uint8Array;
  /** A view of the buffer, to read numbers. */
  view: DataView;
  /** The index at which the next read begins. */
  position = 0;
  /** The index behind the last byte that may be read. */
  end = 0;
  /** The name of the message or value, for errors. */
  what = "message";
  /**
   * Decodes the UTF-8 in `bytes[start, end)`. Default: TextDecoder for all but the shortest strings; an
   * owner may set a faster function with the same results.
   */
  decode: (bytes: Uint8Array, start: number, end: number) => string = decodeUtf8;

  /** Creates a reader of `buffer`, which remains the caller's. */
  constructor(buffer: Uint8Array = new Uint8Array(0)) {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.end = buffer.byteLength;
  }

  /** Sets another buffer, which remains the caller's. */
  attach(buffer: Uint8Array): void {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** The number of bytes left. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** Moves past `count` bytes and returns the index of the first. */
  take(count: number): number {
    const start = this.position;
    if (count < 0 || count > this.end - start) throw this.#short(count);
    this.position = start + count;
    return start;
  }

  /** Reads an unsigned byte. */
  uint8(): number {
    return this.buffer[this.take(1)]!;
  }

  /** Reads a signed byte. */
  int8(): number {
    return this.view.getInt8(this.take(1));
  }

  /** Reads a signed 16-bit integer. */
  int16(): number {
    return this.view.getInt16(this.take(2));
  }

  /** Reads an unsigned 16-bit integer. */
  uint16(): number {
    return this.view.getUint16(this.take(2));
  }

  /** Reads a signed 32-bit integer. */
  int32(): number {
    return this.view.getInt32(this.take(4));
  }

  /** Reads an unsigned 32-bit integer. */
  uint32(): number {
    return this.view.getUint32(this.take(4));
  }

  /** Reads a signed 64-bit integer. */
  int64(): bigint {
    return this.view.getBigInt64(this.take(8));
  }

  /** Reads an unsigned 64-bit integer. */
  uint64(): bigint {
    return this.view.getBigUint64(this.take(8));
  }

  /** Reads a 32-bit float. */
  float32(): number {
    return this.view.getFloat32(this.take(4));
  }

  /** Reads a 64-bit float. */
  float64(): number {
    return this.view.getFloat64(this.take(8));
  }

  /** Returns `count` bytes as a copy that the caller owns. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const start = this.take(count);
    return this.buffer.slice(start, start + count) as Uint8Array<ArrayBuffer>;
  }

  /** Reads `count` bytes of UTF-8; invalid sequences become U+FFFD. */
  text(count: number): string {
    const start = this.take(count);
    return this.utf8(start, start + count);
  }

  /** Decodes the UTF-8 in `[start, end)` of the buffer; the caller has checked that it is there. */
  utf8(start: number, end: number): string {
    return this.decode(this.buffer, start, end);
  }

  /**
   * Reads a string that ends in a zero byte (protocol type `String`). Of a string longer than `most`
   * bytes only these are decoded, and `…` follows.
   */
  cstring(most: number = Infinity): string {
    const start = this.position;
    const zero = this.buffer.indexOf(0, start);
    if (zero < 0 || zero >= this.end) {
      throw new ProtocolError(`malformed ${this.what}: a string has no end`);
    }
    this.position = zero + 1;
    if (zero - start > most) return `${this.utf8(start, start + most)}…`;
    return this.utf8(start, zero);
  }

  /**
   * Returns `count`, a number of items of at least `itemSize` bytes each, if they fit in the bytes that
   * are left: a hostile count must not cause an allocation.
   */
  count(count: number, itemSize: number): number {
    if (count < 0 || count * itemSize > this.end - this.position) {
      throw new ProtocolError(`malformed ${this.what}: ${count} items do not fit in it`);
    }
    return count;
  }

  /** Throws when bytes are left over. */
  finish(): void {
    if (this.position !== this.end) {
      throw new ProtocolError(`malformed ${this.what}: ${this.remaining} bytes left over`);
    }
  }

  #short(count: number): ProtocolError {
    return new ProtocolError(
      `malformed ${this.what}: ${count} bytes wanted, ${this.remaining} left`,
    );
  }
}

/** Decodes UTF-8; invalid sequences become U+FFFD. */
function decodeUtf8(buffer: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT) return UTF8.decode(buffer.subarray(start, end));
  let text = "";
  for (let i = start; i < end; i++) {
    const byte = buffer[i]!;
    if (byte > 127) return UTF8.decode(buffer.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

/**
 * Returns the text of a `"char"`: the empty string for zero and `\ooo` beyond ASCII, as PostgreSQL 15
 * prints and reads it. Source: char.c, `charout`.
 */
export function charText(byte: number): string {
  if (byte === 0) return "";
  return byte < 128 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`;
}
