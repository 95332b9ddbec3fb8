/** Connections to the shared server for one test each, and a second way to look at that server. */
import { connect, type Connection, type ConnectOptions } from "../../mod.ts";
import { isBackendOf, pooledOptions } from "./pooled.ts";
import { serverQuery, sharedServer } from "./servers.ts";
import { withoutUnhandled } from "./unhandled.ts";
import { until } from "./waiting.ts";

/** Options that reach the shared server. */
export async function shared(options: ConnectOptions = {}): Promise<ConnectOptions> {
  const { host, port } = await sharedServer();
  const login = { host, port, user: "postgres", database: "postgres" };
  return { ...login, sslMode: "disable", ...pooledOptions(), ...options };
}

/** Connects, calls `work`, and closes in every case; fails for a rejection that is left unhandled. */
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

/** Like {@linkcode withDatabase} in a new database, for tests that lock a catalogue. */
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

/** Runs SQL on the shared server without the driver. */
export async function behind(sql: string): Promise<(string | null)[][]> {
  return await serverQuery(await sharedServer(), sql);
}

/** Waits until the server sees the connection's backend run a text that contains `phrase`. */
export async function untilActive(db: Connection, phrase: string): Promise<void> {
  const sql = `select 1 from pg_stat_activity where ${isBackendOf(db)} and state = 'active'
    and query like '%${phrase}%'`;
  await until(async () => (await behind(sql)).length > 0);
}
