import type { Writer } from "../bytes/writer.ts";
import type { ProtocolError } from "../errors/errors.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { close, execute, sync } from "../protocol/frontend.ts";
import { Backend, Kind } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import { expect } from "./introduction.ts";
import type { Piece } from "./piece.ts";
import { staleRow } from "./rows.ts";
import {
  bindPortal,
  bound,
  isLast,
  isNamed,
  Pieces,
  type Portal,
  type PortalQuery,
} from "./portal_query.ts";

/** Inside a transaction: each piece is a request by itself. */
export class SharedPortal implements Portal {
  leftIn: TransactionStatus | undefined;
  readonly #query: PortalQuery;
  readonly #name: string;
  readonly #pieces: Pieces;
  #isOpen = false;
  #fetching: PieceRequest | undefined;

  constructor(query: PortalQuery) {
    this.#query = query;
    this.#name = query.executor.cache.freshName();
    this.#pieces = new Pieces(query);
  }

  async fetch(count: number): Promise<Piece> {
    const { executor: { session }, options } = this.#query;
    const request = new PieceRequest(this.#query, this.#name, {
      count,
      binds: !this.#isOpen,
      piece: this.#pieces.next(),
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

  /** Whatever was asked for last is answered first; nobody has to wait for that. */
  close(): Promise<void> {
    const { executor: { session }, options: { lock } } = this.#query;
    if (this.#isOpen) session.request(new PortalClose(this.#name), { lock }).catch(() => {});
    this.#isOpen = false;
    return Promise.resolve();
  }

  cancel(reason: unknown): void {
    if (this.#fetching) this.#query.executor.session.cancel(this.#fetching, reason);
  }
}

/** What one request is for. */
interface Fetch {
  readonly count: number;
  /** The portal is to be made first. */
  readonly binds: boolean;
  /** Takes the rows. */
  readonly piece: Piece;
}

/** Bind, the first time, and Execute. */
class PieceRequest implements Request<Piece> {
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

  *talk(): Conversation<Piece> {
    const { binds, piece } = this.#fetch;
    if (binds) yield* bound(this.#query);
    const message = yield* piece.fill(yield);
    piece.isLast = isLast(message, this.#query, "extended");
    return piece;
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
