/**
 * The tests that run once more behind PgBouncer, and those of them that cannot hold there, each with
 * its reason. An excluded test is run all the same: its failure counts as a skip, and if it passes the
 * run fails, so that no exclusion outlives its reason.
 */

import type { TestCase } from "./junit.ts";

/** Each is what `CORNAC_POOLER` says: tests/_kit/pooled.ts. */
export const POOLERS = ["session", "transaction", "transaction,unprepared"] as const;
export type Pooler = typeof POOLERS[number];

/** Query tests of tests/server that run behind each. */
const ANYWHERE = [
  "copy_out",
  "large_object",
  "parameters",
  "query",
  "query_cancel",
  "sql",
  "stream_stop",
];

/** In transaction mode most of what these test are states of one session. */
const IN_A_SESSION = [
  "batch",
  "copy_in",
  "copy_rows",
  "listen",
  "prepare",
  "stream",
  "transaction",
];

/** The files to run behind a pooler. */
export function pooledFiles(pooler: Pooler): string[] {
  const names = pooler === "session" ? [...ANYWHERE, ...IN_A_SESSION] : ANYWHERE;
  return names.sort().map((name) => `tests/server/${name}.test.ts`);
}

/** A test that does not hold behind some poolers. */
export interface Exclusion {
  /** Its name, or that of the test around it. */
  readonly test: string;
  readonly poolers: readonly Pooler[];
  readonly reason: string;
}

export const EXCLUSIONS: readonly Exclusion[] = [
  {
    test: "listen: notifications reach an idle connection, with channel, payload and process",
    poolers: ["session"],
    reason: "processId is PgBouncer's, a notification's is its sender's backend",
  },
  {
    test: "sql: a template is assembled once, and its statement is prepared once",
    poolers: ["transaction,unprepared"],
    reason: "nothing is prepared",
  },
];

/** The outcomes with the exclusions taken into account. */
export function excused(cases: readonly TestCase[], pooler: Pooler): TestCase[] {
  const own = EXCLUSIONS.filter(({ poolers }) => poolers.includes(pooler));
  return cases.map((test) => {
    const exclusion = own.find((each) => covers(each, test.name));
    if (exclusion === undefined || test.outcome === "skipped") return test;
    const { reason } = exclusion;
    if (test.outcome === "failed") return { ...test, outcome: "skipped", detail: reason };
    const detail =
      `it holds, although it is excluded in scripts/testing/pooled_tests.ts: ${reason}`;
    return { ...test, outcome: "failed", detail };
  });
}

function covers({ test }: Exclusion, name: string): boolean {
  return name === test || name.startsWith(`${test} > `);
}
