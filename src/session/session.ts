import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import {
  type DatabaseError,
  databaseError,
  OperationalError,
  ProtocolError,
  type ServerFields,
} from "../errors/errors.ts";
import { withoutPrototype } from "../errors/own.ts";
import { readFields, readTransactionStatus, type TransactionStatus } from "../protocol/backend.ts";
import { sync, terminate } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import { after } from "./alarm.ts";
import { takeAside } from "./asides.ts";
import { Cancellation } from "./cancellation.ts";
import { bind, closedError, refusalOf } from "./bounds.ts";
import {
  cancelled,
  type CopySink,
  Exchange,
  type Message,
  type Request,
  type RequestOptions,
  type SessionLock,
} from "./exchange.ts";
import type { ParameterStatuses, SessionFacts, SessionLimits, SessionListener } from "./facts.ts";
import { LoadedCode } from "./loaded_code.ts";
import { Liveness } from "./liveness.ts";
import { Queue } from "./queue.ts";
import { Waiting } from "./waiting.ts";
import type { Receiver, Wire } from "./wire.ts";

/**
 * The queue of requests on one ready connection. A request is bytes to write and a conversation that
 * reads the replies. Requests are sent when they are made, answered in order, and each is closed by
 * its own ReadyForQuery and by nothing else. Notices, notifications and parameter changes are routed
 * aside. Anything that does not fit is a violation: it ends the session and every request in it.
 */
