import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import {
  InterfaceError,
  OperationalError,
  PgError,
  ProtocolError,
  setSafeToRetry,
} from "../errors/errors.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { backendName, isBackend } from "../protocol/tags.ts";
import type { Signal } from "../runtime/runtime.ts";
import { type Phase, TRANSITIONS } from "./phase.ts";

export type { Signal };

/** Takes one DataRow, with the reader at its body. An error that it throws fails its request only. */
export type RowSink = (reader: Reader) => void;

/** Takes CopyData messages. */
export interface CopySink {
  /**
   * Takes the body of one message. All further messages are held back until a returned promise settles. An
   * error that it throws fails its request only.
   */
  take(reader: Reader): void | PromiseLike<void>;
  /**
   * Whether both sides send when they like (CopyBothResponse). No reply is due then, unless one was asked
   * for, and a cancel first goes to {@linkcode Request.stop}.
   */
  readonly isDuplex: boolean;
}

/** The values that a conversation may yield. */
export type Wish =
  /** Waits for the next message. */
  | undefined
  /**
   * Waits for the next message while none is due, because the server waits for what the request appends
   * next; see {@linkcode Request.stop} about cancelling it.
   */
  | null
  /** Passes every DataRow to this function, and resumes with the first other message. */
  | RowSink
  /** Passes every CopyData to this sink, and resumes with the first other message. */
  | CopySink
  /** Holds all messages until the promise settles: backpressure. */
  | PromiseLike<void>;

/** The message with which a conversation is resumed; valid until its next `yield`. */
export interface Message {
  /** One of `Backend`. */
  readonly tag: number;
  readonly reader: Reader;
}

/**
 * Reads the replies to one request in order: each `yield` waits for the next message. An ErrorResponse is
 * thrown in at the `yield`; clean up in `finally`. A conversation returns after the last message before
 * ReadyForQuery. One that cannot know which is the last is resumed with ReadyForQuery and must return.
 * A conversation is a generator, or an object that behaves like one.
 */
export interface Conversation<T> extends Iterator<Wish, T, Message> {
  throw(error: unknown): IteratorResult<Wish, T>;
  return(value: T): IteratorResult<Wish, T>;
  [Symbol.iterator](): Iterator<Wish, T, Message>;
}

/** Bytes to write, and a conversation that reads the replies. */
export interface Request<T> {
  /**
   * Appends the messages, ending in exactly one Sync. Called when the request can be sent. If it throws,
   * nothing of the request is sent. Returning `true` makes the request exclusive: nothing is sent behind
   * it until it is answered, and it appends its own Sync later.
   */
  write(out: Writer): boolean | void;
  /**
   * Reports whether the request sends Flush before its Sync. It is then sent after all earlier answers:
   * a transaction-mode pooler takes the session back at the last Sync that it has seen, and loses what
   * a Flush after that one asks for (PgBouncer 1.18). Called only while earlier answers are due.
   */
  flushes?(): boolean;
  /** Called once, right after `write`. */
  talk(): Conversation<T>;
  /**
   * Stops the request with `reason` while the server waits for it (`null` of {@linkcode Wish}, or a duplex
   * sink), so that nothing needs to be cancelled on the server; or while the request holds messages back (a promise), which
   * must end then, besides the cancel on the server.
   */
  stop?(reason: unknown): void;
  /**
   * Called when the request has failed. Returns whether to send it again, in its old place; later requests
   * that are not sent wait for it. A promise delays the decision; the requests that it needs are made
   * with {@linkcode RequestOptions.ahead}. `status` is the state of the session after the failure,
   * absent if `write` threw, in which case only a promise helps.
   *
   * @throws (or rejects with) the error to fail with instead.
   */
  recover?(error: unknown, status: TransactionStatus | undefined): boolean | Promise<boolean>;
  /**
   * Returns an error for a message that looks like a violation but has another explanation. Without one
   * the violation ends the session.
   */
  tolerates?(violation: ProtocolError): Error | undefined;
  /** Called when the request has finally failed, with the state of the session after it. */
  failed?(error: unknown, status: TransactionStatus): void;
  /**
   * Whether the request is never sent again. BEGIN then need not wait for its answer, and a cancel of
   * what the session runs skips it.
   */
  readonly isFinal?: boolean;
  /** Whether a cancel of what the session runs skips the request, as it does ROLLBACK. */
  readonly isSpared?: boolean;
  /**
   * Reports whether a part of the request may have been committed before it failed, given the state of
   * the session after it. Then it is not safe to make the request again, whatever the error says.
   */
  mayHaveCommitted?(status: TransactionStatus): boolean;
}

