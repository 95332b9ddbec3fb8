import {
  type DatabaseError,
  NotSupportedError,
  OperationalError,
  PgError,
} from "../errors/errors.ts";
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
 * Seconds after its end in which a cancel may still take effect. PostgreSQL signals first and then closes
 * the cancel connection (postmaster.c, `processCancelRequest`), but a pooler may close it earlier.
 */
const LATE = 1;

/** Asks the server to cancel, by a connection of its own; calls `sent` once the request is on its way. */
type CancelOnServer = (sent: () => void) => Promise<void>;

/**
 * The cancels of a session: one at a time, always for the request that is being answered.
 *
 * The server cancels the request that runs when the signal arrives. So the session sends nothing new
 * during a cancel. The cancel ends when the server has closed the cancel connection *and* answered the
 * request. A request that was hit in place of the cancelled one, because it was sent behind it or the
 * cancel came late, is marked `stray` if it can be sent again; its error states the reason otherwise. If
 * a cancel was sent and its connection does not end, the session is given up.
 */
export class Cancellation {
  readonly #cancelOnServer: CancelOnServer | undefined;
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
  /** The last cancel that has ended, until it is too old to take effect or has explained an error. */
  #last: { readonly reason: unknown; readonly end: number } | undefined;

  /**
   * `giveUp` is called when the server does not react, `over` when new requests may be sent. `heard`
   * grows with every byte from the server. Without `cancelOnServer` nothing can be cancelled.
   */
  constructor(
    cancelOnServer: CancelOnServer | undefined,
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
    const running: Running = {
      target,
      reason: target.cancelReason,
      delivered: false,
      taken: false,
      sent: undefined,
    };
    this.#running = running;
    this.#bound(running, 1);
    this.#send(running);
  }

  /** Adjusts the outcome of an answered request by the cancels that may have hit it. */
  judge(answered: Exchange, status: TransactionStatus): void {
    if (this.#next === answered) this.#next = undefined;
    const error = answered.failure?.error;
    if (error instanceof PgError && error.code === "57014") this.#explain(answered, error, status);
    const running = this.#running;
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

  /** Finds the cancel that has stopped a request: its own, or that of an earlier one. */
  #explain(answered: Exchange, error: PgError, status: TransactionStatus): void {
    const { cancelReason: reason, request } = answered;
    if (reason !== undefined) {
      const isBare = reason instanceof OperationalError && reason.cause === undefined;
      if (isBare && reason !== error) reason.cause = error;
      answered.failure = { error: reason };
      return;
    }
    const other = isOther(error) ? undefined : this.#other(answered);
    if (other === undefined) return;
    answered.stray = status === "idle" && request.mayHaveCommitted?.(status) !== true;
    if (!answered.stray) error.cause ??= hitInstead(other.reason);
  }

  /** Returns the cancel of another request that may have hit this one. */
  #other(answered: Exchange): { readonly reason: unknown } | undefined {
    const running = this.#running;
    if (running !== undefined) return running.target === answered ? undefined : running;
    const last = this.#last;
    this.#last = undefined; // one cancel stops one request
    return last !== undefined && performance.now() < last.end ? last : undefined;
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
    let isOnItsWay = false;
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
    const failed = (cause: unknown): void => {
      if (!isOnItsWay || this.#running !== running) return delivered();
      this.#giveUp(new OperationalError(ON_ITS_WAY, { code: "08006", cause }));
    };
    const sending = this.#cancelOnServer?.(() => isOnItsWay = true) ?? Promise.reject();
    running.sent = sending.then(taken, failed);
  }

  #settle(): void {
    const running = this.#running;
    if (running === undefined || !running.delivered || running.target !== undefined) return;
    this.stop();
    if (running.taken) {
      this.#last = { reason: running.reason, end: performance.now() + LATE * 1000 };
    }
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.start(next);
    else this.#over();
  }
}

const ON_ITS_WAY = "connection destroyed: a cancel request was sent and could stop a later query";

/**
 * Reports whether an error with the code of a cancel is certain to be another one: of statement_timeout,
 * or raised by a function. Source: postgres.c, ProcessInterrupts; pl_exec.c.
 */
function isOther(error: PgError): boolean {
  const { M: message, R: routine } = (error as Partial<DatabaseError>).fields ?? {};
  return message === "canceling statement due to statement timeout" ||
    routine === "exec_stmt_raise";
}

/** Makes the cause for a request that failed because a cancel meant for another one has hit it. */
function hitInstead(cause: unknown): OperationalError {
  const message = "the cancel of an earlier request on this connection has hit this one instead, " +
    "which cannot be sent again without running parts twice or outside of its transaction";
  return new OperationalError(message, { code: "57014", cause });
}

/** Makes the error for a cancel where no second connection can reach the server. */
export function uncancellable(): NotSupportedError {
  return new NotSupportedError(
    "a query over a given sock cannot be cancelled, which takes another; a timeout or a signal gives " +
      "the connection up",
  );
}

/** A cancel under way. */
interface Running {
  /** The request, until it is answered. */
  target: Exchange | undefined;
  /** The reason with which the request fails. */
  readonly reason: unknown;
  /** Whether the latest cancel connection has ended, with or without success. */
  delivered: boolean;
  /** Settles when the latest cancel connection has ended. */
  sent: Promise<void> | undefined;
  /** Whether a cancel has reached the server. */
  taken: boolean;
}
