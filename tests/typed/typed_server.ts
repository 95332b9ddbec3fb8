/** Databases of their own for the tests of typed SQL. */
import process from "node:process";
import type { Connection } from "../../mod.ts";
import { majors } from "../_kit/servers.ts";
import { withDatabase } from "../server/types_server.ts";

/**
 * The majors that the analysis is tested on: the first, one in the middle and the last on Deno, the
 * last on other runtimes, where the same code does the same.
 */
export const MAJORS: readonly number[] = process.env.PG_MAJORS !== undefined
  ? majors()
  : process.versions.deno === undefined
  ? [18]
  : [14, 16, 18];

/** Runs `work` in a database of its own, made by `setup`. */
export function withTables<T>(
  major: number,
  setup: string,
  work: (db: Connection, database: string) => Promise<T>,
): Promise<T> {
  return withDatabase(major, setup, {}, work);
}
