/**
 * A result taken in pieces: Bind, then Execute with a row limit, again and again.
 *
 * A portal lives as long as its transaction. Outside of one that ends with the next Sync, so the
 * stream keeps the session to itself, with Flush instead of Sync until the end; others are refused
 * meanwhile, because a query awaited inside the loop would wait for the loop. Inside a transaction
 * each piece is a request like any other, and others may run between them.
 * Source: manual, "Extended Query": "If Execute terminates before completing the execution of a
 * portal (due to reaching a nonzero result-row count), it will send a PortalSuspended message".
 */
import type { Writer } from "../bytes/writer.ts";
import { OperationalError, ProtocolError } from "../errors/errors.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { close, execute, flush, parse, sync } from "../protocol/frontend.ts";
import { Backend, Kind } from "../protocol/tags.ts";
import {
  type Conversation,
  late,
  type Message,
  type Request,
  type RowSink,
  type Turn,
} from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import { endCopy } from "./copy_guard.ts";
import type { ExecuteOptions, Executor } from "./execute.ts";
import { bindKnown } from "./execution.ts";
import { expect, unexpected } from "./introduction.ts";
import type { RowDecoder } from "./rows.ts";
import type { Statement } from "./statement.ts";

/** Some rows of a result. */
export interface Piece {
  readonly rows: unknown[];
  /** The size of their messages. */
  readonly bytes: number;
  /** Nothing comes after them. */
  readonly isLast: boolean;
}

/** An open portal. */
export interface Portal {
  /** The state in which its failure has left the session; `undefined`: it has not been told. */
  readonly leftIn: TransactionStatus | undefined;
  /** The next rows, at most `count`. One call at a time. */
  fetch(count: number): Promise<Piece>;
  /** Closes it; resolves when the session is free of it. Never rejects. */
  close(): Promise<void>;
  /** Stops what it does, which fails with `reason`. */
  cancel(reason: unknown): void;
}

/** What a portal is made of. */
export interface PortalQuery {
  readonly executor: Executor;
  /** Described already, its types learned. */
  readonly statement: Statement;
  readonly values: readonly unknown[];
  readonly options: ExecuteOptions;
}

/** Makes the portal that suits the place: nothing is sent before the first fetch. */
export function openPortal(query: PortalQuery): Portal {
  const { options: { turn }, executor: { session } } = query;
  const isInTransaction = turn === undefined
    ? session.transactionStatus === "transaction" && session.pending === 0
    : turn.isTransaction === true;
  return isInTransaction ? new SharedPortal(query) : new ExclusivePortal(query);
}

/** Parse, where the statement has no name, and Bind. */
function bindPortal({ statement, values }: PortalQuery, out: Writer, portal: string): boolean {
  const isNamed = statement.name !== "" && statement.state === "ready";
  if (!isNamed) parse(out, "", statement.text, statement.parameters.map(({ oid }) => oid));
  bindKnown(out, portal, isNamed ? statement.name : "", statement, values);
  return isNamed;
}

