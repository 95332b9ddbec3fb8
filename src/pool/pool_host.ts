import { own } from "../errors/own.ts";
import type { ConnectOptions } from "../connect.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { QueryContext } from "../query/query_context.ts";
import { NamedTexts } from "../query/named.ts";
import { Templates } from "../query/template.ts";

/** Makes the host of queries that have no connection yet. */
export function queryHost({ rows = "object" }: ConnectOptions): QueryContext {
  return {
    get executor(): never {
      throw new InterfaceError("this needs a connection of its own: use pool.connect()");
    },
    defaults: Object.freeze(own({ rows })),
    // The pool takes the caller's stack itself.
    asyncStacks: true,
    templates: new Templates(),
    names: new NamedTexts(),
  };
}
