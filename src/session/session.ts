import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import {
  databaseError,
  InterfaceError,
  OperationalError,
  PgError,
  ProtocolError,
  type ServerFields,
} from "../errors/errors.ts";
import {
  type Notification,
  readFields,
  readNotification,
  readParameterStatus,
  readTransactionStatus,
  type TransactionStatus,
} from "../protocol/backend.ts";
import { sync, terminate } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import { Exchange, type Message, Queue, type Request, type RequestOptions } from "./exchange.ts";
import type { Receiver, Wire } from "./wire.ts";

/** What startup found out and a session needs to know. */
export interface SessionFacts {
  readonly processId: number;
  readonly secretKey: Uint8Array;
  /** What the server reported so far; the session keeps it up to date. */
  readonly parameterStatuses: Map<string, string>;
  readonly transactionStatus: TransactionStatus;
}

/** Limits and clocks of a session; seconds, 0 for none. */
export interface SessionLimits {
  readonly timeout: number;
  readonly closeTimeout: number;
  readonly maxMessageBytes: number;
  readonly maxPipelined: number;
}

/** What arrives beside the replies. A listener that throws is ignored: no request is at fault. */
export interface SessionListener {
  notice(fields: ServerFields): void;
  notification(notification: Notification): void;
  parameterStatus(name: string, value: string): void;
}

/**
 * The queue of requests on one ready connection.
 *
 * A request is bytes to write and a conversation that reads the replies. Requests are sent when
 * they are made, answered in order, and each is closed by its own ReadyForQuery and by nothing
 * else. Notices, notifications and parameter changes are routed aside. Anything that does not fit
 * is a protocol violation: it ends the session and every request in it; replies are never matched
 * anew. What the messages mean is not known here.
 */
export class Session implements Receiver {
  readonly processId: number;
  readonly secretKey: Uint8Array;
  readonly parameterStatuses: Map<string, string>;
  readonly wire: Wire;
  /** Settles once, when the session is over, with the reason or `undefined` for a `close()`. */
  readonly ended: Promise<Error | undefined>;
  transactionStatus: TransactionStatus;
  listener: SessionListener | undefined;
  readonly #limits: SessionLimits;
  /** Sent, in order; the first is the one being answered. */
  readonly #sent = new Queue();
  /** Not sent yet: behind an exclusive request, or over `maxPipelined`. */
  readonly #waiting = new Queue();
  readonly #message: { tag: number; reader: Reader };
  #end!: (reason: Error | undefined) => void;
  #closed = false;
  #reason: Error | undefined;
  /** A FATAL report that came while nothing was asked: the reason of the end that follows it. */
  #lastWords: PgError | undefined;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(wire: Wire, facts: SessionFacts, limits: SessionLimits) {
    this.wire = wire;
    this.processId = facts.processId;
    this.secretKey = facts.secretKey;
    this.parameterStatuses = facts.parameterStatuses;
    this.transactionStatus = facts.transactionStatus;
    this.#limits = limits;
    this.#message = { tag: 0, reader: wire.reader };
    this.ended = new Promise((resolve) => this.#end = resolve);
    wire.listen(this, limits.maxMessageBytes);
  }

  /** Requests that are not answered yet. */
  get pending(): number {
    return this.#sent.length + this.#waiting.length;
  }

