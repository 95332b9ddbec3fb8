/** The life of a client's session: connecting, its end, its loss. */
import type { ConnectionCore } from "../../connection_core.ts";
import { calling, errorMonitor, type EventEmitter, immediately, nextTick } from "../node.ts";
import type { Session } from "../../session/session.ts";
import { readError } from "../system_errors.ts";
import type { ClientConfig } from "./client_config.ts";
import type { ConnectionParameters } from "./connection_parameters.ts";
import type { QueryLine } from "./query_line.ts";
import { PgError } from "../../errors/errors.ts";
import { connectError, queryError, reportOf } from "./errors.ts";
import { NoticeMessage, NotificationResponseMessage } from "./messages.ts";
import { openSession } from "./opening.ts";

const UNEXPECTED = "Connection terminated unexpectedly";
const TERMINATED = "Connection terminated";

/** The client of a session. */
export interface LifeOwner extends EventEmitter {
  readonly connectionParameters: ConnectionParameters;
  readonly connection: EventEmitter & { readonly stream: EventEmitter };
  readonly _line: QueryLine;
  password: ConnectionParameters["password"];
  _ending: boolean;
  _ended: boolean;
  _connecting: boolean;
  _connected: boolean;
  _connectionError: boolean;
  _queryable: boolean;
  pipeline: boolean;
  _txStatus: "I" | "T" | "E" | null;
  processID: number | null;
  secretKey: number | Uint8Array | null;
}

/** Called when a client has connected, or could not. */
type Connected = (error: unknown) => void;

/** The session of one client. */
export class ClientLife {
  readonly #client: LifeOwner;
  readonly #config: ClientConfig;
  readonly #opening: AbortController = new AbortController();
  #core: ConnectionCore | undefined;
  /** The reason for which the connection was destroyed by the caller. */
  #destroyed: { reason: Error | undefined } | undefined;
  /** Whether the loss was reported. */
  #isOver = false;

  constructor(client: LifeOwner, config: ClientConfig) {
    this.#client = client;
    this.#config = config;
  }

  /** Whether the connection is lost, and `error` is about to be emitted. */
  get isLossPending(): boolean {
    return this.session?.closed === true && !this.#client._ending && !this.#isOver;
  }

  /** The promise that `connect()` has returned. */
  connecting: Promise<unknown> | undefined;

  /** The session; `undefined` while there is none. */
  get session(): Session | undefined {
    return this.#core?.session;
  }

