/**
 * A process of its own that connects, does one thing and is over: run by processes.ts, which tells it
 * what to do and reads what became of it from a line of JSON. It must end by itself.
 */
import { tracingChannel } from "node:diagnostics_channel";
import process from "node:process";
import { connect, type Connection, PgError } from "../../mod.ts";
import type { ChildReport, ChildTask } from "./processes.ts";

const { task, options } = JSON.parse(process.argv[2]!) as ChildTask;
const report = await run().catch(told);
process.stdout.write(JSON.stringify(report) + "\n");

async function run(): Promise<ChildReport> {
  const db = await connect(options);
  switch (task) {
    case "connect":
      await db.close();
      return {};
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
    case "faulty listener":
      return await listened(db);
    case "thrown ticks":
      return await ticked(db);
  }
}

/** Queries, behind each of which a tick throws; a listener of the process survives that. */
async function ticked(db: Connection): Promise<ChildReport> {
  let survived = 0;
  process.on("uncaughtException", () => survived++);
  const read: unknown[] = [];
  for (let i = 0; i < 20; i++) {
    const [row] = await db.query<{ n: number }>(`select ${i} as n`);
    read.push(row?.n);
    process.nextTick(() => {
      throw new Error("thrown by the application");
    });
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await db.close();
  return { message: `${read.join(" ")}, ${survived} errors` };
}

/** Queries with a subscriber that freezes its messages and throws. */
async function listened(db: Connection): Promise<ChildReport> {
  const reported: unknown[] = [];
  process.on("uncaughtException", (error) => reported.push(error));
  tracingChannel("cornac.pg:query").subscribe({
    start: (message: unknown) => void Object.freeze(message),
    asyncEnd: () => {
      throw new Error("of the listener");
    },
  } as never);
  const rows = await db.query("select n");
  await db.close();
  while (reported.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return { message: `${JSON.stringify(rows)} ${reported}` };
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