/** Collects the rows of one Execute; an error in one of them is kept until the others have come. */
class Gathering {
  readonly rows: unknown[] = [];
  bytes = 0;
  error: unknown;
  readonly #decode: RowDecoder;
  readonly sink: RowSink = (reader) => {
    this.bytes += reader.remaining;
    try {
      this.rows.push(this.#decode(reader));
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      this.error ??= error;
    }
  };

  constructor(decode: RowDecoder) {
    this.#decode = decode;
  }

  /** Takes the rows, of which `first` may be one already; returns the message behind them. */
  *rowsFrom(first: Message): Generator<RowSink, Message, Message> {
    if (first.tag !== Backend.DataRow) return first;
    this.sink(first.reader);
    return yield this.sink;
  }

  piece(isLast: boolean): Piece {
    return { rows: this.rows, bytes: this.bytes, isLast };
  }
}

/** Whether the message that ended an Execute says that there is no more. */
function isLast(message: Message, session: Session, protocol: "simple" | "extended"): boolean {
  switch (message.tag) {
    case Backend.PortalSuspended:
      return false;
    case Backend.CommandComplete:
    case Backend.EmptyQueryResponse:
      return true;
    case Backend.CopyInResponse:
    case Backend.CopyOutResponse:
    case Backend.CopyBothResponse:
      throw endCopy(session, message.tag, protocol);
    default:
      throw unexpected(message);
  }
}

/** How long a piece that nobody wants any more may take before the server is told to stop. */
const PATIENCE_MS = 100;

/** Outside of a transaction: one request from Bind to Sync, and the session's turn with it. */
class ExclusivePortal implements Portal, Request<void>, Turn {
  readonly refusal =
    "a stream is open on this connection: read it to its end, leave its loop, or stream inside a transaction";
  leftIn: TransactionStatus | undefined;
  readonly #query: PortalQuery;
  readonly #session: Session;
  readonly #decode: RowDecoder;
  #count = 0;
  #isNamed = false;
  #waiting: { resolve(piece: Piece): void; reject(error: unknown): void } | undefined;
  /** Settled when the session is free again; never rejects. */
  #running: Promise<void> | undefined;
  #isOver = false;
  #error: unknown;
  #isLeft = false;
  #hasGiven = false;
  #hasSync = false;
  #stopped: { reason: unknown } | undefined;
  #clock: ReturnType<typeof setTimeout> | undefined;

  constructor(query: PortalQuery) {
    this.#query = query;
    this.#session = query.executor.session;
    this.#decode = query.statement.decoder(query.options.rows ?? "object");
  }

  fetch(count: number): Promise<Piece> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) return reject(this.#error);
      this.#waiting = { resolve, reject };
      if (this.#hasSync) return;
      this.#count = count;
      this.#bound();
      if (this.#running === undefined) this.#running = this.#run();
      else this.#session.append((out) => this.#execute(out));
    });
  }

