/**
 * A second run of the files in which tests have failed. A test that passes then is unsteady: the run
 * passes, and its report shows the failure in full. Only few failures are run again: many are no chance.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Job, jobFor } from "./jobs.ts";
import type { TestCase } from "./junit.ts";
import { type Result, runJob } from "./run.ts";

/**
 * Runs the files of failed tests again, one job after another, if at most `most` tests have failed, and
 * returns the results with the outcomes that count.
 */
export async function runAgain(
  root: string,
  results: readonly Result[],
  most: number,
  environment: Readonly<Record<string, string>>,
  timeout: number,
): Promise<Result[]> {
  const failed = results.flatMap(({ cases }) => cases.filter(isFailed)).length;
  const isBroken = results.some(({ trouble }) => trouble !== undefined);
  if (failed === 0 || failed > most || isBroken) return [...results];
  const all: Result[] = [];
  for (const result of results) {
    const isOne = result.cases.some(isFailed);
    all.push(isOne ? await jobAgain(root, result, environment, timeout) : result);
  }
  return all;
}

async function jobAgain(
  root: string,
  result: Result,
  environment: Readonly<Record<string, string>>,
  timeout: number,
): Promise<Result> {
  const { job, cases } = result;
  const failed = cases.filter(isFailed);
  const files = [...new Set(failed.flatMap((test) => filesOf(root, job, test)))];
  const again = await jobFor(job, files, `${job.report}.again`);
  const second = await runJob(again, environment, timeout);
  if (second.trouble !== undefined || second.cases.some(isFailed)) return result;
  const passed = cases.map((test) =>
    isFailed(test) ? { ...test, outcome: "passed" as const } : test
  );
  return { ...result, cases: passed, unsteady: failed };
}

function isFailed({ outcome }: TestCase): boolean {
  return outcome === "failed";
}

/** Returns the files that may have the test: not all reports name them. */
function filesOf(root: string, job: Job, { name, file }: TestCase): readonly string[] {
  const named = job.files.filter((path) => {
    const bare = path.replace(/\.ts$/, "");
    return name.includes(`${bare}.`) || file.includes(`${bare}.`);
  });
  if (named.length > 0) return named;
  const title = name.split(" > ").at(-1)!;
  const having = job.files.filter((path) => readFileSync(join(root, path), "utf8").includes(title));
  return having.length > 0 ? having : job.files;
}
