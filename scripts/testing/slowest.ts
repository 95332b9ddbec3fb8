/** Where the time of a run goes: the files and the tests that take longest. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestCase } from "./junit.ts";
import type { Result } from "./run.ts";

/** Seconds of all runtimes together, and of each. */
interface Times {
  sum: number;
  readonly of: Map<string, number>;
}

/**
 * Lists the files, and the tests, that take longest over all runtimes together. A file's time is that of
 * its tests, without the start of a process, which Node has for each file.
 */
export function slowestSection(root: string, results: readonly Result[], count: number): string {
  if (count === 0) return "";
  const files = new Map<string, Times>();
  const tests = new Map<string, Times>();
  for (const { job, cases } of results) {
    for (const test of cases) {
      add(files, fileOf(root, test, job.files), job.runtime, test.seconds ?? 0);
      add(tests, test.name, job.runtime, test.seconds ?? 0);
    }
  }
  return [
    ...["Slowest files (seconds over all runtimes):", ...lines(files, count)],
    ...["Slowest tests (likewise):", ...lines(tests, count)],
  ].join("\n");
}

function add(all: Map<string, Times>, name: string, runtime: string, seconds: number): void {
  const times = all.get(name) ?? { sum: 0, of: new Map() };
  times.sum += seconds;
  times.of.set(runtime, (times.of.get(runtime) ?? 0) + seconds);
  all.set(name, times);
}

/** The file as the job names it: reports have absolute paths, URLs, or those of the built package. */
function fileOf(root: string, { file, name }: TestCase, known: readonly string[]): string {
  const path = file.startsWith("file:") ? fileURLToPath(file) : file;
  const here = path.startsWith("/") ? relative(root, path) : path.replace(/^\.\//, "");
  const source = here.replace(/\.js$/, ".ts");
  return known.find((one) => source.endsWith(one)) ??
    (known.length === 1 ? known[0]! : `of ${name}`);
}

function lines(all: Map<string, Times>, count: number): string[] {
  const sorted = [...all].sort(([, a], [, b]) => b.sum - a.sum).slice(0, count);
  return sorted.map(([name, { sum, of }]) => {
    const each = [...of].map(([runtime, seconds]) => `${runtime} ${seconds.toFixed(1)}`);
    return `${sum.toFixed(1).padStart(8)}  ${name} [${each.join(", ")}]`;
  });
}
