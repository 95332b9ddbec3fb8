/**
 * Rows of a result, kept as bytes until each is read.
 *
 * Rows that were decoded ahead would survive collections of the young generation. V8 doubles that
 * generation whenever as much as it holds has survived: over ten million rows, to its maximum.
 */
import { copyBytes } from "../bytes/copy_bytes.ts";
import { Reader } from "../bytes/reader.ts";
import { ProtocolError } from "../errors/errors.ts";
import { MESSAGE_HEADER } from "../protocol/framer.ts";
import { Backend } from "../protocol/tags.ts";
import type { Message, RowSink } from "../session/exchange.ts";
import type { Wire } from "../session/wire.ts";
import { type RowDecoder, wrongCount } from "./rows.ts";

const INITIAL_SIZE = 16_384;
/** A larger buffer is released if less than half of it was used. */
const KEEP = 1 << 20;

/** Rows that were received and not read. A buffer is filled again and again. */
export class RowBuffer {
  /** How many rows were received. */
  rows = 0;
  /** How many rows are not read yet. */
  left = 0;
  /** The command tag, if the result ends with these rows. */
  tag: string | undefined;
  readonly #wire: Wire;
  readonly #decode: RowDecoder;
  readonly #columns: number;
  readonly #reader = new Reader(new Uint8Array(INITIAL_SIZE));
  #size = 0;
  /** The position of each row, which ends where the next one begins. */
  #starts = new Uint32Array(64);
  /** Adds one row, and those behind it that have arrived. */
  readonly sink: RowSink = (from) => this.#add(from);

  /** `decode` reads rows of `columns` columns. A violation of the protocol ends `wire`. */
  constructor(wire: Wire, columns: number, decode: RowDecoder) {
    this.#wire = wire;
    this.#columns = columns;
    this.#decode = decode;
    this.#reader.decode = wire.reader.decode;
    this.#reader.what = "DataRow";
  }

  /** Whether the result ends with these rows. */
  get isLast(): boolean {
    return this.tag !== undefined;
  }

  /** The size of the rows, in bytes. */
  get bytes(): number {
    return this.#size;
  }

  /** Takes the rows of an Execute, `first` included, and returns the message behind them. */
  *fill(first: Message): Generator<RowSink, Message, Message> {
    this.#clear();
    if (first.tag !== Backend.DataRow) return first;
    this.#add(first.reader);
    return yield this.sink;
  }

  /** Returns the next row. There must be one. */
  next(): unknown {
    const reader = this.#reader;
    const at = this.rows - this.left--;
    reader.position = this.#starts[at]!;
    reader.end = this.left === 0 ? this.#size : this.#starts[at + 1]! - MESSAGE_HEADER;
    try {
      return this.#decode(reader);
    } catch (error) {
      if (error instanceof ProtocolError) this.#wire.fail(error);
      throw error;
    }
  }

  /** Returns all rows that are not read yet. */
  all(): unknown[] {
    const rows: unknown[] = [];
    while (this.left > 0) rows.push(this.next());
    return rows;
  }

  #clear(): void {
    const { buffer } = this.#reader;
    if (buffer.length > KEEP && this.#size * 2 < buffer.length) {
      this.#reader.attach(new Uint8Array(INITIAL_SIZE));
    }
    this.rows = this.left = this.#size = 0;
    this.tag = undefined;
  }

  /** Copies the rows of one run, with their headers, and then looks for where each begins. */
  #add(from: Reader): void {
    this.#wire.takeRun();
    const start = from.position - MESSAGE_HEADER;
    const size = from.end - start;
    const at = this.#size;
    const end = at + size;
    if (end > this.#reader.buffer.length) this.#grow(end);
    copyBytes(from, start, size, this.#reader.buffer, this.#reader.view, at);
    from.position = from.end;
    this.#size = end;
    const { view } = this.#reader;
    for (let p = at; p < end;) {
      const length = view.getInt32(p + 1);
      const columns = length < 6 ? 0 : view.getUint16(p + MESSAGE_HEADER);
      if (columns !== this.#columns || length < 6) throw wrongCount(this.#columns, columns);
      if (this.rows === this.#starts.length) this.#starts = doubled(this.#starts);
      this.#starts[this.rows++] = p + MESSAGE_HEADER;
      p += 1 + length;
    }
    this.left = this.rows;
  }

  #grow(size: number): void {
    const { buffer } = this.#reader;
    const next = new Uint8Array(Math.max(size, buffer.length * 2));
    next.set(buffer.subarray(0, this.#size));
    this.#reader.attach(next);
  }
}

function doubled(starts: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(starts.length * 2);
  next.set(starts);
  return next;
}