  /** Connects, and calls `callback` once. */
  connect(callback: Connected): void {
    const client = this.#client;
    if (client._connecting || client._connected) {
      const message = "Client has already been connected. You cannot reuse a client.";
      return nextTick(() => callback(new Error(message)));
    }
    client._connecting = true;
    const limit = this.#config.connectionTimeoutMillis || 0;
    const timer = limit > 0
      ? setTimeout(() => this.destroy(new Error("timeout expired")), limit)
      : undefined;
    this.#open().then(
      (core) => {
        clearTimeout(timer);
        this.#opened(core, callback);
      },
      (error) => {
        clearTimeout(timer);
        this.#failed(error, callback);
      },
    );
  }

  /** Returns the error that a query fails with. */
  errorOf(error: unknown): unknown {
    return queryError(error);
  }

  /** Reports whether a query has failed because the connection has ended. */
  isLoss(error: unknown): boolean {
    return this.session?.closed === true && error instanceof PgError &&
      reportOf(error) === undefined;
  }

  /** Ends the connection at once; while it is being opened, opening fails with `reason`. */
  destroy(reason?: Error): void {
    this.#destroyed ??= { reason };
    this.#opening.abort(reason ?? new Error(UNEXPECTED));
    this.session?.destroy(reason);
  }

  /**
   * Ends the connection: at once if a query runs, else in order. With the option `pipeline`, queries are
   * waited for.
   */
  end(): void {
    const { session } = this;
    const { _line: line, _queryable: isQueryable, pipeline } = this.#client;
    // A promise of connect() that nothing awaits must not end the process over this.
    this.connecting?.catch(() => {});
    if (pipeline && isQueryable && !line.isEmpty) this.#client.once("drain", () => this.end());
    else if (session === undefined) this.destroy(new Error(TERMINATED));
    else if (!line.isEmpty || !isQueryable) session.destroy();
    else void session.close();
  }

  /** Fails all queries, and refuses others: an error was emitted on the connection. */
  fail(error: Error): void {
    const client = this.#client;
    if (client._connecting) return this.destroy(error);
    client._queryable = false;
    client._line.failAll(error);
    this.emitError(error);
  }

  async #open(): Promise<ConnectionCore> {
    const client = this.#client;
    const { connectionParameters: parameters, password } = client;
    const hasPassword = password !== null && password !== undefined;
    const core = await openSession(
      parameters,
      this.#config,
      hasPassword ? () => this.#password() : undefined,
      {
        onNotice: ({ fields }) => emitTo(client, "notice", new NoticeMessage(fields)),
        onNotification: (notification) =>
          emitTo(client, "notification", new NotificationResponseMessage(notification)),
        onParameterStatus: (parameterName, parameterValue) =>
          emitTo(client.connection, "parameterStatus", {
            ...{ name: "parameterStatus", parameterName, parameterValue },
          }),
      },
      this.#opening.signal,
    );
    if (this.#destroyed === undefined) return core;
    core.session.destroy();
    throw this.#destroyed.reason ?? new Error(UNEXPECTED);
  }

  async #password(): Promise<string> {
    const client = this.#client;
    const { password, connectionParameters } = client;
    if (typeof password !== "function") return password ?? "";
    const given: unknown = await password(connectionParameters);
    if (given !== undefined && typeof given !== "string") {
      throw new TypeError("Password must be a string");
    }
    return client.password = connectionParameters.password = given ?? "";
  }

  #opened(core: ConnectionCore, callback: Connected): void {
    const client = this.#client;
    const { session } = this.#core = core;
    client._connecting = false;
    client._connected = true;
    client.processID = session.processId;
    client.secretKey = keyOf(session.secretKey);
    client._txStatus = "I";
    void session.ended.then((reason) => this.#ended(reason));
    calling(() => callback(null));
    client.emit("connect");
    client._line.open(core);
  }

  #failed(error: unknown, callback: Connected): void {
    const client = this.#client;
    const reason = this.#opening.signal.aborted ? this.#opening.signal.reason : undefined;
    const isOwn = error === reason || (error as Error).cause === reason && reason !== undefined;
    client._connectionError = true;
    calling(() => callback(isOwn ? reason : connectError(error)));
    this.#over();
  }

  /** Reports the end of the session, after the queries that were answered. */
  #ended(reason: Error | undefined): void {
    const client = this.#client;
    if (!client._ending) client._queryable = false;
    const wasIdle = client._line.isEmpty;
    // A caller whose query fails with the session may release the client first, as in pg, where the end
    // of the socket is an event of its own.
    const later = wasIdle ? nextTick : immediately;
    later(() => {
      this.#isOver = true;
      const broken = client._ending ? undefined : readError(reason);
      if (broken === undefined) return this.#finish(reason, wasIdle);
      client._line.failAll(broken);
      this.emitError(broken);
      immediately(() => this.#finish(reason, wasIdle));
    });
  }

  #finish(reason: Error | undefined, wasIdle: boolean): void {
    const client = this.#client;
    const { reason: destroyed } = this.#destroyed ?? {};
    if (destroyed !== undefined) client._line.failAll(destroyed);
    if (!client._ending) this.#reportLoss(reason, wasIdle);
    this.#over();
  }

  #reportLoss(reason: Error | undefined, wasIdle: boolean): void {
    const { reason: destroyed } = this.#destroyed ?? {};
    if (destroyed !== undefined) this.emitError(destroyed);
    // The server has said why while no query ran.
    const report = reportOf(reason?.cause);
    if (report !== undefined && wasIdle) this.emitError(report);
    this.#client._ended = true;
    this.emitError(new Error(UNEXPECTED, { cause: reason }));
  }

  #over(): void {
    const client = this.#client;
    client._line.failAll(new Error(client._ending ? TERMINATED : UNEXPECTED));
    client._ended = true;
    client.connection.stream.emit("end");
    client.connection.emit("end");
    nextTick(() => client.emit("end"));
  }

  /** Emits `error` if it has a listener. */
  emitError(error: Error): void {
    const client = this.#client;
    if (client.listenerCount("error") > 0) emitTo(client, "error", error);
    else if (client.listenerCount(errorMonitor) > 0) emitTo(client, errorMonitor, error);
  }
}

/** Emits an event. An error of a listener ends the process, as one in a callback of the socket. */
function emitTo(emitter: EventEmitter, event: string | symbol, message: unknown): void {
  calling(() => emitter.emit(event, message));
}

/** The key is a number before protocol 3.2. */
function keyOf(secret: Uint8Array): number | Uint8Array {
  if (secret.length !== 4) return secret;
  return new DataView(secret.buffer, secret.byteOffset).getInt32(0);
}
