import { OperationalError } from "../errors/errors.ts";
import type { Signal } from "../runtime/runtime.ts";

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
  const abort = (): void => controller.abort(signal!.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const late = (): void => {
    const message = `connect timed out after ${seconds} s (connectTimeout) while ${stage()}`;
    controller.abort(new OperationalError(message, { code: "08001", safeToRetry: true }));
  };
  const clock = seconds > 0 ? setTimeout(late, seconds * 1000) : undefined;
  return () => {
    clearTimeout(clock);
    signal?.removeEventListener("abort", abort);
  };
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
    else signal.addEventListener("abort", abort, { once: true });
    Promise.resolve(promise).then(resolve, reject).finally(release);
  });
}
