import * as ownSql from "../../own_sql.ts";
import { type NodeReadable, type NodeWritable, Readable, Writable } from "./node_library.ts";
import type { Row } from "./postgres_result.ts";

/** The rows of one operation. */
export type Rows = PromiseLike<Row[]>;

/** Runs one of the operations. */
export type RunText = (text: string, values: readonly unknown[]) => Rows;

/** Options of the streams of a large object. */
export interface LargeObjectStreamOptions {
  /** The position of the first byte. Default: the present one. */
  start?: number | undefined;
  /** The position behind the last byte to read. Default: the object's end. */
  end?: number | undefined;
  /** The size of the parts, in bytes. Default 16384. */
  highWaterMark?: number | undefined;
}

/** An open large object, in a transaction that lasts until `close()`. */
export interface LargeObject {
  /** Returns a stream that writes. */
  writable(options?: LargeObjectStreamOptions): Promise<NodeWritable>;
  /** Returns a stream that reads. */
  readable(options?: LargeObjectStreamOptions): Promise<NodeReadable>;
  /** Closes the object and commits. */
  close(): Promise<void>;
  /** Returns the position: `[{ lo_tell64 }]`. */
  tell(): Rows;
  /** Reads up to `size` bytes: `[{ data }]`. */
  read(size: number): Rows;
  /** Writes bytes. */
  write(bytes: Uint8Array): Rows;
  /** Cuts the object at a size. */
  truncate(size: number): Rows;
  /** Moves the position, from `whence`: 0 the start, 1 the present one, 2 the end. */
  seek(offset: number, whence?: number): Rows;
  /** Returns the position and the size: `[{ position, size }]`. */
  size(): Promise<Row[]>;
}

/** The size of one read or write, in bytes. */
const PART = 16_384;
/** SEEK_END. */
const END = 2;
/** INV_WRITE | INV_READ. */
const READ_WRITE = 0x20000 | 0x40000;

/** Opens a large object. `close` ends the transaction in which it is open. */
export async function openLargeObject(
  run: RunText,
  close: () => Promise<void>,
  given?: number,
  mode: number = READ_WRITE,
): Promise<LargeObject> {
  const oid = given ?? (await run(ownSql.LO.create, []))[0]!.oid;
  const [{ fd }] = await run(ownSql.LO.open, [oid, mode]) as [Row];
  const seek = (offset: number, whence: number = 0): Rows =>
    run(ownSql.LO.seek, [fd, offset, whence]);
  const object: LargeObject = {
    writable: async ({ start, highWaterMark = PART } = {}) => {
      if (start !== undefined) await seek(start);
      return writableOf(object, highWaterMark);
    },
    readable: async ({ start, end, highWaterMark = PART } = {}) => {
      if (start !== undefined) await seek(start);
      return readableOf(object, highWaterMark, end === undefined ? Infinity : end - (start ?? 0));
    },
    close: async () => {
      await run(ownSql.LO.close, [fd]);
      await close();
    },
    tell: () => run(ownSql.LO.tell, [fd]),
    read: (size) => run(ownSql.LO.read, [fd, size]),
    write: (bytes) => run(ownSql.LO.write, [fd, bytes]),
    truncate: (size) => run(ownSql.LO.truncate, [fd, size]),
    seek,
    size: async () => {
      const [{ lo_tell64: position }] = await object.tell() as [Row];
      const [{ lo_lseek64: size }] = await seek(0, END) as [Row];
      await seek(position);
      return [{ position, size }];
    },
  };
  return object;
}

function writableOf(object: LargeObject, highWaterMark: number): NodeWritable {
  return new Writable({
    highWaterMark,
    write(chunk: Uint8Array, _encoding, callback) {
      object.write(chunk).then(() => callback(), callback);
    },
  });
}

function readableOf(object: LargeObject, highWaterMark: number, most: number): NodeReadable {
  let left = most;
  return new Readable({
    highWaterMark,
    read(size) {
      object.read(Math.min(size, left)).then((rows) => {
        const data = rows[0]!.data as Uint8Array;
        left -= data.length;
        this.push(data);
        if (data.length < Math.min(size, left + data.length) || left === 0) this.push(null);
      }, (error) => this.destroy(error));
    },
  });
}
