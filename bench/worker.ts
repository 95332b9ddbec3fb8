/**
 * Measures one peer in this process: `worker.ts PEER PLACES`, then a line of JSON for each
 * {@linkcode Order} on standard input, answered by a line with its {@linkcode Sample}.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { loadPeer, loadWorkloads } from "./catalogue.ts";
import type { Client, PoolClient, Settings } from "./peer.ts";
import { type Bench, isAble, type Place, SCHEMA, type Workload } from "./workload.ts";

/** Connections of a pool. */
const MAX = 8;

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
  /** The most memory that the process had meanwhile, in MB; 0 where the system does not tell. */
  readonly memory: number;
}

/** The answer for a workload that the peer is not able to run. */
export const UNABLE: Sample = { units: 0, wall: 0, cpu: 0, memory: 0 };

const [name = "", places = "{}"] = process.argv.slice(2);
const settingsOf = JSON.parse(places) as Readonly<Record<Place, Settings>>;

async function measure(work: Workload, bench: Bench, seconds: number): Promise<Sample> {
  if (seconds === 0) {
    await work.verify(bench);
    return UNABLE;
  }
  forgetPeak();
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  let units = 0;
  let wall = 0;
  while (wall < seconds) {
    units += await work.step(bench);
    wall = (performance.now() - began) / 1000;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { units, wall, cpu: (user + system) / 1e6, memory: peak() };
}

/** Resets the peak of the resident set. Source: proc(5), `/proc/pid/clear_refs`. */
function forgetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Not Linux: the peak is that of the whole life of the process.
  }
}

function peak(): number {
  try {
    const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
    return Number(found?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

class Benches {
  readonly #benches = new Map<Place, Promise<Bench>>();
  readonly #ends: (() => Promise<unknown>)[] = [];

  at(place: Place): Promise<Bench> {
    let bench = this.#benches.get(place);
    if (bench === undefined) this.#benches.set(place, bench = this.#open(settingsOf[place]));
    return bench;
  }

  async #open(settings: Settings): Promise<Bench> {
    const client: Client = await peer.connect(settings);
    this.#ends.push(() => client.close());
    let pool: PoolClient | undefined;
    return {
      ...{ peer, settings, client },
      pool: () => {
        if (pool === undefined) {
          const own = pool = peer.openPool!(settings, MAX);
          this.#ends.push(() => own.close());
        }
        return pool;
      },
    };
  }

  async close(): Promise<void> {
    const [first] = this.#benches.values();
    await (await first)?.client.query(`drop schema if exists ${SCHEMA} cascade`, []);
    for (const end of this.#ends) await end();
  }
}

const workloads = await loadWorkloads();
const peer = await loadPeer(name);
const benches = new Benches();

async function obey({ workload, seconds }: Order): Promise<Sample> {
  const work = workloads.find(({ name }) => name === workload);
  if (work === undefined) throw new Error(`no workload "${workload}"`);
  const { place = "plain" } = work;
  if (peer.takesPassword === false && settingsOf[place].password !== undefined) return UNABLE;
  const bench = await benches.at(place);
  return isAble(bench, work) ? await measure(work, bench, seconds) : UNABLE;
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await obey(JSON.parse(line))) + "\n");
}
await benches.close();
process.exit(0);
