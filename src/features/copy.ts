/**
 * COPY: data into and out of a table in bulk, as text, CSV or binary, as the statement says.
 *
 * COPY goes by the extended protocol, which takes exactly one statement, so that no second COPY can
 * hide behind the first. The server ignores Sync while data goes in, so the only Sync follows
 * CopyDone or CopyFail, or answers an error. Data comes out like any result, in the pipeline.
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
 * The source is read as fast as the server takes its data. When the source throws, the copy is
 * undone and the call rejects with that error. When the server refuses a row, the source is no
 * longer read. The connection is usable afterwards either way.
 *
 * @throws {InterfaceError} the statement is not a `copy … from stdin`, or the source is not one.
 * @throws {DatabaseError} the server refuses the statement or the data.
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

/** Copies from an open source, which is read as data is sent, and closed in any case. */
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
 * Runs a `copy … to stdout` when it is first read. Returns a `ReadableStream` of the data, which is
 * also an `AsyncIterable`. A chunk has up to 64 KiB, or is one row that is longer. A row is never
 * cut.
 *
 * The server waits while nothing is read. When the reader stops early, the copy is cancelled on the
 * server. In a transaction, which a cancel would abort, the rest is read and discarded instead. The
 * connection is usable afterwards in any case. The reader gets every error, also one from before
 * the first chunk.
 */
export function copyTo(host: QueryContext, text: string, options: CopyOptions = {}): ByteStream {
  return byteStream(new CopyOut(host, text, own(options)));
}

/** The source of a stream's chunks. */
export interface Chunks {
  /** Returns the next chunk; `undefined` at the end. One call at a time. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Ends the reading. Never rejects. */
  leave(): Promise<void>;
}

/** Returns a stream that takes a chunk whenever it is read, and none before. */
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
