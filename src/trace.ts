/**
 * Traces for subscribers of `node:diagnostics_channel`.
 *
 * Each kind of operation is a `TracingChannel`, made of plain channels with the names that
 * `tracingChannel(name)` gives them, because Bun's `TracingChannel` has no `hasSubscribers`, and a
 * stream has no promise to trace. Without subscribers an operation costs one check and allocates nothing.
 *
 * Attributes with dots have the names of OpenTelemetry's semantic conventions for databases. The others
 * have no name there. Source: opentelemetry.io, "Semantic conventions for PostgreSQL client operations".
 */
import type {
  DiagnosticsChannel,
  OperationChannels,
  Runtime,
  TracedOperation,
} from "./runtime/runtime.ts";

export type { TracedOperation } from "./runtime/runtime.ts";

/** The destination of an operation: a part of every message. */
export interface TraceOrigin {
  /** Always `"postgresql"`. */
  readonly "db.system.name": "postgresql";
  /** The database given for the connection. */
  readonly "db.namespace"?: string;
  /** The host as given, or the path of the Unix socket; absent with a given `sock`. */
  readonly "server.address"?: string;
  /** The port; absent with a Unix socket. */
  readonly "server.port"?: number;
}

/**
 * The message of an operation: one object from its `start` to its `asyncEnd`, to which properties are
 * added. It contains no password, connection string, parameter value or row. `error` is the error that
 * the caller gets, in which the server may quote values.
 */
export interface TraceMessage extends TraceOrigin {
  /** Seconds from start to end; present at the end. */
  readonly "db.client.operation.duration"?: number;
  /** The SQLSTATE that the server reported, if the operation failed for it. */
  readonly "db.response.status_code"?: string;
  /** The SQLSTATE of a failure, the server's or the driver's; for other errors their name. */
  readonly "error.type"?: string;
  /** The error of a failure. */
  readonly error?: unknown;
}

/** `tracing:cornac.pg:connect:*`: from the first lookup until the session is ready. */
export type ConnectTrace = TraceMessage;

/** `tracing:cornac.pg:query:*`: one query of the caller, awaited or iterated. */
export interface QueryTrace extends TraceMessage {
  /** The text as it is sent, with `$1` for a parameter. */
  readonly "db.query.text": string;
  /** The words of the command tag (`"SELECT"`); absent before the end, and for a stream. */
  readonly "db.operation.name"?: string;
  /** The number of returned rows; for a stream, of the rows that were read. */
  readonly "db.response.returned_rows"?: number;
  /** The number of parameters. Without parameters, all values are in the text. */
  readonly parameterCount: number;
  /** Whether the query is iterated, so that its duration includes the reader's time. */
  readonly isStream: boolean;
}

/** `tracing:cornac.pg:batch:*`: a `batch()` or an `executeMany()`. */
export interface BatchTrace extends TraceMessage {
  /** The text of all statements if they are equal, else the texts, joined by `; `. */
  readonly "db.query.text": string;
  /** `"BATCH"`, or `"BATCH INSERT"` if all commands are equal; for one statement, its command. */
  readonly "db.operation.name"?: string;
  /** The number of statements or sets of parameters; absent if it is one. */
  readonly "db.operation.batch.size"?: number;
  /** The number of returned rows of all statements. */
  readonly "db.response.returned_rows"?: number;
}

/** `tracing:cornac.pg:transaction:*`: one run of a transaction or savepoint, from BEGIN to its end. */
export interface TransactionTrace extends TraceMessage {
  /** `SAVEPOINT` for a transaction within another one. */
  readonly "db.operation.name": "TRANSACTION" | "SAVEPOINT";
  /** The number of the run: 1, or more with `retries`. */
  readonly attempt: number;
  /** The outcome; absent if it is unknown because the connection was lost. */
  readonly outcome?: TransactionOutcome;
}

/** The outcome of a transaction. */
export type TransactionOutcome = "committed" | "rolled back" | "prepared";

