/**
 * Large objects: files within the database, opened within a transaction and read and written in
 * parts, with 64-bit positions. Source: manual, "Large Objects", "Server-Side Functions"; be-fsstubs.c.
 */
import { encodeUtf8 } from "../bytes/well_formed.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import * as ownSql from "../own_sql.ts";
import type { CallOptions } from "../query/options.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { ByteSink, ByteStream } from "../query/source.ts";
import { limit, unlessAborted } from "../session/deadline.ts";

/** libpq-fs.h: INV_READ, INV_WRITE. */
const MODES = { r: 0x40000, w: 0x20000, rw: 0x60000 } as const;
/** stdio.h: SEEK_SET, SEEK_CUR, SEEK_END. */
const WHENCE = { start: 0, current: 1, end: 2 } as const;
/** Bytes that are moved by one query: few round trips, and nothing near the limit of a value. */
const PART = 1 << 18;

/** Parts that are on their way at a time. */
const AHEAD = 4;

/** Runs one query on behalf of large objects, and resolves to its only value. */
type Run = <Value>(
  text: string,
  parameters: readonly unknown[],
  options: CallOptions,
) => Promise<Value>;

/**
 * The large objects of a database, as seen within one transaction. Each call takes a `signal` and a
 * `timeout` of its own; one that is stopped on the server has failed the transaction.
 */
export class LargeObjects {
  readonly #host: QueryContext;

  /** For the driver: use `largeObjects` of a transaction. */
  constructor(host: QueryContext) {
    this.#host = host;
  }

  /**
   * Creates an empty one and resolves to its OID: the one that is asked for, or one that is free.
   *
   * @throws {DatabaseError} there is one with that OID (23505).
   */
  create(oid: number = 0, options: CallOptions = {}): Promise<number> {
    return this.#run<number>(ownSql.LO_CREATE, [oid], options);
  }

  /**
   * Opens one until it is closed or the transaction ends; the position is its start.
   *
   * @throws {DatabaseError} there is none with that OID (42704), or it may not be opened so (42501).
   * @throws {InterfaceError} no transaction is open.
   */
  async open(
    oid: number,
    mode: "r" | "w" | "rw",
    options: CallOptions = {},
  ): Promise<LargeObject> {
    if (!Object.hasOwn(MODES, mode)) throw new InterfaceError('mode must be "r", "w" or "rw"');
    const descriptor = await this.#run<number>(ownSql.LO_OPEN, [oid, MODES[mode]], options);
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
  async unlink(oid: number, options: CallOptions = {}): Promise<void> {
    await this.#run(ownSql.LO_UNLINK, [oid], options);
  }

  readonly #run: Run = async <Value>(
    text: string,
    parameters: readonly unknown[],
    options: CallOptions,
  ) => {
    const result = await this.#host.executor.call(this.#host, text, parameters, options);
    return (result as unknown as [Value][])[0]![0];
  };
}

/**
 * An open large object: bytes and a position, as in a file. Operations that are not awaited happen in
 * the order in which they were asked for.
 *
 * Each takes a `signal` and a `timeout` for all of it. One that was not sent yet leaves everything as
 * it is; one that is stopped on the server has failed the transaction.
 *
 * @example
 * ```ts
 * await db.transaction(async (tx) => {
 *   const object = await tx.largeObjects.open(await tx.largeObjects.create(), "rw");
 *   await object.write("a large thing", { timeout: 5 });
 *   await object.seek(2);
 *   new TextDecoder().decode(await object.read(5)); // → "large"
 * });
 * ```
 */
export class LargeObject implements AsyncDisposable {
  /** Its OID. */
  readonly oid: number;
  readonly #descriptor: number;
  readonly #query: Run;
  /** While one goes on that takes several queries: what is asked for then comes behind all of them. */
  #underway: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  /** For the driver: use `open()`. */
  constructor(oid: number, descriptor: number, run: Run) {
    this.oid = oid;
    this.#descriptor = descriptor;
    this.#query = run;
  }

