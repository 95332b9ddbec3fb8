import { ProtocolError } from "../errors/errors.ts";

/** A byte order mark is a character of the value, not a mark. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** Up to so many bytes a string is built here faster than any platform's decoder is called. */
const SHORT = 10;

/**
 * A bounds-checked cursor over one message (or one value) inside a buffer that somebody else owns.
 *
 * Every read checks that the bytes are there and throws a {@linkcode ProtocolError} when they are
 * not; {@linkcode Reader.finish} refuses leftovers. The reader, and every view it hands out, is
 * valid until its owner moves on: copy what you keep ({@linkcode Reader.bytes} already does).
 */
export class Reader {
  /** The whole buffer; only `[position, end)` belongs to this message. */
  buffer: Uint8Array;
  /** The same bytes, for the numbers. */
  view: DataView;
  /** Where the next read begins. */
  position = 0;
  /** One past the last byte that may be read. */
  end = 0;
  /** What is being read, for error messages. */
  what = "message";
  /**
   * Decodes all but the shortest strings, from `bytes[start, end)`: TextDecoder, unless the owner
   * knows a faster way to the same.
   */
  decode: (bytes: Uint8Array, start: number, end: number) => string = decodeUtf8;

  /** Reads from `buffer`, which stays the caller's. */
  constructor(buffer: Uint8Array = new Uint8Array(0)) {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.end = buffer.byteLength;
  }

  /** Points the reader at other bytes; they stay the caller's. */
  attach(buffer: Uint8Array): void {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** Bytes left. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** Moves past `count` bytes and returns where they began. */
  take(count: number): number {
    const start = this.position;
    if (count < 0 || count > this.end - start) throw this.#short(count);
    this.position = start + count;
    return start;
  }

  /** An unsigned byte. */
  uint8(): number {
    return this.buffer[this.take(1)]!;
  }

  /** A signed byte. */
  int8(): number {
    return this.view.getInt8(this.take(1));
  }

  /** A signed 16-bit integer. */
  int16(): number {
    return this.view.getInt16(this.take(2));
  }

  /** An unsigned 16-bit integer. */
  uint16(): number {
    return this.view.getUint16(this.take(2));
  }

  /** A signed 32-bit integer. */
  int32(): number {
    return this.view.getInt32(this.take(4));
  }

  /** An unsigned 32-bit integer. */
  uint32(): number {
    return this.view.getUint32(this.take(4));
  }

  /** A signed 64-bit integer. */
  int64(): bigint {
    return this.view.getBigInt64(this.take(8));
  }

  /** An unsigned 64-bit integer. */
  uint64(): bigint {
    return this.view.getBigUint64(this.take(8));
  }

  /** A 32-bit float. */
  float32(): number {
    return this.view.getFloat32(this.take(4));
  }

  /** A 64-bit float. */
  float64(): number {
    return this.view.getFloat64(this.take(8));
  }

  /** `count` bytes as a copy that the caller owns. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const start = this.take(count);
    return this.buffer.slice(start, start + count) as Uint8Array<ArrayBuffer>;
  }

  /** `count` bytes of UTF-8; invalid sequences become U+FFFD. */
  text(count: number): string {
    const start = this.take(count);
    return this.utf8(start, start + count);
  }

  /** The UTF-8 in `[start, end)` of the buffer, which the caller has made sure is there. */
  utf8(start: number, end: number): string {
    const { buffer } = this;
    if (end - start > SHORT) return this.decode(buffer, start, end);
    let text = "";
    for (let i = start; i < end; i++) {
      const byte = buffer[i]!;
      if (byte > 127) return this.decode(buffer, start, end);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /**
   * A string that ends in a zero byte (protocol type `String`). Of a string longer than `most` bytes
   * only so many are decoded, and `…` follows.
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
   * A count of items of at least `itemSize` bytes each, refused when they cannot fit in what is
   * left: a hostile count must not make us allocate.
   */
  count(count: number, itemSize: number): number {
    if (count < 0 || count * itemSize > this.end - this.position) {
      throw new ProtocolError(`malformed ${this.what}: ${count} items do not fit in it`);
    }
    return count;
  }

  /** Refuses bytes nobody read. */
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

/** Invalid sequences become U+FFFD. */
function decodeUtf8(buffer: Uint8Array, start: number, end: number): string {
  return UTF8.decode(buffer.subarray(start, end));
}
