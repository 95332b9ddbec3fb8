/** `sql.subscribe()`: changes of rows by logical replication, over a temporary slot of its own. */
import { InterfaceError } from "../../errors/errors.ts";
import type { ReplicationFeed } from "../../replication/feed.ts";
import type { LogicalMessage } from "../../replication/plugin.ts";
import { pgoutput } from "../../replication/pgoutput_plugin.ts";
import { ReplicationConnection } from "../../replication/replication_connection.ts";
import type { Client } from "./client.ts";
import { connectFailure } from "./failures.ts";
import { openLink } from "./opening.ts";
import { connectionError } from "./postgres_error.ts";
import type { ConnectionState, Row } from "./postgres_result.ts";
import { PostgresTypes } from "./postgres_types.ts";
import { changeOf, EventPattern, type RelationInfo, type ReplicationEvent } from "./change.ts";

export type { RelationInfo, ReplicationEvent };

/** A subscription. */
export interface SubscriptionHandle {
  /** Ends the subscription. */
  unsubscribe(): Promise<void>;
  /** The connection of all subscriptions of the client. */
  readonly state: ConnectionState;
  /** The connection of all subscriptions: closing it makes the client open another one. */
  readonly sql: {
    /** Closes the connection. */
    close(): Promise<void>;
  };
}

/** One subscriber. */
interface Subscriber {
  readonly pattern: EventPattern;
  readonly fn: (row: Row | null, info: ReplicationEvent) => void;
  readonly onsubscribe: (() => void) | undefined;
  readonly onerror: ((error: unknown) => void) | undefined;
}

/** A running stream. */
interface Stream {
  readonly connection: ReplicationConnection;
  readonly feed: ReplicationFeed;
}

/** The subscriptions of a client, which share one stream. It is opened again when it is lost. */
export class Subscriptions {
  readonly #client: Client;
  readonly #places: () => readonly (readonly [host: string, port: number])[];
  readonly #subscribers = new Set<Subscriber>();
  #stream: Stream | undefined;
  #opening: Promise<Stream> | undefined;
  #isEnded = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `places` returns the hosts of the next attempt. */
  constructor(
    client: Client,
    places: () => readonly (readonly [host: string, port: number])[],
  ) {
    this.#client = client;
    this.#places = places;
  }

  /** Subscribes to events such as `insert:users=1`. Resolves when the stream runs. */
  async subscribe(
    event: string,
    fn: (row: Row | null, info: ReplicationEvent) => void,
    onsubscribe?: () => void,
    onerror?: (error: unknown) => void,
  ): Promise<SubscriptionHandle> {
    if (this.#isEnded) throw connectionError("CONNECTION_ENDED", this.#client.options);
    const subscriber = { pattern: EventPattern.parse(event), fn, onsubscribe, onerror };
    this.#subscribers.add(subscriber);
    try {
      await (this.#opening ??= this.#open());
    } catch (error) {
      this.#subscribers.delete(subscriber);
      throw error;
    }
    onsubscribe?.();
    return {
      unsubscribe: () => {
        this.#subscribers.delete(subscriber);
        return Promise.resolve();
      },
      state: { pid: this.#stream?.connection.processId ?? 0, secret: 0 },
      sql: { close: async () => void await this.#stream?.connection.close() },
    };
  }

  /** Ends the stream. */
  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#subscribers.clear();
    this.#stream?.connection.destroy();
    this.#opening?.then(({ connection }) => connection.destroy(), () => {});
  }

  async #open(): Promise<Stream> {
    try {
      const connection = await this.#connected();
      const stream = await this.#started(connection);
      this.#stream = stream;
      this.#failures = 0;
      stream.feed.ended.then(({ error }) => this.#lost(connection, error));
      return stream;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  async #connected(): Promise<ReplicationConnection> {
    const { options } = this.#client;
    const places = options.path ? [] : this.#places();
    try {
      const core = await openLink({
        options: { ...options, connection: { ...options.connection, replication: "database" } },
        places,
        hooks: {},
        signal: new AbortController().signal,
        socketFailed: () => {},
      });
      return new ReplicationConnection(core, "logical", 5);
    } catch (error) {
      throw connectFailure(error, options);
    }
  }

  async #started(connection: ReplicationConnection): Promise<Stream> {
    const { options } = this.#client;
    const { major, minor } = connection.serverVersion;
    const plugin = pgoutput({ protocol: 1 });
    const logical = { publications: options.publications.split(","), binary: false };
    const types = new PostgresTypes(options);
    const decoder = plugin.decoder({
      types: {
        codecOf: (oid) => types.lookup(oid),
        learn: () => Promise.resolve(),
        oidOf: () => undefined,
        forget: () => {},
      },
      rows: "object",
      options: logical,
    });
    const name = `postgresjs_${Math.random().toString(36).slice(2)}`;
    try {
      await connection.createSlot(name, { temporary: true });
      const running: { feed?: ReplicationFeed } = {};
      const feed = running.feed = await connection.feedLogical(
        name,
        { options: plugin.startOptions(major * 10_000 + minor, logical) },
        {
          data: (reader, start) => {
            const message = decoder.decode(reader, start);
            if (message instanceof Promise) {
              throw new InterfaceError("a type that every registry knows was looked up");
            }
            if (message !== undefined) this.#take(message, running.feed);
          },
          keepalive: (walEnd) => {
            running.feed?.status({ written: walEnd, flushed: walEnd, applied: walEnd });
          },
        },
      );
      return { connection, feed };
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  #take(message: LogicalMessage, feed: ReplicationFeed | undefined): void {
    if (message.kind === "commit") {
      const end = message.endLsn.value;
      feed?.status({ written: end, flushed: end, applied: end });
      return;
    }
    const change = changeOf(message, this.#client.options);
    if (change === undefined) return;
    const { row, info } = change;
    for (const { pattern, fn } of this.#subscribers) {
      if (pattern.matches(change)) fn(row, info);
    }
  }

  #lost(connection: ReplicationConnection, error: unknown): void {
    connection.destroy();
    this.#stream = this.#opening = undefined;
    if (this.#isEnded || this.#subscribers.size === 0) return;
    if (error !== undefined) { for (const { onerror } of this.#subscribers) onerror?.(error); }
    this.#reconnect();
  }

  #reconnect(): void {
    const { backoff } = this.#client.options;
    const pause = typeof backoff === "function" ? backoff(this.#failures) : Number(backoff);
    const seconds = this.#failures === 0 ? 0 : pause;
    this.#timer = setTimeout(() => {
      if (this.#isEnded) return;
      (this.#opening ??= this.#open()).then(() => {
        for (const { onsubscribe } of this.#subscribers) onsubscribe?.();
      }, () => {
        this.#failures++;
        if (!this.#isEnded && this.#subscribers.size > 0) this.#reconnect();
      });
    }, seconds * 1000);
  }
}
