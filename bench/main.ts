/**
 * Compares this driver with its peers and with the floor, on Deno, Bun and Node, in one run.
 *
 *     deno task bench [--runtime deno,bun,node] [--peer cornac,pg,…] [--workload standard,tls,pg_type,…]
 *                     [--seconds 0.6] [--rounds 3] [--server postgres://user@host:port/database]
 *                     [--json FILE] [--svg FILE] [--record FILE] [--check FILE]
 *
 * Each peer has its own process per runtime. They stay up together and take turns, so that a slow
 * moment of the machine meets all of them; a figure is the median of `--rounds` turns of `--seconds`
 * each. bench/README.md says what is compared, and how peers and workloads are added. `--check` fails
 * where a ratio is worse than in the file that `--record` has written. Without `--server` (which must
 * trust the user over plain TCP) a PostgreSQL 18 is started.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { chart, type Part } from "./chart.ts";
import { fallen, record } from "./check.ts";
import { compare } from "./compare.ts";
import { figures } from "./figures.ts";
import { measureMemory } from "./memory/measure.ts";
import { readPlan } from "./plan.ts";
import { buildProgram, PROGRAMS } from "./programs.ts";
import { report, summary } from "./report.ts";
import { measureReplication } from "./replication/measure.ts";
import { findRuntime, type Runtime } from "./runtimes.ts";
import { startServer } from "./server.ts";

function measureTypes({ title, command: [command = "", ...flags] }: Runtime): void {
  process.stdout.write(`\n${title}\n`);
  const script = join(import.meta.dirname ?? ".", "types.ts");
  const { status } = spawnSync(command, [...flags, script], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}

const plan = await readPlan();
const program = plan.peers.some((peer) => PROGRAMS.includes(peer)) ? buildProgram() : undefined;
const server = await startServer(plan.server);
const parts: Part[] = [];
const closing: string[] = [];
try {
  for (const name of plan.workloads.length > 0 || plan.types ? plan.runtimes : []) {
    const runtime = await findRuntime(name);
    const { measurements, failures: failed } = await compare(runtime, server, plan, program);
    const lines = figures(plan.workloads, measurements);
    if (lines.length > 0) process.stdout.write(`\n${report(runtime.title, lines)}\n`);
    const failures = [...failed];
    closing.push(...failed, ...summary(runtime, lines));
    if (plan.check !== undefined) failures.push(...fallen(plan.check, name, lines));
    for (const failure of failures) process.stderr.write(`${failure}\n`);
    if (failures.length > 0) process.exitCode = 1;
    if (plan.record !== undefined) record(plan.record, name, lines);
    parts.push({ title: runtime.title, lines });
    if (plan.types) measureTypes(runtime);
  }
  if (plan.memory) {
    for (const name of plan.runtimes) measureMemory(await findRuntime(name), server, plan.peers);
  }
  if (plan.replication) {
    await measureReplication(await Promise.all(plan.runtimes.map(findRuntime)), plan.rounds);
  }
  process.stdout.write(`\n${closing.join("\n")}\n`);
  if (plan.json !== undefined) writeFileSync(plan.json, `${JSON.stringify(parts, undefined, 2)}\n`);
  if (plan.svg !== undefined) writeFileSync(plan.svg, chart(parts));
} finally {
  await server.stop();
}
