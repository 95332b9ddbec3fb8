import { best, FLOOR, geometricMean, type Line, ratio } from "./figures.ts";
import { PROGRAMS } from "./programs.ts";
import { QUERIES } from "./queries.ts";
import type { Runtime } from "./runtimes.ts";

/** The least part of the floor's rate per CPU second that the four queries should reach. */
const TARGET_OF_FLOOR = 0.85;

/** The geometric mean over the standard workloads, against the best peer of each. */
const TARGETS: Readonly<Record<string, number>> = { deno: 3, node: 3, bun: 1.5 };

/** The geometric mean over the standard workloads, against pgx in compiled Go. */
const TARGET_OF_PROGRAM = 1;

/** Returns a table: the cost of each workload in CPU time, on the clock and in memory, for each peer. */
export function report(title: string, lines: readonly Line[]): string {
  const peers = [...new Set(lines.flatMap((line) => Object.keys(line.peers)))];
  const head = [title, "µs of", ...peers, "of the floor", "best peer"];
  const rows = lines.flatMap((line) => {
    const cells = (clock: "cpu" | "wall"): string[] => [
      ...peers.map((peer) => number(line.peers[peer]?.[clock])),
      times(ratio(line, FLOOR, clock)),
      compared(line, clock),
    ];
    const memory = peers.map((peer) => number(line.peers[peer]?.memory));
    return [
      [`${line.name} (${line.unit})`, "CPU", ...cells("cpu")],
      ["", "clock", ...cells("wall")],
      ...(line.group === "volume" ? [["", "MB", ...memory, "", ""]] : []),
    ];
  });
  return table([head, ...rows]);
}

/** Returns lines that say which targets were met on a runtime. */
export function summary({ name, title }: Runtime, lines: readonly Line[]): string[] {
  const said: string[] = [];
  for (const line of lines.filter((line) => QUERIES.some((query) => query.name === line.name))) {
    const part = ratio(line, FLOOR);
    if (!Number.isNaN(part)) {
      said.push(judged(`${title}: ${line.name}`, part, TARGET_OF_FLOOR, "of the floor"));
    }
  }
  const standard = lines.filter(({ group }) => group === "standard");
  const ratios = standard.map((line) => ratio(line, best(line) ?? ""));
  const mean = geometricMean(ratios.filter((one) => !Number.isNaN(one)));
  const target = TARGETS[name] ?? 0;
  if (!Number.isNaN(mean)) {
    said.push(judged(`${title}: ${standard.length} workloads`, mean, target, "the best peer"));
  }
  for (const peer of PROGRAMS) {
    const ratios = standard.map((line) => ratio(line, peer)).filter((one) => !Number.isNaN(one));
    if (ratios.length === 0) continue;
    const all = geometricMean(ratios);
    said.push(judged(`${title}: ${ratios.length} workloads`, all, TARGET_OF_PROGRAM, peer));
  }
  for (const line of lines) {
    const peer = best(line, "wall");
    const slower = peer === undefined ? NaN : ratio(line, peer, "wall");
    if (slower < 1) said.push(`${title}: ${line.name}: slower than ${peer}, ${times(slower)}`);
  }
  return said;
}

function judged(what: string, found: number, target: number, of: string): string {
  const verdict = found >= target ? "met" : "MISSED";
  return `${what}: ${times(found)} ${of} per CPU second; target ${target}×: ${verdict}`;
}

function compared(line: Line, clock: "cpu" | "wall"): string {
  const peer = best(line, clock);
  return peer === undefined ? "-" : `${times(ratio(line, peer, clock))} ${peer}`;
}

/** Returns a number with three digits. */
function number(value: number | undefined): string {
  if (value === undefined) return "-";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Returns a ratio. */
export function times(ratio: number): string {
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
