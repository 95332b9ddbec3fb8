/** Runs jobs as processes, several at a time, each bounded in time. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { noPgBouncer } from "../../tests/_kit/pgbouncer.ts";
import type { Job } from "./jobs.ts";
import { parseJunit, type TestCase } from "./junit.ts";
import { excused, leftOut } from "./exclusions.ts";
import * as pglite from "./pglite_tests.ts";
import { excusedBehind } from "./pooled_tests.ts";
import * as workerd from "./workerd_tests.ts";

/** The outcome of a job. */
export interface Result {
  readonly job: Job;
  readonly cases: readonly TestCase[];
  /** A fault other than failed tests: a crash, a hang, no test run. */
  readonly trouble: string | undefined;
  readonly output: string;
  readonly seconds: number;
  /** Failures of tests that have passed in a second run; again.ts. */
  readonly unsteady?: readonly TestCase[];
}

/**
 * Runs all jobs and reports each as it ends. As many run at once as there are environments, each of
 * which has servers of its own: two runtimes that run the same file create the same tables. A job may
 * take `timeout` seconds.
 */
export async function runJobs(
  jobs: readonly Job[],
  environments: readonly Readonly<Record<string, string>>[],
  timeout: number,
  finished: (result: Result) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => giveUp());
  const waiting = [...jobs];
  const worker = async (environment: Readonly<Record<string, string>>): Promise<void> => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const result = await runJob(job, environment, timeout);
      results.push(result);
      finished(result);
    }
  };
  await Promise.all(environments.map(worker));
  return results;
}

/** Runs a job, which may take `timeout` seconds. */
export async function runJob(
  job: Job,
  environment: Readonly<Record<string, string>>,
  timeout: number,
): Promise<Result> {
  const start = performance.now();
  const result = (cases: TestCase[], trouble?: string, output = ""): Result => {
    const seconds = (performance.now() - start) / 1000;
    return { job, cases, trouble, output, seconds };
  };
  if (job.files.length === 0) return result([], `tests/${job.group} has no test file`);
  const { pooler } = job;
  if (job.group === "pooler" && noPgBouncer) return result([allSkipped(job, noPgBouncer)]);
  const own = pooler === undefined ? environment : { ...environment, CORNAC_POOLER: pooler };
  const { code, output, hung } = await execute(job, own, timeout);
  const cases = existsSync(job.report) ? parseJunit(readFileSync(job.report, "utf8")) : [];
  const trouble = troubleOf(cases, code, hung && `still running after ${timeout} s`);
  return result(accounted(job, cases), trouble, output);
}

/** The outcomes with what cannot hold where the job runs. */
function accounted({ runtime, group, pooler, isWhole }: Job, cases: TestCase[]): TestCase[] {
  if (pooler === "pglite") {
    const own = excused(cases, pglite.EXCLUSIONS, "scripts/testing/pglite_tests.ts");
    return isWhole ? [...own, ...leftOut(pglite.LEFT_OUT)] : own;
  }
  if (pooler !== undefined) return excusedBehind(cases, pooler);
  if (runtime !== "workerd") return cases;
  const files = group === "wire" && isWhole ? leftOut(workerd.LEFT_OUT) : [];
  const own = excused(cases, workerd.EXCLUSIONS, "scripts/testing/workerd_tests.ts");
  return [...own, ...files];
}

function allSkipped({ files, pooler }: Job, reason: string): TestCase {
  const name = `${files.length} files of tests behind PgBouncer (${pooler})`;
  return { name, file: "", outcome: "skipped", detail: reason };
}

function troubleOf(
  cases: readonly TestCase[],
  code: number,
  hang: string | false,
): string | undefined {
  if (hang) return hang;
  if (code !== 0 && !cases.some(({ outcome }) => outcome === "failed")) return `exit code ${code}`;
  if (cases.length === 0) return "no test ran";
  return undefined;
}

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly hung: boolean;
}

/** In a process group of its own, so that a hanging runner's children end with it. */
function execute(
  job: Job,
  environment: Readonly<Record<string, string>>,
  timeout: number,
): Promise<Ended> {
  const child = spawn(job.command, [...job.args], {
    cwd: job.directory,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  let hung = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text) => output += text);
  }
  const timer = setTimeout(() => {
    hung = true;
    killGroup(child.pid);
  }, timeout * 1000);
  running.add(child.pid);
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ code: 1, output: String(error), hung }));
    child.on("close", (code) => {
      clearTimeout(timer);
      running.delete(child.pid);
      resolve({ code: code ?? 1, output, hung });
    });
  });
}

// Process groups of their own do not hear the terminal's interrupt.
const running = new Set<number | undefined>();

function giveUp(): never {
  for (const pid of running) killGroup(pid);
  process.exit(130);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    process.kill(pid, "SIGKILL");
  }
}
