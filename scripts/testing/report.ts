/** The report that the runner prints. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Job } from "./jobs.ts";
import type { TestCase } from "./junit.ts";
import type { Result } from "./run.ts";
import { slowestSection } from "./slowest.ts";

/** One line for a runtime and group. */
export function summaryLine(result: Result): string {
  const { job, cases, trouble, seconds } = result;
  const columns = [
    job.runtime.padEnd(11),
    nameOf(job).padEnd(22),
    ...OUTCOMES.map((outcome) => `${String(count(cases, outcome)).padStart(5)} ${outcome}`),
    `${seconds.toFixed(1).padStart(6)} s`,
  ];
  return columns.join(" ") + (trouble ? `   ${trouble}` : "");
}

/**
 * Everything after the lines: the tests' own counts, as many of the slowest files and tests as asked for,
 * skipped tests with reasons, failures, the sums.
 */
export function closingReport(root: string, results: readonly Result[], slowest = 0): string {
  const sections = [
    countsSection(results),
    slowestSection(root, results, slowest),
    skippedSection(root, results),
    unsteadySection(results),
    failedSection(results),
    totals(results),
  ];
  return sections.filter((section) => section !== "").join("\n\n");
}

/** Whether the run counts as passed. */
export function allPassed(results: readonly Result[]): boolean {
  return results.every(({ trouble, cases }) => !trouble && count(cases, "failed") === 0);
}

function nameOf({ group, pooler }: Job): string {
  return pooler ?? group;
}

const OUTCOMES = ["passed", "failed", "skipped"] as const;

function count(cases: readonly TestCase[], outcome: TestCase["outcome"]): number {
  return cases.filter((test) => test.outcome === outcome).length;
}

function totals(results: readonly Result[]): string {
  const all = results.flatMap(({ cases }) => cases);
  const broken = results.filter(({ trouble }) => trouble).length;
  const failed = count(all, "failed") + broken;
  return `${count(all, "passed")} passed, ${failed} failed, ${count(all, "skipped")} skipped`;
}

/** The counts that tests write to their output, in lines that begin with `# `. */
function countsSection(results: readonly Result[]): string {
  const where = new Map<string, Set<string>>();
  for (const { job, output } of results) {
    for (const [, line] of output.matchAll(/^# (\S.*)$/gm)) {
      const runtimes = where.get(line!) ?? new Set();
      where.set(line!, runtimes.add(job.runtime));
    }
  }
  const lines = [...where].map(([line, runtimes]) => `  ${line} [${[...runtimes].join(", ")}]`);
  return lines.length === 0 ? "" : ["Counts:", ...lines].join("\n");
}

function skippedSection(root: string, results: readonly Result[]): string {
  const reasons = skipReasons(root, results);
  const where = new Map<string, string[]>();
  for (const { job, cases } of results) {
    for (const test of cases.filter(({ outcome }) => outcome === "skipped")) {
      const reason = reasons.get(test.name) ?? "no reason given";
      const line = `  ${nameOf(job)}: ${test.name}\n      ${reason}`;
      where.set(line, [...where.get(line) ?? [], job.runtime]);
    }
  }
  if (where.size === 0) return "";
  const lines = [...where].map(([line, runtimes]) => `${line} [${runtimes.join(", ")}]`);
  return ["Skipped:", ...lines].join("\n");
}

/** Only Node repeats reasons: the others' are Node's, or read from the `skip` option in the source. */
function skipReasons(root: string, results: readonly Result[]): Map<string, string> {
  const skipped = results.flatMap(({ job, cases }) =>
    cases.filter(({ outcome }) => outcome === "skipped").map((test) => ({
      ...test,
      files: job.files,
    }))
  );
  const told = new Map(skipped.map(({ name, detail }) => [name, detail]));
  for (const { name, detail } of skipped) if (detail) told.set(name, detail);
  return new Map(skipped.flatMap(({ name, files }) => {
    const reason = withSuites(name).map((each) => told.get(each)).find(Boolean) ??
      withSuites(name).map((each) => reasonInSource(root, files, each)).find(Boolean);
    return reason ? [[name, reason]] : [];
  }));
}

/** The name, and those of the suites around it, from the inside out. */
function withSuites(name: string): string[] {
  const parts = name.split(" > ");
  return parts.map((_, i) => parts.slice(0, parts.length - i).join(" > "));
}

function reasonInSource(root: string, files: readonly string[], name: string): string | undefined {
  const title = name.split(" > ").at(-1)!;
  for (const file of files) {
    const path = join(root, file);
    const source = existsSync(path) ? readFileSync(path, "utf8") : "";
    const at = source.indexOf(title);
    const options = at < 0 ? "" : source.slice(at + title.length, at + title.length + 300);
    const head = options.split("=>")[0]!;
    const named = /^["'`],\s*(\w+),/.exec(head)?.[1];
    const given = named === undefined ? head : definition(source, named);
    const reason = /\bskip:[^}]*?(["'`])((?:(?!\1).)+)\1\s*[,})]/.exec(given);
    if (reason) return reason[2];
  }
  return undefined;
}

/** Failures that a second run did not have. They are faults all the same, of the driver or of the test. */
function unsteadySection(results: readonly Result[]): string {
  const failures = results.flatMap(({ job, unsteady = [] }) =>
    unsteady.map(({ name, file, detail }) =>
      `⚠ ${job.runtime} ${nameOf(job)}: ${name} (${file})\n${indent(detail)}`
    )
  );
  return failures.length === 0
    ? ""
    : ["Unsteady (failed, and passed when run again):", ...failures].join("\n\n");
}

function failedSection(results: readonly Result[]): string {
  const failures = results.flatMap((result) => {
    const head = `${result.job.runtime} ${nameOf(result.job)}`;
    const tests = result.cases.filter(({ outcome }) => outcome === "failed")
      .map(({ name, file, detail }) => `✗ ${head}: ${name} (${file})\n${indent(detail)}`);
    const output = indent(result.output.slice(-20_000));
    if (result.trouble) return [...tests, `✗ ${head}: ${result.trouble}\n${output}`];
    return result.cases.some(isTerse) ? [...tests, `${head} has printed:\n${output}`] : tests;
  });
  return failures.length === 0 ? "" : ["Failed:", ...failures].join("\n\n");
}

/** A report that does not say what happened: a crashed file on Node, a rejection on Deno. */
function isTerse({ outcome, detail }: TestCase): boolean {
  return outcome === "failed" && !/\n\s+at /.test(detail);
}

function indent(text: string): string {
  return text.trimEnd().split("\n").map((line) => `    ${line}`).join("\n");
}

/** The definition of a constant of the file, in which the options of several tests are given. */
function definition(source: string, name: string): string {
  return new RegExp(`\\bconst ${name} = [^;]*`).exec(source)?.[0] ?? "";
}