/** The exclusive right to make requests on a session. Requests of others are refused. */
export interface SessionLock {
  /** The message with which the requests of others are refused. */
  readonly refusal: string;
  /** Whether all requests under the lock belong to one transaction. */
  readonly isTransaction?: boolean;
  /** The lock that this one replaces for a time. */
  readonly outer?: SessionLock | undefined;
  /** The lock that this one ends: no more requests are accepted under that one. */
  readonly ends?: SessionLock;
  /** Aborts the requests under the lock. */
  readonly signal?: Signal | undefined;
  /**
   * Returns messages to send in front of a request under the lock, without a Sync, so that the server
   * skips the request if it refuses them. Called for each request that is sent. Nothing is sent behind a
   * request with a prelude until it is answered.
   *
   * @throws the error of an earlier prelude: nothing is sent under the lock any more.
   */
  prelude?(): Request<void> | undefined;
  /** Sends the prelude by itself, if it was not sent: for a request that cannot follow one. */
  begin?(): Promise<void>;
  /** Called when a request under the lock has failed, with the state of the session after it. */
  failed?(error: unknown, status: TransactionStatus): void;
  /** Called when the transaction has failed: by the error of any request, under whatever lock. */
  aborted?(error: unknown): void;
  /** Called when the lock is taken from a holder that did not release it. */
  abandoned?(): void;
}

/** Options of a request. */
export interface RequestOptions {
  /** Aborts the request: it is not sent, or cancelled on the server. */
  readonly signal?: Signal | undefined;
  /** Seconds after which the request is aborted; 0 or absent: no limit. */
  readonly timeout?: number;
  /** The lock under which the request is made. */
  readonly lock?: SessionLock;
  /** Sends it before all waiting requests and under any lock: for the recovery of another request. */
  readonly ahead?: boolean;
}

/** One request in the queue: its bytes, the conversation that reads the replies, and its promise. */
export class Exchange<T = unknown> {
  readonly request: Request<T>;
  /** Reads the replies; absent until the request was sent. */
  talk: Conversation<T> | undefined;
  /** Whether nothing is sent behind it until it is answered, because it appends more itself. */
  exclusive = false;
  #phase: Phase = "waiting";
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  /** The sink of the DataRows that follow. */
  rows: RowSink | undefined;
  /** The sink of the CopyData that follows. */
  copies: CopySink | undefined;
  /** Why the request fails; absent while it has not failed. */
  failure: { readonly error: unknown } | undefined;
  value: T | undefined;
  /** The number of requests made before it in the session. */
  number = 0;
  /** Whether it goes in front of those that wait. */
  isAhead = false;
  /** The failure after which it is sent again, and the session's state after it, if it was sent. */
  back: { readonly error: unknown; readonly status: TransactionStatus | undefined } | undefined;
  /** The next exchange in the same queue. */
  next: Exchange | undefined;
  /** The reason with which a cancelled request fails. */
  cancelReason: unknown;
  /** The lock under which it was made. */
  lock: SessionLock | undefined;
  /** Whether a cancel that was meant for another request hit it. */
  stray = false;
  /** Called when the promise has settled. */
  onSettled: (() => void) | undefined;

