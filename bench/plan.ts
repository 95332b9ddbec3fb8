import { parseArgs } from "node:util";
import { loadWorkloads, peerNames } from "./catalogue.ts";
import { RUNTIMES } from "./runtimes.ts";
import type { Workload } from "./workload.ts";

/** The workload that needs no server: see types.ts. */
const TYPES = "types";

/** The workload with a server and processes of its own: see replication/measure.ts. */
const REPLICATION = "replication";

/** The workload with a process for each result: see memory/measure.ts. */
const MEMORY = "memory";

/** The peers that are compared by default, by their files. */
const PEERS = ["cornac", "pg", "postgres", "bun_sql", "floor"];

/** The groups of workloads that are measured by default. */
const GROUPS = ["standard", "pool"];

/** The choices made on the command line. */
export interface Plan {
  readonly runtimes: readonly string[];
  /** Files of `peers/`. */
  readonly peers: readonly string[];
  readonly workloads: readonly Workload[];
  /** Whether single types are measured, too. */
  readonly types: boolean;
  /** Whether replication is measured. */
  readonly replication: boolean;
  /** Whether the memory of a result is measured. */
  readonly memory: boolean;
  readonly seconds: number;
  readonly rounds: number;
  readonly server: string | undefined;
  /** Where to write the figures, the chart, and the ratios that `check` compares with. */
  readonly json: string | undefined;
  readonly svg: string | undefined;
  readonly record: string | undefined;
  readonly check: string | undefined;
}

/**
 * Reads the command line.
 *
 * @throws {Error} a name is none of those that there are.
 */
export async function readPlan(): Promise<Plan> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      ...{ runtime: text, peer: text, workload: text, seconds: text, rounds: text, server: text },
      ...{ json: text, svg: text, record: text, check: text },
    },
  });
  const { server, json, svg, record, check } = values;
  const all = await loadWorkloads();
  const names = [
    ...new Set([
      ...all.flatMap(({ group, name }) => [group, name]),
      TYPES,
      REPLICATION,
      MEMORY,
      "all",
    ]),
  ];
  const wanted = chosen("workload", values.workload, names, [...GROUPS, TYPES]);
  const isWanted = (name: string): boolean => wanted.includes(name) || wanted.includes("all");
  return {
    runtimes: chosen("runtime", values.runtime, RUNTIMES, RUNTIMES),
    peers: chosen("peer", values.peer, peerNames(), PEERS),
    workloads: all.filter(({ group, name }) => isWanted(group) || isWanted(name)),
    types: isWanted(TYPES),
    replication: wanted.includes(REPLICATION),
    memory: isWanted(MEMORY),
    seconds: Number(values.seconds ?? 0.6),
    rounds: Number(values.rounds ?? 3),
    ...{ server, json, svg, record, check },
  };
}

/** Finds names in a list with commas, whatever their case and punctuation. */
function chosen(
  option: string,
  list: string | undefined,
  all: readonly string[],
  usual: readonly string[],
): string[] {
  if (list === undefined) return [...usual];
  const words = list.split(",");
  const names: string[] = [];
  while (words.length > 0) {
    // A name may have commas of its own.
    const counts = words.map((_, i) => words.length - i);
    const nameOf = (count: number): string | undefined => {
      const word = plain(words.slice(0, count).join(","));
      return all.find((name) => plain(name) === word);
    };
    const count = counts.find((count) => nameOf(count) !== undefined);
    if (count === undefined) throw new Error(`--${option} ${words[0]}: one of ${all.join("; ")}`);
    names.push(nameOf(count)!);
    words.splice(0, count);
  }
  return names;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "");
}
