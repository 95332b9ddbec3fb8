/** Rules that make one statement return several sets of rows, by the simple protocol. psql shows all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../mod.ts";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import * as native from "../../src/dbapi/native.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";

const SETUP = `create type pg_temp.mood as enum ('sad', 'ok');
  create temp table ruled (n int);
  create rule one as on insert to ruled do also select new.n + 1 as a, 'ok'::pg_temp.mood as m;
  create rule two as on insert to ruled do also select 'x' as b from generate_series(1, new.n);
  create temp table instead (n int);
  create rule three as on insert to instead do instead (
    select 1 as c; select where false; select 2 as c)`;

const INSERT = "insert into ruled values (2)";

/** A text, and each result as its command, its count and its rows. */
const TEXTS: readonly (readonly [string, readonly unknown[]])[] = [
  [INSERT, [["", -1, [{ a: 3, m: "ok" }]], ["INSERT", 1, [{ b: "x" }, { b: "x" }]]]],
  [`select 0 as z; ${INSERT}; select 9 as e`, [
    ["SELECT", 1, [{ z: 0 }]],
    ["", -1, [{ a: 3, m: "ok" }]],
    ["INSERT", 1, [{ b: "x" }, { b: "x" }]],
    ["SELECT", 1, [{ e: 9 }]],
  ]],
  ["insert into ruled values (0)", [["", -1, [{ a: 1, m: "ok" }]], ["INSERT", 1, []]]],
  ["insert into instead values (0)", [
    ["", -1, [{ c: 1 }]],
    ["", -1, []],
    ["INSERT", 0, [{ c: 2 }]],
  ]],
];

async function resultsOf(db: Pick<Connection, "query">, text: string): Promise<unknown[]> {
  const results = await db.query(text).simple().all();
  return results.map((result) => [
    result.command,
    result.rowCount,
    result.map((row) => ({ ...row })),
  ]);
}

for (const [text, results] of TEXTS) {
  test(`rules: each set of rows of ${text} is a result`, async () => {
    await withDatabase(async (db) => {
      await db.query(SETUP).simple();
      assert.deepEqual(await resultsOf(db, text), results);
      assert.deepEqual(await db.transaction((tx) => resultsOf(tx, text)), results);
      await assertUsable(db);
    });
  });
}

test("rules: the extended protocol returns no rows of them, as the server sends none", async () => {
  await withDatabase(async (db) => {
    await db.query(SETUP).simple();
    for (const prepare of [true, false]) {
      const result = await db.query("insert into ruled values ($1)", [2], { prepare });
      assert.deepEqual([result.command, result.rowCount, result.length], ["INSERT", 1, 0]);
    }
    for await (const _ of db.query("insert into ruled values ($1)", [2])) assert.fail("a row");
  });
});

test("rules: a cursor and run() take the rows of all sets, and count what was inserted", async () => {
  await withDatabase(async (db) => {
    await db.query(SETUP).simple();
    const cursor = db.cursor();
    await cursor.execute(INSERT);
    assert.deepEqual([await cursor.fetchall(), cursor.rowcount], [[[3, "ok"], ["x"], ["x"]], 1]);
  });
  const con = await dbapi.connect(await shared());
  await con.cursor().execute(SETUP);
  await con.commit();
  const cursor = con.cursor();
  for (const where of ["as the first of a transaction", "as the second"]) {
    await cursor.execute(INSERT);
    const outcome = [await cursor.fetchall(), cursor.rowcount];
    assert.deepEqual(outcome, [[[3, "ok"], ["x"], ["x"]], 1], where);
  }
  assert.equal(cursor.description![0]![0], "b");
  await con.close();
  const plain = await native.connect(await shared());
  await plain.run(SETUP);
  assert.deepEqual(await plain.run(INSERT), [[3, "ok"], ["x"], ["x"]]);
  assert.equal(plain.rowCount, 1);
  await plain.close();
});
