import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError, OperationalError, type PgError } from "../../mod.ts";
import { behind, untilActive, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";

test("query: nothing is sent before it is wanted, and it is run once", () =>
  withDatabase(async (db) => {
    await db.query("create temp sequence runs");
    const query = db.query("select nextval('runs')::int as n");
    await new Promise((resolve) => setTimeout(resolve, 20));
    const [first, second] = await Promise.all([query, query]);
    assert.deepEqual([[...first], [...second]], [[{ n: 1 }], [{ n: 1 }]]);
    assert.deepEqual(await query.execute().finally(() => {}), first);
    assert.equal(await db.query("select nextval('runs')::int").scalar(), 2);
  }));

test("query: cancel() stops this one and no other", () =>
  withDatabase(async (db) => {
    const before = db.query("select pg_sleep(0.1), 'before' as w").execute();
    const own = db.query("select pg_sleep(300) /* own */").execute();
    const after = db.query("select 'after' as w").execute();
    untilActive(db, "/* own */").then(() => own.cancel());
    await assert.rejects(own, { name: "OperationalError", code: "57014" });
    assert.equal((await before)[0]!.w, "before");
    assert.equal((await after)[0]!.w, "after");
    own.cancel();
    await assertUsable(db);
  }));

test("query: cancel() of one that waits behind another leaves the other alone", () =>
  withDatabase(async (db) => {
    const first = db.query("select pg_sleep(0.2), 'first' as w").execute();
    const second = db.query("select pg_sleep(300)").execute();
    second.cancel();
    await assert.rejects(second, { code: "57014" });
    assert.equal((await first)[0]!.w, "first");
    const never = db.query("select 1");
    never.cancel();
    await assert.rejects(
      never,
      (error: PgError) => error instanceof OperationalError && error.code === "57014",
    );
    await assertUsable(db);
  }));

test("query: parameterTypes by name and by OID fix what the server would choose", () =>
  withDatabase(async (db) => {
    await behind("drop type if exists query_mood; create type query_mood as enum ('ok')");
    try {
      const types = ["int8", 0, "query_mood", 1009];
      const row = await db.query(
        "select $1 as a, $2::int as b, pg_typeof($3)::text as c, $4 as d",
        [1, 2, "ok", ["x"]],
        { parameterTypes: types },
      ).one();
      assert.deepEqual(row, { a: 1n, b: 2, c: "query_mood", d: ["x"] });
      const unknown = db.query("select $1", [1], { parameterTypes: ["no_such_type"] });
      await assert.rejects(unknown, { code: "42704" });
      const rows: unknown[] = [];
      for await (const one of db.query("select $1 as a", [1], { parameterTypes: ["numeric"] })) {
        rows.push(one);
      }
      assert.deepEqual(rows, [{ a: "1" }]);
      const described = await db.query("select $1", [], { parameterTypes: ["date"] }).describe();
      assert.deepEqual(described.parameterTypes, [1082]);
    } finally {
      await behind("drop type query_mood");
    }
  }));

test("query: describe() tells the types and runs nothing", () =>
  withDatabase(async (db) => {
    await db.query("create temp table described (id int, name text)");
    const insert = db.query("insert into described values ($1, $2) returning name as n", [1, "x"]);
    const { parameterTypes, columns } = await insert.describe();
    assert.deepEqual(parameterTypes, [23, 25]);
    assert.deepEqual(columns.map(({ name, typeOid }) => [name, typeOid]), [["n", 25]]);
    assert.equal((await db.query("select * from described")).length, 0);
    await db.query("alter table described alter name type varchar");
    assert.equal((await insert.describe()).columns[0]!.typeOid, 1043);
    assert.deepEqual((await db.query("delete from described").describe()).columns, []);
    await assert.rejects(db.query("select nonsense").describe(), { code: "42703" });
    await assertUsable(db);
  }));

test("query: simple() takes several statements and gives all results", () =>
  withDatabase(async (db) => {
    const results = await db.query("select 1 as a; select 2 as b, 'x' as c; ").simple().all();
    assert.deepEqual(results.map((rows) => [...rows]), [[{ a: 1 }], [{ b: 2, c: "x" }]]);
    await assert.rejects(db.query("select $1", [1]).simple(), InterfaceError);
    const [made] = await db.query(`create type pg_temp.pair as (a int, b text);
      select (1, 'x')::pg_temp.pair as p, 2 as n`).simple();
    assert.deepEqual(made, { p: { a: 1, b: "x" }, n: 2 });
  }));

test("query: the error's stack names this file", () =>
  withDatabase(async (db) => {
    const asked: (() => PromiseLike<unknown>)[] = [
      () => db.query("select nonsense"),
      () => db.sql`select nonsense ${db.sql`, 1`}`,
      () => db.query("select nonsense").describe(),
      () => db.query("select nonsense").batches(1).next(),
      () => db.batch([{ text: "select nonsense" }]),
      () => db.executeMany("select nonsense", [[]]),
      () => db.prepare("select nonsense"),
      () => db.transaction((tx) => tx.query("select nonsense")),
    ];
    for (const [i, ask] of asked.entries()) {
      const error = await (async () => await ask())().catch((error: Error) => error) as Error;
      assert.match(error.stack ?? "", /query\.test\.[tj]s/, `${i}: ${error.stack}`);
    }
  }));
