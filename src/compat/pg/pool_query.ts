/** One query on a pool: a client is leased for it. */
import type { EventEmitter } from "../node.ts";
import { nextTick } from "../node.ts";
import type { QueryCallback, QueryConfig } from "./query.ts";

/** A leased client, as far as one query needs it. */
interface Leased extends EventEmitter {
  _queryable: boolean;
  release(error?: Error | boolean | null): void;
  getTransactionStatus(): string | null;
  query(config: string | QueryConfig, values: unknown[] | undefined, done: QueryCallback): void;
}

/** A pool that leases such clients. */
interface Leasing {
  connect(callback: (error: Error | undefined, client: Leased | undefined) => void): void;
}

/**
 * Runs a query on a client of the pool, and calls back. After an error of the query, the client stays in
 * the pool if it is fit; `pg-pool` closes it.
 */
export function queryOn(
  pool: Leasing,
  config: string | QueryConfig,
  values: unknown[] | undefined,
  done: QueryCallback,
): void {
  pool.connect((refusal, client) => {
    if (client === undefined) return done(refusal);
    let isOver = false;
    const end = (error: Error | undefined, isLost: boolean, result?: unknown): void => {
      if (isOver) return;
      isOver = true;
      client.removeListener("error", lost);
      client.release(isLost || !isFit(client) ? error : null);
      if (error) done(error);
      else done(undefined, result);
    };
    const lost = (error: Error): void => end(error, true);
    client.once("error", lost);
    try {
      client.query(
        config,
        values,
        (error: unknown, result: unknown) => end(error as Error | undefined, false, result),
      );
    } catch (error) {
      end(error as Error, false);
    }
  });
}

/** Reports whether a client may serve other callers after its query has failed. */
function isFit(client: Leased): boolean {
  return client._queryable && client.getTransactionStatus() === "I";
}

/** Calls back with the error for a function in place of a query. */
export function refuseFunction(callback: QueryCallback): void {
  const message = "Passing a function as the first parameter to pool.query is not supported";
  nextTick(() => callback(new Error(message)));
}
