/**
 * Measures one peer in this process: `worker.ts PEER SETTINGS`, then a line of JSON for each
 * {@linkcode Order} on standard input, answered by a line with its {@linkcode Sample}.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { PEERS, type PoolPeer } from "./peer.ts";
import { MAX, POOL_WORKLOADS } from "./pool_workloads.ts";
import { type Workload, WORKLOADS } from "./workloads.ts";

/** The workload to measure and for how long; `seconds` 0 only verifies the answers. */
export interface Order {
  readonly workload: string;
  readonly seconds: number;
}

/** A measurement: units of work, seconds on the clock, seconds of this process's CPU time. */
export interface Sample {
  readonly units: number;
  readonly wall: number;
  readonly cpu: number;
}

async function measure<P>(work: Workload<P>, peer: P, seconds: number): Promise<Sample> {
  if (seconds === 0) await work.verify(peer, name !== "floor");
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  let units = 0;
  let wall = 0;
  while (wall < seconds) {
    units += await work.step(peer);
    wall = (performance.now() - began) / 1000;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { units, wall, cpu: (user + system) / 1e6 };
}

const [name = "", settings = ""] = process.argv.slice(2);
const load = PEERS[name];
if (load === undefined) throw new Error(`no peer "${name}"`);
const peer = await load();
await peer.connect(JSON.parse(settings));
let pool: PoolPeer | undefined;

function obey({ workload, seconds }: Order): Promise<Sample> {
  const work = WORKLOADS.find(({ name }) => name === workload);
  if (work !== undefined) return measure(work, peer, seconds);
  const pooled = POOL_WORKLOADS.find(({ name }) => name === workload);
  if (pooled === undefined) throw new Error(`no workload "${workload}"`);
  pool ??= peer.openPool?.(JSON.parse(settings), MAX);
  if (pool === undefined) throw new Error(`${name} has no pool`);
  return measure(pooled, pool, seconds);
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await obey(JSON.parse(line))) + "\n");
}
await pool?.close();
await peer.close();
process.exit(0);
