// A connection to the shared server for the tests of types, and SQL of texts.
import process from "node:process";
import { connect, type Connection, type ConnectOptions } from "../../mod.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";

/** Connects as `postgres`, by default with TimeZone UTC, runs, closes. */
export async function withConnection<T>(
  major: number,
  options: ConnectOptions,
  run: (db: Connection) => Promise<T>,
): Promise<T> {
  const { host, port } = await sharedServer(major);
  const db = await connect({
    host,
    port,
    user: "postgres",
    startupParams: { timezone: "UTC" },
    ...options,
  });
  try {
    return await run(db);
  } finally {
    await db.close();
  }
}

/**
 * Does as {@linkcode withConnection} in a database of its own, which `setup` prepares as `postgres` and
 * which is dropped at the end. Its name contains the process: other tests use the same server.
 */
export async function withDatabase<T>(
  major: number,
  setup: string,
  options: ConnectOptions,
  run: (db: Connection, database: string) => Promise<T>,
): Promise<T> {
  const server = await sharedServer(major);
  const database = `types_${process.pid}_${crypto.randomUUID().slice(0, 8)}`;
  await serverQuery(server, `create database ${database}`);
  try {
    await withConnection(major, { database }, (db) => db.query(setup).simple().all());
    return await withConnection(major, { database, ...options }, (db) => run(db, database));
  } finally {
    await serverQuery(server, `drop database ${database} with (force)`);
  }
}

/** Returns a string constant with the same value under either standard_conforming_strings. */
export function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return quoted.includes("\\") ? ` E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}

/** Returns the text of an array of these texts, written without the driver. */
export function arrayLiteral(texts: readonly (string | null)[], delimiter = ","): string {
  const items = texts.map((text) => text === null ? "NULL" : `"${text.replace(/["\\]/g, "\\$&")}"`);
  return `{${items.join(delimiter)}}`;
}
