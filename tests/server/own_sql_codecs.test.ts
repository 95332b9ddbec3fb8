/** The driver's own queries, whatever the user's settings and codecs are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConnectOptions, createPool } from "../../mod.ts";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { failure, textOf } from "../_kit/outcomes.ts";

const refusing = (name: string) => ({
  name,
  decode: (): never => {
    throw new Error(`the user's codec of ${name} was asked to read`);
  },
  encode: (): never => {
    throw new Error(`the user's codec of ${name} was asked to write`);
  },
  accepts: () => true,
});

const OF_USERS = ["oid", "char", "text", "name", "int4", "int8", "bytea", "float8", "void"];

/** Options under which values of a user's queries are others than by default. */
const SETTINGS: Readonly<Record<string, ConnectOptions>> = {
  "bounded arrays": { types: { arrays: "bounded", int8: "string", numeric: "number" } },
  "codecs of the user": { types: { codecs: OF_USERS.map(refusing) } },
  "rows as arrays": { rows: "array" },
  "row security off": { startupParams: { row_security: "off" } },
  "texts cut short": { startupParams: { extra_float_digits: "-15", bytea_output: "escape" } },
  "another date style": { startupParams: { datestyle: "sql, dmy", intervalstyle: "iso_8601" } },
  "old strings": { startupParams: { standard_conforming_strings: "off" } },
  "planner's choices": { startupParams: { plan_cache_mode: "force_generic_plan", jit: "on" } },
};

const SELECT = "select array['a','b']::pg_temp.kind[], row('a', 'b')::pg_temp.pair";

for (const [name, options] of Object.entries(SETTINGS)) {
  test(`own queries: the catalogue is read under ${name}`, async () => {
    await withDatabase(async (db) => {
      await db.query("create type pg_temp.kind as enum ('a', 'b')").simple();
      await db.query("create type pg_temp.pair as (a pg_temp.kind, b pg_temp.kind)").simple();
      for (let i = 0; i < 2; i++) {
        const [row] = await db.query(SELECT, [], { rows: "array" }) as unknown as unknown[][];
        const [kinds, pair] = row!;
        assert.match(JSON.stringify(kinds), /\["a","b"\]/);
        assert.deepEqual({ ...pair as object }, { a: "a", b: "b" });
      }
      const typed = { parameterTypes: ["pg_temp.kind"], rows: "array" } as const;
      assert.deepEqual([...await db.query("select $1", ["a"], typed)] as unknown, [["a"]]);
    }, options);
  });

  test(`own queries: large objects and two-phase commit work under ${name}`, async () => {
    await withDatabase(async (db) => {
      await db.transaction(async (tx) => {
        const object = await tx.largeObjects.open(await tx.largeObjects.create(), "rw");
        await object.write(Uint8Array.of(0, 92, 255));
        assert.equal(await object.seek(1), 1n);
        assert.equal(await object.tell(), 1n);
        await object.truncate(2n);
        assert.deepEqual(await object.read(), Uint8Array.of(92));
        assert.equal(await textOf(object.readable()), "");
        await tx.largeObjects.unlink(object.oid);
      });
      const gid = `own ${crypto.randomUUID()}`;
      await db.transaction((tx) => tx.prepareTransaction(gid));
      const found = (await db.recoverPrepared()).find((one) => one.gid === gid);
      await db.rollbackPrepared(gid);
      assert.equal(found?.owner, "postgres");
      assert.ok(Math.abs(found!.prepared.getTime() - Date.now()) < 600_000);
    }, options);
  });

  test(`own queries: pools and DB-API work under ${name}`, async () => {
    const place = await shared(options);
    const pool = createPool(place, { max: 1 });
    {
      await using db = await pool.connect();
      await db.query("select pg_advisory_lock(5)::text", [], { types: {} }).catch(() => {});
    }
    await pool.notify("own_sql_codecs", "payload");
    await pool.close();
    const con = await dbapi.connect(place);
    const xid = con.xid(3, "own", crypto.randomUUID());
    await con.tpc_begin(xid);
    await con.cursor().execute("set local jit = off");
    await con.tpc_prepare();
    const found = await con.tpc_recover();
    await con.tpc_rollback();
    await con.close();
    assert.ok(found.some((one) => one.join() === xid.join()));
  });
}

test("own queries: in a transaction that has failed meanwhile, a type that is not known is an error", async () => {
  await withDatabase(async (db) => {
    await db.query("create type pg_temp.kind as enum ('a', 'b')").simple();
    const tx = await db.begin();
    const asking = failure(tx.query("select array['a']::pg_temp.kind[]"));
    const failing = failure(tx.query("select 1 / 0"));
    assert.equal((await failing).code, "22012");
    const error = await asking;
    assert.equal(error.code, "25P02");
    assert.match(error.message, /^the catalogue did not answer about type \d+ of the query/);
    await tx.rollback();
    assert.deepEqual(await db.query("select array['a']::pg_temp.kind[]").scalar(), ["a"]);
  });
});

test("own queries: a type that is not known is asked for also when a transaction has begun meanwhile", async () => {
  await withDatabase(async (db) => {
    await db.query("create type pg_temp.kind as enum ('a', 'b')").simple();
    const asking = db.query("select array['a']::pg_temp.kind[] as v").execute();
    await db.transaction(async (tx) => {
      await tx.query("select 1");
      assert.deepEqual([...await asking], [{ v: ["a"] }]);
    });
  });
});

test("own queries: a type that is not known, and a stream that has begun meanwhile, are an error", async () => {
  await withDatabase(async (db) => {
    await db.query("create type pg_temp.kind as enum ('a', 'b')").simple();
    const numbers = "select generate_series(1, 10000) as n";
    // The code of streams is loaded, so that the next one begins at once.
    for await (const _ of db.query(numbers)) break;
    await db.query(numbers);
    const asking = failure(db.query("select array['a']::pg_temp.kind[] as v"));
    for await (const row of db.query(numbers)) {
      if (row.n === 1) {
        assert.match((await asking).message, /types of the query are not known.*a stream is open/);
      }
    }
    assert.deepEqual(await db.query("select array['a']::pg_temp.kind[]").scalar(), ["a"]);
  });
});
