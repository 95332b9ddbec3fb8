/**
 * Does all kinds of work at once, each on a connection of its own, and prints the outcome of each as a
 * line of JSON. It has nothing more to do then and must end by itself. For black_hole_work.test.ts.
 */
import process from "node:process";
import { connect, type Connection, type ConnectOptions, createPool, PgError } from "../../mod.ts";

/** The work to do. */
export const WORKS = [
  "pipeline",
  "copy in",
  "copy out",
  "stream",
  "listen",
  "transaction",
  "cancel",
  "acquire",
] as const;

/** One of {@linkcode WORKS}. */
export type Work = typeof WORKS[number];

/** The outcome of a piece of work: class and message of the error of each of its parts. */
export type Endings = Readonly<Record<string, readonly string[]>>;

const BYTES = new TextEncoder().encode("1\n");

const RUN: Readonly<Record<Work, (options: ConnectOptions) => Promise<unknown[]>>> = {
  "pipeline": over((db) => [db.query("select 1"), db.query("select 2"), db.query("select 3")]),
  "copy in": over((db) => [db.copyFrom("copy t from stdin", [BYTES])]),
  "copy out": over((db) => [all(db.copyTo("copy t to stdout"))]),
  "stream": over((db) => [all(db.query("select n"))]),
  "listen": over(async (db) => {
    await db.listen("c");
    return [db.query("select n")];
  }),
  "transaction": over((db) => [db.transaction((tx) => tx.query("select n"))]),
  "cancel": over((db) => [db.query("select n")]),
  "acquire": async (options) => {
    const pool = createPool(options, { max: 1, acquireTimeout: 1 });
    try {
      return await settled([pool.query("select 1"), pool.query("select 2")]);
    } finally {
      await pool.close();
    }
  },
};

function over(
  work: (db: Connection) => PromiseLike<unknown>[] | Promise<PromiseLike<unknown>[]>,
): (options: ConnectOptions) => Promise<unknown[]> {
  return async (options) => {
    const db = await connect(options);
    const endings = await settled(await work(db));
    await db.close();
    return endings;
  };
}

async function all(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

async function settled(parts: readonly PromiseLike<unknown>[]): Promise<unknown[]> {
  const ended = await Promise.allSettled(parts);
  return ended.map((one) => one.status === "fulfilled" ? "fulfilled" : one.reason);
}

function told(ending: unknown): string {
  return ending instanceof PgError ? `${ending.constructor.name}: ${ending.message}` : `${ending}`;
}

if (process.argv[2] !== undefined) {
  const tasks = Object.entries(JSON.parse(process.argv[2]) as Record<Work, ConnectOptions>);
  const found = await Promise.all(tasks.map(async ([work, options]) => {
    const endings = await RUN[work as Work](options).catch((error) => [error]);
    return [work, endings.map(told)];
  }));
  process.stdout.write(JSON.stringify(Object.fromEntries(found)) + "\n");
}
