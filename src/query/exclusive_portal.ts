import type { Writer } from "../bytes/writer.ts";
import { OperationalError, type ProtocolError } from "../errors/errors.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { close, flush, sync } from "../protocol/frontend.ts";
import { execute } from "../protocol/portal_messages.ts";
import { Backend, Kind } from "../protocol/tags.ts";
import { after } from "../session/alarm.ts";
import {
  type Conversation,
  late,
  type Message,
  type Request,
  type RowSink,
  type SessionLock,
} from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { mayCommit } from "./commits.ts";
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

/** How long rows that are not wanted any more may take before the query is cancelled. */
const PATIENCE_MS = 100;

/** A portal outside of a transaction: one request from Bind to Sync, which locks the session. */
export class ExclusivePortal implements Portal, Request<void>, SessionLock {
  /** None: the requests carry signals of their own. */
  readonly signal: undefined = undefined;
  readonly refusal =
    "a stream is open on this connection: read it to its end, leave its loop, or stream inside a transaction";
  leftIn: TransactionStatus | undefined;
  readonly #query: PortalQuery;
  readonly #session: Session;
  readonly #buffers: RowBuffers;
  #count = 0;
  #waiting: { resolve(buffer: RowBuffer): void; reject(error: unknown): void } | undefined;
  /** Resolves when the session is free again. Never rejects. */
  #running: Promise<void> | undefined;
  #isOver = false;
  #error: unknown;
  #isLeft = false;
  #hasGiven = false;
  #hasSync = false;
  #stopped: { reason: unknown } | undefined;
  /** Runs while rows are awaited, for `timeout`. */
  #silence: (() => void) | undefined;
  /** Runs while rows are due that are not wanted any more. */
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(query: PortalQuery) {
    this.#query = query;
    this.#session = query.context.session;
    this.#buffers = new RowBuffers(query);
  }

  fetch(count: number): Promise<RowBuffer> {
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
    // Once Sync is sent, there is nothing for a cancel to stop.
    if (!this.#hasSync) {
      this.#patience = setTimeout(() => {
        if (this.#session.transactionStatus === "idle") this.#session.cancel(this);
      }, PATIENCE_MS);
    }
    await this.#running;
    clearTimeout(this.#patience);
  }

  cancel(reason: unknown): void {
    this.#session.cancel(this, reason);
  }

  flushes(): boolean {
    return true;
  }

  /** Appends Bind and Execute; again, after a cancel that was meant for another request has hit this one. */
  write(out: Writer): boolean {
    if (this.#hasGiven) throw new OperationalError("hit by another's cancel", { code: "57014" });
    this.#hasSync = false;
    bindPortal(this.#query, out, "");
    this.#execute(out);
    return true;
  }

  *talk(): Conversation<void> {
    try {
      yield* bound(this.#query);
      yield* this.#fetches();
    } catch (error) {
      this.#sync();
      throw error;
    }
  }

  /** Closes a suspended portal. */
  stop(reason: unknown): void {
    if (this.#hasSync) return;
    this.#stopped = { reason };
    this.#ends();
    this.#session.append((out) => {
      close(out, Kind.Portal, "");
      sync(out);
    });
  }

  tolerates(violation: ProtocolError): Error | undefined {
    const error = staleRow(violation, isNamed(this.#query));
    if (error !== undefined) this.#sync();
    return error;
  }

  failed(_error: unknown, status: TransactionStatus): void {
    this.leftIn = status;
  }

  mayHaveCommitted(): boolean {
    const { context, statement } = this.#query;
    return mayCommit(statement.text, context.escapesInStrings);
  }

  *#fetches(): Generator<RowSink | null | undefined, void, Message> {
    let message = yield;
    for (;;) {
      const buffer = this.#buffers.next();
      message = yield* buffer.fill(message);
      buffer.tag = endOf(message, this.#query, "simple");
      if (buffer.isLast) this.#sync();
      this.#deliver(buffer);
      if (buffer.isLast) return;
      if (this.#isLeft) this.stop(undefined);
      message = yield (this.#isLeft ? undefined : null);
      if (this.#stopped !== undefined) return this.#closed(message);
    }
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
    this.#ends();
    this.#session.sync();
  }

  /** Records that Sync is sent now. */
  #ends(): void {
    this.#hasSync = true;
    clearTimeout(this.#patience);
  }

  #deliver(buffer: RowBuffer): void {
    this.#silence?.();
    this.#hasGiven = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(buffer);
  }

  /** `timeout` limits the wait for each batch of rows, not the time that the caller spends on it. */
  #bound(): void {
    const { timeout } = this.#query.options;
    if (!timeout) return;
    this.#silence?.();
    this.#silence = after(timeout * 1000, () => this.#session.cancel(this, late(timeout), true));
  }

  async #run(): Promise<void> {
    const session = this.#session;
    const { lock, signal } = this.#query.options;
    try {
      const sending = session.lock === lock
        ? this.#takeLock(signal)
        : session.request(this, { lock, signal });
      await sending;
    } catch (error) {
      this.#error = error;
    }
    if (session.lock === this) session.lock = lock;
    this.#silence?.();
    this.#isOver = true;
    this.#waiting?.reject(this.#error);
  }

  #takeLock(signal: ExecuteOptions["signal"]): Promise<void> {
    this.#session.lock = this;
    return this.#session.request(this, { lock: this, signal });
  }
}
