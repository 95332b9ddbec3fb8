// A connection to the shared server for the tests of types, and SQL of texts.
import { connect, type Connection, type ConnectOptions } from "../../mod.ts";
import { sharedServer } from "../_kit/servers.ts";

/** Connects as `postgres` with TimeZone UTC unless told otherwise, runs, closes. */
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

/** A string constant that reads the same whatever standard_conforming_strings says. */
export function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return quoted.includes("\\") ? ` E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}

/** The text of an array of these texts, written without the driver. */
export function arrayLiteral(texts: readonly (string | null)[], delimiter = ","): string {
  const items = texts.map((text) => text === null ? "NULL" : `"${text.replace(/["\\]/g, "\\$&")}"`);
  return `{${items.join(delimiter)}}`;
}
