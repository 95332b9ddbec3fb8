// Streams of the fuzz: read to their end, left, failing.
import assert from "node:assert/strict";
import { expectCode, expectRow, type Operations } from "./operations.ts";
import { ROWS } from "./operations_queries.ts";

/** The last of 100 to 199 rows fails. */
const FAILING = `select $1::int as nonce, 1 / (100 + $2::int - i) as one
  from generate_series(1, 200) i`;

export const STREAMS: Operations = {
  stream: {
    often: 4,
    isExclusive: true,
    async run({ db, nonce, random, world }) {
      const { rows } = world.setting;
      const count = random.below(4 * rows);
      const leave = random.below(8 * rows);
      const mine = new Error("mine");
      let seen = 0;
      try {
        for await (const row of db.query(ROWS, [nonce, count])) {
          expectRow(row, nonce, ++seen);
          if (seen !== leave) continue;
          if (leave % 2 === 0) break;
          throw mine;
        }
      } catch (error) {
        if (error !== mine) throw error;
      }
      const isLeft = leave > 0 && leave <= count;
      assert.equal(seen, isLeft ? leave : count);
      return isLeft ? "left" : "ok";
    },
  },
  batches: {
    often: 3,
    isExclusive: true,
    async run({ db, nonce, random, world }) {
      const count = random.below(2 * world.setting.rows);
      const size = 1 + random.below(40);
      let seen = 0;
      for await (const rows of db.query(ROWS, [nonce, count]).batches(size)) {
        assert.equal(rows.length, Math.min(size, count - seen));
        for (const row of rows) expectRow(row, nonce, ++seen);
        if (random.below(10) === 0) return "left";
      }
      assert.equal(seen, count);
      return "ok";
    },
  },
  "by hand": {
    often: 2,
    isExclusive: true,
    async run({ db, nonce, random }) {
      const stream = db.query(ROWS, [nonce, 5])[Symbol.asyncIterator]();
      const calls = Array.from({ length: 1 + random.below(8) }, () => stream.next());
      const left = random.below(2) === 0 ? stream.return() : undefined;
      const results = await Promise.allSettled(calls);
      await left;
      await stream.return();
      results.forEach((result, i) => {
        if (result.status === "rejected") throw result.reason;
        const { done, value } = result.value;
        if (!done) return assert.deepEqual(value, { nonce, i: i + 1 });
        assert.ok(i >= 5 || left !== undefined, "an end before the end");
      });
      return left === undefined ? "ok" : "left";
    },
  },
  "failing stream": {
    often: 2,
    isExclusive: true,
    async run({ db, nonce, random }) {
      let seen = 0;
      const last = random.below(100);
      try {
        for await (const row of db.query(FAILING, [nonce, last])) {
          seen++;
          assert.equal(row.nonce, nonce);
        }
        assert.fail("it was expected to fail");
      } catch (error) {
        expectCode(error, "22012");
      }
      assert.ok(seen < 100 + last, `${seen} rows of ${99 + last}`);
      return "failed";
    },
  },
};
