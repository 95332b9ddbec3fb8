/** What the tests of queries share: a connection for one test, and waiting for what the server sees. */
import assert from "node:assert/strict";
import { connect, type Connection, type ConnectOptions } from "../../mod.ts";
import { isBackendOf, pooledOptions } from "../_kit/pooled.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** Options that reach the shared server. */
export async function shared(options: ConnectOptions = {}): Promise<ConnectOptions> {
  const { host, port } = await sharedServer();
  const login = { host, port, user: "postgres", database: "postgres" };
  return { ...login, sslMode: "disable", ...pooledOptions(), ...options };
}

/** Connects, calls `work`, and closes whatever happens; nothing may be left unhandled. */
export function withDatabase(
  work: (db: Connection) => Promise<void>,
  options: ConnectOptions = {},
): Promise<void> {
  return withoutUnhandled(async () => {
    const db = await connect(await shared(options));
    try {
      await work(db);
    } finally {
      db.destroy();
      await db.closed;
    }
  });
}

/** The same in a database of its own, for who locks its catalogue: others test on the same server. */
export async function withOwnDatabase(
  work: (db: Connection, database: string) => Promise<void>,
  options: ConnectOptions = {},
): Promise<void> {
  const database = `own_${crypto.randomUUID().replaceAll("-", "")}`;
  await behind(`create database ${database}`);
  try {
    await withDatabase((db) => work(db, database), { database, ...options });
  } finally {
    await behind(`drop database ${database} with (force)`);
  }
}

/** Runs SQL behind the driver's back. */
export async function behind(sql: string): Promise<(string | null)[][]> {
  return await serverQuery(await sharedServer(), sql);
}

/** Waits until the backend runs something, as the server sees it. */
export async function untilActive(db: Connection, phrase: string): Promise<void> {
  const sql = `select 1 from pg_stat_activity where ${isBackendOf(db)} and state = 'active'
    and query like '%${phrase}%'`;
  while ((await behind(sql)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** The connection answers, and its answer is its own. */
export async function assertUsable(db: Connection): Promise<void> {
  const nonce = Math.floor(Math.random() * 1e9);
  assert.deepEqual([...await db.query("select $1::int as nonce", [nonce])], [{ nonce }]);
}
