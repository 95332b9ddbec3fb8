// Random operations on a pool and LISTEN: no caller may see what another has left behind.
import assert from "node:assert/strict";
import { failure } from "../_kit/outcomes.ts";
import { copySome } from "./operations_copy.ts";
import { expectCode, expectRow, type Operations, upTo } from "./operations.ts";
import { ROWS } from "./operations_queries.ts";

export const POOL: Operations = {
  "pool: query": {
    often: 50,
    async run({ pool, nonce, random }) {
      const text = `select $1::int as nonce, current_setting('application_name') as name,
        ${random.below(9)} as n`;
      const [row] = await pool.query(text, [nonce]);
      assert.equal(row!.nonce, nonce);
      assert.equal(row!.name, "fuzz");
      return "ok";
    },
  },
  "pool: template": {
    often: 50,
    async run({ pool, nonce }) {
      assert.deepEqual([...await pool.sql`select ${nonce}::int as nonce`], [{ nonce }]);
      return "ok";
    },
  },
  "pool: failing query": {
    often: 5,
    async run({ pool, nonce }) {
      expectCode(await failure(pool.query("select $1::int / 0", [nonce])), "22012");
      return "failed";
    },
  },
  "pool: changed setting": {
    often: 2,
    async run({ pool, nonce, random }) {
      const text = random.below(2) === 0
        ? `set application_name = 'stray ${nonce}'`
        : `select set_config('application_name', 'stray ${nonce}', false)`;
      const db = await pool.connect();
      await db.query(text);
      await db.close();
      return "ok";
    },
  },
  "pool: stream": {
    often: 2,
    async run({ pool, nonce, random, world }) {
      const count = random.below(3 * world.setting.rows);
      let seen = 0;
      for await (const row of pool.query(ROWS, [nonce, count])) {
        expectRow(row, nonce, ++seen);
        if (random.below(100) === 0) return "left";
      }
      assert.equal(seen, count);
      return "ok";
    },
  },
  "pool: transaction": {
    often: 3,
    async run({ pool, nonce, random, world }) {
      const mine = new Error("mine");
      const fails = random.below(3) === 0;
      const done = pool.transaction(async (tx) => {
        const count = await copySome({ nonce, random, world, db: tx });
        await tx.savepoint((inner) => inner.query("select 1 / 0").then()).catch(() => {});
        assert.equal(await tx.query("select $1::int", [nonce]).scalar(), nonce);
        if (fails) throw mine;
        return count;
      });
      if (fails) {
        assert.equal(await failure(done), mine);
        return "rolled back";
      }
      world.wrote(nonce, upTo(await done));
      return "ok";
    },
  },
  "pool: batch": {
    often: 2,
    async run({ pool, nonce }) {
      const item = { text: ROWS, parameters: [nonce, 1] };
      for (const rows of await pool.batch([item, item])) {
        assert.deepEqual([...rows], [{ nonce, i: 1 }]);
      }
      return "ok";
    },
  },
  "pool: prepared": {
    often: 1,
    async run({ pool, nonce }) {
      const statement = await pool.prepare("select $1::int as nonce");
      assert.equal(await statement.query([nonce]).scalar(), nonce);
      await statement.close();
      return "ok";
    },
  },
  "pool: copy in": {
    often: 2,
    async run({ pool, nonce, random, world }) {
      world.wrote(nonce, upTo(await copySome({ nonce, random, world, db: pool })));
      return "ok";
    },
  },
  "pool: left in a mess": {
    often: 2,
    async run({ pool, nonce, random, world }) {
      const db = await pool.connect();
      try {
        if (random.below(2) === 0) await db.query("begin");
        const text = `insert into ${world.setting.table} values ($1, 1, '')`;
        if (db.transactionStatus === "transaction") await db.query(text, [nonce]);
        await db.query(`create temp table if not exists mess as select ${nonce} as nonce`);
        await db.query(`set application_name = 'stray ${nonce}'`);
        assert.equal(await db.query("select nonce from mess").scalar(), nonce);
        if (random.below(2) === 0) expectCode(await failure(db.query("select 1 / 0")), "22012");
      } finally {
        await db.close();
      }
      return "ok";
    },
  },
};

export const LISTENING: Operations = {
  listen: {
    often: 2,
    on: "listening",
    async run({ db, pool, nonce, random }) {
      const channel = `fuzz "${nonce}" ${random.below(1 << 30)}`;
      const subscription = await db.listen(channel);
      try {
        const never = pool.transaction(async (tx) => {
          await tx.notify(channel, "never");
          throw new Error("mine");
        });
        await failure(never);
        await pool.notify(channel, `${nonce} a`);
        await pool.transaction((tx) => tx.notify(channel, `${nonce} b`));
        const payloads = [await subscription.next(), await subscription.next()]
          .map(({ value }) => value?.payload);
        assert.deepEqual(payloads, [`${nonce} a`, `${nonce} b`]);
      } finally {
        await subscription.close();
      }
      return "ok";
    },
  },
  notify: {
    often: 2,
    async run({ db, nonce }) {
      await db.notify(`fuzz ${nonce}`, "unheard");
      return "ok";
    },
  },
};
