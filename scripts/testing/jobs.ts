/** Plans the processes to run: one per runtime and group. */
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { runtimeBinary } from "../toolchain.ts";
import { SELECTED as IN_PGLITE } from "./pglite_tests.ts";
import { pooledFiles, type Pooler, POOLERS } from "./pooled_tests.ts";
import { LEFT_OUT, SELECTED } from "./workerd_tests.ts";

/**
 * The groups, in the order they are run. `pooler` is the query tests of `server`, behind PgBouncer, and
 * `pglite` those of `server` that can hold in PGlite.
 */
export const GROUPS = [
  "unit",
  "wire",
  "server",
  "typed",
  "pooler",
  "pglite",
  "docs",
  "fuzz",
] as const;

/** The groups that run only when they are named. */
const NAMED: readonly Group[] = ["pooler", "pglite"];

/** Deno, Bun and Node on the sources; Node 20 and 24 on the npm package; Cloudflare's workerd. */
export const RUNTIMES = ["deno", "bun", "node", "npm-node20", "npm-node24", "workerd"] as const;

export type Group = typeof GROUPS[number];
export type RuntimeName = typeof RUNTIMES[number];

/**
 * The groups that Node 24 runs on the sources when no runtime is named, to show that they load and work
 * as they are. It runs all groups on the package, whose files join the same modules without their types.
 */
const FROM_SOURCES: readonly Group[] = ["unit", "docs", "pooler", "pglite"];

/** Which tests to run; empty lists stand for all. */
export interface Selection {
  readonly runtimes: readonly RuntimeName[];
  readonly groups: readonly Group[];
  /** Parts of file paths; one that begins with `!` leaves files out. */
  readonly files: readonly string[];
  /** A part of a test's name. */
  readonly filter?: string;
}

/** One process to run. */
export interface Job {
  readonly runtime: RuntimeName;
  readonly group: Group;
  /** The pooler in front of the server, in the group `pooler`, or PGlite in place of it. */
  readonly pooler: Pooler | "pglite" | undefined;
  readonly command: string;
  readonly args: readonly string[];
  readonly directory: string;
  /** Where the process writes its JUnit report. */
  readonly report: string;
  /** The files by their path in the repository. */
  readonly files: readonly string[];
  /** Whether these are all files of the group that the runtime can run. */
  readonly isWhole: boolean;
}

/** A job before it is known how it is to be run. */
type Plan = Pick<Job, "runtime" | "group" | "pooler" | "files" | "isWhole">;

/**
 * The jobs of a selection, of which so many `processes` run at once. `npmTests`: see npm_tests.ts;
 * `reports`: a directory for the reports.
 */
export async function planJobs(
  root: string,
  selection: Selection,
  npmTests: string,
  reports: string,
  processes: number,
): Promise<Job[]> {
  const plans = plansOf(root, selection);
  const isWhole = selection.files.length === 0 && selection.filter === undefined;
  const isAlone = isWhole && plans.length === 1;
  const jobs = (isAlone ? parts(plans[0]!, processes) : plans).map(async (plan, i) => {
    const directory = plan.runtime.startsWith("npm-") ? npmTests : root;
    const report = join(reports, `${i}.xml`);
    return await jobOf({ ...plan, directory, report }, selection.filter);
  });
  return await Promise.all(jobs);
}

/** Returns a job that runs these files only, as another job runs all of its files. */
export async function jobFor(job: Job, files: readonly string[], report: string): Promise<Job> {
  return await jobOf({ ...job, files, report, isWhole: false }, undefined);
}

async function jobOf(
  plan: Plan & Pick<Job, "directory" | "report">,
  filter: string | undefined,
): Promise<Job> {
  const { runtime, files, report } = plan;
  const fromNpm = runtime.startsWith("npm-");
  const here = fromNpm ? files.map((file) => file.replace(/\.ts$/, ".js")) : files;
  const [command, args] = await commandOf(plan, here, report, filter);
  return { ...plan, command, args };
}

function plansOf(root: string, selection: Selection): Plan[] {
  const plans: Plan[] = [];
  for (const group of GROUPS) {
    if (NAMED.includes(group) && !selection.groups.includes(group)) continue;
    if (!chosen(selection.groups, group)) continue;
    for (const pooler of modesOf(group)) {
      const files = filesOf(root, group, pooler, selection.files);
      if (files.length === 0 && selection.files.length > 0) continue;
      for (const runtime of RUNTIMES) {
        if (!chosen(selection.runtimes, runtime)) continue;
        if (isRepeated(runtime, group, selection)) continue;
        if (pooler !== undefined && !pooledRuntimes(pooler).includes(runtime)) continue;
        const own = runtime === "workerd" ? files.filter(runsInWorkerd) : files;
        if (runtime === "workerd" && own.length === 0) continue;
        const isWhole = selection.files.length === 0 && selection.filter === undefined;
        plans.push({ runtime, group, pooler, files: own, isWhole });
      }
    }
  }
  return plans;
}

