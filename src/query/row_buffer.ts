/**
 * Rows of a result, kept as bytes until each is read.
 *
 * Rows that were decoded ahead would survive collections of the young generation. V8 doubles that
 * generation whenever as much as it holds has survived: over ten million rows, to its maximum.
 */
import { copyBytes } from "../bytes/copy_bytes.ts";
import { Reader } from "../bytes/reader.ts";
import { ProtocolError } from "../errors/errors.ts";
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
  /** Whether the result ends with these rows. */
  isLast = false;
  readonly #wire: Wire;
  readonly #decode: RowDecoder;
  readonly #columns: number;
  readonly #reader = new Reader(new Uint8Array(INITIAL_SIZE));
  #size = 0;
  /** The position of each row, which ends where the next one begins. */
  #starts = new Uint32Array(64);
  /** Adds one row. */
  readonly sink: RowSink = (from) => this.#add(from);

  /** `decode` reads rows of `columns` columns. A violation of the protocol ends `wire`. */
  constructor(wire: Wire, columns: number, decode: RowDecoder) {
    this.#wire = wire;
    this.#columns = columns;
    this.#decode = decode;
    this.#reader.decode = wire.reader.decode;
    this.#reader.what = "DataRow";
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
    reader.end = this.left === 0 ? this.#size : this.#starts[at + 1]!;
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
    this.isLast = false;
  }

  #add(from: Reader): void {
    const { position, end, view } = from;
    const at = this.#size;
    const size = end - position;
    const columns = size < 2 ? 0 : view.getUint16(position);
    if (columns !== this.#columns || size < 2) throw wrongCount(this.#columns, columns);
    if (at + size > this.#reader.buffer.length) this.#grow(at + size);
    if (this.rows === this.#starts.length) this.#starts = doubled(this.#starts);
    this.#starts[this.rows++] = at;
    this.left++;
    copyBytes(from, position, size, this.#reader.buffer, this.#reader.view, at);
    this.#size = at + size;
    from.position = end;
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
