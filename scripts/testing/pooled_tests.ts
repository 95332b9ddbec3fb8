/**
 * The tests that run once more behind PgBouncer, and those of them that cannot hold there, each with
 * its reason. An excluded test is run all the same: its failure counts as a skip, and if it passes the
 * run fails, so that no exclusion outlives its reason; unless what it gets is left to chance.
 */

import { type Exclusion, excused } from "./exclusions.ts";
import type { TestCase } from "./junit.ts";

/** Each is what `CORNAC_POOLER` says: tests/_kit/pooled.ts. */
export const POOLERS = ["transaction,unprepared", "transaction", "session"] as const;
export type Pooler = typeof POOLERS[number];

const UNPREPARED = "transaction,unprepared";

/** The query tests, of tests/server. */
const FILES = [
  "batch",
  "copy_in",
  "copy_out",
  "copy_rows",
  "large_object",
  "listen",
  "model",
  "parameters",
  "prepare",
  "query",
  "query_cancel",
  "sql",
  "stream",
  "stream_stop",
  "transaction",
  "transaction_lost",
];

/**
 * Files left out as a whole. LISTEN needs a session. Tests of prepared statements need such statements.
 * In a transaction, a statement that the session does not know is an error, which these tests do not
 * retry; without prepared statements (as with the pool option `pooler`) they do run.
 */
const LEFT_OUT: Readonly<Record<Pooler, readonly string[]>> = {
  [UNPREPARED]: ["listen", "prepare", "transaction_lost"],
  "transaction": ["listen", "transaction", "transaction_lost"],
  "session": [],
};

/** The files to run behind a pooler. */
export function pooledFiles(pooler: Pooler): string[] {
  const names = FILES.filter((name) => !LEFT_OUT[pooler].includes(name));
  return names.map((name) => `tests/server/${name}.test.ts`);
}

/** A test that does not hold behind some poolers. */
export interface PooledExclusion extends Exclusion {
  readonly poolers: readonly Pooler[];
}

const COUNTED = "it counts the prepared statements of one session";
const KNOWN = "the statement that is to be stale is one of another session";
const UNKNOWN = "in a transaction a statement that its session does not know is an error";

export const EXCLUSIONS: readonly PooledExclusion[] = [
  { test: "model: over TLS", poolers: POOLERS, reason: "the tests' PgBouncer has no certificate" },
  {
    test: "sql: a template is assembled once, and its statement is prepared once",
    poolers: [UNPREPARED],
    reason: "nothing is prepared",
  },
  {
    test: "copy rows: names are quoted, a dot parts schema and table, an array parts what has dots",
    poolers: ["transaction", UNPREPARED],
    reason: "it names pg_temp, which is a session's",
  },
  ...excluded(COUNTED, ["transaction", UNPREPARED], [
    "batch: whatever the size of the statement cache",
  ]),
  ...excluded(KNOWN, ["transaction", UNPREPARED], [
    "batch: unknown types, stale statements, and rows as arrays",
  ]),
  ...excluded(COUNTED, ["transaction"], [
    "sql: a template is assembled once, and its statement is prepared once",
    "statement cache: after its result type changed, a text is prepared again and its old statement closed",
    "statement cache: an evicted statement is closed, also after a refused one",
    "prepare: tells the types, runs by position and by name, and is gone when closed",
    "prepare: the statement is not evicted, and fixed types and row shapes are kept",
    "prepare: closed while another has the turn, it is dropped later",
  ]),
  ...excluded(KNOWN, ["transaction"], [
    "statement cache: a column that has become wider takes what it takes now",
    "statement cache: a stale statement in a pipeline with its ROLLBACK is not run outside",
    "prepare: heals like any other, and fails a transaction like any other",
    "stream: a statement is prepared again after its table has changed",
  ]),
  ...excluded(UNKNOWN, ["transaction"], [
    "batch: queries made on it keep their texts, parameters and shapes, by every way",
    "statement cache: inside a transaction a stale statement is a retryable error, once",
    "model: in a transaction that failed everything fails until the rollback, and nothing after",
  ]),
  ...excluded("SET search_path is a session's", ["transaction"], [
    "statement cache: follows search_path",
  ]),
];

/** Which session a transaction gets is PgBouncer's choice. */
function excluded(
  reason: string,
  poolers: readonly Pooler[],
  tests: readonly string[],
): PooledExclusion[] {
  return tests.map((test) => ({ test, poolers, reason, sometimes: true }));
}

/** The outcomes with the exclusions behind a pooler taken into account. */
export function excusedBehind(cases: readonly TestCase[], pooler: Pooler): TestCase[] {
  const own = EXCLUSIONS.filter(({ poolers }) => poolers.includes(pooler));
  return excused(cases, own, "scripts/testing/pooled_tests.ts");
}
