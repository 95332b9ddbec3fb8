/**
 * Runs the tests: the same files under Deno, Bun and Node, then against the built npm package under
 * Node 20 and 24, and a part of them in Cloudflare's workerd. Prints a line per runtime and group, everything skipped with its reason, every
 * failure in full, and the sums. Fails when a test fails, a process hangs or a group runs no test.
 *
 *     deno task test [part of a file's path …] [--runtime=deno,bun,node,npm-node20,npm-node24,workerd]
 *                    [--group=unit,wire,server,typed,pooler,pglite,docs,fuzz] [--filter=part of a test's name]
 *                    [--timeout=seconds for each process, 1200] [--slowest=how many files and tests to list]
 *
 * What the package repeats of Node's sources is left out unless a runtime is named: jobs.ts.
 *
 * `CORNAC_AGAIN=5` runs up to five failed tests once more, with their files: again.ts.
 * `PG_MAJORS=all` or `PG_MAJORS=15,18` chooses the servers; PostgreSQL 18 by default.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cacheDirectory } from "../tests/_kit/cache.ts";
import { certificates } from "../tests/_kit/certs.ts";
import { type Cluster, startCluster } from "../tests/_kit/cluster.ts";
import { majors } from "../tests/_kit/servers.ts";
import { runAgain } from "./testing/again.ts";
import {
  type Group,
  GROUPS,
  type Job,
  planJobs,
  type RuntimeName,
  RUNTIMES,
} from "./testing/jobs.ts";
import type { Selection } from "./testing/jobs.ts";
import { buildNpmTests } from "./testing/npm_tests.ts";
import { allPassed, closingReport, summaryLine } from "./testing/report.ts";
import { runJobs } from "./testing/run.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The jobs that run at once: two for each core, because tests wait for more than half of their time. */
const PROCESSES = 2 * availableParallelism();

if (import.meta.main) process.exitCode = await main();

async function main(): Promise<number> {
  const { selection, timeout, slowest } = options(process.argv.slice(2));
  const reports = mkdtempSync(join(tmpdir(), "cornac-reports-"));
  const clusters: Cluster[] = [];
  try {
    install();
    await certificates(); // once, before two processes want them
    const npmTests = await npmPackageTests(selection);
    const jobs = await planJobs(ROOT, selection, npmTests, reports, PROCESSES);
    if (jobs.length === 0) throw new Error("nothing to run");
    const isServed = jobs.some(needsServer);
    const environments = [];
    for (let i = 0; i < Math.min(PROCESSES, jobs.length); i++) {
      const own = isServed ? await startServers() : [];
      clusters.push(...own);
      environments.push({
        CORNAC_CACHE: cacheDirectory(),
        CORNAC_SERVERS: JSON.stringify(own.map(({ address }) => address)),
        NODE_COMPILE_CACHE: join(reports, "compiled"), // Node starts a process per file
      });
    }
    if (isServed) say(`PostgreSQL ${majors().join(", ")} is ready\n`);
    const finished = (result: Parameters<typeof summaryLine>[0]) => say(summaryLine(result));
    const first = await runJobs(jobs, environments, timeout, finished);
    const most = Number(process.env.CORNAC_AGAIN ?? 0);
    const results = await runAgain(ROOT, first, most, environments[0]!, timeout);
    say(`\n${closingReport(ROOT, results, slowest)}`);
    return allPassed(results) ? 0 : 1;
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
    rmSync(reports, { recursive: true, force: true });
  }
}

function options(
  args: string[],
): { selection: Selection; timeout: number; slowest: number } {
  const { values, positionals } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    allowPositionals: true,
    options: {
      runtime: { type: "string" },
      group: { type: "string" },
      filter: { type: "string" },
      timeout: { type: "string", default: "1200" },
      slowest: { type: "string", default: "0" },
    },
  });
  const runtimes = listOf<RuntimeName>("--runtime", values.runtime, RUNTIMES);
  const groups = listOf<Group>("--group", values.group, GROUPS);
  const selection = { runtimes, groups, files: positionals, filter: values.filter };
  return { selection, timeout: Number(values.timeout), slowest: Number(values.slowest) };
}

function listOf<T extends string>(name: string, text: string | undefined, all: readonly T[]): T[] {
  const list = text?.split(",") ?? [];
  const unknown = list.filter((item) => !all.includes(item as T));
  if (unknown.length > 0) throw new Error(`${name}: ${unknown} is none of ${all.join(", ")}`);
  return list as T[];
}

/** Bun and Node find the tests' npm packages in node_modules. */
function install(): void {
  runDeno("install", "--quiet");
}

function runDeno(...args: string[]): void {
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) throw new Error(`deno ${args.join(" ")} failed`);
}

async function npmPackageTests({ runtimes }: Selection): Promise<string> {
  const wanted = runtimes.length === 0 || runtimes.some((name) => name.startsWith("npm-"));
  if (!wanted || !existsSync(join(ROOT, "scripts", "build_npm.ts"))) return ROOT;
  const { buildNpm } = await import("./build_npm.ts");
  await buildNpm(ROOT);
  return buildNpmTests(ROOT);
}

function needsServer({ group, files }: Job): boolean {
  return files.length > 0 && !["unit", "wire", "pglite"].includes(group);
}

function startServers(): Promise<Cluster[]> {
  return Promise.all(majors().map((major) => startCluster({ major })));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
