import { OperationalError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import type { Signal } from "../runtime/runtime.ts";
import { after } from "./alarm.ts";
import { late } from "./exchange.ts";

/**
 * Aborts `controller` after `seconds` (0: never), with a reason that names the stage, or when `signal`
 * aborts. The returned function ends both.
 */
export function bound(
  controller: AbortController,
  seconds: number,
  stage: () => string,
  signal: Signal | undefined,
): () => void {
  const unfollow = signal === undefined ? () => {} : follow(controller, signal);
  const silence = alarm(controller, seconds, () => {
    const message = `connect timed out after ${seconds} s (connectTimeout) while ${stage()}`;
    return new OperationalError(message, { code: "08001", safeToRetry: true });
  });
  return () => {
    silence();
    unfollow();
  };
}

/** A time limit for an operation of several requests and the waits between them. */
export interface Limit {
  /** Aborts with the user's signals or when the time is over; without a time, the user's signal. */
  readonly signal: Signal | undefined;
  /** Stops the clock; call this when the operation has ended. */
  lift(): void;
}

/**
 * Limits the time of an operation; `what` names it in the error. 0 or `undefined` sets no limit. Each
 * of several signals aborts the operation.
 */
export function limit(
  what: string,
  seconds: number | undefined,
  ...signals: (Signal | undefined)[]
): Limit {
  const given = signals.filter((signal) => signal !== undefined);
  if (!seconds && given.length < 2) return { signal: given[0], lift() {} };
  const controller = new AbortController();
  const lifts = given.map((signal) => follow(controller, signal));
  if (seconds) lifts.push(alarm(controller, seconds, () => late(seconds, what)));
  return { signal: controller.signal, lift: () => lifts.forEach((lift) => lift()) };
}

/** Aborts `controller` when `signal` aborts. The returned function ends that. */
function follow(controller: AbortController, signal: Signal): () => void {
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, ONCE);
  return () => signal.removeEventListener("abort", abort);
}

/** Aborts `controller` after `seconds` (0: never). The returned function ends that. */
function alarm(controller: AbortController, seconds: number, late: () => Error): () => void {
  if (!(seconds > 0)) return () => {};
  return after(seconds * 1000, () => controller.abort(late()));
}

/**
 * Settles as `promise` does, or rejects with the reason of `signal` if that aborts first. A later
 * result of the promise is ignored.
 */
export function unlessAborted<T>(
  promise: T | PromiseLike<T>,
  signal: Signal | undefined,
): Promise<T> {
  if (signal === undefined) return Promise.resolve(promise);
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const release = (): void => signal.removeEventListener("abort", abort);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, ONCE);
    Promise.resolve(promise).then(resolve, reject).finally(release);
  });
}
