/**
 * A queue of jobs in a table, with two workers. They sleep until they are notified, and take a job
 * with FOR UPDATE SKIP LOCKED: no two take the same one, and when a worker fails, or loses its
 * connection, the job is there again, because taking it was part of the transaction.
 *
 * Prints:
 *
 * ```
 * job 3 failed: the printer is out of paper
 * 6 jobs were done, by 7 attempts
 * ```
 */
import { connect, type Connection, type Transaction } from "../mod.ts";

const [producer, ...workers] = await Promise.all([connect(), connect(), connect()]);
const done: number[] = [];
let attempts = 0;
let hasFailed = false;
try {
  await producer.query(`
    drop table if exists jobs;
    create table jobs (id int primary key, task text not null);`).simple();

  const subscriptions = await Promise.all(workers.map((db) => db.listen("jobs")));
  const working = workers.map(async (db, i) => {
    for await (const _ of subscriptions[i]!) while (await takeOne(db)) { /* until none is left */ }
  });

  await producer.transaction(async (tx) => {
    const jobs = [1, 2, 3, 4, 5, 6].map((id) => ({ id, task: `print page ${id}` }));
    await tx.sql`insert into jobs ${tx.sql(jobs)}`;
    await tx.notify("jobs", ""); // is sent with the commit
  });

  while (done.length < 6) await new Promise((resolve) => setTimeout(resolve, 10));
  await Promise.all(subscriptions.map((subscription) => subscription.close()));
  await Promise.all(working);
  say(`${new Set(done).size} jobs were done, by ${attempts} attempts`);
} finally {
  await producer.query("drop table if exists jobs");
  await Promise.all([producer, ...workers].map((db) => db.close()));
}

/** Whether there was a job to take. */
async function takeOne(db: Connection): Promise<boolean> {
  let id = 0;
  try {
    await db.transaction(async (tx) => {
      id = await doOne(tx);
    });
    if (id > 0) done.push(id);
    return id > 0;
  } catch (error) {
    say((error as Error).message);
    return true;
  }
}

/** Its number, or 0 when there is none. */
async function doOne(tx: Transaction): Promise<number> {
  const job = await tx.query<{ id: number; task: string }>(`
    delete from jobs where id = (
      select id from jobs order by id limit 1 for update skip locked
    ) returning id, task`).optional();
  if (job === undefined) return 0;
  attempts++;
  if (job.id === 3 && !hasFailed) {
    hasFailed = true;
    throw new Error("job 3 failed: the printer is out of paper");
  }
  return job.id;
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