  /** Reads up to `size` bytes, fewer only at the end; everything up to the end when none is given. */
  async read(
    size: number = Infinity,
    options: CallOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (!(size >= 0)) throw new InterfaceError("the size to read must be a number from 0 on");
    return await this.#operation("read", options, size > PART, async (how) => {
      const parts: Uint8Array[] = [];
      let length = 0;
      while (length < size) {
        const wanted = Math.min(PART, size - length);
        const part = await this.#run<Uint8Array>(how, ownSql.LO_READ, wanted);
        parts.push(part);
        length += part.length;
        if (part.length < wanted) break;
      }
      return joined(parts, length);
    });
  }

  /** Writes all of `data` at the position, over what is there; a string as UTF-8. */
  async write(data: Uint8Array | string, options: CallOptions = {}): Promise<void> {
    const bytes = typeof data === "string" ? encodeUtf8(data, "the text") : data;
    if (!(bytes instanceof Uint8Array)) {
      throw new InterfaceError("what is written must be a Uint8Array or a string");
    }
    await this.#operation("write", options, bytes.length > PART, async (how) => {
      const writes: Promise<unknown>[] = [];
      for (let at = 0; at < bytes.length; at += PART) {
        const write = this.#run(how, ownSql.LO_WRITE, bytes.subarray(at, at + PART));
        // When one fails, those behind it do, too.
        write.catch(() => {});
        writes.push(write);
        if (writes.length >= AHEAD) await writes.shift();
      }
      await Promise.all(writes);
    });
  }

  /** Moves the position and resolves to where it is then, from the start. */
  async seek(
    offset: number | bigint,
    from: "start" | "current" | "end" = "start",
    options: CallOptions = {},
  ): Promise<bigint> {
    if (!Object.hasOwn(WHENCE, from)) {
      throw new InterfaceError('seek() counts from "start", "current" or "end"');
    }
    const whence = WHENCE[from];
    return await this.#single("seek", options, ownSql.LO_SEEK, BigInt(offset), whence);
  }

  /** Where the position is, from the start. */
  async tell(options: CallOptions = {}): Promise<bigint> {
    return await this.#single("tell", options, ownSql.LO_TELL);
  }

  /** Makes it `size` bytes long: what is beyond is gone, what is missing is zeros. */
  async truncate(size: number | bigint, options: CallOptions = {}): Promise<void> {
    await this.#single("truncate", options, ownSql.LO_TRUNCATE, BigInt(size));
  }

  /** Closes it. Doing it twice is doing it once. */
  close(options: CallOptions = {}): Promise<void> {
    return this.#closing ??= this.#close(options);
  }

  /** `await using` closes. In a transaction that has failed or ended it is closed already. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close().catch(() => {});
  }

  /**
   * What is from the position on, as a web stream. At its end the object stays open. `timeout` is for
   * each chunk.
   */
  readable(options: CallOptions = {}): ByteStream {
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        const part = await this.read(PART, options);
        if (part.length > 0) controller.enqueue(part);
        else controller.close();
      },
    }, { highWaterMark: 0 }) as ByteStream;
  }

  /**
   * A web stream that writes at the position. When it is closed the object stays open; when it is
   * aborted what is being written is cancelled. `timeout` is for each chunk.
   */
  writable(options: CallOptions = {}): ByteSink {
    const { signal, timeout } = own(options);
    return new WritableStream<Uint8Array | string>({
      write: async (chunk, controller) => {
        const either = limit("write", 0, signal, controller.signal);
        try {
          await this.write(chunk, { signal: either.signal, timeout });
        } finally {
          either.lift();
        }
      },
    }) as ByteSink;
  }

  async #close(options: CallOptions): Promise<void> {
    try {
      await this.#single("close", options, ownSql.LO_CLOSE);
    } catch (error) {
      this.#closing = undefined;
      throw error;
    }
  }

  /** An operation that is one query. */
  #single<Value>(
    name: string,
    options: CallOptions,
    text: string,
    ...parameters: readonly unknown[]
  ): Promise<Value> {
    const work = (how: CallOptions) => this.#run<Value>(how, text, ...parameters);
    return this.#operation(name, options, false, work);
  }

  /** Calls `work` when it is its turn, and tells it what is left of the options for each query. */
  async #operation<Value>(
    name: string,
    options: CallOptions,
    isLong: boolean,
    work: (how: CallOptions) => Promise<Value>,
  ): Promise<Value> {
    if (this.#closing !== undefined) throw new InterfaceError("the large object is closed");
    const { signal: given, timeout } = own(options);
    const { signal, lift } = limit(`large object: ${name}`, timeout, given);
    const how = timeout === undefined ? { signal } : { signal, timeout: 0 };
    const before = this.#underway;
    const value = before === undefined
      ? work(how)
      : unlessAborted(before, signal).then(() => work(how));
    if (isLong) this.#underway = Promise.allSettled([before, value]);
    try {
      return await value;
    } finally {
      lift();
    }
  }

  /** Calls a function that takes the descriptor first. */
  #run<Value>(how: CallOptions, text: string, ...parameters: readonly unknown[]): Promise<Value> {
    return this.#query<Value>(text, [this.#descriptor, ...parameters], how);
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
