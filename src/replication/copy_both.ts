/**
 * The exchange of a replication stream: CopyData in both directions until one side ends it.
 * Source: manual, "Streaming Replication Protocol"; walsender.c, `ProcessRepliesIfAny` and `WalSndLoop`.
 */
import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { CALL_OPTIONS, checkOptions } from "../errors/checks.ts";
import { OperationalError, PgError, ProtocolError } from "../errors/errors.ts";
import { readCommandTag, readRowDescription } from "../protocol/backend.ts";
import { readCopyResponse } from "../protocol/copy_messages.ts";
import { copyDone, query } from "../protocol/frontend.ts";
import { Backend, backendName, Frontend } from "../protocol/tags.ts";
import { after } from "../session/alarm.ts";
import type { Conversation, CopySink, Message, Request, Signal } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import { CLOSED_BY_SERVER } from "../session/wire.ts";
import type {
  FeedEnd,
  ReplicationFeed,
  ReplicationSink,
  StandbyFeedback,
  StatusReport,
} from "./feed.ts";
import { numberIn, positionIn, readTextRow } from "./text_rows.ts";
import { clock } from "./wal_time.ts";

const XLOG_DATA = 0x77; // w
const KEEPALIVE = 0x6b; // k
const STATUS = 0x72; // r
const FEEDBACK = 0x68; // h

/** Bytes of unsent messages from which on a status replaces earlier ones: the server takes nothing. */
const MOST_UNSENT = 4096;

/** Seconds after CopyDone until the walsender is cancelled, because it first sends a whole transaction. */
const CANCEL_AFTER = 0.1;

/** Options of one stream. */
export interface FeedOptions {
  /** Seconds that `stop()` may take before the connection is destroyed. */
  readonly closeTimeout: number;
  /** Aborts the start, and later the stream. */
  readonly signal?: Signal | undefined;
}

/**
 * Starts a stream by the text of a START_REPLICATION. Resolves when the server has agreed.
 *
 * @throws the server's error, or the signal's reason.
 */
export async function startFeed(
  session: Session,
  text: string,
  sink: ReplicationSink,
  options: FeedOptions,
): Promise<ReplicationFeed> {
  checkOptions({ signal: options.signal }, CALL_OPTIONS);
  return await new CopyBoth(session, text, sink, options).start();
}

const NOTHING_REPORTED: StatusReport = { written: 0n, flushed: 0n, applied: 0n };

class CopyBoth implements Request<void>, CopySink {
  readonly #ended: Promise<FeedEnd>;
  readonly #session: Session;
  readonly #text: string;
  readonly #sink: ReplicationSink;
  readonly #options: FeedOptions;
  /** Set when the server has agreed. */
  #isOpen = false;
  /** Whether CopyDone was sent; what comes is dropped then. */
  #isStopping = false;
  /** Whether the server has said that the copy is complete. */
  #isComplete = false;
  /** The error of the sink, or the reason of an abort. */
  #failure: { readonly error: unknown } | undefined;
  #report: StatusReport = NOTHING_REPORTED;
  /** The number of statuses that the owner has sent. */
  #reports = 0;
  #isUnsent = false;
  #needs: StandbyFeedback | undefined;
  #nextTimeline: FeedEnd["nextTimeline"];
  #started: () => void = () => {};
  #end!: (end: FeedEnd) => void;
  /** Lets further messages in. */
  #release: (() => void) | undefined;
  #silence: (() => void) | undefined;

  constructor(session: Session, text: string, sink: ReplicationSink, options: FeedOptions) {
    this.#session = session;
    this.#text = text;
    this.#sink = sink;
    this.#options = options;
    this.#ended = new Promise((resolve) => this.#end = resolve);
  }

  /** Whether silence of the server is normal: until CopyDone was sent. */
  get isDuplex(): boolean {
    return !this.#isStopping;
  }

