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
import { after } from "./alarm.ts";
import { type Phase, TRANSITIONS } from "./phase.ts";

export type { Signal };

/** Takes one DataRow: the reader stands at its body. What it throws fails its own request only. */
export type RowSink = (reader: Reader) => void;

/** What a conversation may ask for instead of simply the next message. */
export type Wish =
  /** Nothing more: the next message, please. */
  | undefined
  /**
   * The next message, but none is due: the server waits for what the request appends next
   * ({@linkcode Request.stop} says what becomes of a cancel then).
   */
  | null
  /** Give every DataRow to this function, and come back with the first message that is none. */
  | RowSink
  /** Hold all messages until this settles: backpressure. */
  | PromiseLike<void>;

/** The message that a conversation is resumed with; valid until its next `yield`. */
export interface Message {
  /** One of `Backend`. */
  readonly tag: number;
  readonly reader: Reader;
}

/**
 * Reads the replies to one request, in order: each `yield` waits for the next message. An
 * ErrorResponse is thrown in at the `yield`; `try … finally` is the place to clean up. It returns
 * when it has read the last message before ReadyForQuery; one that cannot know which is the last is
 * resumed with ReadyForQuery, too, and must return then.
 */
export type Conversation<T> = Generator<Wish, T, Message>;

/** Bytes to write, and a conversation that reads the replies. */
export interface Request<T> {
  /**
   * Appends the messages, ending in exactly one Sync. It runs when the request's turn to be sent has
   * come; when it throws, nothing of it is sent. Answering `true` makes the request exclusive:
   * nothing is sent behind it until it is answered, and it ends with a Sync of its own.
   */
  write(out: Writer): boolean | void;
  /**
   * Whether it will Flush before it sends its Sync. Then it is sent when all that was sent before is
   * answered: a pooler that lends a session per transaction takes it back with the last Sync that it
   * has seen, and what a Flush behind that one asks for is lost (PgBouncer 1.18). Asked while there
   * is something to wait for.
   */
  flushes?(): boolean;
  /** Called once, right after `write`. */
  talk(): Conversation<T>;
  /**
   * Somebody wants it stopped while the server waits for it (see {@linkcode Wish}, `null`), so that
   * there is nothing to cancel there: it is to end by itself, with this reason. Or while it holds
   * messages back (a promise): the server is told to stop, and the hold is to end.
   */
  stop?(reason: unknown): void;
  /**
   * Asked when it has failed whether it is to be sent again, where it stood: what was made after it and
   * is not sent yet waits for that. With a promise those wait until it settles; what is requested
   * meanwhile to mend it goes {@linkcode RequestOptions.ahead}. `status` is the state in which the
   * failure has left the session; it is absent when `write` has thrown: only a promise helps then.
   *
   * @throws (or rejects with) what it is to fail with instead.
   */
  recover?(error: unknown, status: TransactionStatus | undefined): boolean | Promise<boolean>;
  /**
   * Returns the error to fail with instead, where a message that looks like a violation has another
   * explanation. Otherwise the violation ends the session.
   */
  tolerates?(violation: ProtocolError): Error | undefined;
  /** Told when it has failed for good, and in what state that has left the session. */
  failed?(error: unknown, status: TransactionStatus): void;
  /**
   * Whether it is never sent again. Then BEGIN need not wait for its answer, and a cancel of what the
   * session runs passes over it.
   */
  readonly isFinal?: boolean;
  /**
   * Reports whether a part of the request may have been committed before it failed, which has left
   * the session in `status`. Then it is not safe to make it again, whatever the error says.
   */
  mayHaveCommitted?(status: TransactionStatus): boolean;
}

/** The right to make requests on a session: while one holds it, all others' are refused. */
export interface SessionLock {
  /** What to tell the others. */
  readonly refusal: string;
  /** All that is requested within it belongs to one transaction. */
  readonly isTransaction?: boolean;
  /** The lock in the place of which this one stands for a time. */
  readonly outer?: SessionLock | undefined;
  /** The turn that it is the end of: nothing more is requested within that one. */
  readonly ends?: SessionLock;
  /** Aborts what is requested within it. */
  readonly signal?: Signal | undefined;
  /**
   * What is to go in front of a request in it: messages without a Sync, so that the server skips the
   * request should it refuse them. Asked for whenever one is sent; nothing is sent behind that one
   * until it is answered.
   *
   * @throws what has kept it from beginning: nothing is sent in it any more.
   */
  prelude?(): Request<void> | undefined;
  /** Sends the prelude by itself, unless it was sent: for a request that can have none in front. */
  begin?(): Promise<void>;
  /** Told when a request within it has failed, and in what state that has left the session. */
  failed?(error: unknown, status: TransactionStatus): void;
  /** Told when the session is taken from its holder, who has not given it up. */
  abandoned?(): void;
}

/** What a request wants besides being sent. */
export interface RequestOptions {
  /** Aborted before it was sent: never sent; later: cancelled on the server. */
  readonly signal?: Signal | undefined;
  /** Seconds, then as if aborted; 0 or absent: no limit. */
  readonly timeout?: number;
  /** The turn within which it is made. */
  readonly lock?: SessionLock;
  /** Sent before all that waits, and whoever has the turn: on behalf of one that is being mended. */
  readonly ahead?: boolean;
}

