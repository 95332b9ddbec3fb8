/**
 * Results in parts: Bind, then Execute with a row limit, again and again.
 *
 * A portal lives as long as its transaction. Outside of a transaction block that ends with the next
 * Sync, so the stream locks the session and sends Flush instead of Sync until the end. Other requests
 * are refused meanwhile, because a query that is awaited in the loop would wait for the loop. Inside a
 * transaction each fetch is a request of its own, and others may run between them.
 * Source: manual, "Extended Query": "If Execute terminates before completing the execution of a
 * portal (due to reaching a nonzero result-row count), it will send a PortalSuspended message".
 */
import { ExclusivePortal } from "./exclusive_portal.ts";
import type { Portal, PortalQuery } from "./portal.ts";
import { SharedPortal } from "./shared_portal.ts";

export { OutdatedDescription } from "./portal.ts";

/** Makes the portal for a place inside or outside of a transaction. Nothing is sent before the first fetch. */
export function openPortal(query: PortalQuery): Portal {
  const { options: { lock }, context: { session } } = query;
  const isInTransaction = lock === undefined
    ? session.transactionStatus === "transaction" && session.pending === 0
    : lock.isTransaction === true;
  return isInTransaction ? new SharedPortal(query) : new ExclusivePortal(query);
}
