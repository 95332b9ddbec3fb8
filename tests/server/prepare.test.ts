import assert from "node:assert/strict";
import { test } from "node:test";
import { DatabaseError, InterfaceError, StaleStatementError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";
import { unseen } from "../_kit/unseen.ts";

test("statement cache: heals after DEALLOCATE ALL, alone and in a pipeline", () =>
  withDatabase(async (db) => {
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
  withDatabase(async (db) => {
    const run = await unseen(db);
    for (let i = 0; i < 2; i++) await db.query("select $1::int as n", [i]);
    await run("deallocate all");
    assert.deepEqual([...await db.query("select $1::int as n", [7])], [{ n: 7 }]);
  }));

test("statement cache: after its result type changed, a text is prepared again and its old statement closed", () =>
  withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query("create temp table changed (a int)");
    await db.query("insert into changed values (1)");
    const all = () => db.query("select * from changed").values();
    await all();
    await all();
    await run("alter table changed add b text default 'x'");
    assert.deepEqual([...await all()], [[1, "x"]]);
    await run("alter table changed alter a type text");
    const both = await Promise.all([all(), all()]);
    assert.deepEqual(both.flat(), [["1", "x"], ["1", "x"]]);
    const names = await db.query(
      "select count(*)::int as n from pg_prepared_statements " +
        "where statement = 'select * from changed'",
    ).one();
    assert.deepEqual(names, { n: 1 });
  }));

test("statement cache: follows search_path", () =>
  withDatabase(async (db) => {
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
  withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query("create temp table changed (a int)");
    const all = () => db.query("select * from changed").values();
    await all();
    await all();
    await run("alter table changed add b text");
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
  withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query("create temp table changed (a int)");
    const add = (n: number) =>
      db.query("insert into changed values ($1) returning *", [n]).values();
    await add(1);
    await add(2);
    await run("alter table changed add b text");
    const outcomes = await Promise.allSettled([
      db.query("begin"),
      add(3),
      db.query("rollback"),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    assert.equal(await db.query("select count(*)::int from changed").scalar(), 2);
  }));

test("statement cache: an evicted statement is closed, also after a refused one", () =>
  withDatabase(async (db) => {
    for (let i = 0; i < 20; i++) {
      await db.query(`select ${i} + $1::int`, [i]);
      await db.query(`select bad${i}`).catch(() => {});
    }
    assert.ok(await db.query("select count(*)::int from pg_prepared_statements").simple() !== null);
    const [row] = await db.query("select count(*)::int as n from pg_prepared_statements");
    assert.ok((row!.n as number) <= 3, `${row!.n} statements`);
  }, { statementCacheSize: 2 }));

test("prepare: tells the types, runs by position and by name, and is gone when closed", () =>
  withDatabase(async (db) => {
    const count = async () =>
      await db.query(
        "select count(*)::int from pg_prepared_statements where statement like '%/* own */%'" +
          " and statement not like '%pg_prepared%'",
        [],
        { prepare: false },
      ).scalar();
    const statement = await db.prepare<{ a: number; b: string }>(
      "select $1::int as a, $2::text as b /* own */",
    );
    assert.deepEqual(statement.parameterTypes, [23, 25]);
    assert.deepEqual(statement.columns.map(({ name }) => name), ["a", "b"]);
    for (let i = 0; i < 3; i++) {
      assert.deepEqual([...await statement.query([i, "x"])], [{ a: i, b: "x" }]);
    }
    assert.deepEqual(await statement.query([1, "y"]).values().one(), [1, "y"]);
    const rows: unknown[] = [];
    for await (const row of statement.query([5, "z"])) rows.push(row);
    assert.deepEqual(rows, [{ a: 5, b: "z" }]);
    assert.equal(await count(), 1);
    await statement.close();
    await statement[Symbol.asyncDispose]();
    assert.equal(await count(), 0);
    assert.throws(() => statement.query([1, "x"]), InterfaceError);

    const named = await db.prepare("select :a::int - :b::int as d, ':a' /* own */");
    assert.equal(await named.query({ b: 1, a: 3 }).scalar(), 2);
    assert.throws(() => named.query({ a: 3 }), InterfaceError);
    await assert.rejects(db.prepare("select nonsense"), { code: "42703" });
    await assertUsable(db);
  }));

test("prepare: the statement is not evicted, and fixed types and row shapes are kept", () =>
  withDatabase(async (db) => {
    const statement = await db.prepare("select $1 as a", {
      parameterTypes: ["int8"],
      rows: "array",
    });
    for (let i = 0; i < 10; i++) await db.query(`select ${i}`);
    assert.deepEqual([...await statement.query([7])], [[7n]]);
    assert.deepEqual(statement.parameterTypes, [20]);
    const prepared = await db.query(
      "select 1 from pg_prepared_statements where statement like '%as a'",
    );
    assert.equal(prepared.length, 1);
    await statement.close();
  }, { statementCacheSize: 1 }));

test("prepare: heals like any other, and fails a transaction like any other", () =>
  withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query("create temp table changed (a int)");
    const statement = await db.prepare("select * from changed");
    const columns = async () => (await statement.query()).columns.length;
    assert.equal(await columns(), 1);
    await db.query("alter table changed add b int");
    assert.equal(await columns(), 2);
    await db.query("deallocate all");
    assert.equal(await columns(), 2);
    await run("deallocate all");
    assert.deepEqual(await Promise.all([columns(), columns()]), [2, 2]);
    await db.query("alter table changed add c int");
    await assert.rejects(
      db.transaction(() => Promise.resolve()).then(() =>
        db.transaction(async (tx) => {
          const own = await tx.prepare("select * from changed");
          await own.query();
          await tx.query("select pg_temp.unseen('alter table changed add d int')");
          await own.query();
        })
      ),
      StaleStatementError,
    );
    assert.equal(await columns(), 3);
    await statement.close();
  }));

test("prepare: closed while another has the turn, it is dropped later", () =>
  withDatabase(async (db) => {
    const statement = await db.prepare("select 1 as late");
    await db.transaction(async (tx) => {
      await statement.close();
      await tx.query("select 2");
    });
    await db.query("select 3");
    const left = await db.query(
      "select 1 from pg_prepared_statements where statement like '%as late'",
    );
    assert.equal(left.length, 0);
  }));

test("statement cache: a column that has become wider takes what it takes now", () =>
  withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query("create temp table widened (n int)");
    const text = "insert into widened values ($1)";
    const statement = await db.prepare(text);
    const insert = [
      (n: bigint) => db.query(text, [n]),
      (n: bigint) => statement.query([n]),
      (n: bigint) => db.transaction((tx) => tx.query(text, [n])),
      (n: bigint) => db.batch([{ text, parameters: [n] }]),
      (n: bigint) => db.executeMany(text, [[n]]),
    ];
    for (const run of insert) await run(1n);
    for (const run of insert) {
      await assert.rejects(
        async () => await run(2n ** 40n),
        /parameter \$1 \(int4\): out of range/,
      );
    }
    await run("alter table widened alter n type bigint");
    for (const run of insert) await run(2n ** 40n);
    for (const run of insert) {
      await assert.rejects(
        async () => await run(2n ** 70n),
        /parameter \$1 \(int8\): out of range/,
      );
    }
    assert.equal(await db.query("select count(*) from widened").scalar(), 10n);
  }));