/** One request in the queue: its bytes, the conversation that reads the replies, and its promise. */
export class Exchange<T = unknown> {
  readonly request: Request<T>;
  /** Reads the replies; absent until the request was sent. */
  talk: Conversation<T> | undefined;
  /** Nothing is sent after it until it is answered: it writes more itself. */
  exclusive = false;
  #phase: Phase = "waiting";
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  /** Where DataRows go just now. */
  rows: RowSink | undefined;
  /** Why the request fails; absent while it has not failed. */
  failure: { readonly error: unknown } | undefined;
  value: T | undefined;
  /** How many were made before it in its session. */
  number = 0;
  /** It goes in front of those that wait. */
  isAhead = false;
  /** Why it is to be sent again, and the state in which it left the session, if it was sent. */
  back: { readonly error: unknown; readonly status: TransactionStatus | undefined } | undefined;
  /** The one behind this one, in the queue that holds it. */
  next: Exchange | undefined;
  /** Somebody wants it stopped; this is what to say when the server has done so. */
  cancelReason: unknown;
  /** Within which it was made. */
  lock: SessionLock | undefined;
  /** A cancel that was meant for another hit it. */
  stray = false;
  /** Called when the promise has settled, whichever way. */
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
      throw new Error(`a request that is ${this.#phase} cannot become ${phase}`);
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

  /** The conversation has returned. */
  finish(value: T): void {
    this.value = value;
    this.talk = undefined;
    if (this.#phase !== "refused") this.become("finished");
  }

  /** Appends its messages and begins its conversation; whether nothing may be sent behind it. */
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
   * Whether it is sent only when all before it is answered: it wants that, or it begins a transaction.
   * What is on the wire then might have to be run again, and would be run inside. The
   * queue is what was sent.
   */
  waitsForAll(
    { length, first }: { readonly length: number; readonly first: Exchange | undefined },
  ): boolean {
    try {
      if (this.request.flushes?.() === true) return true;
      const isAsGoodAsFirst = length === 1 && first!.request.isFinal === true;
      return !isAsGoodAsFirst && this.lock?.prelude?.() !== undefined;
    } catch {
      return false; // what keeps the turn from beginning is told when it is sent
    }
  }

  /**
   * @throws what it had failed with: it was sent before, and what was sent behind it has begun a
   * transaction since, or ended one.
   */
  mayGoIn(status: TransactionStatus): void {
    const { back } = this;
    if (back?.status !== undefined && back.status !== status) throw back.error;
  }

  /**
   * Whether the server's silence means nothing just now: it waits for us, or we do not listen. Not
   * while what we have to say does not leave (`writing`).
   */
  excused(writing: boolean): boolean {
    return this.#phase === "holding" || this.#phase === "appending" && !writing;
  }

  /** Fails the request; the first reason wins. */
  fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = { error };
    this.rows = undefined;
    if (IN_CONVERSATION.has(this.#phase)) this.become("skipping");
  }

  /** Makes it as if it had not been sent. */
  reset(): void {
    this.talk =
      this.rows =
      this.value =
      this.failure =
        undefined;
    this.stray = false;
    this.become("waiting");
  }

  /** The connection is over: fails with an error of its own, so that its stack is its caller's. */
  drop(reason: Error, unsent: boolean): void {
    try {
      this.talk?.return(undefined as T);
    } catch { /* a clean-up that fails on a dead connection has nobody to tell */ }
    const Class = reason instanceof ProtocolError ? ProtocolError : OperationalError;
    const { code, safeToRetry } = reason instanceof PgError ? reason : UNKNOWN_LOSS;
    const isSafe = unsent || safeToRetry;
    this.fail(new Class(reason.message, { cause: reason, code, safeToRetry: isSafe }));
    this.settle();
  }

  /** Settles the promise by what has become of the request, which has left the session in `status`. */
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

/** One conversation behind another; what the first fails with, the second meets before it has begun. */
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

/** The signal that has aborted a request before it is made, if one has. */
export function abortedBefore({ signal, lock }: RequestOptions): Signal | undefined {
  if (signal?.aborted) return signal;
  return lock?.signal?.aborted ? lock.signal : undefined;
}

/** Ties an exchange to its turn, its signals and its timeout; `abort` gets the reason to stop. */
export function bind(
  exchange: Exchange,
  { signal, timeout, lock }: RequestOptions,
  abort: (exchange: Exchange, reason: unknown) => void,
): void {
  exchange.lock = lock;
  const outer = lock?.signal;
  if (signal === undefined && outer === undefined && !timeout) return;
  const aborted = (): void => abort(exchange, (signal?.aborted ? signal : outer!).reason);
  const silence = timeout ? after(timeout * 1000, () => abort(exchange, late(timeout))) : undefined;
  for (const one of [signal, outer]) one?.addEventListener("abort", aborted, { once: true });
  exchange.onSettled = () => {
    silence?.();
    for (const one of [signal, outer]) one?.removeEventListener("abort", aborted);
  };
}

/** Why a request, or several of them, is cancelled that has taken longer than it may. */
export function late(seconds: number, what: string = "query"): OperationalError {
  const message = `${what} timed out after ${seconds} s and was cancelled`;
  return new OperationalError(message, { code: "57014" });
}

/** Why a request is cancelled when nobody gives a reason. */
export function cancelled(): OperationalError {
  return new OperationalError("query cancelled", { code: "57014" });
}

/** Why a request is refused that was made within `own` while `holder` has the turn. */
export function lockedOut(
  holder: SessionLock | undefined,
  own: SessionLock | undefined,
): InterfaceError {
  if (holder === undefined || (own !== undefined && holder.ends === own)) {
    return new InterfaceError("it is over: nothing can be run in it any more");
  }
  const inside = own === undefined ? "" : "; this one is not the innermost";
  return new InterfaceError(holder.refusal + inside, { safeToRetry: true });
}
