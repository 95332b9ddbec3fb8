import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { RowCounter } from "../protocol/copy_format.ts";
import { readCopyResponse } from "../protocol/copy_messages.ts";
import { copyDone, copyFail, flush, sync } from "../protocol/frontend.ts";
import { Backend, Frontend } from "../protocol/tags.ts";
import { withCallSite } from "../query/call_site.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Pull } from "../query/source.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import type { CopyPlace } from "./copy_lock.ts";
import {
  begin,
  begun,
  CHUNK,
  type CopyOptions,
  counterOf,
  hitByAnothersCancel,
  isNoCopy,
  requestOptions,
  rowsOf,
  unexpected,
  watchCopy,
} from "./copy_statement.ts";

/** Milliseconds after which the event loop runs, even if the socket takes everything at once. */
const SLICE = 20;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Data to copy. Strings are sent as UTF-8. */
export type CopyData = Uint8Array | string;

/** Copies from an open source, which is read as data is sent, and closed in any case. */
export async function copyIn(
  host: QueryContext,
  text: string,
  source: Pull<CopyData>,
  given: CopyOptions,
  { lock, site }: CopyPlace,
): Promise<number> {
  const options = own(given);
  const { session } = host.executor;
  const copy = new CopyIn(session, text, source, options.progress);
  lock.stop = () => void session.cancel(copy);
  const watched = watchCopy(host, text, "in");
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

/** One copy into a table. Its source decides when data is sent; anything may stop it. */
export class CopyIn implements Request<number> {
  /** The error of the source, if it failed. */
  failure: { readonly reason: unknown } | undefined;
  /** Bytes of data that were sent so far. */
  bytes = 0;
  readonly #session: Session;
  readonly #text: string;
  readonly #source: Pull<CopyData>;
  readonly #report: CopyOptions["progress"];
  #state: "new" | "begun" | "copying" | "over" = "new";
  #isReleased = false;
  #count: RowCounter | undefined;
  #rows = 0;
  /** Where the unsent CopyData at the end of the buffer begins. It may still grow. */
  #openAt = 0;
  #openEnd = -1;
  /** The first half of a surrogate pair, until the next string brings the second. */
  #half = "";

  constructor(
    session: Session,
    text: string,
    source: Pull<CopyData>,
    report: CopyOptions["progress"],
  ) {
    this.#session = session;
    this.#text = text;
    this.#source = source;
    this.#report = report;
  }

  write(out: Writer): boolean {
    if (this.#state !== "new") throw hitByAnothersCancel();
    begin(out, this.#text);
    flush(out);
    this.#state = "begun";
    return true;
  }

  *talk(): Conversation<number> {
    try {
      const message = yield* begun();
      if (message.tag !== Backend.CopyInResponse) throw isNoCopy(message, "from stdin");
      const { format } = readCopyResponse(message.reader);
      if (this.#report !== undefined) this.#count = counterOf(this.#text, format);
      this.#state = "copying";
      // Data may follow only when the session knows that the server waits for it.
      queueMicrotask(() => void this.#pump());
      const end = yield null;
      if (this.#isCopying) throw unexpected(end);
      return rowsOf(end);
    } catch (error) {
      // After an error the server skips everything until Sync, which was not sent while data went
      // in.
      if (this.#state !== "over") this.#session.sync();
      throw error;
    } finally {
      this.#state = "over";
      this.release(undefined);
    }
  }

  /** Ends the copy with CopyFail where the server waits for data, and cancels it on the server. */
  stop(reason: unknown): void {
    if (!this.#isCopying) return;
    this.#end((out) => copyFail(out, "cancelled by the client"));
    this.release(reason);
    this.#session.cancel(this, reason);
  }

  /** Closes the source. */
  release(reason: unknown): void {
    if (!this.#isReleased) this.#source.cancel(reason);
    this.#isReleased = true;
  }

  get #isCopying(): boolean {
    return this.#state === "copying";
  }

  async #pump(): Promise<void> {
    const slices = new Slices();
    try {
      while (this.#isCopying) {
        const next = this.#source.next();
        const item = "then" in next ? await next : next;
        if (!this.#isCopying) return;
        if (item.done) return this.#finish();
        const data = checkData(item.value);
        for (let at = 0; at < data.length && this.#isCopying; at += CHUNK) {
          this.#append(data.length <= CHUNK ? data : data.slice(at, at + CHUNK));
          if (this.#session.wire.out.length >= CHUNK) await this.#flush(slices);
        }
      }
    } catch (reason) {
      this.#fail(reason);
    }
  }

  /** Sends what is buffered, and waits until it has left. */
  async #flush(slices: Slices): Promise<void> {
    const { wire } = this.#session;
    wire.flush();
    await wire.drained();
    this.#report?.({ bytes: this.bytes, rows: this.#rows });
    await slices.pause();
  }

  #finish(): void {
    this.#isReleased = true;
    if (this.#half !== "") this.#append(NOTHING);
    this.#report?.({ bytes: this.bytes, rows: this.#rows });
    this.#end(copyDone);
  }

  #fail(reason: unknown): void {
    if (!this.#isCopying) return;
    this.failure = { reason };
    this.#end((out) => copyFail(out, reason instanceof Error ? reason.message : String(reason)));
    this.release(reason);
  }

  #end(write: (out: Writer) => void): void {
    this.#state = "over";
    this.#session.append((out) => {
      write(out);
      sync(out);
    });
  }

  /** Adds to the CopyData that was not sent yet, or begins one. Nothing else writes meanwhile. */
  #append(data: CopyData): void {
    const { out } = this.#session.wire;
    const mark = out.mark();
    if (out.length === 0 || out.length !== this.#openEnd) {
      this.#openAt = out.beginMessage(Frontend.CopyData);
    }
    const start = out.length;
    try {
      this.#appendData(data, out);
    } catch (error) {
      out.rollback(mark);
      throw error;
    }
    out.endMessage(this.#openAt);
    this.#openEnd = out.length;
    this.bytes += out.length - start;
    if (this.#count !== undefined) this.#rows += this.#count(out.buffer, start, out.length);
  }

  /**
   * Writes a string. A surrogate pair may be cut between two strings, not between a string and
   * bytes.
   */
  #appendData(data: CopyData, out: Writer): void {
    if (typeof data !== "string") {
      out.text(this.#half, SOURCE);
      out.bytes(data);
      this.#half = "";
      return;
    }
    const text = this.#half + data;
    const isCut = (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
    this.#half = isCut ? text.slice(-1) : "";
    out.text(isCut ? text.slice(0, -1) : text, SOURCE);
  }
}

/** The name of the data in errors. */
const SOURCE = "copyFrom(): the source";

/** Lets the event loop run now and then, because a socket may take everything at once. */
class Slices {
  #since = performance.now();

  async pause(): Promise<void> {
    if (performance.now() - this.#since < SLICE) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#since = performance.now();
  }
}

function checkData(data: CopyData | undefined): CopyData {
  if (typeof data === "string" || data instanceof Uint8Array) return data;
  throw new InterfaceError("copyFrom(): the source must yield strings or Uint8Arrays");
}