/** `tracing:cornac.pg:copy:*`: one COPY, of data or of rows. */
export interface CopyTrace extends TraceMessage {
  /** Always `"COPY"`. */
  readonly "db.operation.name": "COPY";
  /** The statement. */
  readonly "db.query.text": string;
  /** The direction of the data: into the table or out of it. */
  readonly direction: "in" | "out";
  /** Bytes of transferred data; present at the end. */
  readonly bytes?: number;
  /** Rows as counted by the server; absent if the copy was not completed. */
  readonly rows?: number;
}

/** The properties of a message besides the common ones. */
type Own<M extends TraceMessage> = Omit<M, keyof TraceMessage>;

/** Returns a channel by its name. */
export type ChannelOf = NonNullable<Runtime["channel"]>;

/** The traces of one connection. */
export class Tracing {
  readonly connect: Trace<ConnectTrace>;
  readonly query: Trace<QueryTrace>;
  readonly batch: Trace<BatchTrace>;
  readonly transaction: Trace<TransactionTrace>;
  readonly copy: Trace<CopyTrace>;
  /** The destination; more precise once the connection is open. */
  origin: TraceOrigin;
  /** Makes operations. Present if the runtime has channels. */
  readonly begin: Runtime["operation"];

  /** Makes the traces. On a runtime without channels, nothing is published. */
  constructor({ channel, operation }: Pick<Runtime, "channel" | "operation">, origin: TraceOrigin) {
    const channelOf = operation === undefined || channel === undefined ? silent : channel;
    const [connect, query, batch, transaction, copy] = channelsOf(channelOf);
    this.begin = operation;
    this.origin = origin;
    this.connect = new Trace(connect, this);
    this.query = new Trace(query, this);
    this.batch = new Trace(batch, this);
    this.transaction = new Trace(transaction, this);
    this.copy = new Trace(copy, this);
  }
}

type Kinds = readonly [Channels, Channels, Channels, Channels, Channels];

/** The channels that were looked up, which connections share. */
const known = new WeakMap<ChannelOf, Kinds>();

/** Returns the channels of each kind of operation. */
function channelsOf(channelOf: ChannelOf): Kinds {
  let kinds = known.get(channelOf);
  if (kinds === undefined) {
    const names = ["connect", "query", "batch", "transaction", "copy"];
    kinds = names.map((kind) => new Channels(kind, channelOf)) as unknown as Kinds;
    known.set(channelOf, kinds);
  }
  return kinds;
}

/** The five channels of one kind of operation. */
class Channels implements OperationChannels {
  readonly start: DiagnosticsChannel;
  readonly end: DiagnosticsChannel;
  readonly asyncStart: DiagnosticsChannel;
  readonly asyncEnd: DiagnosticsChannel;
  readonly error: DiagnosticsChannel;

  constructor(kind: string, channelOf: ChannelOf) {
    const channel = (event: string) => channelOf(`tracing:cornac.pg:${kind}:${event}`);
    this.start = channel("start");
    this.end = channel("end");
    this.asyncStart = channel("asyncStart");
    this.asyncEnd = channel("asyncEnd");
    this.error = channel("error");
  }
}

/** The traces of one kind of operation on one connection. */
export class Trace<M extends TraceMessage> {
  readonly #channels: OperationChannels;
  readonly #tracing: Tracing;

  constructor(channels: OperationChannels, tracing: Tracing) {
    this.#channels = channels;
    this.#tracing = tracing;
  }

  /** Reports whether there is a subscriber; checked before anything is allocated. */
  get isWatched(): boolean {
    const { start, end, asyncStart, asyncEnd, error } = this.#channels;
    return start.hasSubscribers || asyncEnd.hasSubscribers || error.hasSubscribers ||
      end.hasSubscribers || asyncStart.hasSubscribers;
  }

  /** Returns an operation that is about to begin. Called only if there is a subscriber. */
  open(own: Own<M>): TracedOperation<M> {
    const { begin, origin } = this.#tracing;
    return begin!(this.#channels, { ...origin, ...own } as M);
  }

  /** Runs `work` as an operation; `describe` returns the properties to add if it succeeds. */
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

/** The channel of a runtime without channels. */
export const SILENT: DiagnosticsChannel = {
  hasSubscribers: false,
  publish: () => {},
  runStores: (_message, work) => work(),
};

const silent: ChannelOf = () => SILENT;
