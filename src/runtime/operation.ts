/** Operations that are reported on channels, for the runtimes that have channels. */
import { DatabaseError, PgError } from "../errors/errors.ts";
import type { OperationChannels, TracedOperation } from "./runtime.ts";

/** Returns an operation that is about to begin. */
export function operation<M extends object>(
  channels: OperationChannels,
  message: M,
): TracedOperation<M> {
  return new ChannelOperation(channels, message);
}

class ChannelOperation<M extends object> implements TracedOperation<M> {
  readonly #channels: OperationChannels;
  readonly #message: M;
  readonly #began = performance.now();
  #isOver = false;

  constructor(channels: OperationChannels, message: M) {
    this.#channels = channels;
    this.#message = message;
  }

  run<R>(work: () => R): R {
    const message = this.#message;
    try {
      return this.#channels.start.runStores(message, work);
    } finally {
      this.#channels.end.publish(message);
    }
  }

  succeeded(added: Partial<M>): void {
    if (!this.#isOver) this.#settle(added);
  }

  failed(error: unknown, added?: Partial<M>): void {
    if (this.#isOver) return;
    const code = reportedCode(error);
    const own = { error, "error.type": typeOf(error), ...added };
    this.#settle(code === undefined ? own : { ...own, "db.response.status_code": code }, true);
  }

  #settle(added: object, isFailure = false): void {
    this.#isOver = true;
    const message = this.#message;
    const seconds = (performance.now() - this.#began) / 1000;
    try {
      Object.assign(message, added, { "db.client.operation.duration": seconds });
    } catch { /* a subscriber has frozen the message, which must not fail the operation */ }
    if (isFailure) this.#channels.error.publish(message);
    this.#channels.asyncStart.publish(message);
    this.#channels.asyncEnd.publish(message);
  }
}

/** Returns the SQLSTATE of the server's report that is the error or its cause. */
function reportedCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    if (at instanceof DatabaseError && "C" in at.fields) return at.code;
  }
  return undefined;
}

/** Returns the type of an error: one of a few values, by which metrics are grouped. */
function typeOf(error: unknown): string {
  if (error instanceof PgError && error.code !== undefined) return error.code;
  return error instanceof Error ? error.name : "_OTHER";
}
