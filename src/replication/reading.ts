/** The reader's side of a change stream: how units are waited for, and how the stream ends for a reader. */
import { InterfaceError } from "../errors/errors.ts";
import { CLOSED, type Inbox } from "./inbox.ts";
import type { StreamEvent } from "./stream_event.ts";
import type { Unit } from "./unit.ts";

/** The end of an iteration. */
export const END: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** The error of a handler that goes on to read a transaction after `close()`. */
export class StreamClosedError extends InterfaceError {
  static {
    this.prototype.name = "InterfaceError";
  }
  constructor() {
    super("the change stream was closed");
  }
}

/** The stream as its readers see it. */
export interface Source {
  readonly inbox: Inbox<StreamEvent>;
  /** Whether a signal has stopped the stream, so that no further unit is begun. */
  readonly isStopping: boolean;
  /** Ends the stream, and resolves when the connection is closed. Never rejects. */
  close(): Promise<void>;
}

/**
 * Resolves to the next unit once it has a change or is complete; `undefined` when the stream stops, or
 * `isStopped` answers true.
 *
 * @throws the error with which the stream has ended.
 */
export async function nextUnit(
  source: Source,
  isStopped: () => boolean = () => false,
): Promise<Unit<StreamEvent> | undefined> {
  const { inbox } = source;
  for (;;) {
    if (source.isStopping || isStopped()) return undefined;
    const unit = inbox.next;
    if (unit !== undefined && (unit.ready > 0 || unit.isComplete)) {
      inbox.begun(unit);
      return unit;
    }
    if (inbox.isEnded) return ended(inbox);
    await new Promise<void>((resolve) => {
      if (unit !== undefined) unit.waiter = resolve;
      inbox.whenUnit(resolve);
    });
  }
}

/** Returns `undefined` if the stream was closed, and throws the error with which it has ended. */
export function ended(inbox: Inbox<StreamEvent>): undefined {
  if (inbox.error !== undefined) throw inbox.error;
  return undefined;
}

/** Waits for more of a unit; reports whether there is a change. Throws if the rest does not come. */
export function moreOf(unit: Unit<StreamEvent>): boolean | Promise<boolean> {
  if (unit.ready > 0) return true;
  if (unit.error === CLOSED) throw new StreamClosedError();
  if (unit.error !== undefined) throw unit.error;
  if (unit.isDiscarded) throw new InterfaceError("the loop has left this transaction");
  if (unit.isComplete) return false;
  return new Promise<void>((resolve) => unit.waiter = resolve).then(() => moreOf(unit));
}
