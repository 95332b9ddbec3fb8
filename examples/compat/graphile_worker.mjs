// deno-lint-ignore-file no-console
/**
 * Graphile Worker on this driver: migrations, jobs that are announced by NOTIFY, an error.
 *
 * Prints:
 *
 * ```
 * ran: hello Ada
 * failed: refused by the task
 * added in SQL: hello Grace
 * ```
 */
import { once } from "node:events";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";

const pgPool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 5 });
pgPool.on("error", () => {}); // Graphile Worker asks for it
const logger = new Logger(() => () => {});
const greeted = [];
let greet = Promise.withResolvers();

const runner = await run({
  pgPool,
  logger,
  schema: "graphile",
  noHandleSignals: true,
  pollInterval: 60_000,
  taskList: {
    hello({ name }) {
      greeted.push(name);
      greet.resolve(`hello ${name}`);
    },
    refuse() {
      throw new Error("refused by the task");
    },
  },
});
const utils = await makeWorkerUtils({ pgPool, logger, schema: "graphile" });

await utils.addJob("hello", { name: "Ada" });
console.log(`ran: ${await greet.promise}`);

const failed = once(runner.events, "job:failed");
await utils.addJob("refuse", {}, { maxAttempts: 1 });
const [{ error }] = await failed;
console.log(`failed: ${error.message}`);

greet = Promise.withResolvers();
const written = new Promise((resolve) => {
  runner.events.on("job:complete", ({ job }) => job.payload.name === "Grace" && resolve());
});
await pgPool.query("select graphile.add_job('hello', json_build_object('name', 'Grace'))");
console.log(`added in SQL: ${await greet.promise}`);

await written; // before its tables go
await utils.release();
await runner.stop();
await pgPool.query("drop schema graphile cascade");
await pgPool.end();
