import { readFileSync, writeFileSync } from "node:fs";
import { FLOOR, type Line, OURS, ratio } from "./figures.ts";
import { times } from "./report.ts";

/** Ratios of CPU time by runtime, workload and peer: peer ÷ this driver. */
type Ratios = Record<string, Record<string, Record<string, number>>>;

/** The part of a recorded ratio that must be reached. Runs on one machine differ by so much. */
const TOLERANCE = 0.85;

/** Writes the ratios of this run, for a later `--check`. Those of other runtimes and workloads stay. */
export function record(path: string, runtime: string, lines: readonly Line[]): void {
  const all = read(path);
  for (const line of lines) {
    const own = (all[runtime] ??= {})[line.name] = {} as Record<string, number>;
    for (const peer of Object.keys(line.peers)) {
      if (peer !== OURS) own[peer] = Number(ratio(line, peer).toFixed(2));
    }
  }
  writeFileSync(path, `${JSON.stringify(all, undefined, 2)}\n`);
}

/** Returns a line for each ratio that has fallen below the recorded one. */
export function fallen(path: string, runtime: string, lines: readonly Line[]): string[] {
  const before = read(path)[runtime] ?? {};
  return lines.flatMap((line) =>
    Object.entries(before[line.name] ?? {}).flatMap(([peer, recorded]) => {
      const now = ratio(line, peer);
      if (Number.isNaN(now) || now >= recorded * TOLERANCE) return [];
      const other = peer === FLOOR ? "the floor" : peer;
      return [`${runtime}: ${line.name}: ${times(now)} ${other}; recorded: ${times(recorded)}`];
    })
  );
}

function read(path: string): Ratios {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return {};
    throw error;
  }
}
