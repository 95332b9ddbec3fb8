/**
 * A process of its own that connects, does one thing and is over: run by processes.ts, which tells it
 * what to do and reads what became of it from a line of JSON. It must end by itself.
 */
import process from "node:process";
import { connect, type Connection, PgError } from "../../mod.ts";
import type { ChildReport, ChildTask } from "./processes.ts";

const { task, options } = JSON.parse(process.argv[2]!) as ChildTask;
const report = await run().catch(told);
process.stdout.write(JSON.stringify(report) + "\n");

async function run(): Promise<ChildReport> {
  const db = await connect(options);
  switch (task) {
    case "query":
      await db.query("select n");
      return {};
    case "close":
      await db.query("select n");
      await db.close();
      await db.closed;
      return {};
    case "idle":
      await db.closed;
      return { refusal: told(await refusal(db)) };
    case "nothing":
      return {};
  }
}

async function refusal(db: Connection): Promise<unknown> {
  try {
    await db.query("select 'too late'");
    return undefined;
  } catch (error) {
    return error;
  }
}

function told(error: unknown): ChildReport {
  if (!(error instanceof Error)) return { error: String(error) };
  const cause = error.cause === undefined ? undefined : told(error.cause);
  const code = error instanceof PgError ? error.code : undefined;
  return { error: error.constructor.name, message: error.message, code, cause };
}
