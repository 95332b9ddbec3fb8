import { POOL_WORKLOADS } from "./pool_workloads.ts";
import { WORKLOADS } from "./workloads.ts";
import type { Runtime } from "./runtimes.ts";
import type { Sample } from "./worker.ts";

/** One turn's figures. */
export interface Measurement extends Sample {
  readonly peer: string;
  readonly workload: string;
}

/** Which figure: units per second on the clock, or per second of the client's CPU time. */
type Clock = "wall" | "cpu";

const OURS = "cornac";
/** At least this often the better peer's rate per CPU second, as geometric mean of the workloads. */
const TARGETS: Readonly<Record<string, readonly [ratio: number, ...peers: string[]]>> = {
  deno: [2, "pg", "postgres"],
  node: [2, "pg", "postgres"],
  bun: [1, "Bun.SQL"],
};

/** A table: a line per workload and clock, a column per peer, then the geometric means. */
export function report(title: string, all: readonly Measurement[]): string {
  const peers = [...new Set(all.map(({ peer }) => peer))];
  const lines = [[title, "per second of", ...peers]];
  for (const { name, unit } of WORKLOADS) {
    if (!all.some(({ workload }) => workload === name)) continue;
    for (const clock of ["wall", "cpu"] as const) {
      const rates = peers.map((peer) => figure(rate(all, peer, name, clock)));
      lines.push([clock === "wall" ? `${name} (${unit})` : "", clock, ...rates]);
    }
  }
  for (const clock of ["wall", "cpu"] as const) {
    const means = peers.map((peer) => peer === OURS ? "" : times(meanRatio(all, peer, clock)));
    lines.push([clock === "wall" ? `${OURS} ÷ peer, geometric mean` : "", clock, ...means]);
  }
  return table(lines);
}

/** A line per target that this runtime has, and whether it was met. */
export function summary({ name, title }: Runtime, all: readonly Measurement[]): string[] {
  const [target, ...peers] = TARGETS[name] ?? [0];
  const ratios = peers
    .map((peer) => [meanRatio(all, peer, "cpu"), peer] as const)
    .filter(([ratio]) => !Number.isNaN(ratio));
  const [least] = ratios.sort(([a], [b]) => a - b);
  if (least === undefined) return [];
  const [ratio, peer] = least;
  const verdict = ratio >= target ? "met" : "MISSED";
  return [`${title}: ${times(ratio)} ${peer} per client CPU second; target ${target}×: ${verdict}`];
}

/**
 * A table of what a pool costs: microseconds of the client's CPU time per unit, in the
 * least disturbed turn, because other work on the machine hides so short a time.
 */
export function poolReport(title: string, all: readonly Measurement[]): string {
  const peers = [...new Set(all.map(({ peer }) => peer))];
  const lines = [[`${title}: pools`, "µs of CPU per", ...peers]];
  for (const { name, unit } of POOL_WORKLOADS) {
    if (!all.some(({ workload }) => workload === name)) continue;
    lines.push([name, unit, ...peers.map((peer) => cost(all, peer, name).toFixed(2))]);
  }
  return table(lines);
}

/** Whether a checkout costs no more than pg's or postgres's. */
export function poolSummary({ title }: Runtime, all: readonly Measurement[]): string[] {
  const checkouts = POOL_WORKLOADS.filter(({ unit }) => unit === "checkout");
  return checkouts.flatMap(({ name }) => {
    const least = Math.min(...["pg", "postgres"].map((peer) => cost(all, peer, name)));
    const ratio = cost(all, OURS, name) / least;
    if (Number.isNaN(ratio)) return [];
    const verdict = ratio <= 1 ? "met" : "MISSED";
    return [`${title}: ${name}: ${times(ratio)} the cheaper peer's; target 1.00×: ${verdict}`];
  });
}

function cost(all: readonly Measurement[], peer: string, workload: string): number {
  const turns = all.filter((one) => one.peer === peer && one.workload === workload);
  return turns.length === 0 ? NaN : 1e6 * Math.min(...turns.map(({ cpu, units }) => cpu / units));
}

function rate(all: readonly Measurement[], peer: string, workload: string, clock: Clock): number {
  const rates = all
    .filter((one) => one.peer === peer && one.workload === workload)
    .map((one) => one.units / one[clock])
    .sort((a, b) => a - b);
  const middle = rates.length >> 1;
  return rates.length % 2 === 1 ? rates[middle]! : (rates[middle - 1]! + rates[middle]!) / 2;
}

/** Geometric mean, over the workloads, of our rate divided by the peer's; NaN when one is missing. */
function meanRatio(all: readonly Measurement[], peer: string, clock: Clock): number {
  const names = [...new Set(all.map(({ workload }) => workload))];
  const logs = names.map((name) =>
    Math.log(rate(all, OURS, name, clock) / rate(all, peer, name, clock))
  );
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}

function figure(rate: number): string {
  if (Number.isNaN(rate)) return "-";
  if (rate >= 1e6) return `${(rate / 1e6).toPrecision(3)} M`;
  return rate >= 1e3 ? `${(rate / 1e3).toPrecision(3)} k` : rate.toFixed(0);
}

function times(ratio: number): string {
  return Number.isNaN(ratio) ? "-" : `${ratio.toFixed(2)}×`;
}

function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const format = (line: readonly string[]): string =>
    line.map((cell, i) => i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ");
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  const [head, ...body] = lines.map(format);
  return [head, rule, ...body].join("\n");
}
