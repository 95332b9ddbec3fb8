// Queries of the fuzz: extended, simple, prepared, in batches; right ones and wrong ones.
import assert from "node:assert/strict";
import { connect, InterfaceError, OperationalError, type PgError, sql } from "../../mod.ts";
import { shared } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";
import { expectCode, type Operations, type Place, upTo } from "./operations.ts";

/** `$2` rows with the nonce `$1`. */
export const ROWS = "select $1::int as nonce, i from generate_series(1, $2::int) i";

function rowsOf(nonce: number, count: number): { nonce: number; i: number }[] {
  return upTo(count).map((i) => ({ nonce, i }));
}

function some({ random, world }: Place): number {
  return random.below(world.setting.rows);
}

export const QUERIES: Operations = {
  cached: {
    often: 250,
    async run({ db, nonce, random }) {
      const n = random.below(1 << 30);
      const rows = await db.query("select $1::int as nonce, $2::int4 as n", [nonce, n]);
      assert.deepEqual([...rows], [{ nonce, n }]);
      return "ok";
    },
  },
  rows: {
    often: 30,
    async run(place) {
      const { db, nonce } = place;
      const count = some(place);
      assert.deepEqual([...await db.query(ROWS, [nonce, count])], rowsOf(nonce, count));
      return "ok";
    },
  },
  template: {
    often: 100,
    async run({ db, nonce, random }) {
      const text = `'${random.below(3)}`;
      const part = sql`${text}::text`;
      const rows = random.below(2) === 0
        ? await db.sql`select ${nonce}::int as nonce, ${text}::text as text`
        : await db.sql`select ${nonce}::int as nonce, ${part} as text`;
      assert.deepEqual([...rows], [{ nonce, text }]);
      return "ok";
    },
  },
  "named parameters": {
    often: 3,
    async run({ db, nonce, random }) {
      const values = { nonce, list: [nonce, random.below(9)] };
      const text = "select :nonce::int as nonce, :list::int[] as list";
      assert.deepEqual({ ...await db.query(text, values).one() }, values);
      return "ok";
    },
  },
  "new text": {
    often: 20,
    async run({ db, nonce, random }) {
      const list = [random.below(9), null];
      const isPlain = random.below(2) === 0;
      const text = `select ${nonce} as nonce, $1::int[] as list`;
      const [row] = await db.query(text, [isPlain ? `{${list[0]},null}` : list]);
      assert.deepEqual(row, { nonce, list });
      return "ok";
    },
  },
  unprepared: {
    often: 10,
    async run({ db, nonce }) {
      const values = await db.query("select $1::int", [nonce], { prepare: false }).scalar();
      assert.equal(values, nonce);
      return "ok";
    },
  },
  "failing execute": {
    often: 20,
    async run({ db, nonce }) {
      const query = db.query("select $1::int / ($1::int - $2)", [nonce, nonce]);
      expectCode(await failure(query), "22012");
      return "failed";
    },
  },
  "failing parse": {
    often: 3,
    async run({ db, random }) {
      const query = db.query(`select $1::int from no_such_table_${random.below(4)}`, [1]);
      expectCode(await failure(query), "42P01");
      return "failed";
    },
  },
  unencodable: {
    often: 10,
    async run({ db, nonce, random }) {
      const value = random.below(2) === 0 ? undefined : { not: "a number" };
      const query = db.query("select $1::int as nonce, $2::int4 as n", [nonce, value]);
      const error = await failure(query);
      if (!(error instanceof InterfaceError && /parameter/.test(error.message))) throw error;
      return "failed";
    },
  },
  simple: {
    often: 12,
    async run({ db, nonce }) {
      const text = `select ${nonce} as nonce; select 1 as n, ${nonce} as again`;
      const results = await db.query(text).simple().all();
      assert.deepEqual(results.map((rows) => [...rows]), [[{ nonce }], [{ n: 1, again: nonce }]]);
      return "ok";
    },
  },
  "failing simple": {
    often: 2,
    async run({ db, nonce }) {
      const query = db.query(`select ${nonce}; select 1 / 0; select ${nonce}`).simple();
      expectCode(await failure(query), "22012");
      return "failed";
    },
  },
  described: {
    often: 2,
    async run({ db, nonce }) {
      const { parameterTypes, columns } = await db.query(`select $1::int8 as c${nonce}`).describe();
      assert.deepEqual([...parameterTypes], [20]);
      assert.deepEqual(columns.map(({ name }) => name), [`c${nonce}`]);
      return "ok";
    },
  },
  prepared: {
    often: 4,
    async run({ db, nonce, random }) {
      const statement = await db.prepare(`select $1::int as nonce /* ${random.below(3)} */`);
      try {
        const queries = upTo(1 + random.below(4)).map((i) => statement.query([nonce + i]).scalar());
        assert.deepEqual(await Promise.all(queries), queries.map((_, i) => nonce + i + 1));
      } finally {
        await statement.close();
      }
      return "ok";
    },
  },
  batch: {
    often: 4,
    async run({ db, nonce, random, world }) {
      const count = 1 + random.below(5);
      const insert = { text: `insert into ${world.setting.table} values ($1, $2, '')` };
      const items = upTo(count).map((i) => ({ ...insert, parameters: [nonce, i] }));
      const bad = random.below(3 * count);
      if (bad < count) {
        items.splice(bad, 0, { text: "select 1 / ($1::int - $2)", parameters: [nonce, nonce] });
        const error = await failure(db.batch(items));
        expectCode(error, "22012");
        assert.equal((error as PgError).index, bad);
        return "failed";
      }
      const results = await db.batch([...items, { text: ROWS, parameters: [nonce, 2] }]);
      world.wrote(nonce, upTo(count));
      assert.deepEqual([...results.at(-1)!], rowsOf(nonce, 2));
      return "ok";
    },
  },
  "execute many": {
    often: 4,
    async run({ db, nonce, random, world }) {
      const count = 1 + random.below(20);
      const text = `insert into ${world.setting.table}
        values ($1, $2::int / least($2::int, 1), '') returning nonce, i`;
      const bad = random.below(3 * count);
      const sets = upTo(count).map((i) => [nonce, i - 1 === bad ? 0 : i]);
      if (bad < count) {
        const error = await failure(db.executeMany(text, sets));
        expectCode(error, "22012");
        assert.equal((error as PgError).index, bad);
        return "failed";
      }
      const rows = await db.executeMany(text, sets);
      world.wrote(nonce, upTo(count));
      assert.deepEqual([...rows], rowsOf(nonce, count));
      return "ok";
    },
  },
  "forgotten statements": {
    often: 1,
    on: "forgetful",
    async run({ db, random }) {
      const texts = [
        "deallocate all",
        "discard all",
        "do $$begin execute 'deallocate all'; end$$",
      ] as const;
      await db.query(texts[random.below(3)]!);
      return "ok";
    },
  },
  "search path": {
    often: 1,
    async run({ db, nonce }) {
      const path = nonce % 2 === 0 ? "pg_catalog" : "pg_catalog, public";
      await db.query("select set_config('search_path', $1, false)", [path]);
      return "ok";
    },
  },
  killed: {
    often: 1,
    async run({ nonce }) {
      const db = await connect(await shared());
      const before = db.query("select $1::int", [nonce]).scalar();
      const killing = failure(db.query("select pg_terminate_backend(pg_backend_pid())"));
      const behind = failure(db.query("select $1::int", [nonce]));
      assert.equal(await before, nonce);
      for (const error of [await killing, await behind]) {
        assert.ok(error instanceof OperationalError, String(error));
      }
      await db.closed;
      return "failed";
    },
  },
};
