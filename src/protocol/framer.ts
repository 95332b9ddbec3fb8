import { Reader } from "../bytes/reader.ts";
import { OperationalError, ProtocolError } from "../errors/errors.ts";
import { escaped } from "../errors/escaped.ts";
import { Backend, backendName } from "./tags.ts";

const INITIAL_SIZE = 65_536;
/** An emptied buffer larger than this is let go. */
const KEEP = 1 << 20;
/** Tag and length. */
const HEADER = 5;
/**
 * Bytes of most kinds of message. No server has a reason to send most kinds of message in
 * more: command tags have 64 bytes, names 64, notifications fewer than 8,000 unless it was built with
 * other limits.
 */
const SMALL = 65_536;
/** Bytes of the two kinds that have a part per column: 65,535 columns with long names. */
const DESCRIPTION = 1 << 24;
/** The kinds that hold data or text of any length. */
const LARGE: ReadonlySet<number> = new Set([
  Backend.DataRow,
  Backend.CopyData,
  Backend.ErrorResponse,
  Backend.NoticeResponse,
  Backend.FunctionCallResponse,
]);
/** The kinds that have a part per column. */
const DESCRIPTIONS: ReadonlySet<number> = new Set([
  Backend.RowDescription,
  Backend.ParameterDescription,
  Backend.CopyInResponse,
  Backend.CopyOutResponse,
  Backend.CopyBothResponse,
]);
/** Bytes of an error without a length that are waited for. Source: libpq, `MAX_ERRLEN`. */
const LONGEST_OLD_ERROR = 30_000;

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
  #limit = 0;
  /** Bytes; larger messages are looked at twice. */
  #small = 0;
  /** Whose limit that is, for the refusal. */
  limitedBy = "maxMessageBytes";
  /**
   * Whether an error may come as PostgreSQL before 7.4 wrote it, `E`, text and a zero byte: servers
   * that cannot start a process for the connection still do so, and poolers that do not know the
   * protocol's version. Source: `report_fork_failure_to_client` of postmaster.c.
   */
  takesOldErrors = false;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(INITIAL_SIZE);
  #start = 0;
  #end = 0;
  /** Size of the message that has begun to arrive, its tag included. */
  #wanted = 0;

  /** Starts empty; `limit` as the property. */
  constructor(limit: number) {
    this.reader = new Reader(this.#buffer);
    this.limit = limit;
  }

  /** Bytes; a message that claims more is refused. */
  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#small = Math.min(limit, SMALL);
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
   * @throws {OperationalError} it is an error without a length, where {@linkcode takesOldErrors}.
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
    if (length < 4 || length > this.#small) {
      const tag = this.#buffer[start]!;
      if (this.takesOldErrors && this.#isOldError(tag, have)) return false;
      this.#checkLength(tag, length);
    }
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

  #checkLength(tag: number, length: number): void {
    const name = backendName(tag);
    if (length < 4) {
      throw new ProtocolError(`malformed ${name}: it claims a length of ${length} bytes`);
    }
    const own = LARGE.has(tag) ? Infinity : DESCRIPTIONS.has(tag) ? DESCRIPTION : SMALL;
    const limit = Math.min(own, this.#limit);
    if (length <= limit) return;
    const by = own < this.#limit ? "for messages of this kind" : this.limitedBy;
    throw new ProtocolError(`${name} of ${length} bytes is over the limit of ${limit} (${by})`);
  }

  /**
   * Reports whether the message may be an error without a length that has not arrived whole. No
   * length that is allowed consists of four bytes that are not zero.
   *
   * @throws {OperationalError} it is one, and whole.
   */
  #isOldError(tag: number, have: number): boolean {
    const from = this.#start + 1;
    const head = this.#buffer.subarray(from, from + 4);
    if (tag !== Backend.ErrorResponse || head.includes(0)) return false;
    const text = this.#buffer.subarray(from, Math.min(this.#end, from + LONGEST_OLD_ERROR));
    const zero = text.indexOf(0);
    if (zero >= 0) {
      const message = escaped(new TextDecoder().decode(text.subarray(0, zero)).trim());
      throw new OperationalError(message, { code: "08004", safeToRetry: true });
    }
    this.#wanted = have + 1;
    return text.length < LONGEST_OLD_ERROR;
  }
}
