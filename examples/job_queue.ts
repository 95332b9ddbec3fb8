/**
 * A queue of jobs in a table, with two workers. They sleep until they are notified, and take a job
 * with FOR UPDATE SKIP LOCKED: no two take the same one, and when a worker fails, or loses its
 * connection, the job is there again, because taking it was part of the transaction.
 *
 * A worker looks at the table after each notification, and after each gap: the listening connection
 * was lost and replaced, and notifications sent in between are lost. So no job is forgotten.
 *
 * Prints:
 *
 * ```
 * job 3 failed: the printer is out of paper
 * the server ends the connection that listens
 * a gap: worker 1 looks whether it has missed anything
 * a gap: worker 2 looks whether it has missed anything
 * 8 jobs were done, by 9 attempts
 * ```
 */
import { createPool, type ListenEvent, type Subscription, type Transaction } from "../mod.ts";

const pool = createPool({}, { max: 4 });
const done: number[] = [];
let attempts = 0;
let hasFailed = false;
try {
  await pool.query(`
    drop table if exists jobs;
    create table jobs (id int primary key, task text not null);
    insert into jobs values (1, 'was here before the workers')`).simple();

  const subscriptions = await Promise.all([1, 2].map(() => pool.listen("jobs")));
  const working = subscriptions.map((jobs, i) => work(`worker ${i + 1}`, jobs));

  await produce(2, 3, 4, 5, 6, 7);
  await until(() => done.length === 7);

  say("the server ends the connection that listens");
  await pool.query(`
    select pg_terminate_backend(pid) from pg_stat_activity
    where query like 'listen%' and usename = current_user`);
  await produce(8); // it may be sent while no worker listens
  await until(() => done.length === 8 && pool.stats().listener.gaps === 1);

  for (const subscription of subscriptions) await subscription.close();
  await Promise.all(working);
  say(`${new Set(done).size} jobs were done, by ${attempts} attempts`);
} finally {
  await pool.query("drop table if exists jobs");
  await pool.close();
}

/** Takes jobs until the subscription is closed. */
async function work(name: string, jobs: Subscription<ListenEvent>): Promise<void> {
  await takeAll(); // what was there before it listened
  for await (const event of jobs) {
    if (event.type === "gap") say(`a gap: ${name} looks whether it has missed anything`);
    await takeAll();
  }
}

async function takeAll(): Promise<void> {
  while (await takeOne()) { /* until none is left */ }
}

/** Whether there was a job to take. */
async function takeOne(): Promise<boolean> {
  try {
    const id = await pool.transaction(doOne);
    if (id > 0) done.push(id);
    return id > 0;
  } catch (error) {
    say((error as Error).message);
    return true;
  }
}

/** The number of the job, or 0 when there is none. */
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

async function produce(...ids: number[]): Promise<void> {
  await pool.transaction(async (tx) => {
    await tx.sql`insert into jobs ${tx.sql(ids.map((id) => ({ id, task: `print page ${id}` })))}`;
    await tx.notify("jobs", ""); // is sent with the commit
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
