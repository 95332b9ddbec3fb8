import { NotSupportedError, OperationalError, PgError } from "../errors/errors.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { after } from "./alarm.ts";
import type { Exchange } from "./exchange.ts";

/** Seconds of silence after a cancel, with the request still to end, before the connection is given up. */
const GRACE = 5;
/**
 * The same when the cancel was taken and bytes keep coming: a server that has stopped may have filled
 * the buffers of a slow network, but one that goes on regardless must not keep the caller forever.
 */
const GRACES_WHILE_HEARD = 12;
/**
 * Seconds after which a cancel without effect is repeated: the server drops one that arrives while it
 * reads its next message, between Bind and Execute for example (postgres.c, `DoingCommandRead`).
 */
const REPEAT = 0.25;

/**
 * The cancel that a session has under way, if any: one at a time, always for the request that is
 * being answered.
 *
 * The server cancels whatever runs when the signal arrives, so while a cancel is under way the
 * session sends nothing new; it is over when the server has closed the cancel connection *and*
 * answered the request. A request that was sent behind the cancelled one and was hit in its place is
 * marked `stray`, so that it can be sent again.
 */
export class Cancellation {
  readonly #cancelOnServer: (() => Promise<void>) | undefined;
  readonly #giveUp: (error: Error) => void;
  readonly #over: () => void;
  readonly #heard: () => number;
  readonly #seconds: number;
  /** Requests that are not to be waited for where nothing can be cancelled. */
  readonly #due = new Set<Exchange>();
  #running: Running | undefined;
  /** Wanted while another was under way; its turn is when that one is over. */
  #next: Exchange | undefined;
  #grace: (() => void) | undefined;
  #repeat: ReturnType<typeof setTimeout> | undefined;

  /**
   * `giveUp` is called when the server does not react; `over` when new requests may be sent. `heard`
   * grows with whatever comes from the server.
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

  /** Whether nothing new may be sent. */
  get running(): boolean {
    return this.#running !== undefined;
  }

  /** Whether a cancel can reach the server at all. */
  get isPossible(): boolean {
    return this.#cancelOnServer !== undefined;
  }

  /** Notes that `target` is not to be waited for any longer. */
  hurry(target: Exchange): void {
    if (!this.isPossible) this.#due.add(target);
  }

  /**
   * Has the server stop `target`, which it is answering. Where no cancel can reach the server, the
   * connection is given up for a request in a hurry, and the end of any other is waited for.
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

  /** Decides what an answered request has to say of cancels, its own or another's. */
  judge(answered: Exchange, status: TransactionStatus): void {
    if (this.#next === answered) this.#next = undefined;
    const { error } = answered;
    const stopped = error instanceof PgError && error.code === "57014";
    const running = this.#running;
    if (stopped && answered.cancelReason !== undefined) {
      const reason = answered.cancelReason;
      const isBare = reason instanceof OperationalError && reason.cause === undefined;
      if (isBare && reason !== error) reason.cause = error;
      answered.error = reason;
    } else if (stopped && running !== undefined && running.target !== answered) {
      answered.stray = status === "idle";
    }
    if (running?.target !== answered) return;
    running.target = undefined;
    this.#settle();
  }

  /**
   * Resolves when the cancel for `target` has been sent and the server has closed its connection, or
   * that has failed, or there is none. What it does to the request is another matter.
   */
  sent(target: Exchange): Promise<void> {
    const running = this.#running;
    if (running?.target === target) return running.sent!;
    if (running === undefined || this.#next !== target) return Promise.resolve();
    return running.sent!.then(() => this.sent(target));
  }

  /** The session is over. */
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

/** Why a cancel is refused where the server cannot be reached by another connection. */
export function uncancellable(): NotSupportedError {
  return new NotSupportedError(
    "a query over a given sock cannot be cancelled: the sock is one connection, and a cancel request " +
      "needs another; a timeout or a signal gives the connection up",
  );
}

/** A cancel under way. */
interface Running {
  /** What it is for, until that is answered. */
  target: Exchange | undefined;
  /** The server has closed the latest cancel connection, so the signal is sent; or it was of no use. */
  delivered: boolean;
  /** Settles when it has done so, or could not be reached. */
  sent: Promise<void> | undefined;
  /** One of the cancel connections has reached it. */
  taken: boolean;
}
