import { PROGRAMS } from "./programs.ts";
import type { Workload } from "./workload.ts";
import type { Sample } from "./worker.ts";

/** One turn's figures. */
export interface Measurement extends Sample {
  /** The file of the peer. */
  readonly peer: string;
  readonly workload: string;
}

/** The cost of one workload for a peer: medians of its turns. */
export interface Figure {
  /** Microseconds of the client's CPU time for one unit. */
  readonly cpu: number;
  /** Microseconds on the clock for one unit. */
  readonly wall: number;
  /** Peak of the resident memory, in MB. */
  readonly memory: number;
}

/** One workload and the figures of each peer, by its file. */
export interface Line {
  readonly name: string;
  readonly group: string;
  readonly unit: string;
  readonly peers: Readonly<Record<string, Figure>>;
}

/** This driver. */
export const OURS = "cornac";

/** The peer that does the least that any driver must. */
export const FLOOR = "floor";

/** Variants of this driver and drivers for other languages, which are no competitors. */
const APART = ["traced", "pg_compat", "postgres_compat", ...PROGRAMS];

/** Returns the figures of each workload that was measured, in the order of the plan. */
export function figures(workloads: readonly Workload[], all: readonly Measurement[]): Line[] {
  const lines: Line[] = [];
  for (const { name, group, unit, turn = 1 } of workloads) {
    const own = all.filter(({ workload }) => workload === name);
    if (own.length === 0) continue;
    const peers: Record<string, Figure> = {};
    for (const peer of new Set(own.map(({ peer }) => peer))) {
      peers[peer] = figure(own.filter((one) => one.peer === peer), turn);
    }
    lines.push({ name, group, unit, peers });
  }
  return lines;
}

/**
 * Medians; of short turns, which are easily disturbed, that of the least disturbed one. Other work on the
 * machine only ever makes a turn slower.
 */
function figure(turns: readonly Measurement[], turn: number): Figure {
  const pick = turn < 1 ? (list: number[]) => Math.min(...list) : median;
  return {
    cpu: pick(turns.map(({ cpu, units }) => 1e6 * cpu / units)),
    wall: pick(turns.map(({ wall, units }) => 1e6 * wall / units)),
    memory: median(turns.map(({ memory }) => memory)),
  };
}

/** Returns the middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Returns how often this driver's work another peer's cost is: above 1, this driver is cheaper. */
export function ratio({ peers }: Line, peer: string, clock: "cpu" | "wall" = "cpu"): number {
  return (peers[peer]?.[clock] ?? NaN) / (peers[OURS]?.[clock] ?? NaN);
}

/** Returns the competitor whose cost is the least, if one was measured. */
export function best({ peers }: Line, clock: "cpu" | "wall" = "cpu"): string | undefined {
  return Object.keys(peers)
    .filter((peer) => peer !== OURS && peer !== FLOOR && !APART.includes(peer))
    .sort((a, b) => peers[a]![clock] - peers[b]![clock])[0];
}

/** Returns the geometric mean of numbers; NaN if there are none. */
export function geometricMean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, one) => sum + Math.log(one), 0) / numbers.length);
}
