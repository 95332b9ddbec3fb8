/** The hook `onConnect`, and the settings that it leaves in a session. */
import { OperationalError } from "../errors/errors.ts";
import { quoteLiteral } from "../query/quote.ts";
import type { Signal } from "../runtime/runtime.ts";
import { CHECK_TIME, inTime } from "./cleaning.ts";
import { customSettings } from "./kept_settings.ts";
import type { PoolSettings } from "./options.ts";
import type { PoolExecutor } from "./pool_executor.ts";
import { keptBySession } from "./session_sql.ts";
import type { Slot } from "./slot.ts";

/** Calls `onConnect`, whose changes to the session are there to stay. */
export async function introduce(
  slot: Slot,
  onConnect: NonNullable<PoolSettings["onConnect"]>,
  { acquireTimeout }: PoolSettings,
  signal: Signal,
): Promise<void> {
  const { core: { session }, connection, executor } = slot;
  executor.record();
  await inTime(session, acquireTimeout, async () => await onConnect(connection), signal);
  if (session.closed || session.transactionStatus !== "idle") {
    throw new OperationalError("onConnect has left the connection closed or in a transaction");
  }
  slot.isFurnished = !await inTime(session, CHECK_TIME, () => keep(executor), signal);
  executor.changes.clear();
  executor.cleaned();
}

/**
 * Makes each later cleaning restore the settings that `onConnect` has made. Returns whether these are
 * all that it has left in the session.
 */
async function keep(executor: PoolExecutor): Promise<boolean> {
  const names = executor.recorded().map(customSettings);
  if (!executor.cleans) return true;
  const custom = new Set(names.flatMap((known) => known ?? []));
  const rows = await executor.ownQuery(keptBySession([...custom].map(quoteLiteral)));
  executor.restore(rows.filter((row): row is [string, string] => row[1] !== null));
  return names.every((known) => known !== undefined) && rows.every(([, value]) => value !== null);
}
