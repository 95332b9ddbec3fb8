import { type Pool, PoolTimeoutError } from "../mod.ts";

/** The answer to a request. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * The routes of the example servers:
 *
 * - `GET /square/7`: one query, which may share a connection with others'
 * - `POST /transfer`: several statements in a transaction
 * - `GET /slow`: a query that takes its time, and that a graceful end waits for
 * - `GET /stats`: what the pool is doing
 */
export async function answer(pool: Pool, method: string, path: string): Promise<Answer> {
  try {
    const square = /^\/square\/(\d{1,4})$/.exec(path);
    if (method === "GET" && square !== null) {
      const row = await pool.sql`select ${square[1]!}::int * ${square[1]!}::int as square`.one();
      return json(200, row);
    }
    if (method === "POST" && path === "/transfer") return json(200, await transfer(pool));
    if (method === "GET" && path === "/slow") {
      return json(200, await pool.sql`select 'done' as slow from pg_sleep(0.5)`.one());
    }
    if (method === "GET" && path === "/stats") return json(200, pool.stats());
    return json(404, { error: "there is nothing here" });
  } catch (error) {
    // All connections have been busy for long: ask the client to try again later.
    const status = error instanceof PoolTimeoutError ? 503 : 500;
    return json(status, { error: error instanceof Error ? error.message : String(error) });
  }
}

function transfer(pool: Pool): Promise<unknown> {
  return pool.transaction(async (tx) => {
    await tx.query("create temp table purse (sum int) on commit drop");
    await tx.query("insert into purse values (5), (7)");
    return await tx.query("select sum(sum)::int as total from purse").one();
  });
}

function json(status: number, value: unknown): Answer {
  return { status, body: JSON.stringify(value) };
}
