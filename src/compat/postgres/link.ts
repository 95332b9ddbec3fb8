import type { ConnectionCore } from "../../connection_core.ts";
import * as ownSql from "../../own_sql.ts";
import type { QueryContext } from "../../query/query_context.ts";
import { SimpleRequest } from "../../query/simple.ts";
import { undo } from "../../query/undo.ts";
import { within } from "../../features/within.ts";
import type { SessionLock } from "../../session/exchange.ts";
import { own } from "../../errors/own.ts";
import { fetchArrayTypes } from "./array_types.ts";
import type { Client, Statement } from "./client.ts";
import { copyStream } from "./copy.ts";
import { Execution, type Place as RunPlace } from "./execution.ts";
import { connectFailure, explain, queryFailure } from "./failures.ts";
import { openLink } from "./opening.ts";
import { cancelledError, connectionError, namedFields, type Place } from "./postgres_error.ts";
import type { ConnectionState } from "./postgres_result.ts";
import type { Runnable } from "./runnable.ts";
import { StatementView } from "./statement_view.ts";

/** The owner of connections. */
export interface LinkOwner {
  readonly client: Client;
  /** Returns the hosts in the order in which the next attempt tries them. */
  places(): readonly (readonly [host: string, port: number])[];
  /** Called when a query has settled, and when a COPY has ended. */
  settled(link: Link): void;
  /** Called when an open connection has ended. */
  ended(link: Link): void;
  /** Called for each notification. */
  notified?(channel: string, payload: string): void;
}

/** One connection of a client. */
export class Link implements RunPlace {
  readonly id: number;
  readonly client: Client;
  /** The number of queries that are not answered. */
  pending = 0;
  /** Whether one caller uses the connection alone. */
  isReserved = false;
  /** Whether a COPY runs, so that queries are refused. */
  isCopying = false;
  /** Whether it is to be closed once it is idle. */
  isExpired = false;
  /** When it has become idle, in milliseconds. */
  idleSince = 0;
  /** Where it goes, for errors. */
  place: Place;
  state: ConnectionState = { pid: 0, secret: 0 };
  /** Called when the connection has ended, with the error for its user. */
  onLost: ((error: unknown) => void) | undefined;
  readonly #owner: LinkOwner;
  readonly #connecting = new AbortController();
  #core: ConnectionCore | undefined;
  #hasEnded = false;
  #destroyed: Error | undefined;

  constructor(id: number, owner: LinkOwner) {
    this.id = id;
    this.client = owner.client;
    this.#owner = owner;
    this.place = owner.client.options;
  }

  /** Whether queries can be sent. */
  get isOpen(): boolean {
    return this.#core !== undefined && !this.#hasEnded;
  }

  /** Whether the connection is open and idle. */
  get isFree(): boolean {
    return this.#core !== undefined && this.pending === 0 && !this.isReserved && !this.isCopying;
  }

  get mayBegin(): boolean {
    return this.isReserved || this.client.options.max === 1;
  }

  get executor(): RunPlace["executor"] {
    return this.#core!.host.executor;
  }

  /** Whether the session is inside of a transaction. */
  get isInTransaction(): boolean {
    return this.executor.session.transactionStatus !== "idle";
  }

