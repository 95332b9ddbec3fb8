/**
 * What those who watch the driver are told, by `node:diagnostics_channel`.
 *
 * Each kind of operation is a `TracingChannel`, made of plain channels by the names that
 * `tracingChannel(name)` gives them: Bun's knows no `hasSubscribers`, and of a stream there is no
 * promise to trace. Who never asks pays one look at whether anybody does, and nothing is made.
 *
 * Attributes have the names of OpenTelemetry's semantic conventions for databases, with dots in
 * them; what those have no name for has none. Source: opentelemetry.io, "Semantic conventions for
 * PostgreSQL client operations".
 */
import { DatabaseError, PgError } from "./errors/errors.ts";
import type { DiagnosticsChannel, Runtime } from "./runtime/runtime.ts";

/** Where an operation goes to: a part of every message. */
export interface TraceOrigin {
  /** Always `"postgresql"`. */
  readonly "db.system.name": "postgresql";
  /** The database, as of connecting. */
  readonly "db.namespace"?: string;
  /** The host as it was named, or the path of the Unix socket; absent for a `sock` of your own. */
  readonly "server.address"?: string;
  /** The port, unless it is a Unix socket. */
  readonly "server.port"?: number;
}

/**
 * What is told of an operation: one object from its `start` to its `asyncEnd`, which fills up on the
 * way. It never holds a password, a connection string, the value of a parameter, or a row; `error`
 * is the caller's own, and what the server says in it may quote values.
 */
export interface TraceMessage extends TraceOrigin {
  /** Seconds from start to end; there when it is over. */
  readonly "db.client.operation.duration"?: number;
  /** The SQLSTATE that the server has reported, when it failed for that. */
  readonly "db.response.status_code"?: string;
  /** When it failed: the SQLSTATE, the server's or the driver's; for other errors their name. */
  readonly "error.type"?: string;
  /** When it failed: why. */
  readonly error?: unknown;
}

/** `tracing:cornac.pg:connect:*`: from the first lookup until the session is ready. */
export type ConnectTrace = TraceMessage;

/** `tracing:cornac.pg:query:*`: one query of the caller's, awaited or iterated. */
export interface QueryTrace extends TraceMessage {
  /** The text as it is sent, with `$1` for a parameter. */
  readonly "db.query.text": string;
  /** The words of the command tag (`"SELECT"`), once the server has told them; not of a stream. */
  readonly "db.operation.name"?: string;
  /** Rows that came back; of a stream, as far as it was read. */
  readonly "db.response.returned_rows"?: number;
  /** How many parameters it has: with none, all values are in the text. */
  readonly parameterCount: number;
  /** Whether it is iterated: its time is also the reader's. */
  readonly isStream: boolean;
}

/** `tracing:cornac.pg:batch:*`: a `batch()` or an `executeMany()`. */
export interface BatchTrace extends TraceMessage {
  /** The text that all statements have, or all texts, with `; ` between them. */
  readonly "db.query.text": string;
  /** `"BATCH"`, and the command when all have the same: `"BATCH INSERT"`; of a single one, its own. */
  readonly "db.operation.name"?: string;
  /** How many statements it has, or sets of parameters; absent when it is one. */
  readonly "db.operation.batch.size"?: number;
  /** Rows that came back, of all together. */
  readonly "db.response.returned_rows"?: number;
}

/** `tracing:cornac.pg:transaction:*`: one run of a transaction or savepoint, from BEGIN to its end. */
export interface TransactionTrace extends TraceMessage {
  /** A savepoint is a transaction within one. */
  readonly "db.operation.name": "TRANSACTION" | "SAVEPOINT";
  /** 1 for the first run, more for those that `retries` has led to. */
  readonly attempt: number;
  /** How it ended; absent when nobody knows, because the connection was lost. */
  readonly outcome?: TransactionOutcome;
}

/** How a transaction has ended. */
export type TransactionOutcome = "committed" | "rolled back" | "prepared";

/** `tracing:cornac.pg:copy:*`: one COPY, of data or of rows. */
export interface CopyTrace extends TraceMessage {
  /** Always `"COPY"`. */
  readonly "db.operation.name": "COPY";
  /** The statement. */
  readonly "db.query.text": string;
  /** Into the table, or out of it. */
  readonly direction: "in" | "out";
  /** Bytes of data that have gone; there when it is over. */
  readonly bytes?: number;
  /** Rows, as the server has counted them; absent when it was not completed. */
  readonly rows?: number;
}

/** What one operation says of itself, besides where it goes to. */
type Own<M extends TraceMessage> = Omit<M, keyof TraceMessage>;

/** Makes channels by their names. */
export type ChannelOf = NonNullable<Runtime["channel"]>;

