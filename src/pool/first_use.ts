/** The requests on a connection before a borrower has it: the pool's own, and those of its hooks. */
import { OperationalError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import type { Signal } from "../runtime/runtime.ts";
import { CHECK_TIME, inTime, isSoiled, reset } from "./cleaning.ts";
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

/** Calls `onConnect`, if there is one. */
export async function introduce(
  slot: Slot,
  settings: PoolSettings,
  signal: Signal,
): Promise<void> {
  const { onConnect } = settings;
  if (onConnect === undefined) return;
  const code = await loaded(import("./on_connect.ts"), "the code for onConnect");
  await code.introduce(slot, onConnect, settings, signal);
}

/** Checks a connection: by `verify`, or by an empty query, which poolers know as well. */
export async function verify(slot: Slot, settings: PoolSettings, signal: Signal): Promise<void> {
  const { core: { session }, connection, executor } = slot;
  const { verify, reset: how } = settings;
  const check = verify === undefined
    ? () => executor.ownQuery("")
    : async () => await verify(connection);
  await inTime<unknown>(session, CHECK_TIME, check, signal);
  if (verify === undefined) return;
  if (session.closed || !executor.isFree) {
    throw new OperationalError("verify has left the connection closed, busy or in a transaction");
  }
  if (isSoiled(slot, how, false)) await renew(slot, settings, signal);
}

/** Cleans a session, and restores what `onConnect` leaves in it. */
export async function renew(
  slot: Slot,
  settings: PoolSettings,
  signal: Signal,
  rollback = false,
  wasHeld = false,
): Promise<void> {
  const { core: { session }, executor } = slot;
  const { reset: how } = settings;
  await inTime(session, CHECK_TIME, () => reset(slot, rollback, how, wasHeld), signal);
  const isBare = how === "discard" || how !== "auto" && executor.changes.settings;
  if (isBare || slot.isFurnished) await introduce(slot, settings, signal);
  executor.changes.clear();
  executor.cleaned();
}

function unserved(seconds: number): OperationalError {
  const message =
    `the server let this connection log in, but did not answer within ${seconds} s; ` +
    "a pooler in session mode does so when it has fewer server connections than max";
  return new OperationalError(message, { code: "08006" });
}