  constructor(
    request: Request<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Makes a transition of the table; none is needed to stay in a phase. */
  become(phase: Phase): void {
    if (phase === this.#phase) return;
    if (!TRANSITIONS[this.#phase].includes(phase)) {
      throw new Error(`a ${this.#phase} request cannot become ${phase}`);
    }
    this.#phase = phase;
  }

  /** Reports whether its conversation reads on: it has neither returned nor failed. */
  get isIncomplete(): boolean {
    return this.talk !== undefined && this.failure === undefined;
  }

  /**
   * Reports whether a message goes to the conversation; otherwise it is skipped.
   *
   * @throws {ProtocolError} no such message may come now.
   */
  takes(tag: number): boolean {
    const phase = this.#phase;
    if (phase === "refused") throw new ProtocolError(`${backendName(tag)} after ErrorResponse`);
    if (phase === "skipping" && isBackend(tag)) return false;
    if (phase !== "skipping" && phase !== "finished") return true;
    throw new ProtocolError(`${backendName(tag)} where ReadyForQuery was due`);
  }

  /** Passes the DataRows or the CopyData that follow to `sink`. Returns `true`. */
  passTo(sink: RowSink | CopySink): true {
    if (typeof sink === "function") {
      this.rows = sink;
      return true;
    }
    this.copies = sink;
    if (sink.isDuplex && this.#phase === "reading") this.become("appending");
    return true;
  }

  /** The conversation has returned. */
  finish(value: T): void {
    this.value = value;
    this.talk = undefined;
    if (this.#phase !== "refused") this.become("finished");
  }

  /** Appends its messages and begins its conversation. Returns whether it is exclusive. */
  write(out: Writer): boolean {
    const prelude = this.lock?.prelude?.();
    prelude?.write(out);
    const isExclusive = this.request.write(out) === true;
    const talk = this.request.talk();
    this.talk = prelude === undefined ? talk : inFront(prelude.talk(), talk);
    this.talk.next();
    return isExclusive || prelude !== undefined;
  }

  /**
   * Reports whether it must be sent after all earlier answers: because it sends Flush, or because it
   * begins a transaction, inside of which an earlier request that is sent again would run. The queue is
   * what was sent.
   */
  waitsForAll(
    { length, first }: { readonly length: number; readonly first: Exchange | undefined },
  ): boolean {
    try {
      if (this.request.flushes?.() === true) return true;
      const isAsGoodAsFirst = length === 1 && first!.request.isFinal === true;
      return !isAsGoodAsFirst && this.lock?.prelude?.() !== undefined;
    } catch {
      return false; // the error is reported when it is sent
    }
  }

  /**
   * Checks that a request may be sent again into this state of the session.
   *
   * @throws its failure, if a request behind it has begun or ended a transaction since.
   */
  mayGoIn(status: TransactionStatus): void {
    const { back } = this;
    if (back?.status !== undefined && back.status !== status) throw back.error;
  }

  /**
   * Reports whether silence of the server is expected, because it waits for the request or the request
   * holds messages back. Silence is not expected while bytes do not leave (`writing`).
   */
  excused(writing: boolean): boolean {
    return this.#phase === "holding" || this.#phase === "appending" && !writing;
  }

  /** Fails the request; the first reason wins. */
  fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = { error };
    this.rows = this.copies = undefined;
    if (IN_CONVERSATION.has(this.#phase)) this.become("skipping");
  }

  /** Resets it to the state before it was sent. */
  reset(): void {
    this.talk =
      this.rows =
      this.copies =
      this.value =
      this.failure =
        undefined;
    this.stray = false;
    this.become("waiting");
  }

  /** Fails it because the connection has ended, with an own error that gets the stack of its caller. */
  drop(reason: Error, unsent: boolean): void {
    try {
      this.talk?.return(undefined as T);
    } catch { /* the request fails for the connection's end anyway */ }
    const Class = reason instanceof ProtocolError ? ProtocolError : OperationalError;
    const { code, safeToRetry } = reason instanceof PgError ? reason : UNKNOWN_LOSS;
    const isSafe = unsent || safeToRetry;
    this.fail(new Class(reason.message, { cause: reason, code, safeToRetry: isSafe }));
    this.settle();
  }

  /** Settles the promise. `status` is the state of the session after the request. */
  settle(status?: TransactionStatus): void {
    this.become("settled");
    const { failure } = this;
    if (failure !== undefined && status !== undefined) this.#report(failure.error, status);
    this.onSettled?.();
    if (failure !== undefined) this.reject(failure.error);
    else this.resolve(this.value as T);
  }

  #report(error: unknown, status: TransactionStatus): void {
    if (error instanceof PgError && error.safeToRetry && this.request.mayHaveCommitted?.(status)) {
      setSafeToRetry(error, false);
    }
    this.request.failed?.(error, status);
    this.lock?.failed?.(error, status);
  }
}

/** The phases in which a failure ends the conversation. */
const IN_CONVERSATION: ReadonlySet<Phase> = new Set(["reading", "appending", "holding"]);

const UNKNOWN_LOSS = { code: "08006", safeToRetry: false } as const;

/** Joins two conversations. An error of the first is thrown into the second before it has begun. */
function* inFront<T>(first: Conversation<void>, second: Conversation<T>): Conversation<T> {
  try {
    yield* first;
  } catch (error) {
    second.next();
    second.throw(error);
    throw error;
  }
  return yield* second;
}

/** Returns the error of a request, or of several, that took too long. */
export function late(seconds: number, what: string = "query"): OperationalError {
  const message = `${what} timed out after ${seconds} s and was cancelled`;
  return new OperationalError(message, { code: "57014" });
}

/** Returns the error of a request that is cancelled without a reason. */
export function cancelled(): OperationalError {
  return new OperationalError("query cancelled", { code: "57014" });
}

/** Returns the error of a request made under the lock `own` while `holder` has the session. */
export function lockedOut(
  holder: SessionLock | undefined,
  own: SessionLock | undefined,
): InterfaceError {
  if (holder === undefined || (own !== undefined && holder.ends === own)) {
    return new InterfaceError("this transaction has ended; start a new one with db.transaction()");
  }
  const inside = own === undefined ? "" : "; it is not the innermost transaction";
  return new InterfaceError(holder.refusal + inside, { safeToRetry: true });
}
