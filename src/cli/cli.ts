/**
 * The command-line tool: types at `sql` templates, checked against the database and written in place.
 *
 *     npx @cornac/pg check
 *     deno run -A jsr:@cornac/pg/cli write src
 *
 * @module
 */
import type { Connection } from "../connection.ts";
import { DatabaseError, InterfaceError } from "../errors/errors.ts";
import { workplace } from "../runtime/node_workplace.ts";
import type { Ended, Workplace } from "../runtime/workplace.ts";
import { openDatabase } from "./database.ts";
import { readObjects } from "./database_objects.ts";
import { type Config, type Invocation, readArguments, readConfig, USAGE } from "./options.ts";
import { printObjects } from "./print_objects.ts";
import { checkFiles, sourcePaths, watchFiles } from "./run.ts";

export type { Ended, Workplace };

/**
 * Runs the tool with the arguments of this process, and sets its exit code: 0 when all is right, 1
 * for faults in the sources, 2 when nothing could be checked.
 */
export async function main(place: Workplace = workplace): Promise<void> {
  if (/^(?:--help|-h|help)$/.test(place.arguments[0] ?? "")) return place.print(USAGE);
  try {
    const invocation = readArguments(place.arguments);
    const config = await readConfig(place, invocation.config);
    const db = await openDatabase(place, invocation, config);
    try {
      place.exitWith(await run(place, db, invocation, config) > 0 ? 1 : 0);
    } finally {
      await db.close();
    }
  } catch (error) {
    if (!(error instanceof DatabaseError || error instanceof InterfaceError)) throw error;
    place.complain(`cornac: ${error.message}\n`);
    if (place.arguments.length === 0) place.complain(`\n${USAGE}`);
    place.exitWith(2);
  }
}

async function run(
  place: Workplace,
  db: Connection,
  invocation: Invocation,
  config: Config,
): Promise<number> {
  const { command, strict } = invocation;
  switch (command) {
    case "check":
    case "write": {
      const paths = await sourcePaths(place, invocation, config);
      return await checkFiles(place, db, paths, { config, strict, writes: command === "write" });
    }
    case "watch":
      await watchFiles(place, db, invocation, config);
      return 0;
    case "types":
      await writeObjects(place, db, invocation, config);
      return 0;
  }
}

/** Prints the types of the database's objects, or writes them where they have changed. */
async function writeObjects(
  place: Workplace,
  db: Connection,
  { out }: Invocation,
  config: Config,
): Promise<void> {
  const text = printObjects(await readObjects(db, config.schemas, config), config);
  if (out === undefined) return place.print(text);
  if (await place.read(out) !== text) await place.write(out, text);
}

if (import.meta.main) await main();
