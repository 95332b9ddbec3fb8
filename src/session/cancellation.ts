import { NotSupportedError, OperationalError, PgError } from "../errors/errors.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { after } from "./alarm.ts";
import type { Exchange } from "./exchange.ts";

/** Seconds of silence after a cancel until the connection is given up. */
const GRACE = 5;
/**
 * The number of such periods while bytes keep coming. A server that has stopped may have filled the
 * buffers of a slow network, but one that ignores the cancel must not keep the caller for ever.
 */
const GRACES_WHILE_HEARD = 12;
/**
 * Seconds after which a cancel without effect is repeated. The server drops a cancel that arrives while
 * it reads a message, between Bind and Execute for example (postgres.c, `DoingCommandRead`).
 */
const REPEAT = 0.25;

/**
 * The cancels of a session: one at a time, always for the request that is being answered.
 *
 * The server cancels the request that runs when the signal arrives. So the session sends nothing new
 * during a cancel. The cancel ends when the server has closed the cancel connection *and* answered the
 * request. A request that was sent behind the cancelled one and was hit in its place is marked
 * `stray`, so that it can be sent again.
 */
export class Cancellation {
  readonly #cancelOnServer: (() => Promise<void>) | undefined;
  readonly #giveUp: (error: Error) => void;
  readonly #over: () => void;
  readonly #heard: () => number;
  readonly #seconds: number;
  /** Requests that must end now although nothing can be cancelled. */
  readonly #due = new Set<Exchange>();
  #running: Running | undefined;
  /** The request to cancel after the current one. */
  #next: Exchange | undefined;
  #grace: (() => void) | undefined;
  #repeat: ReturnType<typeof setTimeout> | undefined;

  /**
   * `giveUp` is called when the server does not react, `over` when new requests may be sent. `heard`
   * grows with every byte from the server. Without `cancelOnServer` nothing can be cancelled.
   */
  constructor(
    cancelOnServer: (() => Promise<void>) | undefined,
    giveUp: (error: Error) => void,
    over: () => void,
    heard: () => number,
    seconds: number = GRACE,
  ) {
    this.#cancelOnServer = cancelOnServer;
    this.#giveUp = giveUp;
    this.#over = over;
    this.#heard = heard;
    this.#seconds = seconds;
  }

  /** Reports whether a cancel is under way, so that nothing new may be sent. */
  get running(): boolean {
    return this.#running !== undefined;
  }

  /** Reports whether a cancel can reach the server at all. */
  get isPossible(): boolean {
    return this.#cancelOnServer !== undefined;
  }

  /** Notes that `target` must end now. */
  hurry(target: Exchange): void {
    if (!this.isPossible) this.#due.add(target);
  }

  /**
   * Asks the server to stop `target`, which it is answering. If no cancel can reach the server, a
   * request that must end now ends the connection, and any other one runs to its end.
   */
  start(target: Exchange): void {
    if (this.#due.has(target)) return this.#abandon(target);
    if (this.#running !== undefined) {
      if (this.#running.target !== target) this.#next = target;
      return;
    }
    const running: Running = { target, delivered: false, taken: false, sent: undefined };
    this.#running = running;
    this.#bound(running, 1);
    this.#send(running);
  }

  /** Adjusts the outcome of an answered request by the cancels that may have hit it. */
  judge(answered: Exchange, status: TransactionStatus): void {
    if (this.#next === answered) this.#next = undefined;
    const error = answered.failure?.error;
    const stopped = error instanceof PgError && error.code === "57014";
    const running = this.#running;
    if (stopped && answered.cancelReason !== undefined) {
      const reason = answered.cancelReason;
      const isBare = reason instanceof OperationalError && reason.cause === undefined;
      if (isBare && reason !== error) reason.cause = error;
      answered.failure = { error: reason };
    } else if (stopped && running !== undefined && running.target !== answered) {
      answered.stray = status === "idle";
    }
    if (running?.target !== answered) return;
    running.target = undefined;
    this.#settle();
  }

  /**
   * Resolves when the server has closed the connection of the cancel for `target`, when the cancel has
   * failed, or when there is none. The request itself may end later.
   */
  sent(target: Exchange): Promise<void> {
    const running = this.#running;
    if (running?.target === target) return running.sent!;
    if (running === undefined || this.#next !== target) return Promise.resolve();
    return running.sent!.then(() => this.sent(target));
  }

  /** Ends all timers with the session. */
  stop(): void {
    this.#running = undefined;
    this.#grace?.();
    clearTimeout(this.#repeat);
  }

  #abandon(target: Exchange): void {
    const reason = target.cancelReason;
    const message = "connection destroyed: a query over a given sock cannot be cancelled";
    const isBare = reason instanceof OperationalError && reason.cause === undefined;
    const more = isBare ? {} : { cause: reason };
    const error = new OperationalError(message, { code: "08006", ...more });
    if (isBare) reason.cause = error;
    target.fail(reason);
    this.#giveUp(error);
  }

  #bound(running: Running, graces: number): void {
    const before = this.#heard();
    this.#grace = after(this.#seconds * 1000, () => {
      const isHeard = running.taken && this.#heard() !== before;
      if (isHeard && graces < GRACES_WHILE_HEARD) return this.#bound(running, graces + 1);
      const cause = running.target?.cancelReason;
      const message = "connection destroyed: the server did not react to a cancel request";
      this.#giveUp(new OperationalError(message, { code: "08006", cause }));
    });
  }

  #send(running: Running): void {
    running.delivered = false;
    const delivered = (): void => {
      if (this.#running !== running) return;
      running.delivered = true;
      if (running.target === undefined) this.#settle();
      else this.#repeat = setTimeout(() => this.#send(running), REPEAT * 1000);
    };
    const taken = (): void => {
      running.taken = true;
      delivered();
    };
    const sending = this.#cancelOnServer?.() ?? Promise.reject();
    running.sent = sending.then(taken, delivered);
  }

  #settle(): void {
    const running = this.#running;
    if (running === undefined || !running.delivered || running.target !== undefined) return;
    this.stop();
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.start(next);
    else this.#over();
  }
}

/** Makes the error for a cancel where no second connection can reach the server. */
export function uncancellable(): NotSupportedError {
  return new NotSupportedError(
    "a query over a given sock cannot be cancelled: the sock is one connection, and a cancel request " +
      "needs another; a timeout or a signal gives the connection up",
  );
}

/** A cancel under way. */
interface Running {
  /** The request, until it is answered. */
  target: Exchange | undefined;
  /** Whether the latest cancel connection has ended, with or without success. */
  delivered: boolean;
  /** Settles when the latest cancel connection has ended. */
  sent: Promise<void> | undefined;
  /** Whether a cancel has reached the server. */
  taken: boolean;
}