  /** Connects within `connect_timeout`. @throws the error for the query that waits for it. */
  async open(): Promise<void> {
    const { options } = this.client;
    const places = options.path ? [] : this.#owner.places();
    const [first] = places;
    if (first !== undefined) this.place = { host: first[0], port: first[1] };
    const signal = this.#connecting.signal;
    const seconds = Number(options.connect_timeout);
    const late = connectionError("CONNECT_TIMEOUT", this.place);
    const timer = seconds > 0 && setTimeout(() => this.#connecting.abort(late), seconds * 1000);
    let ofSocket: { error: unknown } | undefined;
    const socketFailed = (error: unknown) => void (ofSocket = { error });
    try {
      const core = await openLink({
        ...{ options, places, signal, socketFailed },
        hooks: this.#hooks(),
      });
      if (signal.aborted) {
        core.session.destroy();
        throw signal.reason;
      }
      await this.#opened(core);
    } catch (error) {
      if (ofSocket !== undefined) throw ofSocket.error;
      throw signal.aborted ? signal.reason : connectFailure(error, this.place);
    } finally {
      if (timer !== false) clearTimeout(timer);
    }
  }

  /** Sends a query. It settles by itself. */
  run(query: Runnable, lock?: SessionLock): void {
    let statement: Statement | undefined;
    this.pending++;
    const done = (value: unknown): void => {
      query.stop = undefined;
      this.pending--;
      query.resolve(value);
      this.#owner.settled(this);
    };
    const failed = (error: unknown): void => this.#failed(query, error, statement);
    try {
      if (query.isCancelled) throw cancelledError();
      const made = statement = this.client.statementOf(query);
      if (query.use === "describe") this.#describe(query, made, lock).then(done, failed);
      else if (made.isCopy) this.#copy(made, lock).then(done, failed);
      else new Execution(this, query, made, lock).run(done, failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Runs one of the library's own texts under a lock. */
  async command(text: string, lock: SessionLock | undefined): Promise<void> {
    const { context } = this.executor;
    await this.#own(text, () => new SimpleRequest(context, text, own({ lock })).run());
  }

  /** Runs ROLLBACK or ROLLBACK TO under a lock; again, if a cancel has hit it. */
  async undo(text: string, lock: SessionLock | undefined): Promise<void> {
    await this.#own(text, () => undo(this.executor.context, text, { lock }));
  }

  async #own(text: string, run: () => Promise<unknown>): Promise<void> {
    this.pending++;
    try {
      await run();
    } catch (error) {
      throw this.explained(error, text);
    } finally {
      this.pending--;
    }
  }

  /** Returns the context for features of the driver. */
  host(lock: SessionLock | undefined): QueryContext {
    const { host } = this.#core!;
    return lock === undefined ? host : within(host, lock);
  }

  /** Rolls back what a user of the connection has left open. */
  rollBack(): void {
    this.undo(ownSql.ROLLBACK, undefined)
      .catch(() => this.destroy(undefined)).finally(() => this.#owner.settled(this));
  }

  /** Closes the connection, which is idle. Never rejects. */
  async close(): Promise<void> {
    await this.#core?.session.close();
  }

  /** Ends the connection at once. Its queries fail with `error`. */
  destroy(error: Error | undefined): void {
    this.#destroyed = error;
    this.#connecting.abort(error ?? connectionError("CONNECTION_CLOSED", this.place));
    this.#core?.session.destroy(error);
  }

  /** Resolves when the connection has ended. */
  async closed(): Promise<void> {
    await this.#core?.closed;
  }

  /** Returns the error of one of the library's own texts. */
  explained(error: unknown, text: string): unknown {
    const query = { origin: undefined, args: [], sent: undefined };
    const statement = { text, given: [], values: [], types: undefined, isCopy: false };
    return explain(this.failure(error), query, statement, !!this.client.options.debug);
  }

  /** Returns the error of a query of this connection. */
  failure(error: unknown): unknown {
    const failure = queryFailure(error, this.place);
    const isLoss = (failure as { code?: unknown } | null)?.code === "CONNECTION_CLOSED";
    return isLoss ? this.#destroyed ?? failure : failure;
  }

  #copy({ text }: Statement, lock: SessionLock | undefined): Promise<unknown> {
    return copyStream(this, this.host(lock), text, this.#owner);
  }

  async #describe(
    { options }: Runnable,
    { text, types }: Statement,
    lock: SessionLock | undefined,
  ): Promise<unknown> {
    const { options: { prepare }, options: clientOptions } = this.client;
    const isPrepared = prepare && options.prepare !== false;
    const described = await this.executor.describe(
      text,
      own({ lock, parameterTypes: types, prepare: isPrepared }),
    );
    const description = { parameterTypes: described.parameters.map(({ oid }) => oid) };
    const { name, columns } = described;
    const view = new StatementView({ text, name, columns, description }, clientOptions);
    return { ...view.facts, columns: view.columns };
  }

  #failed(query: Runnable, error: unknown, statement: Statement | undefined): void {
    query.stop = undefined;
    this.pending--;
    const { debug } = this.client.options;
    query.reject(explain(this.failure(error), query, statement, !!debug));
    this.#owner.settled(this);
  }

  async #opened(core: ConnectionCore): Promise<void> {
    const { session } = core;
    const { secretKey, processId: pid } = session;
    const key = new DataView(secretKey.buffer, secretKey.byteOffset, secretKey.byteLength);
    this.state = { pid, secret: secretKey.byteLength < 4 ? 0 : key.getUint32(0) };
    const { options } = this.client;
    if (options.fetch_types) {
      options.fetch_types = false;
      await fetchArrayTypes(core.host.executor, options);
    }
    this.#core = core;
    core.closed.then((reason) => this.#lost(reason));
  }

  #lost(reason: Error | undefined): void {
    this.#hasEnded = true;
    this.#owner.ended(this);
    const cause = reason === undefined ? undefined : reason;
    this.onLost?.(connectionError("CONNECTION_CLOSED", this.place, cause));
    call(this.client.options.onclose, this.id);
  }

  #hooks(): Parameters<typeof openLink>[0]["hooks"] {
    const { options } = this.client;
    return {
      onNotice: ({ fields }) => {
        const notice = namedFields(fields);
        if (options.onnotice === false) return;
        // deno-lint-ignore no-console -- the default of postgres.js
        (options.onnotice ?? ((text) => console.log(text)))(notice);
      },
      onNotification: ({ channel, payload }) => {
        this.#owner.notified?.(channel, payload);
        call(options.onnotify, channel, payload);
      },
      onParameterStatus: (name, value) => {
        if (options.parameters[name] === value) return;
        options.parameters[name] = value;
        call(options.onparameter, name, value);
      },
    };
  }
}

/** Calls a function of the program. Its errors concern no query. */
function call<Args extends unknown[]>(hook: ((...args: Args) => void) | undefined, ...args: Args) {
  try {
    hook?.(...args);
  } catch { /* no request is at fault */ }
}
