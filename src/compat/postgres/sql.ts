import { Client } from "./client.ts";
import { openLargeObject } from "./large_object.ts";
import { Links } from "./links.ts";
import { Listener } from "./listener.ts";
import type { ParsedOptions } from "./options.ts";
import { isPart } from "./pending_query.ts";
import { PostgresError } from "./postgres_error.ts";
import type { Row } from "./postgres_result.ts";
import { runTransaction, Scope, type TransactionContext } from "./scope.ts";
import type { Source } from "./source.ts";
import type { ReservedSql, Sql, TransactionSql } from "./sql_types.ts";
import { Subscriptions } from "./subscription.ts";
import { isTemplate, tagOn } from "./tag.ts";
import { type Anything, CLOSE } from "./value_types.ts";

/** Returns the tag of a client. Nothing is connected before the first query. */
export function clientOf(options: ParsedOptions): Sql {
  const client = new Client(options, isPart);
  const links = new Links(client);
  const listener = new Listener(client, links);
  const subscriptions = new Subscriptions(client, () => links.places());
  let ending: Promise<void> | undefined;
  const methods = {
    parameters: options.parameters,
    largeObject: (oid?: number, mode?: number) => largeObject(sql, oid, mode),
    subscribe: subscriptions.subscribe.bind(subscriptions),
    CLOSE,
    END: CLOSE,
    PostgresError,
    options,
    reserve: () => reserve(client, links),
    listen: listener.listen.bind(listener),
    begin: async (modes: Anything, work?: Anything) => {
      const [text, run] = typeof modes === "function" ? ["", modes] : [modes, work];
      if (typeof run !== "function") throw new TypeError("fn is not a function");
      const lease = await links.take();
      return await runTransaction(
        lease,
        String(text).replace(/[^a-z ]/gi, "").trim(),
        (source, context) => run(transactionTag(client, source, context)),
      );
    },
    close: () => links.close(),
    end: ({ timeout = null }: { timeout?: number | null | undefined } = {}) =>
      ending ??= end(links, [listener, subscriptions], timeout),
  };
  const sql = Object.assign(tagOn(client, links), methods) as unknown as Sql;
  return sql;
}

async function end(
  links: Links,
  others: readonly { end(): void }[],
  timeout: number | null,
): Promise<void> {
  for (const other of others) other.end();
  if (timeout === null) return await links.end();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => resolve(links.destroy()), timeout * 1000);
  });
  await Promise.race([late, links.end()]);
  clearTimeout(timer);
}

async function reserve(client: Client, links: Links): Promise<ReservedSql> {
  const lease = await links.take();
  const scope = new Scope(lease);
  return Object.assign(tagOn(client, scope), {
    release: () => {
      scope.end("the connection was released; take another one with sql.reserve()");
      lease.giveBack();
    },
  }) as unknown as ReservedSql;
}

function transactionTag(
  client: Client,
  source: Source,
  context: TransactionContext,
): TransactionSql {
  const tag: TransactionSql = Object.assign(tagOn(client, source), {
    savepoint: (name: Anything, work?: Anything, ...values: unknown[]): Promise<Anything> => {
      if (isTemplate(name)) {
        return context.savepoint((inner, within) =>
          transactionTag(client, inner, within)(name, work, ...values)
        );
      }
      const [given, run] = typeof name === "function" ? [undefined, name] : [name, work];
      return context.savepoint(
        (inner, within) => run(transactionTag(client, inner, within)),
        given ?? undefined,
      );
    },
    prepare: (name: string) => {
      const gid = name.replace(/[^a-z0-9$\-_. ]/gi, "");
      context.prepare(gid);
      return gid;
    },
  }) as unknown as TransactionSql;
  return tag;
}

/** Opens a large object in a transaction that `close()` commits. */
function largeObject(sql: Sql, oid?: number, mode?: number): ReturnType<typeof openLargeObject> {
  return new Promise((resolve, reject) => {
    const done = sql.begin(async (tx) => {
      const run = (text: string, values: readonly unknown[]): PromiseLike<Row[]> =>
        tx.unsafe(text, values, { prepare: true });
      await new Promise<void>((closed) => {
        const close = (): Promise<void> => (closed(), done as Promise<void>);
        openLargeObject(run, close, oid, mode).then(resolve, (error) => {
          reject(error);
          closed();
        });
      });
    });
    done.catch(reject);
  });
}
