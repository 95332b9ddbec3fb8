import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, DatabaseError, StaleStatementError } from "../../mod.ts";
import { sharedServer } from "../_kit/servers.ts";

async function using(
  work: (db: Connection) => Promise<void>,
  options: { statementCacheSize?: number } = {},
): Promise<void> {
  const { host, port } = await sharedServer();
  const db = await connect({ host, port, user: "postgres", database: "postgres", ...options });
  try {
    await work(db);
  } finally {
    await db.close();
  }
}

test("statement cache: heals after DEALLOCATE ALL, alone and in a pipeline", () =>
  using(async (db) => {
    for (let i = 0; i < 2; i++) await db.query("select $1::int as n", [i]);
    const [, first, second] = await Promise.all([
      db.query("deallocate all"),
      db.query("select $1::int as n", [7]),
      db.query("select $1::int as n", [8]),
    ]);
    assert.deepEqual([...first, ...second], [{ n: 7 }, { n: 8 }]);
    await db.query("deallocate all").simple();
    assert.deepEqual([...await db.query("select $1::int as n", [9])], [{ n: 9 }]);
    await db.query("discard all");
    assert.deepEqual([...await db.query("select $1::int as n", [1])], [{ n: 1 }]);
  }));

test("statement cache: heals when another has dropped the statements behind its back", () =>
  using(async (db) => {
    for (let i = 0; i < 2; i++) await db.query("select $1::int as n", [i]);
    await db.query("do $$begin execute 'deallocate all'; end$$");
    assert.deepEqual([...await db.query("select $1::int as n", [7])], [{ n: 7 }]);
  }));

test("statement cache: a changed result type is prepared anew, its old statement is closed", () =>
  using(async (db) => {
    await db.query("create temp table changed (a int)");
    await db.query("insert into changed values (1)");
    const all = () => db.query("select * from changed").values();
    await all();
    await all();
    await db.query("alter table changed add b text default 'x'");
    assert.deepEqual([...await all()], [[1, "x"]]);
    await db.query("alter table changed alter a type text");
    const both = await Promise.all([all(), all()]);
    assert.deepEqual(both.flat(), [["1", "x"], ["1", "x"]]);
    const names = await db.query(
      "select count(*)::int as n from pg_prepared_statements " +
        "where statement = 'select * from changed'",
    ).one();
    assert.deepEqual(names, { n: 1 });
  }));

test("statement cache: follows search_path", () =>
  using(async (db) => {
    await db.query(`drop schema if exists prep_a, prep_b cascade; create schema prep_a;
      create schema prep_b; create table prep_a.t as select 1 as n;
      create table prep_b.t as select 'b' as n, 2 as m`).simple();
    try {
      const all = () => db.query("select * from t").values();
      await db.query("set search_path = prep_a");
      await all();
      assert.deepEqual([...await all()], [[1]]);
      await db.query("set search_path = prep_b");
      assert.deepEqual([...await all()], [["b", 2]]);
    } finally {
      await db.query("drop schema prep_a, prep_b cascade").simple();
    }
  }));

test("statement cache: inside a transaction a stale statement is a retryable error, once", () =>
  using(async (db) => {
    await db.query("create temp table changed (a int)");
    const all = () => db.query("select * from changed").values();
    await all();
    await all();
    await db.query("alter table changed add b text");
    await db.query("begin");
    const error = await all().catch((error) => error);
    assert.ok(error instanceof StaleStatementError);
    assert.equal(error.safeToRetry, true);
    assert.equal(error.code, "0A000");
    assert.ok(error.cause instanceof DatabaseError);
    await db.query("rollback");
    await db.query("begin");
    assert.deepEqual([...await all()], []);
    await db.query("commit");
  }));

test("statement cache: a stale statement in a pipeline with its ROLLBACK is not run outside", () =>
  using(async (db) => {
    await db.query("create temp table changed (a int)");
    const add = (n: number) =>
      db.query("insert into changed values ($1) returning *", [n]).values();
    await add(1);
    await add(2);
    await db.query("alter table changed add b text");
    const outcomes = await Promise.allSettled([
      db.query("begin"),
      add(3),
      db.query("rollback"),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    assert.equal(await db.query("select count(*)::int from changed").scalar(), 2);
  }));

test("statement cache: an evicted statement is closed, also after a refused one", () =>
  using(async (db) => {
    for (let i = 0; i < 20; i++) {
      await db.query(`select ${i} + $1::int`, [i]);
      await db.query(`select bad${i}`).catch(() => {});
    }
    assert.ok(await db.query("select count(*)::int from pg_prepared_statements").simple() !== null);
    const [row] = await db.query("select count(*)::int as n from pg_prepared_statements");
    assert.ok((row!.n as number) <= 3, `${row!.n} statements`);
  }, { statementCacheSize: 2 }));
