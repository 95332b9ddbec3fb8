/**
 * Tests that cannot hold in some place, by name and with the reason. An excluded test is run all the
 * same: its failure counts as a skip, and if it passes the run fails, so that no exclusion outlives
 * its reason; unless the outcome is left to chance.
 */
import type { TestCase } from "./junit.ts";

/** A test that does not hold. */
export interface Exclusion {
  /**
   * The test's name without the seed, or the name of the test around it. With `…` at its end it stands
   * for all names that begin so.
   */
  readonly test: string;
  readonly reason: string;
  /** Whether the test passes now and then; of names that begin alike, whether some pass. */
  readonly sometimes?: boolean;
}

/** A file that is not run, and the reason. */
export type LeftOut = readonly [file: string, reason: string];

/** The outcomes with the exclusions of the file `listedIn` taken into account. */
export function excused(
  cases: readonly TestCase[],
  exclusions: readonly Exclusion[],
  listedIn: string,
): TestCase[] {
  return cases.map((test) => {
    const exclusion = exclusions.find((each) => covers(each, test.name));
    if (exclusion === undefined || test.outcome === "skipped") return test;
    const { reason, sometimes } = exclusion;
    if (test.outcome === "failed") return { ...test, outcome: "skipped", detail: reason };
    if (sometimes) return test;
    const detail = `it holds, although it is excluded in ${listedIn}: ${reason}`;
    return { ...test, outcome: "failed", detail };
  });
}

/** Files that are not run, as skipped tests. */
export function leftOut(files: readonly LeftOut[]): TestCase[] {
  return files.map(([file, detail]) => ({ name: file, file, outcome: "skipped", detail }));
}

function covers({ test }: Exclusion, name: string): boolean {
  const fact = name.replace(/ \(seed \w+\)/, "");
  if (test.endsWith("…")) return fact.startsWith(test.slice(0, -1));
  return fact === test || fact.startsWith(`${test} > `);
}
