/**
 * The connections of a client. They are opened when queries need them, and queries go to an idle one,
 * to a new one, or behind others on the wire. Sessions keep their state between queries, as in
 * postgres.js, which the driver's own pool undoes.
 */
import type { Client } from "./client.ts";
import { explain } from "./failures.ts";
import { Link, type LinkOwner } from "./link.ts";
import { connectionError, genericError } from "./postgres_error.ts";
import type { Runnable } from "./runnable.ts";
import type { Lease, Source } from "./source.ts";
import { Sweeper } from "./sweeper.ts";
import { type Waiter, WaitingLine } from "./waiting_line.ts";

/** The connections of a client. */
export class Links implements Source, LinkOwner {
  readonly client: Client;
  /** Called for each notification. */
  notified: ((channel: string, payload: string) => void) | undefined;
  readonly #links = new Set<Link>();
  readonly #idle: Link[] = [];
  readonly #waiting = new WaitingLine();
  readonly #sweeper: Sweeper;
  #count = 0;
  #hostIndex = 0;
  #closedAt = -Infinity;
  #isEnding = false;
  #drained: (() => void) | undefined;
  /** Ends the pauses before attempts to connect. */
  readonly #pauses = new Set<() => void>();

  constructor(client: Client) {
    this.client = client;
    const close = (link: Link): void => this.#close(link);
    this.#sweeper = new Sweeper(client.options, this.#idle, close);
  }

