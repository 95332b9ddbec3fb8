/** The bounds of one request: its lock, its signals and its timeout. */
import { ONCE } from "../errors/own.ts";
import { after } from "./alarm.ts";
import { type Exchange, late, type RequestOptions, type Signal } from "./exchange.ts";

/** Returns the signal that has aborted a request before it was made, if there is one. */
export function abortedBefore({ signal, lock }: RequestOptions): Signal | undefined {
  if (signal?.aborted) return signal;
  return lock?.signal?.aborted ? lock.signal : undefined;
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
