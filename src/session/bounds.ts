/** The bounds of one request: its lock, its signals and its timeout. */
import { InterfaceError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import { after } from "./alarm.ts";
import {
  type Exchange,
  late,
  lockedOut,
  type RequestOptions,
  type SessionLock,
} from "./exchange.ts";

/**
 * Returns the reason to refuse a request: the lock that `holder` is, or a signal that has aborted. In the
 * place of an earlier request, `turn`, the lock of that one counts as well.
 */
export function refusalOf(
  holder: SessionLock | undefined,
  options: RequestOptions | undefined,
  turn: { readonly lock: SessionLock | undefined } | undefined,
): { readonly reason: unknown } | undefined {
  const isPermitted = holder === options?.lock || turn !== undefined && turn.lock === options?.lock;
  if (!isPermitted && !options?.ahead) {
    return { reason: lockedOut(holder, options?.lock) };
  }
  if (options === undefined) return undefined;
  const { signal, lock } = options;
  if (signal?.aborted) return signal;
  return lock?.signal?.aborted ? lock.signal : undefined;
}

/** Returns the error of a request that is made after the session has ended for `reason`. */
export function closedError(reason: Error | undefined): InterfaceError {
  const cause = reason === undefined ? {} : { cause: reason };
  return new InterfaceError("connection is closed", { safeToRetry: true, ...cause });
}

/** Ties an exchange to its lock, its signals and its timeout; `abort` gets the reason to stop. */
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
  for (const one of [signal, outer]) one?.addEventListener("abort", aborted, ONCE);
  exchange.onSettled = () => {
    silence?.();
    for (const one of [signal, outer]) one?.removeEventListener("abort", aborted);
  };
}