  dispatch(query: Runnable): void {
    const isFirst = this.#waiting.length === 0;
    const link = isFirst && !this.#isEnding ? this.#next() : undefined;
    if (link !== undefined) return link.run(query);
    const fail = (error: unknown): void => {
      query.reject(explain(error, query, undefined, !!this.client.options.debug));
    };
    if (this.#isEnding) fail(connectionError("CONNECTION_ENDED", this.client.options));
    else if (isFirst && this.#mayOpen) void this.#open({ query, fail });
    else if (this.#areAllCopying) fail(copyInProgress());
    else this.#waiting.push({ query, fail });
  }

  forget(query: Runnable): boolean {
    return this.#waiting.remove(query);
  }

  /** Takes a connection alone, for a transaction, a cursor or a program. */
  take(): Promise<Lease> {
    return new Promise((resolve, reject) => {
      if (this.#isEnding) {
        return reject(connectionError("CONNECTION_ENDED", this.client.options));
      }
      const waiter: Waiter = {
        take: (link) => {
          link.isReserved = true;
          resolve(this.#leaseOf(link));
        },
        fail: reject,
      };
      const link = this.#waiting.length === 0 ? this.#takeIdle() : undefined;
      if (link !== undefined) waiter.take!(link);
      else if (this.#waiting.length === 0 && this.#mayOpen) void this.#open(waiter);
      else this.#waiting.push(waiter);
    });
  }

  settled(link: Link): void {
    if (!link.isOpen) return this.#checkDrained();
    const { max_pipeline: most } = this.client.options;
    // Half a pipeline in one write costs little more than one query, and the server has the other half.
    const mayFill = link.pending <= most / 2;
    while (!link.isReserved && !link.isCopying) {
      const { first } = this.#waiting;
      if (first === undefined) break;
      const isTaken = first.take !== undefined;
      if (isTaken ? link.pending > 0 : !mayFill || link.pending >= most) return;
      this.#waiting.shift();
      if (isTaken) return first.take!(link);
      link.run(first.query!);
    }
    if (!link.isFree) return;
    if (link.isInTransaction && this.client.options.max !== 1) return link.rollBack();
    this.#rest(link);
  }

  ended(link: Link): void {
    this.#links.delete(link);
    this.#closedAt = performance.now();
    const at = this.#idle.indexOf(link);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#goOn();
    this.#checkDrained();
  }

  /** Each attempt begins with another host, so that a lost server is followed by the next one. */
  places(): readonly (readonly [host: string, port: number])[] {
    const { host, port } = this.client.options;
    const places = port.map((one, i) => [host[i] ?? host[0]!, one] as const);
    const first = this.#hostIndex++ % places.length;
    return [...places.slice(first), ...places.slice(0, first)];
  }

  /** Refuses further queries. Resolves when all are answered and all connections are closed. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      this.#checkDrained();
    });
    this.#sweeper.stop();
    await Promise.all([...this.#links].map((link) => link.close()));
  }

  /** Closes the open connections when they are idle. Later queries open others. */
  async close(): Promise<void> {
    const links = [...this.#links];
    for (const link of links) {
      link.isExpired = true;
      if (this.#idle.includes(link)) this.#close(link);
    }
    await Promise.all(links.map((link) => link.closed()));
  }

  /** Ends everything at once. */
  destroy(): void {
    const error = (): Error => connectionError("CONNECTION_DESTROYED", this.client.options);
    this.#isEnding = true;
    this.#sweeper.stop();
    for (const link of this.#links) link.destroy(error());
    for (const end of this.#pauses) end();
    for (const waiter of this.#waiting.drain()) waiter.fail(error());
  }

  get #mayOpen(): boolean {
    return this.#links.size < this.client.options.max;
  }

  get #areAllCopying(): boolean {
    for (const link of this.#links) if (!link.isCopying) return false;
    return this.#links.size > 0;
  }

  /** Returns the connection for a query: an idle one, or the least busy once no more may be opened. */
  #next(): Link | undefined {
    const idle = this.#takeIdle();
    if (idle !== undefined || this.#mayOpen) return idle;
    let next: Link | undefined;
    for (const link of this.#links) {
      if (!link.isOpen || link.isReserved || link.isCopying) continue;
      if (next === undefined || link.pending < next.pending) next = link;
    }
    const hasRoom = next !== undefined && next.pending < this.client.options.max_pipeline;
    return hasRoom ? next : undefined;
  }

  #takeIdle(): Link | undefined {
    for (let link = this.#idle.shift(); link !== undefined; link = this.#idle.shift()) {
      if (link.isOpen) return link;
    }
    return undefined;
  }

  #rest(link: Link): void {
    if (link.isExpired) return this.#close(link);
    if (this.#idle.includes(link)) return;
    this.#idle.push(link);
    this.#sweeper.note(link);
    this.#checkDrained();
  }

  #close(link: Link): void {
    this.#idle.splice(this.#idle.indexOf(link), 1);
    this.#links.delete(link);
    void link.close();
    this.#goOn();
  }

  /** Opens a connection for a caller, after the pause that earlier failures demand. */
  async #open(waiter: Waiter): Promise<void> {
    const link = new Link(++this.#count, this);
    this.#links.add(link);
    try {
      await this.#pause();
      await link.open();
    } catch (error) {
      this.#links.delete(link);
      this.#closedAt = performance.now();
      this.client.options.shared.retries++;
      waiter.fail(error);
      this.#goOn();
      return this.#checkDrained();
    }
    this.client.options.shared.retries = 0;
    this.#sweeper.expire(link);
    if (waiter.take !== undefined) waiter.take(link);
    else {
      link.run(waiter.query!);
      this.settled(link);
    }
  }

  async #pause(): Promise<void> {
    const { shared: { retries }, backoff } = this.client.options;
    if (retries === 0 || !backoff) return;
    const seconds = typeof backoff === "function" ? backoff(retries) : Number(backoff);
    const rest = this.#closedAt + seconds * 1000 - performance.now();
    if (rest <= 0) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, rest);
      this.#pauses.add(end);
    });
  }

  /** Opens a connection for the first that waits, if there is none that will serve it. */
  #goOn(): void {
    if (this.#waiting.length > 0 && this.#mayOpen) void this.#open(this.#waiting.shift()!);
  }

  #checkDrained(): void {
    if (this.#drained === undefined || this.#waiting.length > 0) return;
    for (const link of this.#links) if (!link.isFree) return;
    this.#drained();
  }

  #leaseOf(link: Link): Lease {
    let isOver = false;
    return {
      link,
      lock: undefined,
      giveBack: () => {
        if (isOver) return;
        isOver = true;
        link.isReserved = false;
        if (!link.isOpen) return this.#checkDrained();
        if (link.pending === 0 && link.isInTransaction) link.rollBack();
        else this.settled(link);
      },
    };
  }
}

function copyInProgress(): Error {
  return genericError("COPY_IN_PROGRESS", "You cannot execute queries during copy");
}
