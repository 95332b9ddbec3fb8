import type { Reader } from "../bytes/reader.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { FeedEnd, ReplicationFeed, ReplicationSink, StandbyFeedback } from "./feed.ts";
import { Lsn } from "./lsn.ts";
import { dateOf } from "./wal_time.ts";

/** A piece of a replication stream: WAL of a physical one, a message of the plugin of a logical one. */
export interface WalChunk {
  /** The position of the first byte; of a logical message, the position that it belongs to, or `0/0`. */
  readonly start: Lsn;
  /** The end of the server's WAL when it sent the piece; of a logical message, the same as `start`. */
  readonly walEnd: Lsn;
  /** The server's clock when it sent the piece. */
  readonly at: Date;
  /** The bytes, which belong to the caller. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** The positions of a status. An absent one stays as it was. */
export interface StreamStatus {
  /** The end of the WAL that was received. The stream itself reports it; rarely needed. */
  written?: Lsn | undefined;
  /** The end of the WAL that is stored durably. The slot moves there, and the server may remove WAL. */
  flushed?: Lsn | undefined;
  /** The end of the WAL that is applied. Default: `flushed`. */
  applied?: Lsn | undefined;
  /** Whether the server shall answer with a keepalive. */
  reply?: boolean | undefined;
}

/** The last keepalive of a server. */
export interface Keepalive {
  /** The position up to which the server has sent all that it has to send. */
  readonly position: Lsn;
  /** The server's clock. */
  readonly at: Date;
}

/** How a stream buffers and reports. */
export interface StreamOptions {
  /**
   * Seconds between statuses, which keep the server from closing the connection
   * (`wal_sender_timeout`). Default 10.
   */
  statusInterval?: number | undefined;
  /** Bytes that are received and not read; beyond, reading stops. Default 1 MiB. */
  windowBytes?: number | undefined;
}

/** Makes the message of an XLogData; `undefined`: there is nothing to deliver. */
export type Decode<M> = (
  reader: Reader,
  start: bigint,
  walEnd: bigint,
  at: bigint,
) => M | undefined | Promise<M | undefined>;

/** Returns the bytes of an XLogData with the fields of its header. */
export function walChunk(reader: Reader, start: bigint, walEnd: bigint, at: bigint): WalChunk {
  const data = reader.bytes(reader.remaining);
  return { start: new Lsn(start), walEnd: new Lsn(walEnd), at: dateOf(at), data };
}

/** The cost of a kept message besides its bytes. */
const OVERHEAD = 128;

/**
 * A replication stream of the low layer, which `for await` reads. Leaving the loop ends the stream.
 *
 * The stream reports what was received by a timer of its own, also while nothing is read. Nothing is
 * reported as flushed before {@linkcode ReplicationStream.status} says so; a server that shuts down waits until
 * the flushed position, once it was reported, has reached its own.
 */
export class ReplicationStream<M = WalChunk> implements AsyncIterable<M>, AsyncDisposable {
  readonly #window: number;
  readonly #isPhysical: boolean;
  readonly #decode: Decode<M>;
  #feed: ReplicationFeed | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #ready: M[] = [];
  /** The bytes of each message of `#ready`. */
  #sizes: number[] = [];
  /** The index of the first message of `#ready` that was not read. */
  #next = 0;
  #bytes = 0;
  #written = 0n;
  #flushed = 0n;
  #applied = 0n;
  #keepalive: Keepalive | undefined;
  #end: FeedEnd | undefined;
  #isLeft = false;
  /** Wakes the reader. */
  #wake: (() => void) | undefined;
  /** Lets further messages in. */
  #release: (() => void) | undefined;
  #isIterated = false;

  /** For the driver: `start` starts the feed with the stream's sink. */
  private constructor(options: StreamOptions, isPhysical: boolean, decode: Decode<M>) {
    this.#window = options.windowBytes ?? 1 << 20;
    this.#isPhysical = isPhysical;
    this.#decode = decode;
  }

  /** @internal For the driver: use `startLogical()` or `startPhysical()` of a replication connection. */
  static async open<M>(
    options: StreamOptions,
    isPhysical: boolean,
    decode: Decode<M>,
    start: (sink: ReplicationSink) => Promise<ReplicationFeed>,
  ): Promise<ReplicationStream<M>> {
    const { statusInterval = 10, windowBytes = 1 } = options;
    if (!(statusInterval > 0)) {
      throw new InterfaceError("statusInterval must be more than 0 seconds");
    }
    if (!(windowBytes > 0)) throw new InterfaceError("windowBytes must be more than 0");
    const stream = new ReplicationStream(options, isPhysical, decode);
    const feed = await start(stream.#sink());
    stream.#run(feed, statusInterval);
    return stream;
  }

  /** The last keepalive; `undefined` before the first. */
  get keepalive(): Keepalive | undefined {
    return this.#keepalive;
  }

  /**
   * A promise that resolves when the stream has ended for any reason: to the timeline that follows the
   * streamed one, or to `undefined`. Never rejects; the loop gets the error.
   */
  get nextTimeline(): Promise<{ timeline: number; from: Lsn } | undefined> {
    return this.#feed!.ended.then(({ nextTimeline }) =>
      nextTimeline && { timeline: nextTimeline.timeline, from: new Lsn(nextTimeline.from) }
    );
  }

