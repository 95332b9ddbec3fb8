import { Reader } from "../bytes/reader.ts";
import { OperationalError, ProtocolError } from "../errors/errors.ts";
import { escaped } from "../errors/escaped.ts";
import { Backend, backendName } from "./tags.ts";

/** Bytes of the buffer of a connection that has received little: login, a few rows. */
const FIRST_SIZE = 8_192;
/** Bytes of the buffer as soon as a read has filled the first one. */
const USUAL_SIZE = 65_536;
/** Bytes; a larger buffer is not kept when it is empty. */
const KEEP = 1 << 20;
/** Bytes of a message's tag and length. */
export const MESSAGE_HEADER = 5;
/**
 * The limit of most kinds of message, in bytes. Servers send less: command tags and names have up to
 * 64 bytes, notifications fewer than 8,000 unless the server was built with other limits.
 */
const SMALL = 65_536;
/** The limit of the kinds that have a part per column: 65,535 columns with long names. */
const DESCRIPTION = 1 << 24;
/** The kinds that contain data or text of any length. */
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
/** The limit of an error without a length, in bytes. Source: libpq, `MAX_ERRLEN`. */
const LONGEST_OLD_ERROR = 30_000;

/**
 * Owns the read buffer and cuts it into messages.
 *
 * Bytes are written at {@linkcode Framer.space} and announced with {@linkcode Framer.advance};
 * {@linkcode Framer.next} then sets {@linkcode Framer.reader} to one whole message after the other.
 * The reader's bytes are valid until the next `space()`.
 */
export class Framer {
  /** A reader of the body of the message that `next()` found. */
  readonly reader: Reader;
  /** The first byte of that message. */
  tag = 0;
  #limit = 0;
  /** Bytes; larger messages are checked against the limit of their kind. */
  #small = 0;
  /** The name of the limit, for the error. */
  limitedBy = "maxMessageBytes";
  /**
   * Whether an error may have the format of PostgreSQL before 7.4: `E`, text and a zero byte. Servers
   * that cannot start a process for the connection send it, and so do poolers that do not know the
   * protocol's version. Source: `report_fork_failure_to_client` of postmaster.c.
   */
  takesOldErrors = false;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_SIZE);
  #isBusy = false;
  #start = 0;
  #end = 0;
  /** Bytes of the message that has begun to arrive, with its tag. */
  #wanted = 0;

  /** Creates an empty framer that refuses messages of more than `limit` bytes. */
  constructor(limit: number) {
    this.reader = new Reader(this.#buffer);
    this.limit = limit;
  }

  /** The limit of a message in bytes; larger ones are refused. */
  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#small = Math.min(limit, SMALL);
  }

  /** Returns free room for at least one byte. */
  space(): Uint8Array<ArrayBuffer> {
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      const { length } = this.#buffer;
      if (length > KEEP || this.#isBusy && length < USUAL_SIZE) this.#move(USUAL_SIZE);
      return this.#buffer;
    }
    const free = this.#buffer.length - this.#end;
    if (free === 0 || (this.#wanted > this.#buffer.length - this.#start)) this.#makeRoom();
    return this.#buffer.subarray(this.#end);
  }

  /** Announces that `count` bytes were written at the start of `space()`. */
  advance(count: number): void {
    this.#end += count;
    if (this.#end === this.#buffer.length) this.#isBusy = true;
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    let rest = bytes;
    let space = this.space();
    while (rest.length > space.length) {
      space.set(rest.subarray(0, space.length));
      this.advance(space.length);
      rest = rest.subarray(space.length);
      space = this.space();
    }
    space.set(rest);
    this.advance(rest.length);
  }

  /**
   * Reports whether a whole message has arrived; `tag` and `reader` then describe it.
   *
   * @throws {ProtocolError} the next message claims an impossible length or more than `limit`.
   * @throws {OperationalError} the message is an error without a length, where {@linkcode takesOldErrors}.
   */
  next(): boolean {
    const have = this.#end - this.#start;
    if (have < MESSAGE_HEADER) {
      this.#wanted = MESSAGE_HEADER;
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
    reader.position = start + MESSAGE_HEADER;
    reader.end = this.#start = start + 1 + length;
    return true;
  }

  /**
   * Takes the whole messages behind the current one that have its tag, as one run: `reader.end` moves to
   * the end of the last one. Large and malformed ones are left to {@linkcode Framer.next}.
   */
  takeRun(): void {
    const { reader, tag } = this;
    const buffer = this.#buffer;
    const last = this.#end - MESSAGE_HEADER;
    let at = this.#start;
    while (at <= last && buffer[at] === tag) {
      const length = reader.view.getInt32(at + 1);
      if (length < 4 || length > this.#small || length >= this.#end - at) break;
      at += 1 + length;
    }
    reader.end = this.#start = at;
  }

  /** The bytes that have arrived and do not belong to a message that was returned. */
  get pending(): number {
    return this.#end - this.#start;
  }

  /**
   * Makes room. The buffer grows with the bytes that have arrived, not with a claimed length: at most
   * to the double, when it is full or half full of a message that does not fit in it.
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
      throw new ProtocolError(`malformed ${name}: its length is ${length} bytes`);
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
   * @throws {OperationalError} the message is such an error, and whole.
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
