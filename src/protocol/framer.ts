import { Reader } from "../bytes/reader.ts";
import { ProtocolError } from "../errors/errors.ts";
import { backendName } from "./tags.ts";

const INITIAL_SIZE = 65_536;
/** An emptied buffer larger than this is let go. */
const KEEP = 1 << 20;
/** Tag and length. */
const HEADER = 5;

/**
 * Owns the read buffer and cuts it into messages.
 *
 * Bytes are written at {@linkcode Framer.space} and announced with {@linkcode Framer.advance};
 * {@linkcode Framer.next} then points {@linkcode Framer.reader} at one whole message after the
 * other. What the reader shows is valid until the next `space()`.
 */
export class Framer {
  /** Stands at the body of the message that `next()` found. */
  readonly reader: Reader;
  /** That message's first byte. */
  tag = 0;
  /** Bytes; a message that claims more is refused. */
  limit: number;
  /** Whose limit that is, for the refusal. */
  limitedBy = "maxMessageBytes";
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(INITIAL_SIZE);
  #start = 0;
  #end = 0;
  /** Size of the message that has begun to arrive, its tag included. */
  #wanted = 0;

  /** Starts empty; `limit` as the property. */
  constructor(limit: number) {
    this.limit = limit;
    this.reader = new Reader(this.#buffer);
  }

  /** Room for at least one more byte. */
  space(): Uint8Array<ArrayBuffer> {
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      if (this.#buffer.length > KEEP) this.#move(INITIAL_SIZE);
      return this.#buffer;
    }
    const free = this.#buffer.length - this.#end;
    if (free === 0 || (this.#wanted > this.#buffer.length - this.#start)) this.#makeRoom();
    return this.#buffer.subarray(this.#end);
  }

  /** `count` bytes were written at the start of `space()`. */
  advance(count: number): void {
    this.#end += count;
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      const space = this.space();
      const part = rest.length > space.length ? rest.subarray(0, space.length) : rest;
      space.set(part);
      this.#end += part.length;
      rest = rest.subarray(part.length);
    }
  }

  /**
   * Whether a whole message has arrived; `tag` and `reader` show it.
   *
   * @throws {ProtocolError} the next message claims an impossible length or more than `limit`.
   */
  next(): boolean {
    const have = this.#end - this.#start;
    if (have < HEADER) {
      this.#wanted = HEADER;
      return false;
    }
    const { reader } = this;
    const start = this.#start;
    const length = reader.view.getInt32(start + 1);
    if (length < 4 || length > this.limit) throw this.#refusal(this.#buffer[start]!, length);
    if (have <= length) {
      this.#wanted = length + 1;
      return false;
    }
    this.tag = this.#buffer[start]!;
    reader.position = start + HEADER;
    reader.end = this.#start = start + 1 + length;
    return true;
  }

  /** Bytes that have arrived and were not shown yet. */
  get pending(): number {
    return this.#end - this.#start;
  }

  /**
   * Growth follows what has arrived, not what a header claims: at most double each time, when the
   * buffer is full or half full of a message that it cannot hold.
   */
  #makeRoom(): void {
    const have = this.#end - this.#start;
    const size = this.#buffer.length;
    if (this.#wanted > size && have * 2 > size) this.#move(Math.min(this.#wanted, size * 2));
    else this.#move(have === size ? size * 2 : size);
  }

  #move(size: number): void {
    if (size === this.#buffer.length) {
      if (this.#start === 0) return;
      this.#buffer.copyWithin(0, this.#start, this.#end);
    } else {
      const next = new Uint8Array(size);
      next.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = next;
      this.reader.attach(next);
    }
    this.#end -= this.#start;
    this.#start = 0;
  }

  #refusal(tag: number, length: number): ProtocolError {
    const name = backendName(tag);
    return new ProtocolError(
      length < 4
        ? `malformed ${name}: it claims a length of ${length} bytes`
        : `${name} of ${length} bytes is over the limit of ${this.limit} (${this.limitedBy})`,
    );
  }
}
