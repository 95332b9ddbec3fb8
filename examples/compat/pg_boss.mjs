// deno-lint-ignore-file no-console require-await
/**
 * pg-boss on this driver: its schema, jobs that succeed and fail, and a transaction of the caller's.
 *
 * Prints:
 *
 * ```
 * done: welcome Ada
 * failed: no such user: Nemo
 * in the transaction: 0 jobs after a rollback
 * ```
 */
import pg from "pg";
import { PgBoss } from "pg-boss";

const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, schema: "boss" });
boss.on("error", console.error);
await boss.start();
await boss.createQueue("mail", { retryLimit: 0 });

const done = Promise.withResolvers();
await boss.work("mail", { pollingIntervalSeconds: 0.5 }, async ([job]) => {
  if (job.data.name === "Nemo") throw new Error(`no such user: ${job.data.name}`);
  done.resolve(`welcome ${job.data.name}`);
});

await boss.send("mail", { name: "Ada" });
console.log(`done: ${await done.promise}`);

const id = await boss.send("mail", { name: "Nemo" });
for (;;) {
  const [job] = await boss.findJobs("mail", { id });
  if (job.state === "failed") {
    console.log(`failed: ${job.output.message}`);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
}
await boss.offWork("mail");

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
await client.query("begin");
const db = { executeSql: (text, values) => client.query(text, values) };
const undone = await boss.send("mail", { name: "Grace" }, { db });
await client.query("rollback");
const jobs = await boss.findJobs("mail", { id: undone });
console.log(`in the transaction: ${jobs.length} jobs after a rollback`);

await client.query("drop schema boss cascade");
await client.end();
await boss.stop({ graceful: false });
