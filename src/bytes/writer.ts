import { InterfaceError } from "../errors/errors.ts";
import { checkWellFormed } from "./well_formed.ts";

const UTF8 = new TextEncoder();
/** Characters up to which a text is copied here; beyond, the platform's encoder is faster. */
const SHORT = 48;
const INITIAL_SIZE = 4096;
/** Bytes; a larger buffer is not kept for the next flush. */
const KEEP = 1 << 20;

/**
 * A growing buffer to which whole messages are appended; a message's length is written last.
 *
 * {@linkcode Writer.mark} and {@linkcode Writer.rollback} undo a half-written request, so that a
 * parameter that cannot be encoded leaves nothing behind. {@linkcode Writer.detach} gives the bytes to
 * the caller; until then they may move to a larger buffer.
 */
export class Writer {
  /** The buffer; replaced when it grows. */
  buffer: Uint8Array<ArrayBuffer>;
  /** A view of the buffer, to write numbers. */
  view: DataView<ArrayBuffer>;
  /** The number of bytes appended so far. */
  length = 0;
  #peeked: Uint8Array<ArrayBuffer> | undefined;
  #spareBuffer: Uint8Array<ArrayBuffer> | undefined;
  #spareView: DataView<ArrayBuffer> | undefined;
  #lentBuffer: Uint8Array<ArrayBuffer> | undefined;
  #lentView: DataView<ArrayBuffer> | undefined;

  /** Creates a writer with room for `size` bytes. */
  constructor(size: number = INITIAL_SIZE) {
    this.buffer = new Uint8Array(size);
    this.view = new DataView(this.buffer.buffer);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.length + count > this.buffer.length) this.#grow(this.length + count);
  }

  /** Appends a byte. */
  uint8(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  /** Appends a 16-bit integer. */
  int16(value: number): void {
    this.reserve(2);
    this.view.setInt16(this.length, value);
    this.length += 2;
  }

  /** Appends a 32-bit integer. */
  int32(value: number): void {
    this.reserve(4);
    this.view.setInt32(this.length, value);
    this.length += 4;
  }

  /** Appends a 64-bit integer. */
  int64(value: bigint): void {
    this.reserve(8);
    this.view.setBigInt64(this.length, value);
    this.length += 8;
  }

  /** Appends a 32-bit float. */
  float32(value: number): void {
    this.reserve(4);
    this.view.setFloat32(this.length, value);
    this.length += 4;
  }

  /** Appends a 64-bit float. */
  float64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value);
    this.length += 8;
  }

  /** Appends a copy of `bytes`. */
  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /**
   * Appends `text` as UTF-8, without a terminator.
   *
   * @throws {InterfaceError} `text` contains a lone surrogate, which has no UTF-8; nothing is appended.
   */
  text(text: string, what: string = "the text"): void {
    const size = text.length;
    if (size <= SHORT) {
      this.reserve(size * 3);
      const { buffer } = this;
      const start = this.length;
      let i = 0;
      for (; i < size; i++) {
        const code = text.charCodeAt(i);
        if (code > 127) break;
        buffer[start + i] = code;
      }
      if (i === size) {
        this.length = start + size;
        return;
      }
    }
    checkWellFormed(text, what);
    this.reserve(size * 3);
    this.length += UTF8.encodeInto(text, this.buffer.subarray(this.length)).written;
  }

  /**
   * Appends `text` and a zero byte (protocol type `String`).
   *
   * @throws {InterfaceError} `what` contains a zero byte, which would end it early, or a lone surrogate.
   */
  cstring(text: string, what: string = "text"): void {
    if (text.includes("\0")) throw new InterfaceError(`${what} contains a zero byte`);
    this.text(text, what);
    this.uint8(0);
  }

  /** Leaves room for a 32-bit length and returns its index. */
  lengthHere(): number {
    const at = this.length;
    this.int32(0);
    return at;
  }

  /** Writes the number of bytes that follow the length at `at`, its own four not included. */
  patchValueLength(at: number): void {
    this.view.setInt32(at, this.length - at - 4);
  }

  /** Begins a message with its tag and returns the index for {@linkcode Writer.endMessage}. */
  beginMessage(tag: number): number {
    this.uint8(tag);
    return this.lengthHere();
  }

  /** Writes the message's length, which counts itself but not the tag. */
  endMessage(at: number): void {
    const size = this.length - at;
    if (size > 0x7fffffff) throw new InterfaceError("a message cannot be larger than 2 GiB");
    this.view.setInt32(at, size);
  }

  /** Returns the current length, for {@linkcode Writer.rollback}. */
  mark(): number {
    return this.length;
  }

  /** Removes everything appended since `mark`. */
  rollback(mark: number): void {
    this.length = mark;
  }

  /**
   * Returns the appended bytes and goes on, empty, in another buffer. The bytes are the caller's
   * until it returns them with {@linkcode Writer.recycle}.
   */
  detach(): Uint8Array<ArrayBuffer> {
    const bytes = this.buffer.subarray(0, this.length);
    const { buffer, view } = this;
    this.buffer = this.#spareBuffer ?? new Uint8Array(INITIAL_SIZE);
    this.view = this.#spareView ?? new DataView(this.buffer.buffer);
    this.length = 0;
    this.#spareBuffer = undefined;
    this.#spareView = undefined;
    this.#lentBuffer = buffer;
    this.#lentView = view;
    return bytes;
  }

  /** Takes back the buffer of the last `detach`, which must no longer be read. */
  recycle(): void {
    if (this.#lentBuffer !== undefined && this.#lentBuffer.length <= KEEP) {
      this.#spareBuffer = this.#lentBuffer;
      this.#spareView = this.#lentView;
    }
    this.#lentBuffer = undefined;
    this.#lentView = undefined;
  }

  /** Returns the appended bytes in place; they are valid until the next append. */
  peek(): Uint8Array<ArrayBuffer> {
    const last = this.#peeked;
    // Requests of one statement often have the same length, and a view is not cheap to make.
    if (last?.length === this.length && last.buffer === this.buffer.buffer) return last;
    return this.#peeked = this.buffer.subarray(0, this.length);
  }

  /** Empties the same buffer; bytes from `peek` must no longer be read. */
  clear(): void {
    this.length = 0;
    if (this.buffer.length > KEEP) {
      this.buffer = new Uint8Array(INITIAL_SIZE);
      this.view = new DataView(this.buffer.buffer);
      this.#peeked = undefined;
    }
  }

  #grow(needed: number): void {
    let size = this.buffer.length * 2;
    while (size < needed) size *= 2;
    const larger = new Uint8Array(size);
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}
