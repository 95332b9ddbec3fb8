/** SQL that the session runs although the driver does not see its text. */
import type { Queryable } from "../../mod.ts";

/**
 * Makes a function that runs any SQL. Returns what calls it: to the driver that is a query like any
 * other, so what it does to the session's statements, settings or tables goes unnoticed.
 */
export async function unseen(db: Queryable): Promise<(sql: string) => Promise<void>> {
  await db.query(`create or replace function pg_temp.unseen(text) returns void
    language plpgsql as $$begin execute $1; end$$`);
  return async (sql) => void await db.query("select pg_temp.unseen($1)", [sql]);
}
