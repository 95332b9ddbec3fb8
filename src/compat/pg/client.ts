import { calling, EventEmitter, nextTick } from "../node.ts";
import type { ClientConfig } from "./client_config.ts";
import { ClientLife } from "./client_life.ts";
import { Connection } from "./connection.ts";
import type { Submittable } from "./submittable.ts";
import { ConnectionStream } from "./connection_stream.ts";
import { ConnectionParameters, hidden } from "./connection_parameters.ts";
import { defaults } from "./defaults.ts";
import { relocated } from "./errors.ts";
import { escapeIdentifier, escapeLiteral } from "./escape.ts";
import { Query, type QueryCallback, type QueryConfig } from "./query.ts";
import { QueryLine } from "./query_line.ts";
import type { Result } from "./result.ts";
import { TypeOverrides } from "./type_overrides.ts";
import type { TypeFormat, TypeParser } from "./types.ts";

/** Called when a client has connected, or could not. */
export type ConnectCallback = (error: unknown, client?: Client) => void;

/**
 * One connection to a server, as `pg` has it. It connects once.
 *
 * Events: `connect`, `end`, `error` (when the connection is lost), `drain` (when no query is left),
 * `notice`, `notification`. `error` is emitted only if it has a listener: a lost connection never ends
 * the process.
 */
export class Client extends EventEmitter {
  /** The class of queries. */
  static Query: typeof Query = Query;
  /** The parameters of the connection. */
  readonly connectionParameters: ConnectionParameters;
  /** The role that logs in. */
  user: string | undefined;
  /** The database. */
  database: string | undefined;
  /** The port of the server. */
  port: number;
  /** The host of the server, or the directory of its Unix socket. */
  host: string;
  /** The password, or the function that returns it. Not enumerated. */
  declare password: ConnectionParameters["password"];
  /** The kind of replication connection, if it is one. */
  replication: string | undefined;
  /** @internal */
  _types: TypeOverrides;
  /** @internal */
  _ending = false;
  /** @internal */
  _ended = false;
  /** @internal */
  _connecting = false;
  /** @internal */
  _connected = false;
  /** @internal */
  _connectionError = false;
  /** @internal */
  _queryable = true;
  /** @internal */
  _txStatus: "I" | "T" | "E" | null = null;
  /** The connection, for Submittables and for the event `parameterStatus`. */
  readonly connection: Connection;
  /** Whether values come in binary format. */
  binary: boolean;
  /** The process ID of the backend. */
  processID: number | null = null;
  /** The key that a cancel request names; bytes from protocol 3.2 on. */
  secretKey: number | Uint8Array | null = null;
  /** The TLS options, or `false`. */
  ssl: ConnectionParameters["ssl"];
  /** @internal */
  declare _line: QueryLine;
  /** @internal */
  declare _life: ClientLife;
  /** @internal The class of promises. */
  declare _Promise: PromiseConstructor;
  /**
   * Whether `pg` was asked to pipeline. Queries always are; with this option, `end()` waits for them and
   * Submittables are refused, as in `pg`.
   */
  pipeline: boolean;

  /** Creates a client, which connects by `connect()`. */
  constructor(config?: string | ClientConfig) {
    super();
    const given: ClientConfig = typeof config === "object" && config !== null ? config : {};
    const parameters = this.connectionParameters = new ConnectionParameters(config);
    this.user = parameters.user;
    this.database = parameters.database;
    this.port = parameters.port;
    this.host = parameters.host;
    hidden(this, "password", parameters.password);
    this.replication = parameters.replication;
    this._types = new TypeOverrides(given.types);
    this.pipeline = Boolean(given.pipeline);
    this.connection = new Connection(
      new ConnectionStream(
        () => this._life.session?.wire,
        (error) => this._life.destroy(error),
      ),
      () => void this._life.session?.close(),
    );
    this.connection.on("error", (error: Error) => this._life.fail(error));
    this.binary = Boolean(given.binary || defaults.binary);
    this.ssl = parameters.ssl || false;
    hidden(this, "_line", new QueryLine(this));
    hidden(this, "_life", new ClientLife(this, given));
    hidden(this, "_Promise", given.Promise ?? Promise);
  }

  /** Connects. Resolves to the client. Queries may be made before; they are sent afterwards. */
  connect(): Promise<this>;
  /** Connects, and calls `callback`. */
  connect(callback: ConnectCallback): void;
  connect(callback?: ConnectCallback): Promise<this> | void {
    if (callback) {
      return this._life.connect((error) => error ? callback(error) : callback(null, this));
    }
    const connecting = new this._Promise<this>((resolve, reject) => {
      this._life.connect((error) => error ? reject(error) : resolve(this));
    });
    return this._life.connecting = connecting;
  }

