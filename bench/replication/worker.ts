/** One process of the measurement of replication: reads a job from its argument, prints its outcome. */
import process from "node:process";
import { replicate } from "../../src/replication/replication.ts";
import type { Job, Outcome } from "./job.ts";
import { readNaively } from "./naive.ts";

/** Rows between two pauses of a slow handler, and the pause: 10,000 rows in a second. */
const PART = 1000;
const PAUSE = 100;

const job: Job = JSON.parse(process.argv[2] ?? "{}");
const outcome = await run(job);
process.stdout.write(`${JSON.stringify(outcome)}\n`);
process.exit(0);

async function run(job: Job): Promise<Outcome> {
  const began = performance.now();
  const cpu = process.cpuUsage();
  let first = 0;
  const started = (): void => void (first = performance.now());
  let memory = 0;
  if (job.kind === "naive") await readNaively(job.place, job.slot, job.rows, started);
  else memory = await follow(job, started);
  const { user, system } = process.cpuUsage(cpu);
  const now = performance.now();
  const from = job.kind === "close" ? first : began;
  return {
    seconds: (now - from) / 1000,
    first: (first - began) / 1000,
    cpu: (user + system) / 1e6,
    memory,
  };
}

/** Reads the stream; returns the growth of the memory. */
async function follow({ kind, place, slot, rows }: Job, started: () => void): Promise<number> {
  const stream = replicate({
    ...place,
    ...{ sslMode: "disable", slot: { name: slot, create: false }, publication: "bench" },
    reconnect: kind !== "idle",
    onState: ({ state }) => kind === "idle" && process.stdout.write(`${state}\n`),
  });
  let count = 0;
  let idle = 0;
  let most = 0;
  try {
    for await (const change of stream) {
      if (change.kind !== "insert") continue;
      if (count++ === 0) {
        if (kind !== "close") started();
        idle = most = process.memoryUsage.rss();
      }
      if (kind === "close" && count === PART) {
        started();
        break; // which closes the stream
      }
      if (count === rows) break;
      if (kind === "slow" && count % PART === 0) {
        most = Math.max(most, process.memoryUsage.rss());
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }
  } catch (error) {
    if (kind !== "idle") throw error;
  }
  most = Math.max(most, process.memoryUsage.rss());
  await stream.close();
  return most - idle;
}