  start(): Promise<ReplicationFeed> {
    return new Promise((resolve, reject) => {
      this.#started = () => resolve(this.#feed());
      const { signal } = this.#options;
      this.#session.request(this, { signal }).then(
        () => this.#over(undefined),
        (error) => this.#isOpen ? this.#over({ error }) : reject(error),
      );
    });
  }

  write(out: Writer): boolean {
    query(out, this.#text);
    return true;
  }

  *talk(): Conversation<void> {
    let message = yield;
    if (message.tag === Backend.CopyBothResponse) {
      readCopyResponse(message.reader);
      this.#open();
      message = yield this;
    } else if (message.tag === Backend.RowDescription) {
      this.#isStopping = true; // the timeline ends where the stream begins, so that nothing is copied
      this.#open();
    }
    for (; message.tag !== Backend.ReadyForQuery; message = yield this) {
      switch (message.tag) {
        case Backend.CopyDone:
          message.reader.finish();
          this.#leave();
          break;
        case Backend.RowDescription:
          yield* this.#readNextTimeline(message);
          break;
        case Backend.CommandComplete:
          readCommandTag(message.reader);
          this.#isComplete = true;
          break;
        default:
          throw unexpected(message);
      }
    }
    if (!this.#isComplete) throw unexpected(message);
  }

  /** Takes one message of the stream. */
  take(reader: Reader): void | Promise<void> {
    if (this.#isStopping) return;
    try {
      const tag = reader.uint8();
      if (tag === KEEPALIVE) return this.#keepalive(reader);
      if (tag !== XLOG_DATA) {
        throw new ProtocolError(`unknown replication message 0x${tag.toString(16)}`);
      }
      const start = reader.uint64();
      const walEnd = reader.uint64();
      const held = this.#sink.data(reader, start, walEnd, reader.int64());
      if (held !== undefined) return this.#hold(held);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      this.#fail(error);
    }
  }

  /** Ends the stream with `reason`: called by the session when a signal aborts it. */
  stop(reason: unknown): void {
    this.#fail(reason);
  }

  #feed(): ReplicationFeed {
    return {
      ended: this.#ended,
      status: (report) => this.#status(report),
      feedback: (needs) => this.#feedback(needs),
      stop: async () => {
        this.#leave();
        await this.#ended;
      },
    };
  }

  #status(report: StatusReport): void {
    this.#reports++;
    this.#report = report;
    if (!this.#isOpen || this.#isStopping) return;
    this.#isUnsent = this.#session.wire.out.length > MOST_UNSENT;
    if (!this.#isUnsent) this.#session.append(this.#writeStatus, report.reply === true);
  }

  #feedback(needs: StandbyFeedback): void {
    if (!this.#isOpen || this.#isStopping || this.#session.wire.out.length > MOST_UNSENT) return;
    this.#needs = needs;
    this.#session.append(this.#writeFeedback, false);
  }

  #keepalive(reader: Reader): void {
    const walEnd = reader.uint64();
    const at = reader.int64();
    const isAsked = reader.uint8() === 1;
    reader.finish();
    const before = this.#reports;
    this.#sink.keepalive(walEnd, at, isAsked);
    if (isAsked && before === this.#reports) this.#status({ ...this.#report, reply: false });
  }

  #open(): void {
    this.#isOpen = true;
    this.#started();
  }

  #fail(error: unknown): void {
    if (this.#isStopping) return;
    this.#failure = { error };
    this.#leave();
  }

  #hold(held: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve;
      held.then(resolve, (error) => {
        this.#fail(error);
        resolve();
      });
    });
  }

  /** Sends CopyDone, drops what comes, and makes sure that the stream ends. */
  #leave(): void {
    if (this.#isStopping || !this.#isOpen) return;
    if (this.#isUnsent) this.#session.append(this.#writeStatus, false);
    this.#isStopping = true;
    this.#session.append(copyDone);
    this.#release?.();
    this.#silence = after(CANCEL_AFTER * 1000, () => this.#insist());
  }

  #insist(): void {
    const session = this.#session;
    if (session.canCancel) void session.cancel(this);
    const { closeTimeout } = this.#options;
    this.#silence = after(closeTimeout * 1000, () => {
      const message = `the replication stream did not end within ${closeTimeout} s (closeTimeout)`;
      session.destroy(new OperationalError(message, { code: "08006" }));
    });
  }

  /** The request is answered, or the connection is lost. */
  #over(failure: { readonly error: unknown } | undefined): void {
    this.#silence?.();
    const stoppedByCancel = this.#isStopping && codeOf(failure?.error) === "57014";
    const real = this.#failure ?? (stoppedByCancel ? undefined : failure);
    this.#isStopping = true;
    if (real === undefined) {
      return this.#end({ kind: "copyDone", nextTimeline: this.#nextTimeline });
    }
    const error = real.error instanceof Error ? real.error : new Error(String(real.error));
    if (real !== failure || !isClosed(error)) {
      return this.#end({ kind: "error", error });
    }
    this.#end({ kind: "closed by server", error: closedByServer(this.#isComplete, error) });
  }

  *#readNextTimeline({ reader }: Message): Conversation<void> {
    const columns = readRowDescription(reader);
    const message = yield;
    if (message.tag !== Backend.DataRow || columns.length !== 2) {
      throw new ProtocolError("malformed next timeline at the end of a replication stream");
    }
    const [timeline, from] = readTextRow(message.reader, 2);
    this.#nextTimeline = { timeline: numberIn(timeline), from: positionIn(from).value };
  }

  readonly #writeStatus = (out: Writer): void => {
    const { written, flushed, applied, reply = false } = this.#report;
    const at = out.beginMessage(Frontend.CopyData);
    out.uint8(STATUS);
    out.int64(written);
    out.int64(flushed);
    out.int64(applied);
    out.int64(clock());
    out.uint8(reply ? 1 : 0);
    out.endMessage(at);
  };

  readonly #writeFeedback = (out: Writer): void => {
    const { xmin, epoch, catalogXmin, catalogEpoch } = this.#needs!;
    const at = out.beginMessage(Frontend.CopyData);
    out.uint8(FEEDBACK);
    out.int64(clock());
    for (const number of [xmin, epoch, catalogXmin, catalogEpoch]) out.int32(number);
    out.endMessage(at);
  };
}

function unexpected({ tag }: Message): ProtocolError {
  return new ProtocolError(`${backendName(tag)} in a replication stream`);
}

/** Reports whether the server closed the connection. A reset comes where it was noticed by a write. */
function isClosed({ message }: Error): boolean {
  return message === CLOSED_BY_SERVER || /\((?:ECONNRESET|EPIPE)\)$/.test(message);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof PgError ? error.code : undefined;
}

/** Returns the error for an end without one. The server reports its reason only in its log. */
function closedByServer(isComplete: boolean, cause: Error): OperationalError {
  const message = isComplete
    ? "the server has shut down, and closed the replication stream"
    : "the server closed the replication connection without an error: it received no status within " +
      "wal_sender_timeout, or has stopped";
  return new OperationalError(message, { code: "08006", cause });
}