  /**
   * Reports positions to the server, at once. A position never goes back: the server ignores that or,
   * before PostgreSQL 15, sends changes again.
   *
   * @throws {InterfaceError} a position is ahead of all that was received; the slot would skip changes.
   */
  status({ written, flushed, applied = flushed, reply }: StreamStatus): void {
    for (const [name, position] of Object.entries({ written, flushed, applied })) {
      if (position === undefined || position.value <= this.#received) continue;
      const received = new Lsn(this.#received);
      throw new InterfaceError(`${name}: ${position} is ahead of what was received, ${received}`);
    }
    this.#written = most(this.#written, written);
    this.#flushed = most(this.#flushed, flushed);
    this.#applied = most(this.#applied, applied);
    this.#report(reply);
  }

  /**
   * Sends the feedback of a hot standby: the transactions that its queries still need, so that the
   * primary keeps their rows. Zeros switch the feedback off. Only in a physical stream.
   */
  feedback(needs: StandbyFeedback): void {
    this.#feed!.feedback(needs);
  }

  /**
   * Ends the stream. The connection is usable afterwards where the server allows. Chunks that were
   * received and not read are dropped. Never rejects.
   */
  async stop(): Promise<void> {
    this.#isLeft = true;
    this.#ready = [];
    this.#sizes = [];
    this.#next = this.#bytes = 0;
    await this.#feed!.stop();
  }

  /**
   * Reads the stream.
   *
   * @throws {InterfaceError} the stream is read already.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<M, void> {
    if (this.#isIterated) throw new InterfaceError("the replication stream is read already");
    this.#isIterated = true;
    try {
      for (;;) {
        const chunk = this.#shift();
        if (chunk !== undefined) yield chunk;
        else if (this.#end === undefined) await new Promise<void>((wake) => this.#wake = wake);
        else if (this.#end.error !== undefined && !this.#isLeft) throw this.#end.error;
        else return;
      }
    } finally {
      await this.stop();
    }
  }

  /** `await using` stops the stream. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The end of all that was received. */
  #received = 0n;

  #run(feed: ReplicationFeed, interval: number): void {
    this.#feed = feed;
    this.#timer = setInterval(() => this.#report(), interval * 1000);
    this.#report();
    feed.ended.then((end) => {
      clearInterval(this.#timer);
      this.#end = end;
      this.#wake?.();
    });
  }

  #sink(): ReplicationSink {
    return {
      data: (reader, start, walEnd, at) => this.#take(reader, start, walEnd, at),
      keepalive: (walEnd, at, isAsked) => {
        this.#keepalive = { position: new Lsn(walEnd), at: dateOf(at) };
        this.#receive(walEnd);
        if (isAsked && this.#feed !== undefined) this.#report();
      },
    };
  }

  #take(reader: Reader, start: bigint, walEnd: bigint, at: bigint): Promise<void> | undefined {
    const size = reader.remaining;
    // The position of a logical message says nothing about its size.
    this.#receive(this.#isPhysical ? start + BigInt(size) : start);
    if (this.#isLeft) return undefined;
    const message = this.#decode(reader, start, walEnd, at);
    if (!(message instanceof Promise)) return this.#keep(message, size);
    return message.then((late) => this.#keep(late, size));
  }

  #keep(message: M | undefined, size: number): Promise<void> | undefined {
    if (message === undefined || this.#isLeft) return undefined;
    this.#ready.push(message);
    this.#sizes.push(size + OVERHEAD);
    this.#bytes += size + OVERHEAD;
    this.#wake?.();
    this.#wake = undefined;
    if (this.#bytes < this.#window) return undefined;
    return new Promise((resolve) => this.#release = resolve);
  }

  /** Notes a position that was received; the next status reports it as written. */
  #receive(position: bigint): void {
    if (position > this.#received) this.#written = this.#received = position;
  }

  #shift(): M | undefined {
    const message = this.#ready[this.#next];
    if (message === undefined) return undefined;
    this.#bytes -= this.#sizes[this.#next]!;
    if (++this.#next === this.#ready.length) {
      this.#ready = [];
      this.#sizes = [];
      this.#next = 0;
    }
    if (this.#bytes < this.#window / 2) {
      this.#release?.();
      this.#release = undefined;
    }
    return message;
  }

  #report(reply = false): void {
    this.#feed!.status({
      ...{ written: this.#written, flushed: this.#flushed, applied: this.#applied },
      reply,
    });
  }
}

function most(before: bigint, given: Lsn | undefined): bigint {
  return given === undefined || given.value < before ? before : given.value;
}
