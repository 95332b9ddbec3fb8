/**
 * COPY: data to and from a table in bulk, as text, CSV or binary, whatever the statement says.
 *
 * It goes by the extended protocol, which takes exactly one statement: no second COPY can hide behind
 * the first. While data goes in, the server ignores Sync, so the one Sync comes after CopyDone or
 * CopyFail, or as the answer to an error. Data comes out as any result does, in the pipeline.
 * Source: manual, "COPY Operations" in the protocol's message flow.
 */
import { own } from "../errors/own.ts";
import { takeCallSite, withCallSite } from "../query/call_site.ts";
import type { QueryContext } from "../query/query_context.ts";
import { type ByteStream, openSource, type Pull, type Source } from "../query/source.ts";
import { type CopyData, CopyIn } from "./copy_in.ts";
import { CopyLock } from "./copy_lock.ts";
import { CopyOut } from "./copy_out.ts";
import { type CopyOptions, requestOptions, watchCopy } from "./copy_statement.ts";

export type { CopyData } from "./copy_in.ts";
export type { CopyOptions, CopyProgress } from "./copy_statement.ts";

/**
 * Runs a `copy … from stdin` with the data of `source`, and resolves to the number of rows.
 *
 * The source is read as fast as the server takes its data. When it throws, the copy is undone and the
 * source's own error is the caller's; when the server refuses a row, the source is no longer read.
 * Either way the connection can be used again.
 *
 * @throws {InterfaceError} the statement is no `copy … from stdin`, or the source is none.
 * @throws {DatabaseError} what the server has against it.
 */
export async function copyFrom(
  host: QueryContext,
  text: string,
  source: Source<CopyData> | CopyData,
  options: CopyOptions = {},
): Promise<number> {
  const whole = typeof source === "string" || source instanceof Uint8Array ? [source] : source;
  return await copyIn(host, text, openSource(whole, "copyFrom(): the source"), options);
}

/** The same with a source that is read as it is sent; it is given up in any case. */
export async function copyIn(
  host: QueryContext,
  text: string,
  source: Pull<CopyData>,
  given: CopyOptions,
): Promise<number> {
  const site = takeCallSite(host.asyncStacks);
  const options = own(given);
  const { session } = host.executor;
  const copy = new CopyIn(session, text, source, options.progress);
  const watched = watchCopy(host, text, "in");
  const lock = new CopyLock(host, () => void session.cancel(copy));
  const send = () => lock.hold((held) => session.request(copy, requestOptions(options, held)));
  try {
    const rows = await (watched === undefined ? send() : watched.run(send));
    watched?.succeeded({ rows, bytes: copy.bytes });
    options.complete?.(rows);
    return rows;
  } catch (error) {
    copy.release(error);
    watched?.failed(copy.failure === undefined ? error : copy.failure.reason, {
      bytes: copy.bytes,
    });
    throw copy.failure === undefined ? withCallSite(error, site) : copy.failure.reason;
  }
}

/**
 * Runs a `copy … to stdout` when it is read: a `ReadableStream` of its data, which is also an
 * `AsyncIterable`. Chunks have 64 KiB or are one row; a row is never cut.
 *
 * While nobody reads, the server is held, and with it every query behind. When reading stops early
 * the copy is cancelled on the server; within a transaction, which a cancel would abort, the rest is
 * read and thrown away. The connection can be used again in any case. What goes wrong, before or on
 * the way, is the reading's error.
 */
export function copyTo(host: QueryContext, text: string, options: CopyOptions = {}): ByteStream {
  return byteStream(new CopyOut(host, text, own(options)));
}

/** What a stream of bytes takes its chunks from. */
export interface Chunks {
  /** The next one; `undefined` at the end. One call at a time. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Nobody reads on. Never rejects. */
  leave(): Promise<void>;
}

/** A stream that takes a chunk whenever it is read, and none before. */
export function byteStream(copy: Chunks): ByteStream {
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const chunk = await copy.next();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: () => copy.leave(),
  }, { highWaterMark: 0 }) as ByteStream;
}