export class Session implements Receiver {
  readonly processId: number;
  readonly secretKey: Uint8Array;
  readonly parameterStatuses: ParameterStatuses;
  readonly wire: Wire;
  readonly canCancel: boolean;
  /** Resolves when the session has ended, to the reason, or to `undefined` after `close()`. */
  readonly ended: Promise<Error | undefined>;
  transactionStatus: TransactionStatus;
  listener: SessionListener | undefined;
  /** The lock under which alone requests are accepted; the holder sets and clears it. */
  lock: SessionLock | undefined;
  /** Called with each request before it is queued. It may make another request first. */
  before: ((request: Request<unknown>) => void) | undefined;
  readonly code: LoadedCode = new LoadedCode();
  readonly #limits: SessionLimits;
  readonly #cancellation: Cancellation;
  readonly #liveness: Liveness;
  /** The requests that were sent, in order; the first is being answered. */
  readonly #sent = new Queue();
  /** The requests that are not sent: behind an exclusive one, over `maxPipelined`, or to be sent again. */
  readonly waiting: Waiting = new Waiting(() => this.#admit());
  /** The number of requests made so far. */
  #count = 0;
  readonly #message: { tag: number; reader: Reader };
  #end!: (reason: Error | undefined) => void;
  #closed = false;
  /** The latest ErrorResponse. */
  #refused: DatabaseError | undefined;
  #reason: Error | undefined;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  /** `cancelOnServer` resolves when a cancel can hit no later request; absent if there is no way. */
  constructor(
    wire: Wire,
    facts: SessionFacts,
    limits: SessionLimits,
    cancelOnServer: ((sent: () => void) => Promise<void>) | undefined,
  ) {
    this.wire = wire;
    this.processId = facts.processId;
    this.secretKey = facts.secretKey;
    this.parameterStatuses = facts.parameterStatuses;
    this.transactionStatus = facts.transactionStatus;
    this.#limits = limits;
    const giveUp = (error: Error): void => void wire.fail(error);
    const heard = (): number => wire.chunks + wire.writes;
    this.canCancel = cancelOnServer !== undefined;
    this.#cancellation = new Cancellation(cancelOnServer, giveUp, () => this.#admit(), heard);
    const isBusy = (): boolean => this.#sent.length > 0;
    const isExcused = (): boolean => this.#sent.first?.excused(wire.writing) ?? false;
    this.#liveness = new Liveness(limits.timeout, heard, isBusy, isExcused, giveUp);
    this.#message = { tag: 0, reader: wire.reader };
    this.ended = new Promise((resolve) => this.#end = resolve);
    wire.listen(this, limits.maxMessageBytes);
  }

  /** The number of requests that are not answered. */
  get pending(): number {
    return this.#sent.length + this.waiting.length;
  }

  /** The number of requests that were sent and are not answered. */
  get sent(): number {
    return this.#sent.length;
  }

  /** Whether requests are refused because the session is closed, closing or lost. */
  get closed(): boolean {
    return this.#closed || this.#closing !== undefined;
  }

  /** Sends a request and reads its replies. If its `write` throws, nothing of it is sent. */
  request<T>(request: Request<T>, given?: RequestOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => this.submit(request, resolve, reject, given));
  }

  /** Sends a request as `request()` does. The functions are called synchronously; they must not throw. */
  submit<T>(
    request: Request<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    given?: RequestOptions,
  ): void {
    const options = given && withoutPrototype(given);
    const { turn } = this.code;
    // What a request that was made before `close()` needs is still accepted.
    const isNeeded = turn !== undefined || options?.ahead === true;
    if (this.closed && !(isNeeded && !this.#closed)) return reject(closedError(this.#reason));
    const refusal = refusalOf(this.lock, options, turn);
    if (refusal !== undefined) return reject(refusal.reason);
    this.before?.(request);
    const exchange = new Exchange<T>(request, resolve, reject) as Exchange;
    exchange.number = turn?.next() ?? ++this.#count;
    exchange.isAhead = options?.ahead === true;
    if (options !== undefined) bind(exchange, options, this.#abort);
    if (this.waiting.holds(exchange) || !this.#admits(exchange)) this.waiting.push(exchange);
    else this.#send(exchange);
  }

  /**
   * Appends to the exclusive request that is being answered, or nothing if `write` throws. `isAnswered`:
   * the server has to answer, so that its silence counts.
   */
  append(write: (out: Writer) => void, isAnswered = true): void {
    const { out } = this.wire;
    const mark = out.mark();
    try {
      write(out);
    } catch (error) {
      out.rollback(mark);
      throw error;
    }
    if (isAnswered && this.#sent.last?.phase === "appending") this.#sent.last.become("reading");
    this.#liveness.start();
    this.wire.flushSoon();
  }

  /** Appends a Sync on behalf of an exclusive request. */
  sync(): void {
    this.append(sync);
  }

  /**
   * Cancels `request`, or what the server runs now. The request fails with `reason`, at once if it was
   * not sent. Resolves when the server has received the cancel, or could not be reached; with `isDue`
   * the connection is given up in that case.
   */
  cancel(request?: Request<unknown>, reason: unknown = cancelled(), isDue = false): Promise<void> {
    const target = this.#sent.find(request) ?? this.waiting.find(request);
    if (target === undefined) return Promise.resolve();
    this.#stop(target, reason, isDue);
    return this.#cancellation.sent(target);
  }

  /**
   * Waits for queued requests, sends Terminate and closes; new requests are refused. Never rejects.
   * After `closeTimeout` the connection is destroyed.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#closed ? Promise.resolve() : this.#close();
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
    if (tag === Backend.CopyData && head?.copies) return this.#copy(head, head.copies, reader);
    if (tag === Backend.ReadyForQuery) return this.#ready(head, readTransactionStatus(reader));
    if (tag === Backend.ErrorResponse) return this.#refuse(head, readFields(reader));
    if (takeAside(tag, reader, this.parameterStatuses, this.listener)) return true;
    if (head === undefined) throw new ProtocolError(`${backendName(tag)} while nothing was asked`);
    if (!head.takes(tag)) return true;
    this.#message.tag = tag;
    return this.#advance(head, undefined);
  }

  broken(cause: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#liveness.stop();
    this.#cancellation.stop();
    this.#reason = cause;
    for (let x = this.#sent.shift(); x; x = this.#sent.shift()) x.drop(cause, false);
    for (const exchange of this.waiting.drain()) exchange.drop(cause, true);
    this.#idle?.();
    this.#end(cause);
  }

  #admits(next: Exchange): boolean {
    const { length, last } = this.#sent;
    if (last === undefined || this.#cancellation.running) return !this.#cancellation.running;
    return !last.exclusive && length < this.#limits.maxPipelined && !next.waitsForAll(this.#sent);
  }

  #send(exchange: Exchange): void {
    const { out } = this.wire;
    const mark = out.mark();
    try {
      exchange.mayGoIn(this.transactionStatus);
      exchange.exclusive = exchange.write(out);
    } catch (error) {
      out.rollback(mark);
      exchange.fail(error);
      if (!this.waiting.takesBack(exchange, undefined)) exchange.settle();
      return;
    }
    exchange.become("reading");
    this.#sent.push(exchange);
    this.#liveness.start();
    this.wire.flushSoon();
  }

  #admit(): void {
    const next = (): Exchange | undefined => this.waiting.next(this.#sent.last);
    for (let one = next(); one && this.#admits(one); one = next()) {
      this.waiting.remove(one);
      this.#send(one);
    }
    if (this.pending === 0) this.#idle?.();
  }

  /** Resumes the conversation with the current message, or with an error thrown in. */
  #advance(head: Exchange, thrown: Error | undefined): boolean {
    head.rows = head.copies = undefined;
    if (head.phase === "appending") head.become("reading");
    try {
      const step = thrown === undefined
        ? head.talk!.next(this.#message as Message)
        : head.talk!.throw(thrown);
      if (step.done === true) {
        head.finish(step.value);
        return true;
      }
      const wish = step.value;
      if (wish === undefined) return true;
      if (wish === null) {
        if (head.phase === "reading") head.become("appending");
        if (head.cancelReason !== undefined) head.request.stop?.(head.cancelReason);
        return true;
      }
      if (typeof wish === "function" || "take" in wish) return head.passTo(wish);
      this.#hold(head, wish);
      return false;
    } catch (error) {
      this.#failHead(head, error);
      return true;
    }
  }

  /** Passes CopyData to its sink, and holds further messages if that returns a promise. */
  #copy(head: Exchange, sink: CopySink, reader: Reader): boolean {
    try {
      head.passTo(sink);
      const held = sink.take(reader);
      if (held === undefined) return true;
      this.#hold(head, held);
      return false;
    } catch (error) {
      this.#failHead(head, error);
      return true;
    }
  }

  #hold(head: Exchange, wish: PromiseLike<void>): void {
    const before = head.phase;
    head.become("holding");
    if (head.cancelReason !== undefined) head.request.stop?.(head.cancelReason);
    const resume = (): void => {
      if (head.phase === "holding") head.become(before);
      this.wire.resume();
    };
    wish.then(resume, (error) => (head.fail(error), resume()));
  }

  /** A violation ends the session; any other error fails only the request. */
  #failHead(head: Exchange, error: unknown): void {
    const instead = error instanceof ProtocolError ? head.request.tolerates?.(error) : error;
    if (instead === undefined) throw error;
    head.fail(instead);
  }

  #refuse(head: Exchange | undefined, fields: ServerFields): boolean {
    const error = databaseError(fields);
    const fatal = fields.V === "FATAL" || fields.V === "PANIC" || fields.S === "FATAL";
    if (head === undefined || head.phase === "refused") {
      if (fatal) return this.#fatal(error);
      throw new ProtocolError("ErrorResponse while nothing was asked", { cause: error });
    }
    if (head.phase === "finished") head.fail(error);
    head.become("refused");
    this.listener?.refused(error);
    this.#refused = error;
    const goesOn = !head.isIncomplete || this.#advance(head, error);
    return fatal ? this.#fatal(error) : goesOn;
  }

  /** Ends the session after a fatal error, without waiting for the server to close it. */
  #fatal(error: DatabaseError): false {
    const how = { code: error.code, cause: error, safeToRetry: error.code === "57P05" };
    this.wire.fail(new OperationalError(`connection lost: ${error.message}`, how));
    return false;
  }

  #ready(head: Exchange | undefined, status: TransactionStatus): boolean {
    if (!head) throw new ProtocolError("ReadyForQuery while nothing was asked");
    if (head.isIncomplete) {
      this.#message.tag = Backend.ReadyForQuery;
      this.#advance(head, undefined);
      if (head.isIncomplete) {
        throw new ProtocolError("ReadyForQuery before the reply was complete");
      }
    }
    const before = this.transactionStatus;
    this.transactionStatus = status;
    this.#sent.shift();
    if (head.failure !== undefined || this.#cancellation.running) {
      this.#cancellation.judge(head, status);
    }
    const isBack = this.waiting.takesBack(head, status);
    if (status === "failed" && before !== status) {
      this.lock?.aborted?.(head.failure?.error ?? this.#refused);
    }
    if (!isBack) head.settle(status);
    const next = this.#sent.first;
    if (next?.cancelReason !== undefined) this.#cancellation.start(next);
    if (this.waiting.length > 0 || this.#sent.length === 0) this.#admit();
    return true;
  }

  readonly #abort = (exchange: Exchange, why: unknown): void => this.#stop(exchange, why, true);

  /** Takes a request out of the queue, or cancels it on the server when it is being answered. */
  #stop(exchange: Exchange, reason: unknown, isDue: boolean): void {
    if (this.waiting.remove(exchange)) {
      exchange.fail(reason);
      exchange.settle();
      return this.#admit(); // what waited for it may wait for nothing else
    }
    exchange.cancelReason ??= reason;
    if (isDue) this.#cancellation.hurry(exchange);
    if (exchange !== this.#sent.first) return;
    const { phase } = exchange;
    if (phase === "appending" || phase === "holding") {
      exchange.request.stop?.(exchange.cancelReason);
    }
    if (phase !== "appending") this.#cancellation.start(exchange);
  }

  async #close(): Promise<void> {
    const late = "connection destroyed: closeTimeout is over";
    const giveUp = (): void => void this.wire.fail(new OperationalError(late));
    const silence = after(this.#limits.closeTimeout * 1000, giveUp);
    while (this.pending > 0) await new Promise<void>((resolve) => this.#idle = resolve);
    if (!this.#closed) {
      this.#closed = true;
      this.#liveness.stop();
      this.#cancellation.stop();
      terminate(this.wire.out);
      this.wire.flush();
      await this.wire.drained();
      await this.wire.stream.close();
      this.#end(undefined);
    }
    silence();
  }
}
