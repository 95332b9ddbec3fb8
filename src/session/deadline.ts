import { OperationalError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { Signal } from "../runtime/runtime.ts";
import { after } from "./alarm.ts";
import { late } from "./exchange.ts";

/** How listeners of signals are added. */
export const ONCE: { readonly once: true } = Object.freeze(own<{ once: true }>({ once: true }));

/**
 * Aborts `controller` when `seconds` are over (0: never), for a reason that says what was going on
 * then, or with the user's own `signal`; until the function that it returns is called.
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

/** One signal for what consists of several requests and waits between them. */
export interface Limit {
  /** The user's own, if no time is set; it aborts as that does, or when the time is over. */
  readonly signal: Signal | undefined;
  /** To be called when all is done: the clock stops. */
  lift(): void;
}

/**
 * Sets the time for something as a whole; `what` names it in the error. 0 or absent: no limit. Of
 * several signals, any aborts it.
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

/** Aborts `controller` when `signal` does, until what it returns is called. */
function follow(controller: AbortController, signal: Signal): () => void {
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, ONCE);
  return () => signal.removeEventListener("abort", abort);
}

/** Aborts `controller` when `seconds` are over (0: never), until what it returns is called. */
function alarm(controller: AbortController, seconds: number, late: () => Error): () => void {
  if (!(seconds > 0)) return () => {};
  return after(seconds * 1000, () => controller.abort(late()));
}

/**
 * What `promise` comes to, unless `signal` aborts first: then its reason. What the promise comes to
 * later is nobody's.
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
