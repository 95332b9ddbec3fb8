/**
 * Large objects: files within the database, opened within a transaction and read and written in
 * parts, with 64-bit positions. Source: manual, "Large Objects", "Server-Side Functions"; be-fsstubs.c.
 */
import { InterfaceError } from "../errors/errors.ts";
import type { QueryHost } from "../query/host.ts";
import type { ByteSink, ByteStream } from "../query/source.ts";

/** libpq-fs.h: INV_READ, INV_WRITE. */
const MODES = { r: 0x40000, w: 0x20000, rw: 0x60000 } as const;
/** stdio.h: SEEK_SET, SEEK_CUR, SEEK_END. */
const WHENCE = { start: 0, current: 1, end: 2 } as const;
/** Bytes that are moved by one query: few round trips, and nothing near the limit of a value. */
const PART = 1 << 18;

/** Runs one query on behalf of large objects; rows as arrays. */
type Run = <Value>(text: string, parameters: readonly unknown[]) => Promise<Value>;

/** The large objects of a database, as seen within one transaction. */
export class LargeObjects {
  readonly #host: QueryHost;

  /** For the driver: use `largeObjects` of a transaction. */
  constructor(host: QueryHost) {
    this.#host = host;
  }

  /**
   * Creates an empty one and resolves to its OID: the one that is asked for, or one that is free.
   *
   * @throws {DatabaseError} there is one with that OID (23505).
   */
  create(oid: number = 0): Promise<number> {
    return this.#run<number>("select pg_catalog.lo_create($1)", [oid]);
  }

  /**
   * Opens one until it is closed or the transaction ends; the position is its start.
   *
   * @throws {DatabaseError} there is none with that OID (42704), or it may not be opened so (42501).
   * @throws {InterfaceError} no transaction is open.
   */
  async open(oid: number, mode: "r" | "w" | "rw"): Promise<LargeObject> {
    if (!Object.hasOwn(MODES, mode)) throw new InterfaceError('mode must be "r", "w" or "rw"');
    const flags = MODES[mode];
    const descriptor = await this.#run<number>("select pg_catalog.lo_open($1, $2)", [oid, flags]);
    // Outside of a transaction it is closed again with the statement that has opened it.
    if (this.#host.executor.session.transactionStatus === "idle") {
      throw new InterfaceError("large objects can be opened only within a transaction");
    }
    return new LargeObject(oid, descriptor, this.#run);
  }

  /**
   * Deletes one.
   *
   * @throws {DatabaseError} there is none with that OID (42704), or it is another's (42501).
   */
  async unlink(oid: number): Promise<void> {
    await this.#run("select pg_catalog.lo_unlink($1)", [oid]);
  }

  readonly #run: Run = async <Value>(text: string, parameters: readonly unknown[]) => {
    const { executor, defaults } = this.#host;
    const result = await executor.execute(text, parameters, { ...defaults, rows: "array" });
    return (result as unknown as [Value][])[0]![0];
  };
}

/**
 * An open large object: bytes and a position, as in a file. Operations that are not awaited happen in
 * the order in which they were asked for.
 */
export class LargeObject implements AsyncDisposable {
  /** Its OID. */
  readonly oid: number;
  readonly #descriptor: number;
  readonly #query: Run;
  #readable: ByteStream | undefined;
  #writable: ByteSink | undefined;
  #closing: Promise<void> | undefined;

  /** For the driver: use `open()`. */
  constructor(oid: number, descriptor: number, run: Run) {
    this.oid = oid;
    this.#descriptor = descriptor;
    this.#query = run;
  }

  /** Reads up to `size` bytes, fewer only at the end; everything up to the end when none is given. */
  async read(size: number = Infinity): Promise<Uint8Array<ArrayBuffer>> {
    if (!(size >= 0)) throw new InterfaceError("the size to read must be a number from 0 on");
    const parts: Uint8Array[] = [];
    let length = 0;
    while (length < size) {
      const wanted = Math.min(PART, size - length);
      const part = await this.#part(wanted);
      parts.push(part);
      length += part.length;
      if (part.length < wanted) break;
    }
    return joined(parts, length);
  }

  /** Writes all of `data` at the position, over what is there; a string as UTF-8. */
  async write(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    if (!(bytes instanceof Uint8Array)) {
      throw new InterfaceError("what is written must be a Uint8Array or a string");
    }
    const text = "select pg_catalog.lowrite($1, $2)";
    const writes: Promise<unknown>[] = [];
    for (let at = 0; at < bytes.length; at += PART) {
      writes.push(this.#run(text, bytes.subarray(at, at + PART)));
      if (writes.length >= 4) await writes.shift();
    }
    await Promise.all(writes);
  }

  /** Moves the position and resolves to where it is then, from the start. */
  async seek(
    offset: number | bigint,
    from: "start" | "current" | "end" = "start",
  ): Promise<bigint> {
    if (!Object.hasOwn(WHENCE, from)) {
      throw new InterfaceError('seek() counts from "start", "current" or "end"');
    }
    const text = "select pg_catalog.lo_lseek64($1, $2, $3)::pg_catalog.text";
    return BigInt(await this.#run<string>(text, BigInt(offset), WHENCE[from]));
  }

  /** Where the position is, from the start. */
  async tell(): Promise<bigint> {
    return BigInt(await this.#run<string>("select pg_catalog.lo_tell64($1)::pg_catalog.text"));
  }

  /** Makes it `size` bytes long: what is beyond is gone, what is missing is zeros. */
  async truncate(size: number | bigint): Promise<void> {
    await this.#run("select pg_catalog.lo_truncate64($1, $2)", BigInt(size));
  }

  /** Closes it. Doing it twice is doing it once. */
  close(): Promise<void> {
    return this.#closing ??= this.#query<number>(CLOSE, [this.#descriptor]).then(() => {});
  }

  /** `await using` closes. In a transaction that has failed or ended it is closed already. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close().catch(() => {});
  }

  /** What is from the position on, as a web stream. At its end the object stays open. */
  get readable(): ByteStream {
    return this.#readable ??= new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        const part = await this.#part(PART);
        if (part.length > 0) controller.enqueue(part);
        else controller.close();
      },
    }, { highWaterMark: 0 }) as ByteStream;
  }

  /** A web stream that writes at the position. When it is closed the object stays open. */
  get writable(): ByteSink {
    return this.#writable ??= new WritableStream<Uint8Array | string>({
      write: (chunk) => this.write(chunk),
    }) as ByteSink;
  }

  #part(size: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#run("select pg_catalog.loread($1, $2)", size);
  }

  /** Calls a function that takes the descriptor first. */
  #run<Value>(text: string, ...parameters: readonly unknown[]): Promise<Value> {
    if (this.#closing !== undefined) {
      return Promise.reject(new InterfaceError("the large object is closed"));
    }
    return this.#query<Value>(text, [this.#descriptor, ...parameters]);
  }
}

const CLOSE = "select pg_catalog.lo_close($1)";

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
