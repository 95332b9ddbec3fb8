import * as lateSql from "../../features/late_sql.ts";
import type { Client } from "./client.ts";
import { quoteName } from "./identifiers.ts";
import { Link, type LinkOwner } from "./link.ts";
import type { Links } from "./links.ts";
import { connectionError } from "./postgres_error.ts";
import type { ConnectionState, Result } from "./postgres_result.ts";

/** One subscription to a channel. */
export interface Listening {
  /** The connection that listens; after a reconnect, the new one. */
  readonly state: ConnectionState;
  /** Ends the subscription. */
  unlisten(): Promise<Result | undefined>;
}

/** One pair of functions. */
interface Subscriber {
  readonly onnotify: (payload: string) => void;
  readonly onlisten: (() => void) | undefined;
}

/** A channel with its subscribers. */
interface Channel {
  readonly subscribers: Set<Subscriber>;
  /** Resolves when the server has confirmed LISTEN. */
  ready: Promise<void>;
}

/**
 * The connection that listens, apart from the others. It is opened by the first subscription and opened
 * again, with pauses that grow, when it is lost.
 */
export class Listener implements LinkOwner {
  readonly client: Client;
  readonly #links: Links;
  readonly #channels = new Map<string, Channel>();
  #link: Link | undefined;
  #opening: Promise<Link> | undefined;
  #failures = 0;
  #isEnded = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: Client, links: Links) {
    this.client = client;
    this.#links = links;
  }

  /** Subscribes. Resolves when the server has confirmed LISTEN. */
  async listen(
    name: string,
    onnotify: (payload: string) => void,
    onlisten?: () => void,
  ): Promise<Listening> {
    if (this.#isEnded) throw connectionError("CONNECTION_ENDED", this.client.options);
    const subscriber = { onnotify, onlisten };
    const channel = this.#channels.get(name) ?? this.#add(name);
    channel.subscribers.add(subscriber);
    try {
      await channel.ready;
    } catch (error) {
      this.#channels.delete(name);
      throw error;
    }
    onlisten?.();
    const state = (): ConnectionState => this.#link?.state ?? { pid: 0, secret: 0 };
    return {
      get state() {
        return state();
      },
      unlisten: () => this.#unlisten(name, channel, subscriber),
    };
  }

  /** Ends the connection. */
  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#channels.clear();
    this.#link?.destroy(undefined);
    this.#opening?.then((link) => link.destroy(undefined), () => {});
  }

  places(): readonly (readonly [host: string, port: number])[] {
    return this.#links.places();
  }

  settled(_link: Link): void {}

  ended(link: Link): void {
    if (this.#link !== link) return;
    this.#link = this.#opening = undefined;
    if (!this.#isEnded && this.#channels.size > 0) this.#reconnect();
  }

  notified(name: string, payload: string): void {
    for (const { onnotify } of this.#channels.get(name)?.subscribers ?? []) onnotify(payload);
  }

  #add(name: string): Channel {
    const channel = { subscribers: new Set<Subscriber>(), ready: this.#confirm(name) };
    this.#channels.set(name, channel);
    return channel;
  }

  async #confirm(name: string): Promise<void> {
    const link = await this.#connected();
    await link.command(lateSql.listen(quoteName(name)), undefined);
  }

  async #unlisten(
    name: string,
    channel: Channel,
    subscriber: Subscriber,
  ): Promise<Result | undefined> {
    channel.subscribers.delete(subscriber);
    if (channel.subscribers.size > 0 || this.#channels.get(name) !== channel) return undefined;
    this.#channels.delete(name);
    await this.#link?.command(lateSql.unlisten(quoteName(name)), undefined);
    return undefined;
  }

  #connected(): Promise<Link> {
    if (this.#link !== undefined) return Promise.resolve(this.#link);
    return this.#opening ??= this.#open();
  }

  async #open(): Promise<Link> {
    const link = new Link(0, this);
    try {
      await link.open();
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
    if (this.#isEnded) link.destroy(undefined);
    this.#failures = 0;
    return this.#link = link;
  }

  #reconnect(): void {
    const { backoff } = this.client.options;
    const seconds = typeof backoff === "function" ? backoff(this.#failures) : Number(backoff);
    this.#timer = setTimeout(() => void this.#again(), this.#failures === 0 ? 0 : seconds * 1000);
  }

  async #again(): Promise<void> {
    try {
      const link = await this.#connected();
      const texts = [...this.#channels.keys()].map((name) => lateSql.listen(quoteName(name)));
      await link.command(texts.join(";"), undefined);
      for (const { subscribers } of this.#channels.values()) {
        for (const { onlisten } of subscribers) onlisten?.();
      }
    } catch {
      this.#failures++;
      if (!this.#isEnded && this.#link === undefined) this.#reconnect();
    }
  }
}
