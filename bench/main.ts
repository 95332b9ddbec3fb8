/**
 * Compares this driver with its peers and with the floor, on Deno, Bun and Node, in one run.
 *
 *     deno task bench [--runtime deno,bun,node] [--peer cornac,pg,…] [--workload pg_type,pool,types,…]
 *                     [--seconds 0.6] [--rounds 3] [--server postgres://user@host:port/database]
 *
 * Each peer has its own process per runtime. They stay up together and take turns, so that a slow
 * moment of the machine meets all of them; a figure is the median of `--rounds` turns of `--seconds`
 * each; what pools cost is that of the least disturbed of many short turns. `traced` is this driver
 * with a subscriber to every diagnostics channel. Without `--server` (which must trust the user over plain
 * TCP) a PostgreSQL 18 is started.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { Settings } from "./peer.ts";
import { POOL_WORKLOADS } from "./pool_workloads.ts";
import { type Measurement, poolReport, poolSummary, report, summary } from "./report.ts";
import { findRuntime, type Runtime, RUNTIMES } from "./runtimes.ts";
import { startServer } from "./server.ts";
import { Turn } from "./turn.ts";
import { WORKLOADS } from "./workloads.ts";

/** The workload that needs no server: see types.ts. */
const TYPES = "types";

/** All workloads of pools together. */
const POOL = "pool";

/** The choices made on the command line. */
interface Plan {
  readonly runtimes: readonly string[];
  readonly peers: readonly string[];
  readonly workloads: readonly string[];
  readonly seconds: number;
  readonly rounds: number;
  readonly server: string | undefined;
}

function plan(): Plan {
  const text = { type: "string" } as const;
  const options = { runtime: text, peer: text, workload: text, seconds: text, rounds: text };
  const { values } = parseArgs({ options: { ...options, server: text } });
  return {
    runtimes: chosen("runtime", values.runtime, RUNTIMES),
    peers: chosen("peer", values.peer, ["cornac", "traced", "pg", "postgres", "Bun.SQL", "floor"]),
    workloads: chosen("workload", values.workload, [
      ...WORKLOADS.map(({ name }) => name),
      POOL,
      TYPES,
    ]),
    seconds: Number(values.seconds ?? 0.6),
    rounds: Number(values.rounds ?? 3),
    server: values.server,
  };
}

function chosen(option: string, list: string | undefined, all: readonly string[]): string[] {
  if (list === undefined) return [...all];
  return list.split(",").map((word) => {
    const found = all.find((name) => name.toLowerCase() === word.toLowerCase().trim());
    if (found === undefined) throw new Error(`--${option} ${word}: one of ${all.join(", ")}`);
    return found;
  });
}

/** Measures all peers on one runtime. A peer that fails is left out, and the reason is printed. */
async function compare(runtime: Runtime, settings: Settings, plan: Plan): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const turns: Turn[] = [];
  for (const peer of plan.peers) {
    if (peer === "Bun.SQL" && runtime.name !== "bun") continue;
    turns.push(new Turn(runtime, peer, settings));
  }
  try {
    const names = plan.workloads.filter((name) => name !== TYPES).flatMap((name) =>
      name === POOL ? POOL_WORKLOADS.map((one) => one.name) : [name]
    );
    for (const workload of names) {
      const pooled = isPooled(workload);
      const able = pooled ? turns.filter(({ peer }) => peer !== "floor") : turns;
      // Of short turns there are more.
      const [seconds, rounds] = pooled
        ? [plan.seconds / 6, plan.rounds * 6]
        : [plan.seconds, plan.rounds];
      // The first turn checks the answers, the second warms up; neither is kept.
      for (const turn of able) {
        await turn.take({ workload, seconds: 0 });
        await turn.take({ workload, seconds: seconds / 2 });
      }
      for (let round = 0; round < rounds; round++) {
        for (const turn of able) {
          const sample = await turn.take({ workload, seconds });
          if (sample) measurements.push({ peer: turn.peer, workload, ...sample });
        }
      }
    }
  } finally {
    await Promise.all(turns.map((turn) => turn.end()));
  }
  for (const { peer, failure } of turns) {
    if (failure === undefined) continue;
    process.exitCode = 1;
    process.stdout.write(`\n${runtime.title}: ${peer} failed: ${failure}\n`);
  }
  return measurements;
}

function isPooled(workload: string): boolean {
  return POOL_WORKLOADS.some(({ name }) => name === workload);
}

function measureTypes({ title, command: [command = "", ...flags] }: Runtime): void {
  process.stdout.write(`\n${title}\n`);
  const script = join(import.meta.dirname ?? ".", "types.ts");
  const { status } = spawnSync(command, [...flags, script], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}

const asked = plan();
const server = await startServer(asked.server);
try {
  const closing: string[] = [];
  for (const name of asked.runtimes) {
    const runtime = await findRuntime(name);
    const all = await compare(runtime, server.settings, asked);
    const pools = all.filter(({ workload }) => isPooled(workload));
    const others = all.filter(({ workload }) => !isPooled(workload));
    if (others.length > 0) process.stdout.write(`\n${report(runtime.title, others)}\n`);
    if (pools.length > 0) process.stdout.write(`\n${poolReport(runtime.title, pools)}\n`);
    closing.push(...summary(runtime, others), ...poolSummary(runtime, pools));
    if (asked.workloads.includes(TYPES)) measureTypes(runtime);
  }
  process.stdout.write(`\n${closing.join("\n")}\n`);
} finally {
  await server.stop();
}