  /** Runs a query: calls back, or returns a promise where no callback is given. */
  query<T extends Submittable>(submittable: T): T;
  /** Runs a query and calls back. */
  query(config: string | QueryConfig, callback: QueryCallback): void;
  /** Runs a query with values and calls back. */
  query(
    config: string | QueryConfig,
    values: unknown[] | undefined,
    callback: QueryCallback,
  ): void;
  /** Runs a query. Resolves to the result; for several statements, to an array of results. */
  query<Row = Record<string, unknown>>(
    config: string | QueryConfig,
    values?: unknown[],
  ): Promise<Result<Row>>;
  query(
    config: string | QueryConfig | Submittable,
    values?: unknown[] | QueryCallback,
    callback?: QueryCallback,
  ): unknown {
    if (config === null || config === undefined) {
      throw new TypeError("Client was passed a null or undefined query");
    }
    const isSubmittable = typeof (config as Partial<Submittable>).submit === "function";
    if (isSubmittable || config instanceof Query) {
      const given = config as Submittable | Query;
      given.callback ||= typeof values === "function" ? values : callback;
      this._enqueue(given, (config as QueryConfig).query_timeout);
      return given;
    }
    const query = new Query(config as string | QueryConfig, values, callback);
    const timeout = (config as QueryConfig).query_timeout;
    if (query.callback) {
      if (typeof query.callback !== "function") throw new TypeError("callback is not a function");
      this._enqueue(query, timeout);
      return undefined;
    }
    query._isPromised = true;
    const promise = new this._Promise((resolve, reject) => {
      query.callback = (error, result) => error ? reject(error) : resolve(result);
    }).catch(relocated);
    this._enqueue(query, timeout);
    return promise;
  }

  /** Ends the connection. While a query runs, the connection is destroyed. */
  end(): Promise<void>;
  /** Ends the connection, and calls `callback`. */
  end(callback: (error?: unknown) => void): void;
  end(callback?: (error?: unknown) => void): Promise<void> | void {
    this._ending = true;
    const isOpen = (this._connecting || this._connected) && !this._ended;
    if (!isOpen) return callback === undefined ? this._Promise.resolve() : callback();
    const ended = callback === undefined
      ? new this._Promise<void>((resolve) => this.connection.once("end", resolve))
      : void this.connection.once("end", callback);
    this._life.end();
    return ended;
  }

  /** Cancels a query of another client: it is stopped on the server, or taken out of the queue. */
  cancel(client: Client, query: Query | Submittable): void {
    client._line.cancel(query);
  }

  /** Sets the parser of a type for this client. */
  setTypeParser(oid: number, format: TypeFormat | TypeParser, parser?: TypeParser): void {
    this._types.setTypeParser(oid, format as TypeFormat, parser!);
  }

  /** Returns the parser of a type for this client. */
  getTypeParser(oid: number, format?: TypeFormat): TypeParser {
    return this._types.getTypeParser(oid, format);
  }

  /** Quotes a name. */
  escapeIdentifier(name: string): string {
    return escapeIdentifier(name);
  }

  /** Quotes a string constant. */
  escapeLiteral(text: string): string {
    return escapeLiteral(text);
  }

  /** Keeps the process alive while the client is connected, which is the default. */
  ref(): void {
    this._life.session?.wire.stream.ref();
  }

  /** Lets the process end while the client is connected. */
  unref(): void {
    this._life.session?.wire.stream.unref();
  }

  /** Returns `I` outside of a transaction, `T` in one, `E` in a failed one, `null` before connecting. */
  getTransactionStatus(): "I" | "T" | "E" | null {
    return this._txStatus;
  }

  /** @internal The query that ends next. */
  get _activeQuery(): Query | Submittable | null {
    return this._line.active;
  }

  /** @internal The queries behind the active one. */
  get _queryQueue(): (Query | Submittable)[] {
    return this._line.queue;
  }

  /** @internal Whether the connection is lost, and `error` is about to be emitted. */
  get _isLossPending(): boolean {
    return this._life.isLossPending;
  }

  /** @internal Sends a query, or refuses it. */
  _enqueue(query: Query | Submittable, timeout: number | undefined): void {
    if (query instanceof Query || "_result" in query) {
      if (this.binary && !query.binary) query.binary = true;
      if (query._result !== undefined) query._result._types ??= this._types;
    }
    const limit = timeout || this.connectionParameters.query_timeout;
    if (limit) this._limit(query, limit);
    const unfit = this.pipeline ? unfitToPipeline(query) : undefined;
    const reason = unfit ?? this._refusal();
    if (reason === undefined) return this._line.push(query);
    nextTick(() => query.handleError(new Error(reason), this.connection));
  }

  /** Returns the reason why no query can be sent any more. */
  private _refusal(): string | undefined {
    if (!this._queryable) return "Client has encountered a connection error and is not queryable";
    if (this._ending) return "Client was closed and is not queryable";
    // It could not connect.
    return this._ended ? "Connection terminated unexpectedly" : undefined;
  }

  /** @internal Called when a query has ended and none is left. */
  _drained(): void {
    this.emit("drain");
  }

  /** Fails a query after a time, and stops it on the server. */
  private _limit(query: Query | Submittable, milliseconds: number): void {
    const { callback } = query;
    const timer = setTimeout(() => {
      const error = new Error("Query read timeout");
      query.callback = () => {};
      if (callback) calling(() => callback(error));
      else query.handleError(error, this.connection);
      this._line.cancel(query);
    }, milliseconds);
    query.callback = (error: unknown, result?: unknown) => {
      clearTimeout(timer);
      callback?.(error, result);
    };
  }
}

/** Returns the reason for which `pg` refuses a query with the option `pipeline`. */
function unfitToPipeline(query: Query | Submittable): string | undefined {
  if (!(query instanceof Query)) {
    return "Custom query classes such as pg-cursor and pg-query-stream are not supported in pipeline mode";
  }
  return query.rows ? "The `rows` option is not supported in pipeline mode" : undefined;
}
