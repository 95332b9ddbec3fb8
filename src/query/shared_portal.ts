import type { Writer } from "../bytes/writer.ts";
import type { ProtocolError } from "../errors/errors.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { close, sync } from "../protocol/frontend.ts";
import { execute } from "../protocol/portal_messages.ts";
import { Backend, Kind } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import { expect } from "./parse_describe.ts";
import type { RowBuffer } from "./row_buffer.ts";
import { staleRow } from "./rows.ts";
import {
  bindPortal,
  bound,
  endOf,
  isNamed,
  type Portal,
  type PortalQuery,
  RowBuffers,
} from "./portal.ts";

/** A portal in a transaction: each fetch is a request of its own. */
export class SharedPortal implements Portal {
  leftIn: TransactionStatus | undefined;
  readonly #query: PortalQuery;
  readonly #name: string;
  readonly #buffers: RowBuffers;
  #isOpen = false;
  #fetching: FetchRequest | undefined;

  constructor(query: PortalQuery) {
    this.#query = query;
    this.#name = query.context.cache.freshName();
    this.#buffers = new RowBuffers(query);
  }

  async fetch(count: number): Promise<RowBuffer> {
    const { context: { session }, options } = this.#query;
    const request = new FetchRequest(this.#query, this.#name, {
      count,
      binds: !this.#isOpen,
      buffer: this.#buffers.next(),
    });
    this.#isOpen = true;
    this.#fetching = request;
    try {
      return await session.request(request, options);
    } catch (error) {
      this.leftIn = request.leftIn;
      throw error;
    }
  }

  /** Sends Close behind the last fetch and does not wait for the answer. */
  close(): Promise<void> {
    const { context: { session }, options: { lock } } = this.#query;
    if (this.#isOpen) session.request(new PortalClose(this.#name), { lock }).catch(() => {});
    this.#isOpen = false;
    return Promise.resolve();
  }

  cancel(reason: unknown): void {
    if (this.#fetching) this.#query.context.session.cancel(this.#fetching, reason);
  }
}

/** One fetch. */
interface Fetch {
  readonly count: number;
  /** Whether the portal must be bound first. */
  readonly binds: boolean;
  /** The buffer that takes the rows. */
  readonly buffer: RowBuffer;
}

/** Bind, the first time, and Execute. */
class FetchRequest implements Request<RowBuffer> {
  leftIn: TransactionStatus | undefined;
  readonly #query: PortalQuery;
  readonly #portal: string;
  readonly #fetch: Fetch;

  constructor(query: PortalQuery, portal: string, fetch: Fetch) {
    this.#query = query;
    this.#portal = portal;
    this.#fetch = fetch;
  }

  write(out: Writer): void {
    const { binds, count } = this.#fetch;
    if (binds) bindPortal(this.#query, out, this.#portal);
    execute(out, this.#portal, count);
    sync(out);
  }

  *talk(): Conversation<RowBuffer> {
    const { binds, buffer } = this.#fetch;
    if (binds) yield* bound(this.#query);
    const message = yield* buffer.fill(yield);
    buffer.tag = endOf(message, this.#query, "extended");
    return buffer;
  }

  tolerates(violation: ProtocolError): Error | undefined {
    return staleRow(violation, isNamed(this.#query));
  }

  failed(_error: unknown, status: TransactionStatus): void {
    this.leftIn = status;
  }
}

/** Close of a portal. */
class PortalClose implements Request<void> {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  write(out: Writer): void {
    close(out, Kind.Portal, this.#name);
    sync(out);
  }

  *talk(): Conversation<void> {
    expect(yield, Backend.CloseComplete);
  }
}