  async close(): Promise<void> {
    if (this.#running === undefined || this.#isOver) return await this.#running;
    this.#isLeft = true;
    if (this.#waiting === undefined) this.stop(undefined);
    const clock = setTimeout(() => {
      if (this.#session.transactionStatus === "idle") this.#session.cancel(this);
    }, PATIENCE_MS);
    await this.#running;
    clearTimeout(clock);
  }

  cancel(reason: unknown): void {
    this.#session.cancel(this, reason);
  }

  flushes(): boolean {
    return true;
  }

  /** It is written again when a cancel that was meant for another request has hit it. */
  write(out: Writer): boolean {
    if (this.#hasGiven) throw new OperationalError("hit by another's cancel", { code: "57014" });
    this.#hasSync = false;
    this.#isNamed = bindPortal(this.#query, out, "");
    this.#execute(out);
    return true;
  }

  *talk(): Conversation<void> {
    try {
      if (!this.#isNamed) expect(yield, Backend.ParseComplete);
      expect(yield, Backend.BindComplete);
      yield* this.#pieces();
    } catch (error) {
      this.#sync();
      throw error;
    }
  }

  /** While the portal is suspended: closes it. */
  stop(reason: unknown): void {
    if (this.#hasSync) return;
    this.#stopped = { reason };
    this.#hasSync = true;
    this.#session.append((out) => {
      close(out, Kind.Portal, "");
      sync(out);
    });
  }

  failed(_error: unknown, status: TransactionStatus): void {
    this.leftIn = status;
  }

  *#pieces(): Generator<RowSink | null | undefined, void, Message> {
    let message = yield;
    for (;;) {
      const gathering = new Gathering(this.#decode);
      message = yield* gathering.rowsFrom(message);
      const last = isLast(message, this.#session, "simple");
      if (gathering.error !== undefined) return yield* this.#give(last, gathering.error);
      if (last) this.#sync();
      this.#deliver(gathering.piece(last));
      if (last) return;
      if (this.#isLeft) return yield* this.#give(false, undefined);
      message = yield null;
      if (this.#stopped !== undefined) return this.#closed(message);
    }
  }

  /** Ends it before its end, with an error or without. */
  *#give(last: boolean, error: unknown): Generator<undefined, void, Message> {
    if (last) {
      this.#sync();
      if (error !== undefined) throw error;
      return;
    }
    this.stop(error);
    this.#closed(yield);
  }

  #closed(message: Message): void {
    expect(message, Backend.CloseComplete);
    const reason = this.#stopped!.reason;
    if (reason !== undefined) throw reason;
  }

  #execute(out: Writer): void {
    execute(out, "", this.#count);
    flush(out);
  }

  #sync(): void {
    if (this.#hasSync) return;
    this.#hasSync = true;
    this.#session.sync();
  }

  #deliver(piece: Piece): void {
    clearTimeout(this.#clock);
    this.#hasGiven = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(piece);
  }

  /** The wait for one piece is what `timeout` bounds: how long the reader takes is his affair. */
  #bound(): void {
    const { timeout } = this.#query.options;
    if (!timeout) return;
    clearTimeout(this.#clock);
    this.#clock = setTimeout(() => this.#session.cancel(this, late(timeout)), timeout * 1000);
  }

  async #run(): Promise<void> {
    const session = this.#session;
    const { turn, signal } = this.#query.options;
    try {
      const sending = session.turn === turn
        ? this.#takeTurn(signal)
        : session.request(this, { turn, signal });
      await sending;
    } catch (error) {
      this.#error = error;
    }
    if (session.turn === this) session.turn = turn;
    clearTimeout(this.#clock);
    this.#isOver = true;
    this.#waiting?.reject(this.#error);
  }

  #takeTurn(signal: ExecuteOptions["signal"]): Promise<void> {
    this.#session.turn = this;
    return this.#session.request(this, { turn: this, signal });
  }
}

/** Inside a transaction: each piece is a request by itself. */
class SharedPortal implements Portal {
  leftIn: TransactionStatus | undefined;
  readonly #query: PortalQuery;
  readonly #name: string;
  #isOpen = false;
  #fetching: PieceRequest | undefined;

  constructor(query: PortalQuery) {
    this.#query = query;
    this.#name = query.executor.cache.freshName();
  }

  async fetch(count: number): Promise<Piece> {
    const { executor: { session }, options } = this.#query;
    const request = new PieceRequest(this.#query, this.#name, count, !this.#isOpen);
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
    const { executor: { session }, options: { turn } } = this.#query;
    if (this.#isOpen) session.request(new PortalClose(this.#name), { turn }).catch(() => {});
    this.#isOpen = false;
    return Promise.resolve();
  }

  cancel(reason: unknown): void {
    if (this.#fetching) this.#query.executor.session.cancel(this.#fetching, reason);
  }
}

/** Bind, the first time, and Execute. */
class PieceRequest implements Request<Piece> {
  leftIn: TransactionStatus | undefined;
  readonly #query: PortalQuery;
  readonly #portal: string;
  readonly #count: number;
  readonly #binds: boolean;
  #isNamed = true;

  constructor(query: PortalQuery, portal: string, count: number, binds: boolean) {
    this.#query = query;
    this.#portal = portal;
    this.#count = count;
    this.#binds = binds;
  }

  write(out: Writer): void {
    if (this.#binds) this.#isNamed = bindPortal(this.#query, out, this.#portal);
    execute(out, this.#portal, this.#count);
    sync(out);
  }

  *talk(): Conversation<Piece> {
    const { statement, options, executor } = this.#query;
    if (!this.#isNamed) expect(yield, Backend.ParseComplete);
    if (this.#binds) expect(yield, Backend.BindComplete);
    const gathering = new Gathering(statement.decoder(options.rows ?? "object"));
    const message = yield* gathering.rowsFrom(yield);
    const last = isLast(message, executor.session, "extended");
    if (gathering.error !== undefined) throw gathering.error;
    return gathering.piece(last);
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
