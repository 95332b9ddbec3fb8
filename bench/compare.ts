import { join } from "node:path";
import type { Measurement } from "./figures.ts";
import type { Plan } from "./plan.ts";
import { programCommand, PROGRAMS } from "./programs.ts";
import type { Runtime } from "./runtimes.ts";
import type { Server } from "./server.ts";
import { Turn } from "./turn.ts";
import type { Workload } from "./workload.ts";

/** The measurements on one runtime. */
export interface Comparison {
  readonly measurements: readonly Measurement[];
  /** A line for each peer that has failed in a workload. */
  readonly failures: readonly string[];
}

/**
 * Measures all peers on one runtime. Each has its own process. They stay up together and take turns, so
 * that a slow moment of the machine meets all of them. Peers that are a program need its path.
 */
export async function compare(
  runtime: Runtime,
  server: Server,
  plan: Plan,
  program: string | undefined,
): Promise<Comparison> {
  const measurements: Measurement[] = [];
  const failures: string[] = [];
  const peers = plan.peers.filter((peer) =>
    PROGRAMS.includes(peer) ? program !== undefined : peer !== "bun_sql" || runtime.name === "bun"
  );
  const { places } = server;
  const script = join(import.meta.dirname ?? ".", "worker.ts");
  const start = (peer: string): Turn =>
    PROGRAMS.includes(peer)
      ? new Turn(peer, programCommand(program!, peer, places))
      : new Turn(peer, [...runtime.command, script, peer, JSON.stringify(places)]);
  let turns: Turn[] = [];
  try {
    for (const workload of plan.workloads) {
      if (server.places[workload.place ?? "plain"] === undefined) continue;
      if (workload.isFresh) await Promise.all(turns.map((turn) => turn.end()));
      // A process that has ended is started again.
      turns = peers.map((peer, i) => turns[i]?.isOver === false ? turns[i]! : start(peer));
      measurements.push(...await measureAll(turns, workload, plan));
      for (const { peer, failure } of turns) {
        if (failure === undefined) continue;
        failures.push(`${runtime.title}: ${workload.name}: ${peer} failed: ${failure}`);
      }
    }
  } finally {
    await Promise.all(turns.map((turn) => turn.end()));
  }
  return { measurements, failures };
}

async function measureAll(
  turns: readonly Turn[],
  { name: workload, turn: length = 1 }: Workload,
  plan: Plan,
): Promise<Measurement[]> {
  const seconds = plan.seconds * length;
  const rounds = Math.round(plan.rounds / length);
  // The first turn checks the answers, the second warms up; neither is kept.
  for (const turn of turns) {
    await turn.take({ workload, seconds: 0 });
    await turn.take({ workload, seconds: seconds / 2 });
  }
  const measurements: Measurement[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const turn of turns) {
      const sample = await turn.take({ workload, seconds });
      if (sample !== undefined && sample.units > 0) {
        measurements.push({ peer: turn.peer, workload, ...sample });
      }
    }
  }
  return measurements;
}