function modesOf(group: Group): readonly Job["pooler"][] {
  if (group === "pooler") return POOLERS;
  return group === "pglite" ? ["pglite"] : [undefined];
}

function runsInWorkerd(path: string): boolean {
  if (SELECTED.includes(path)) return true;
  return path.startsWith("tests/wire/") && !LEFT_OUT.some(([file]) => file === path);
}

/** A group that would run alone, as several side by side. */
function parts(plan: Plan, processes: number): Plan[] {
  const { files, runtime } = plan;
  if (runtime === "workerd") return [plan]; // runs several files at once by itself
  const count = Math.max(1, Math.min(processes, files.length));
  return Array.from(
    { length: count },
    (_, part) => ({ ...plan, files: files.filter((_, i) => i % count === part) }),
  );
}

function filesOf(
  root: string,
  group: Group,
  pooler: Job["pooler"],
  parts: readonly string[],
): string[] {
  if (pooler === undefined) return testFiles(root, group, parts);
  const all = pooler === "pglite" ? IN_PGLITE : pooledFiles(pooler);
  return all.filter((path) => isWanted(path, parts));
}

/** Prepared statements in transaction mode are not recommended, so one runtime is enough for them. */
function pooledRuntimes(pooler: Pooler | "pglite"): readonly RuntimeName[] {
  return pooler === "transaction" ? ["deno"] : ["deno", "bun", "node"];
}

function isRepeated(runtime: RuntimeName, group: Group, { runtimes }: Selection): boolean {
  return runtime === "node" && runtimes.length === 0 && !FROM_SOURCES.includes(group);
}

function chosen<T>(list: readonly T[], item: T): boolean {
  return list.length === 0 || list.includes(item);
}

function testFiles(root: string, group: Group, parts: readonly string[]): string[] {
  const folder = join(root, "tests", group);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => relative(root, join(folder, name)))
    .filter((path) => isWanted(path, parts))
    .sort();
}

function isWanted(path: string, parts: readonly string[]): boolean {
  const wanted = parts.filter((part) => !part.startsWith("!"));
  const unwanted = parts.filter((part) => part.startsWith("!")).map((part) => part.slice(1));
  return (wanted.length === 0 || wanted.some((part) => path.includes(part))) &&
    !unwanted.some((part) => path.includes(part));
}

async function commandOf(
  { runtime, group }: Plan,
  files: readonly string[],
  report: string,
  filter: string | undefined,
): Promise<[string, string[]]> {
  const pattern = filter?.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  if (runtime === "deno") {
    const only = filter === undefined ? [] : ["--filter", filter];
    // Without --quiet, which would suppress the tests' own output.
    const flags = [
      "test",
      "-A",
      "--no-check",
      "--v8-flags=--expose-gc",
      `--junit-path=${report}`,
      "--preload=./tests/_kit/preload_deno.ts",
    ];
    return [process.execPath, [...flags, ...only, ...files]];
  }
  if (runtime === "bun") {
    const only = pattern === undefined ? [] : ["-t", pattern];
    const preload = "--preload=./tests/_kit/preload_bun.ts";
    const flags = [
      "test",
      preload,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      "--timeout=60000",
    ];
    return [await runtimeBinary("bun"), [...flags, ...only, ...files.map((file) => `./${file}`)]];
  }
  if (runtime === "workerd") {
    const only = filter === undefined ? [] : [`--filter=${filter}`];
    const program = ["scripts/workerd/run.ts", `--report=${report}`];
    return [await runtimeBinary("node24"), [...program, ...only, ...files]];
  }
  const only = pattern === undefined ? [] : [`--test-name-pattern=${pattern}`];
  const reporters = [
    "--test-reporter=junit",
    `--test-reporter-destination=${report}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
  ];
  const limits = ["--test-concurrency=1", "--test-timeout=120000"];
  // Tests that need nothing share a process, as on Bun; on Node 20 each file has its own.
  const isShared = group === "unit" && runtime !== "npm-node20";
  const isolation = isShared ? ["--test-isolation=none"] : [];
  const flags = ["--test", ...isolation, ...limits, ...reporters, ...only];
  const node = await runtimeBinary(runtime === "npm-node20" ? "node20" : "node24");
  return [node, [...flags, ...files]];
}
