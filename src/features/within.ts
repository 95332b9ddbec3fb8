import { own } from "../errors/own.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Unstarted } from "../query/unstarted.ts";
import type { SessionLock } from "../session/exchange.ts";

/** Returns the host for queries within a block. `unstarted` records the queries made on it. */
export function within(host: QueryContext, lock: SessionLock, unstarted?: Unstarted): QueryContext {
  const { executor, asyncStacks, templates, names } = host;
  const defaults = Object.freeze(own(host.defaults, { lock }));
  return { executor, defaults, asyncStacks, templates, names, outer: host, unstarted };
}
