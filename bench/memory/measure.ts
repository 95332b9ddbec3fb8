/** The memory that a result keeps, beside the peers: the group `memory`. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { PROGRAMS } from "../programs.ts";
import type { Runtime } from "../runtimes.ts";
import type { Server } from "../server.ts";
import type { Footprint } from "./worker.ts";

const ROWS = 1_000_000;
/** Milliseconds that one process may take. */
const PATIENCE = 120_000;

/** Flags with which the garbage collector can be called. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  deno: ["--v8-flags=--expose-gc"],
  node: ["--expose-gc"],
};

/** Prints what a row of a large result keeps, and the peak of the process, for each peer that decodes. */
export function measureMemory(runtime: Runtime, server: Server, peers: readonly string[]): void {
  const [command = "", ...flags] = runtime.command;
  const script = join(import.meta.dirname ?? ".", "worker.ts");
  process.stdout.write(`\n${runtime.title}: a result of ${ROWS} rows\n`);
  for (const peer of peers) {
    if (peer === "floor" || PROGRAMS.includes(peer)) continue;
    if (peer === "bun_sql" && runtime.name !== "bun") continue;
    const all = [...flags, ...FLAGS[runtime.name] ?? []];
    const own = [script, peer, JSON.stringify(server.places.plain), String(ROWS)];
    const { status, stdout, stderr } = spawnSync(command, [...all, ...own], {
      encoding: "utf8",
      timeout: PATIENCE,
    });
    if (status !== 0) {
      process.stderr.write(`${peer} failed: ${stderr}\n`);
      process.exitCode = 1;
      continue;
    }
    const { bytes, peak } = JSON.parse(stdout.trim().split("\n").at(-1)!) as Footprint;
    const figures = `${bytes.toFixed(0).padStart(5)} bytes a row, peak ${peak.toFixed(0)} MB`;
    process.stdout.write(`${peer.padEnd(10)}${figures}\n`);
  }
}