  /** Requests that were sent behind the one being answered. */
  get behind(): number {
    return Math.max(0, this.#sent.length - 1);
  }

  /** Whether requests are refused: closed, closing or lost. */
  get closed(): boolean {
    return this.#closed || this.#closing !== undefined;
  }

  /**
   * Sends a request and reads its replies.
   *
   * When its `write` throws, nothing of the request is sent and nobody else is affected.
   */
  request<T>(request: Request<T>, options?: RequestOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.closed) return reject(this.#refusal());
      const signal = options?.signal;
      if (signal?.aborted) return reject(signal.reason);
      const exchange = new Exchange<T>(request, resolve, reject);
      if (this.#waiting.length > 0 || !this.#admits()) {
        this.#waiting.push(exchange as Exchange);
        if (signal !== undefined) this.#abandonOnAbort(exchange as Exchange, signal);
      } else this.#send(exchange as Exchange);
    });
  }

  /** Appends to the request that is exclusive and being answered: "they say, I say". */
  append(write: (out: Writer) => void): void {
    write(this.wire.out);
    this.wire.flushSoon();
  }

  /** Appends a Sync on behalf of an exclusive request. */
  sync(): void {
    sync(this.wire.out);
    this.wire.flushSoon();
  }

  /**
   * Answers what is queued, says goodbye and closes; refuses new requests meanwhile. Never rejects,
   * and takes no longer than `closeTimeout`, after which the rest is destroyed.
   */
  close(): Promise<void> {
    this.#closing ??= this.#closed ? Promise.resolve() : this.#close();
    return this.#closing;
  }

  /** Ends the session at once; pending requests fail with `reason` as their cause. */
  destroy(reason?: unknown): void {
    if (this.#closed) return;
    const cause = reason === undefined ? {} : { cause: reason };
    this.wire.fail(new OperationalError("connection destroyed", { code: "08003", ...cause }));
  }

  message(tag: number, reader: Reader): boolean {
    const head = this.#sent.first;
    if (tag === Backend.DataRow && head !== undefined && head.rows !== undefined) {
      try {
        head.rows(reader);
      } catch (error) {
        this.#failHead(head, error);
      }
      return true;
    }
    switch (tag) {
      case Backend.ReadyForQuery:
        return this.#ready(head, readTransactionStatus(reader));
      case Backend.ErrorResponse:
        return this.#refuse(head, readFields(reader));
      case Backend.NoticeResponse:
        this.#aside((listener) => listener.notice(readFields(reader)));
        return true;
      case Backend.NotificationResponse:
        this.#aside((listener) => listener.notification(readNotification(reader)));
        return true;
      case Backend.ParameterStatus:
        this.#parameterStatus(reader);
        return true;
    }
    if (head === undefined) throw new ProtocolError(`${backendName(tag)} while nothing was asked`);
    if (head.refused) throw new ProtocolError(`${backendName(tag)} after ErrorResponse`);
    if (head.failed) return true;
    if (head.finished) throw new ProtocolError(`${backendName(tag)} where ReadyForQuery was due`);
    this.#message.tag = tag;
    return this.#advance(head, undefined);
  }

  broken(cause: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#watch);
    const words = this.#lastWords;
    const reason = words === undefined ? cause : new OperationalError(
      `connection lost: ${words.message}`,
      { code: words.code ?? "08006", cause: words },
    );
    this.#reason = reason;
    for (let x = this.#sent.shift(); x; x = this.#sent.shift()) this.#drop(x, reason, false);
    for (let x = this.#waiting.shift(); x; x = this.#waiting.shift()) this.#drop(x, reason, true);
    this.#idle?.();
    this.#end(reason);
  }

  #admits(): boolean {
    const sent = this.#sent;
    return sent.length < this.#limits.maxPipelined && !(sent.last?.exclusive ?? false);
  }

  #send(exchange: Exchange): void {
    const { out } = this.wire;
    const mark = out.mark();
    try {
      exchange.exclusive = exchange.request.write(out) === true;
      exchange.talk = exchange.request.talk();
      exchange.talk.next();
    } catch (error) {
      out.rollback(mark);
      exchange.fail(error);
      exchange.settle();
      return;
    }
    this.#sent.push(exchange);
    this.wire.flushSoon();
    if (this.#limits.timeout > 0 && this.#watch === undefined) this.#startWatch();
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#admits()) this.#send(this.#waiting.shift()!);
    if (this.#sent.length === 0) this.#idle?.();
  }

  /** Resumes the conversation with the current message, or with an error thrown in. */
  #advance(head: Exchange, thrown: Error | undefined): boolean {
    head.rows = undefined;
    try {
      const step = thrown === undefined
        ? head.talk!.next(this.#message as Message)
        : head.talk!.throw(thrown);
      if (step.done === true) {
        head.value = step.value;
        head.finished = true;
        return true;
      }
      const wish = step.value;
      if (wish === undefined) return true;
      if (typeof wish === "function") {
        head.rows = wish;
        return true;
      }
      this.#hold(head, wish);
      return false;
    } catch (error) {
      this.#failHead(head, error);
      return true;
    }
  }

  #hold(head: Exchange, wish: PromiseLike<void>): void {
    wish.then(() => this.wire.resume(), (error) => {
      head.fail(error);
      this.wire.resume();
    });
  }

  /** A violation is everybody's end; any other error is this request's own. */
  #failHead(head: Exchange, error: unknown): void {
    if (error instanceof ProtocolError) throw error;
    head.fail(error);
  }

  #refuse(head: Exchange | undefined, fields: ServerFields): boolean {
    const error = databaseError(fields);
    const fatal = fields.V === "FATAL" || fields.V === "PANIC" || fields.S === "FATAL";
    if (fatal) this.#lastWords = error;
    if (head === undefined || head.refused) {
      if (fatal) return true;
      throw new ProtocolError("ErrorResponse while nothing was asked", { cause: error });
    }
    head.refused = !fatal;
    if (head.failed) return true;
    if (head.finished) head.fail(error);
    return head.failed || this.#advance(head, error);
  }

  #ready(head: Exchange | undefined, status: TransactionStatus): boolean {
    if (head === undefined) throw new ProtocolError("ReadyForQuery while nothing was asked");
    if (!head.finished && !head.failed) {
      this.#message.tag = Backend.ReadyForQuery;
      this.#advance(head, undefined);
      if (!head.finished && !head.failed) {
        throw new ProtocolError("ReadyForQuery before the reply was complete");
      }
    }
    this.transactionStatus = status;
    this.#sent.shift();
    head.settle();
    if (this.#waiting.length > 0 || this.#sent.length === 0) this.#admit();
    return true;
  }

  #drop(exchange: Exchange, reason: Error, unsent: boolean): void {
    try {
      exchange.talk?.return(undefined);
    } catch { /* a clean-up that fails on a dead connection has nobody to tell */ }
    const Class = reason instanceof ProtocolError ? ProtocolError : OperationalError;
    const code = reason instanceof PgError ? reason.code : "08006";
    exchange.fail(new Class(reason.message, { cause: reason, code, safeToRetry: unsent }));
    exchange.settle();
  }

  #parameterStatus(reader: Reader): void {
    const [name, value] = readParameterStatus(reader);
    this.parameterStatuses.set(name, value);
    this.#aside((listener) => listener.parameterStatus(name, value));
  }

  #aside(tell: (listener: SessionListener) => void): void {
    if (this.listener !== undefined) tell(this.listener);
  }

  #abandonOnAbort(exchange: Exchange, signal: AbortSignal): void {
    const abandon = (): void => {
      if (!this.#waiting.remove(exchange)) return;
      exchange.fail(signal.reason);
      exchange.settle();
    };
    signal.addEventListener("abort", abandon, { once: true });
    exchange.onSettled = () => signal.removeEventListener("abort", abandon);
  }

  #refusal(): InterfaceError {
    const options = this.#reason === undefined ? {} : { cause: this.#reason };
    return new InterfaceError("connection is closed", { safeToRetry: true, ...options });
  }

  async #close(): Promise<void> {
    const clock = setTimeout(
      () => this.wire.fail(new OperationalError("connection destroyed: closeTimeout is over")),
      this.#limits.closeTimeout * 1000,
    );
    if (this.pending > 0) await new Promise<void>((resolve) => this.#idle = resolve);
    if (!this.#closed) {
      this.#closed = true;
      clearTimeout(this.#watch);
      terminate(this.wire.out);
      this.wire.flush();
      await this.wire.drained();
      await this.wire.stream.close();
      this.#end(undefined);
    }
    clearTimeout(clock);
  }

  /**
   * While a reply is due the server must say something every `timeout` seconds. Looking four times
   * in that span costs nothing per message and is late by a quarter at most.
   */
  #startWatch(silent = 0): void {
    const { timeout } = this.#limits;
    const heard = this.wire.chunks;
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      if (this.#sent.length === 0 || this.#closed) return;
      const still = this.wire.chunks === heard ? silent + 1 : 0;
      if (still < 4) return this.#startWatch(still);
      this.wire.fail(
        new OperationalError(
          `connection timed out: a reply was due and nothing came for ${timeout} s (timeout)`,
          { code: "08006" },
        ),
      );
    }, timeout * 250);
  }
}
