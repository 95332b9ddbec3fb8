/** The first requests on a new connection: the pool's own, then those of `onConnect`. */
import { OperationalError } from "../errors/errors.ts";
import type { Signal } from "../runtime/runtime.ts";
import { CHECK_TIME, inTime } from "./cleaning.ts";
import type { PoolSettings } from "./options.ts";
import type { Slot } from "./slot.ts";

/**
 * Asks a connection for a first answer. A pooler in session mode lets more clients log in than it
 * serves: a connection beside others is used only once it is served. The only one is used at once, so
 * that this costs no round trip; what is sent on it fails when the answer does not come.
 */
export async function firstAnswer(
  { core, executor }: Slot,
  isOnly: boolean,
  { acquireTimeout }: PoolSettings,
  signal: Signal,
): Promise<void> {
  const isBounded = !isOnly && acquireTimeout > 0;
  const seconds = isBounded ? Math.min(CHECK_TIME, acquireTimeout / 2) : acquireTimeout;
  const answer = inTime(core.session, seconds, () => executor.ownQuery(""), signal, unserved);
  if (isOnly) answer.catch(() => {});
  else await answer;
}

/** Calls `onConnect`, whose changes to the session are there to stay. */
export async function introduce(
  slot: Slot,
  { onConnect, acquireTimeout }: PoolSettings,
  signal: Signal,
): Promise<void> {
  if (onConnect === undefined) return;
  const { core: { session }, connection, executor } = slot;
  executor.record();
  await inTime(session, acquireTimeout, async () => await onConnect(connection), signal);
  if (session.closed || session.transactionStatus !== "idle") {
    throw new OperationalError("onConnect has left the connection closed or in a transaction");
  }
  slot.isFurnished = !await inTime(session, CHECK_TIME, () => executor.keep(), signal);
  executor.changes.clear();
  executor.cleaned();
}

function unserved(seconds: number): OperationalError {
  const message =
    `the server let this connection log in, but did not answer within ${seconds} s; ` +
    "a pooler in session mode does so when it has fewer server connections than this pool has (max)";
  return new OperationalError(message, { code: "08006" });
}
