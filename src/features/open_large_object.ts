import { encodeUtf8 } from "../bytes/well_formed.ts";
import { InterfaceError } from "../errors/errors.ts";
import { CALL_OPTIONS, checkOptions } from "../errors/checks.ts";
import { own } from "../errors/own.ts";
import type { CallOptions } from "../query/options.ts";
import type { ByteSink, ByteStream } from "../query/source.ts";
import { limit, unlessAborted } from "../session/deadline.ts";
import * as lateSql from "./late_sql.ts";

/** stdio.h: SEEK_SET, SEEK_CUR, SEEK_END. */
const WHENCE = { start: 0, current: 1, end: 2 } as const;
/** Bytes that one query moves: few round trips, and far from the limit of a value. */
const PART = 1 << 18;

/** Parts that are sent before the first is answered. */
const AHEAD = 4;

/** Runs one query for a large object, and resolves to its only value. */
export type Run = <Value>(
  text: string,
  parameters: readonly unknown[],
  options: CallOptions,
) => Promise<Value>;

/**
 * An open large object: bytes and a position, as in a file. Operations that are not awaited run in
 * the order in which they were called.
 *
 * Each operation takes a `signal` and a `timeout` for all of it. One that was not sent yet has no
 * effect. One that is stopped on the server leaves the transaction failed.
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
  /** The OID. */
  readonly oid: number;
  readonly #descriptor: number;
  readonly #query: Run;
  /** Settles when an operation of several queries has ended. Later operations wait for that. */
  #underway: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  /** For the driver: use `open()`. */
  constructor(oid: number, descriptor: number, run: Run) {
    this.oid = oid;
    this.#descriptor = descriptor;
    this.#query = run;
  }

  /** Reads up to `size` bytes, fewer only at the end. Without a size, reads up to the end. */
  async read(
    size: number = Infinity,
    options: CallOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (typeof size !== "number" || !(size >= 0)) {
      throw new InterfaceError("the size to read must be a number, 0 or more");
    }
    return await this.#operation("read", options, size > PART, async (how) => {
      const parts: Uint8Array[] = [];
      let length = 0;
      while (length < size) {
        const wanted = Math.min(PART, size - length);
        const part = await this.#run<Uint8Array>(how, lateSql.LO_READ, wanted);
        parts.push(part);
        length += part.length;
        if (part.length < wanted) break;
      }
      return joined(parts, length);
    });
  }

  /** Writes all of `data` at the position, over what is there. A string is written as UTF-8. */
  async write(data: Uint8Array | string, options: CallOptions = {}): Promise<void> {
    const bytes = typeof data === "string" ? encodeUtf8(data, "the text") : data;
    if (!(bytes instanceof Uint8Array)) {
      throw new InterfaceError("the data to write must be a Uint8Array or a string");
    }
    await this.#operation("write", options, bytes.length > PART, async (how) => {
      const writes: Promise<unknown>[] = [];
      for (let at = 0; at < bytes.length; at += PART) {
        const write = this.#run(how, lateSql.LO_WRITE, bytes.subarray(at, at + PART));
        // When one write fails, those behind it fail, too.
        write.catch(() => {});
        writes.push(write);
        if (writes.length >= AHEAD) await writes.shift();
      }
      await Promise.all(writes);
    });
  }

  /** Moves the position, and resolves to the new position from the start. */
  async seek(
    offset: number | bigint,
    from: "start" | "current" | "end" = "start",
    options: CallOptions = {},
  ): Promise<bigint> {
    if (!Object.hasOwn(WHENCE, from)) {
      throw new InterfaceError('seek() counts from "start", "current" or "end"');
    }
    const whence = WHENCE[from];
    return await this.#single("seek", options, lateSql.LO_SEEK, whole("offset", offset), whence);
  }

  /** Resolves to the position from the start. */
  async tell(options: CallOptions = {}): Promise<bigint> {
    return await this.#single("tell", options, lateSql.LO_TELL);
  }

  /** Sets the size in bytes: cuts the object, or fills it up with zeros. */
  async truncate(size: number | bigint, options: CallOptions = {}): Promise<void> {
    await this.#single("truncate", options, lateSql.LO_TRUNCATE, whole("size", size));
  }

  /** Closes the object. Further calls have no effect. */
  close(options: CallOptions = {}): Promise<void> {
    return this.#closing ??= this.#close(options);
  }

  /** Closes the object. In a transaction that has failed or ended it is closed already. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close().catch(() => {});
  }

  /**
   * Returns the data from the position on, as a web stream. The object stays open at its end.
   * `timeout` applies to each chunk.
   */
  readable(options: CallOptions = {}): ByteStream {
    checkOptions(options, CALL_OPTIONS);
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        const part = await this.read(PART, options);
        if (part.length > 0) controller.enqueue(part);
        else controller.close();
      },
    }, { highWaterMark: 0 }) as ByteStream;
  }

  /**
   * Returns a web stream that writes at the position. Closing it leaves the object open. Aborting
   * it cancels the chunk that is being written. `timeout` applies to each chunk.
   */
  writable(options: CallOptions = {}): ByteSink {
    checkOptions(options, CALL_OPTIONS);
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
      await this.#single("close", options, lateSql.LO_CLOSE);
    } catch (error) {
      this.#closing = undefined;
      throw error;
    }
  }

  /** Runs an operation that is one query. */
  #single<Value>(
    name: string,
    options: CallOptions,
    text: string,
    ...parameters: readonly unknown[]
  ): Promise<Value> {
    const work = (how: CallOptions) => this.#run<Value>(how, text, ...parameters);
    return this.#operation(name, options, false, work);
  }

  /** Calls `work` after the operations before it, with the options for each of its queries. */
  async #operation<Value>(
    name: string,
    options: CallOptions,
    isLong: boolean,
    work: (how: CallOptions) => Promise<Value>,
  ): Promise<Value> {
    if (this.#closing !== undefined) throw new InterfaceError("the large object is closed");
    checkOptions(options, CALL_OPTIONS);
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

  /** Calls a function whose first parameter is the descriptor. */
  #run<Value>(how: CallOptions, text: string, ...parameters: readonly unknown[]): Promise<Value> {
    return this.#query<Value>(text, [this.#descriptor, ...parameters], how);
  }
}

/** @throws {InterfaceError} the number is not whole. */
function whole(name: string, value: number | bigint): bigint {
  if (typeof value === "bigint" || Number.isInteger(value)) return BigInt(value);
  throw new InterfaceError(`the ${name} must be a whole number or a bigint`);
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
