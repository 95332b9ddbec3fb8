/** A reader that is dropped half-way returns its connection to the pool when it is collected. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LeaseReport, Pool } from "../../src/pool.ts";
import { pause, until } from "../_kit/waiting.ts";
import { collector } from "../_kit/collector.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { withPool } from "./pool_server.ts";

const collect = collector();
const skip = collect === undefined && "the garbage collector cannot be called here";

const SERIES = "select i, repeat('x', 100) as t from generate_series(1, 100000) i";

/** The ways to read in pieces. `next()` is called once, and the reader is dropped. */
const READERS: Readonly<Record<string, (pool: Pool) => AsyncIterator<unknown>>> = {
  "a stream of rows": (pool) => pool.query(SERIES)[Symbol.asyncIterator](),
  "a stream of batches": (pool) => pool.query(SERIES).batches(10),
  "a copy out": (pool) => pool.copyTo(`copy (${SERIES}) to stdout`)[Symbol.asyncIterator](),
  "a copy of rows out": (pool) => pool.copyRowsTo("pg_catalog.pg_proc", ["proname", "prosrc"]),
};

// Several, because what looks like a reference to one may be left on a stack.
const MAX = 4;

for (const [what, read] of Object.entries(READERS)) {
  test(
    `pool: ${what} that was read once and lost is reported, its place given to others`,
    { skip },
    () =>
      withoutUnhandled(async () => {
        const reports: LeaseReport[] = [];
        const onLeak = (report: LeaseReport): void => void reports.push(report);
        await withPool({ max: MAX, onLeak }, async (pool) => {
          const lose = async (): Promise<void> => void (await read(pool).next());
          for (let i = 0; i < MAX; i++) await lose();
          await until(() => (collect!(), reports.length > 0), 20);
          assert.equal(reports[0]!.problem, "lost");
          assert.match(reports[0]!.takenAt.stack!, /pool_lost\.test/);
          assert.equal(await pool.query("select 1").scalar(), 1);
          await pool.close({ timeout: 0.1 });
        });
      }),
  );
}

test(
  "pool: what is still to be read on is not lost, however often is collected",
  { skip },
  () =>
    withoutUnhandled(async () => {
      const reports: LeaseReport[] = [];
      const readers = Object.values(READERS);
      const onLeak = (report: LeaseReport): void => void reports.push(report);
      await withPool({ max: readers.length, onLeak }, async (pool) => {
        const kept = readers.map((read) => read(pool));
        for (const one of kept) assert.equal((await one.next()).done, false);
        // Longer than it takes the pool to begin to look for them.
        for (let i = 0; i < 5; i++) await pause(0.5).then(collect);
        for (const one of kept) assert.equal((await one.next()).done, false);
        for (const one of kept) await one.return!();
        assert.equal(pool.stats().leased, 0);
      });
      assert.deepEqual(reports, []);
    }),
);
