/**
 * One replication connection of a change stream: it is opened and checked, the stream is started, and its
 * messages go through the decoder to the inbox.
 */
import type { Reader } from "../bytes/reader.ts";
import type { Notice } from "../connection.ts";
import { DatabaseError, OperationalError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { after } from "../session/alarm.ts";
import { connectReplication } from "./connect_replication.ts";
import type { SystemIdentity } from "./command_types.ts";
import { PublicationMissingError } from "./errors.ts";
import type { ReplicationFeed, ReplicationSink } from "./feed.ts";
import type { Intake } from "./intake.ts";
import type { Inbox } from "./inbox.ts";
import { Lsn } from "./lsn.ts";
import type { ReplicateSettings } from "./options.ts";
import type { LogicalDecoder, LogicalMessage } from "./plugin.ts";
import type { ReplicationConnection } from "./replication_connection.ts";
import type { StreamEvent } from "./stream_event.ts";
import { Silence } from "./silence.ts";
import { secondsOf, Statuses, statusInterval } from "./statuses.ts";

/** Seconds that a server may take to end the stream when it is closed. */
const GRACE = 0.7;

/** Seconds after which a silent server is given up if `wal_sender_timeout` is off; limits answers, too. */
const PATIENCE = 60;

/** The parts of a change stream that outlive its connections. */
export interface Parts {
  readonly settings: ReplicateSettings;
  readonly inbox: Inbox<StreamEvent>;
  readonly intake: Intake;
  /** Aborts when the stream is closed. */
  readonly signal: AbortSignal;
}

/** The start of a stream. */
export interface Start {
  readonly from: bigint;
  readonly options: Readonly<Record<string, string>>;
  readonly decoder: LogicalDecoder<LogicalMessage>;
  /** Reports whether a warning about a missing publication is to be ignored. */
  readonly toleratesGaps: boolean;
  /** Called when a status was sent. */
  onStatus(): void;
}

/** A replication connection. */
export class Walsender {
  readonly connection: ReplicationConnection;
  readonly identity: SystemIdentity;
  /** Seconds without a status after which the server ends the connection; 0: never. */
  readonly timeout: number;
  readonly #parts: Parts;
  readonly #notices: { handler: (notice: Notice) => void };
  #feed: ReplicationFeed | undefined;
  #statuses: Statuses | undefined;
  #decoder: LogicalDecoder<LogicalMessage> | undefined;
  #failure: Error | undefined;
  readonly #silence: Silence;

  private constructor(
    parts: Parts,
    connection: ReplicationConnection,
    identity: SystemIdentity,
    timeout: number,
    notices: { handler: (notice: Notice) => void },
  ) {
    this.#parts = parts;
    this.connection = connection;
    this.identity = identity;
    this.timeout = timeout;
    this.#notices = notices;
    this.#silence = new Silence(timeout || PATIENCE);
  }

  /** Opens a connection and asks who the server is. */
  static async open(parts: Parts): Promise<Walsender> {
    const { connection: given, dsn } = parts.settings;
    const notices = { handler: (_: Notice): void => {} };
    const options = own<typeof given>(given, {
      signal: parts.signal,
      onNotice: (notice) => {
        given.onNotice?.(notice);
        notices.handler(notice);
      },
    });
    const connection = dsn === undefined
      ? await connectReplication(options)
      : await connectReplication(dsn, options);
    try {
      const how = { signal: parts.signal, timeout: PATIENCE };
      const identity = await connection.identifySystem(how);
      const timeout = secondsOf(await connection.show("wal_sender_timeout", how));
      return new Walsender(parts, connection, identity, timeout, notices);
    } catch (error) {
      connection.destroy(error);
      throw error;
    }
  }

  /** Whether the stream has started. */
  get isStreaming(): boolean {
    return this.#feed !== undefined;
  }

  /** Starts the stream. */
  async start(
    slot: string,
    { from, options, decoder, toleratesGaps, onStatus }: Start,
  ): Promise<void> {
    const { settings, inbox, signal } = this.#parts;
    this.#decoder = decoder;
    if (!toleratesGaps) this.#notices.handler = (notice) => this.#warned(notice);
    const start = { from: new Lsn(from), options, signal };
    const feed = await this.connection.feedLogical(slot, start, this.#sink());
    this.#feed = feed;
    const interval = statusInterval(settings.statusInterval, this.timeout);
    if (this.#failure !== undefined) void feed.stop();
    this.#statuses = new Statuses(inbox.positions, interval, (report) => {
      const heard = this.#silence.tick(performance.now());
      if (heard === "gone") return this.destroy(this.#gone());
      feed.status({ ...report, reply: heard === "ask" });
      onStatus();
    });
    inbox.onMoved = () => this.#statuses?.moved();
  }

  /** Resolves when the stream has ended, to the reason. */
  async ended(): Promise<Error> {
    const { kind, error } = await this.#feed!.ended;
    this.#statuses?.stop();
    if (this.#failure !== undefined) return this.#failure;
    if (error !== undefined) return this.#explained(error);
    return new DatabaseError(`the replication stream has ended (${kind})`, { code: "08006" });
  }

  /** Sends the last status, and closes the connection. Takes at most about a second. Never rejects. */
  async close(): Promise<void> {
    this.#statuses?.now();
    this.#statuses?.stop();
    const silence = after(GRACE * 1000, () => this.connection.destroy());
    try {
      await this.#feed?.stop();
      await this.connection.close();
    } catch { /* the connection was lost, and so is closed */ }
    silence();
  }

  /** Closes the connection at once. */
  destroy(reason?: unknown): void {
    this.#statuses?.stop();
    this.connection.destroy(reason);
  }

  #gone(): Error {
    const seconds = this.timeout || PATIENCE;
    const message = `the server has not answered for ${seconds} s (wal_sender_timeout)`;
    return this.#failure = new OperationalError(message, { code: "08006" });
  }

  #sink(): ReplicationSink {
    const { intake, inbox } = this.#parts;
    return {
      data: (reader, start, _walEnd, at) => {
        if (this.#failure !== undefined) return;
        this.#silence.messages++;
        if (!inbox.hasClock) inbox.clock(at);
        const held = this.#data(reader, start, intake);
        return held === undefined ? undefined : this.#hold(held);
      },
      keepalive: (position, at, isAsked) => {
        if (this.#failure !== undefined) return;
        this.#silence.messages++;
        inbox.clock(at);
        const before = inbox.positions.confirmed;
        inbox.keepalive(position);
        if (isAsked && inbox.positions.confirmed !== before) this.#statuses?.now();
      },
    };
  }

  async #hold(held: Promise<void>): Promise<void> {
    this.#silence.isHeld = true;
    await held;
    this.#silence.isHeld = false;
  }

  #data(reader: Reader, start: bigint, intake: Intake): Promise<void> | undefined {
    const size = reader.remaining;
    const message = this.#decoder!.decode(reader, start);
    if (message === undefined) return undefined;
    if (!(message instanceof Promise)) return intake.take(message, size);
    return message.then((late) => late === undefined ? undefined : intake.take(late, size));
  }

  /**
   * PostgreSQL 18 leaves out the changes of a missing publication with no more than a warning. Source:
   * pgoutput.c, `LoadPublications`; the routine's name is not translated.
   */
  #warned(notice: Notice): void {
    if (notice.routine !== "LoadPublications" || this.#failure !== undefined) return;
    const names = /"(.*)"/.exec(notice.message)?.[1];
    this.#failure = new PublicationMissingError(
      names === undefined ? this.#parts.settings.publications : [names],
      notice,
    );
    void this.#feed?.stop();
  }

  /** Until PostgreSQL 17 a missing publication is an error in the stream. */
  #explained(error: Error): Error {
    if (!(error instanceof DatabaseError) || error.code !== "42704") return error;
    const name = /"(.*)"/.exec(error.message)?.[1];
    const names = name === undefined ? this.#parts.settings.publications : [name];
    return new PublicationMissingError(names, error);
  }
}
