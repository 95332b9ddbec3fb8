/** The database that statements are checked against. */
import { connect } from "../connect.ts";
import type { Connection } from "../connection.ts";
import { InterfaceError } from "../errors/errors.ts";
import * as ownSql from "../own_sql.ts";
import { connect as connectPGlite } from "../pglite/pglite.ts";
import type { Workplace } from "../runtime/workplace.ts";
import type { Config, Invocation } from "./options.ts";

/**
 * Opens a session of its own: PGlite made by files of SQL, the database of `--database` or
 * `DATABASE_URL`, or the one that `PG*` names.
 *
 * @throws {InterfaceError} a file of SQL is missing, or PGlite is not installed.
 * @throws {DatabaseError} there is no connection, or a file of SQL fails.
 */
export async function openDatabase(
  place: Workplace,
  { database, pglite }: Invocation,
  config: Config,
): Promise<Connection> {
  const db = pglite === undefined
    ? await connect(database ?? place.env("DATABASE_URL") ?? {})
    : await migrated(place, pglite);
  try {
    for (const [name, value] of [["search_path", config.searchPath], ["role", config.role]]) {
      if (value === undefined) continue;
      await db.query(ownSql.SET_CONFIG, [name, value]);
    }
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

async function migrated(place: Workplace, paths: readonly string[]): Promise<Connection> {
  if (paths.length === 0) throw new InterfaceError("--pglite takes files of SQL");
  const db = await connectPGlite();
  try {
    for (const path of paths) {
      const text = await place.read(path);
      if (text === undefined) throw new InterfaceError(`${path}: there is no such file`);
      await db.query(text).simple();
    }
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}