/** The operations of one connection. */
export class Tracing {
  readonly connect: Trace<ConnectTrace>;
  readonly query: Trace<QueryTrace>;
  readonly batch: Trace<BatchTrace>;
  readonly transaction: Trace<TransactionTrace>;
  readonly copy: Trace<CopyTrace>;
  /** Where they go to; known better once the connection is there. */
  origin: TraceOrigin;

  /** Where there are no channels, nobody can listen. */
  constructor(channels: ChannelOf | undefined, origin: TraceOrigin) {
    const channelOf = channels ?? (() => SILENT);
    this.origin = origin;
    this.connect = new Trace("connect", channelOf, this);
    this.query = new Trace("query", channelOf, this);
    this.batch = new Trace("batch", channelOf, this);
    this.transaction = new Trace("transaction", channelOf, this);
    this.copy = new Trace("copy", channelOf, this);
  }
}

/** The five channels of one kind of operation. */
export class Trace<M extends TraceMessage> {
  readonly start: DiagnosticsChannel;
  readonly end: DiagnosticsChannel;
  readonly asyncStart: DiagnosticsChannel;
  readonly asyncEnd: DiagnosticsChannel;
  readonly error: DiagnosticsChannel;
  readonly #tracing: Tracing;

  constructor(kind: string, channelOf: ChannelOf, tracing: Tracing) {
    const channel = (event: string) => channelOf(`tracing:cornac.pg:${kind}:${event}`);
    this.start = channel("start");
    this.end = channel("end");
    this.asyncStart = channel("asyncStart");
    this.asyncEnd = channel("asyncEnd");
    this.error = channel("error");
    this.#tracing = tracing;
  }

  /** Whether anybody listens: to be asked before anything is made for it. */
  get isWatched(): boolean {
    return this.start.hasSubscribers || this.asyncEnd.hasSubscribers ||
      this.error.hasSubscribers || this.end.hasSubscribers || this.asyncStart.hasSubscribers;
  }

  /** An operation that is about to begin. */
  open(own: Own<M>): Operation<M> {
    return new Operation(this, { ...this.#tracing.origin, ...own } as M);
  }

  /** Runs `work` as an operation; `describe` says what is told of its success. */
  async promise<T>(
    own: Own<M>,
    work: () => Promise<T>,
    describe: (value: T) => Partial<M>,
  ): Promise<T> {
    const operation = this.open(own);
    try {
      const value = await operation.run(work);
      operation.succeeded(describe(value));
      return value;
    } catch (error) {
      operation.failed(error);
      throw error;
    }
  }
}

/** One operation under way; it ends once. */
export class Operation<M extends TraceMessage> {
  readonly #trace: Trace<M>;
  readonly #message: M;
  readonly #began = performance.now();
  #isOver = false;

  constructor(trace: Trace<M>, message: M) {
    this.#trace = trace;
    this.#message = message;
  }

  /** Calls `work`, which begins it, in the contexts that those who listen have bound to `start`. */
  run<R>(work: () => R): R {
    const message = this.#message;
    try {
      return this.#trace.start.runStores(message, work);
    } finally {
      this.#trace.end.publish(message);
    }
  }

  succeeded(told: Partial<M>): void {
    if (!this.#isOver) this.#settle(told);
  }

  failed(error: unknown, told?: Partial<M>): void {
    if (this.#isOver) return;
    const code = reportedCode(error);
    const own = { error, "error.type": typeOf(error), ...told };
    this.#settle(code === undefined ? own : { ...own, "db.response.status_code": code }, true);
  }

  #settle(told: object, isFailure = false): void {
    this.#isOver = true;
    const message = this.#message;
    const seconds = (performance.now() - this.#began) / 1000;
    try {
      Object.assign(message, told, { "db.client.operation.duration": seconds });
    } catch { /* whoever has frozen it gets no more: no operation fails for that */ }
    if (isFailure) this.#trace.error.publish(message);
    this.#trace.asyncStart.publish(message);
    this.#trace.asyncEnd.publish(message);
  }
}

/** The SQLSTATE in the server's own report, which an error is or was caused by. */
function reportedCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    if (at instanceof DatabaseError && "C" in at.fields) return at.code;
  }
  return undefined;
}

/** A few values for all there are: what metrics are grouped by. */
function typeOf(error: unknown): string {
  if (error instanceof PgError && error.code !== undefined) return error.code;
  return error instanceof Error ? error.name : "_OTHER";
}

/** The channel of a runtime that has none. */
export const SILENT: DiagnosticsChannel = {
  hasSubscribers: false,
  publish: () => {},
  runStores: (_message, work) => work(),
};
