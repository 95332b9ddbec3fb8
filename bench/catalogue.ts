import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Peer } from "./peer.ts";
import { PROGRAMS } from "./programs.ts";
import type { Workload } from "./workload.ts";

const HERE = import.meta.dirname ?? ".";

/** The names of the files in `peers/`, and of the peers that are programs. */
export function peerNames(): string[] {
  return [...modules("peers"), ...PROGRAMS];
}

/** Loads a peer by the name of its file. Its code runs in no other peer's process. */
export async function loadPeer(file: string): Promise<Peer> {
  const { default: make } = await import(`./peers/${file}.ts`) as { default: () => Peer };
  return make();
}

/** The parts of the report, in order; unlisted ones follow. */
const GROUPS = ["standard", "tls", "connect", "volume", "pool"];

/** Loads all workloads of `workloads/`, in the order of the report. */
export async function loadWorkloads(): Promise<Workload[]> {
  const all: Workload[] = [];
  for (const file of modules("workloads")) {
    const { default: some } = await import(`./workloads/${file}.ts`) as { default: Workload[] };
    all.push(...some);
  }
  const place = ({ group }: Workload): number => (GROUPS.indexOf(group) + 100) % 100;
  return all.sort((a, b) => place(a) - place(b));
}

function modules(folder: string): string[] {
  const files = readdirSync(join(HERE, folder)).filter((name) => name.endsWith(".ts"));
  return files.map((name) => name.slice(0, -3)).sort();
}
