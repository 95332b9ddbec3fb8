import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Connection,
  createPool,
  DataError,
  IntegrityError,
  InterfaceError,
  OperationalError,
  type PgError,
  type Queryable,
  type QueryOptions,
  sql,
} from "../../mod.ts";
import { behind, shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";
import { unseen } from "../_kit/unseen.ts";

async function items(db: Connection): Promise<() => Promise<number>> {
  await db.query("create temp table items (id int primary key, name text, tags text[])");
  return () => db.query("select count(*)::int from items").scalar<number>();
}

const insert = (id: number) => ({
  text: "insert into items values ($1, $2)",
  parameters: [id, "x"],
});

test("batch: a result for each, of every kind of statement and parameter", () =>
  withDatabase(async (db) => {
    await items(db);
    const run = () =>
      db.batch([
        { text: "delete from items" },
        insert(1),
        insert(2),
        {
          text: "insert into items values (:id, :name, :tags)",
          parameters: { id: 3, name: "n", tags: ["a"] },
        },
        sql`insert into items ${sql({ id: 4, tags: ["b", "c"] })} returning id`,
        { text: "select count(*)::int as n from items" },
        { text: "" },
        db.sql`select ${sql.typed(5, 20)} as five, ${new Date(0)}::timestamptz as at, ${{
          a: 1,
        }}::json as j`,
      ]);
    for (let i = 0; i < 3; i++) {
      const results = await run();
      // deno-fmt-ignore
      assert.deepEqual(results.map((result) => result.command), [
        "DELETE", "INSERT", "INSERT", "INSERT", "INSERT", "SELECT", "", "SELECT",
      ]);
      assert.deepEqual(results[4]!.map((row) => row.id), [4]);
      assert.deepEqual([...results[5]!], [{ n: 4 }]);
      assert.deepEqual([...results[7]!], [{ five: 5n, at: new Date(0), j: { a: 1 } }]);
    }
    assert.deepEqual(await db.batch([]), []);
  }));

test("batch: whatever the size of the statement cache", async () => {
  for (const statementCacheSize of [0, 1, 2, 100]) {
    await withDatabase(async (db) => {
      for (let round = 0; round < 3; round++) {
        const queries = Array.from({ length: 10 }, (_, i) => [
          { text: `select ${i} as a, $1::int as b`, parameters: [round] },
          { text: `select ${i} as a, $1::int[] as b`, parameters: [[round]] },
        ]).flat();
        const results = await db.batch(queries);
        assert.deepEqual(
          results.map((result) => result[0]),
          Array.from({ length: 10 }, (_, i) => [
            { a: i, b: round },
            { a: i, b: [round] },
          ]).flat(),
        );
      }
      const left = await db.query("select count(*)::int from pg_prepared_statements").scalar<
        number
      >();
      assert.ok(left <= statementCacheSize + 1, `${left} statements`);
    }, { statementCacheSize });
  }
});

test("batch: when one fails none has any effect, and the error says which", () =>
  withDatabase(async (db) => {
    const count = await items(db);
    for (let round = 0; round < 3; round++) {
      const failed = db.batch([insert(1), insert(2), insert(1), insert(3), {
        text: `select ${round}`,
      }]);
      await assert.rejects(
        failed,
        (error: PgError) =>
          error instanceof IntegrityError && error.index === 2 &&
          /^queries\[2\]: duplicate key/.test(error.message),
      );
      assert.equal(await count(), 0);
      await assert.rejects(db.batch([insert(1), { text: "select nonsense" }]), {
        index: 1,
        code: "42703",
      });
      await assert.rejects(
        db.batch([insert(1), { text: "select $1::int[]", parameters: [{}] }]),
        (error: PgError) => error instanceof InterfaceError && error.index === 1,
      );
      await assert.rejects(
        db.batch([insert(1), { text: "select $1::nonsense[]", parameters: [[1]] }]),
        { index: 1, code: "42704" },
      );
      await assert.rejects(db.batch([insert(1), { text: "select $1", parameters: [undefined] }]), {
        name: "InterfaceError",
        index: 1,
      });
      await assert.rejects(db.batch([{ text: "copy items from stdin" }]), InterfaceError);
      await assert.rejects(db.batch([{ text: "select :a", parameters: {} }]), InterfaceError);
      assert.equal(await count(), 0);
    }
    assert.equal((await db.batch([insert(1)])).length, 1);
    await assertUsable(db);
  }));

test("batch: in a transaction it is a part of it", () =>
  withDatabase(async (db) => {
    const count = await items(db);
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.batch([insert(1), insert(2)]);
        await tx.batch([insert(3), insert(3)]);
      }),
      { index: 1 },
    );
    assert.equal(await count(), 0);
  }));

test("batch: unknown types, stale statements, and rows as arrays", () =>
  withDatabase(async (db) => {
    await behind(`drop type if exists batch_pair; create type batch_pair as (a int, b text)`);
    try {
      const pair = { text: "select (1, 'x')::batch_pair as p" };
      const given = { text: "select $1::batch_pair as p", parameters: [{ a: 2, b: "y" }] };
      const [first, second] = await db.batch([pair, given]);
      assert.deepEqual([...first!, ...second!], [{ p: { a: 1, b: "x" } }, { p: { a: 2, b: "y" } }]);
    } finally {
      await behind("drop type batch_pair");
    }
    const run = await unseen(db);
    await items(db);
    const all = { text: "select * from items" };
    await db.batch([insert(1), all]);
    await db.batch([all, all]);
    await run("alter table items drop column tags");
    const rows = await db.batch([insert(2), all], { rows: "array" });
    assert.deepEqual([...rows[1]!], [[1, "x"], [2, "x"]]);
    await run("deallocate all");
    assert.equal((await db.batch([insert(3), all]))[1]!.length, 3);
    await assert.rejects(
      db.transaction(async (tx) => {
        await db.cancel();
        await tx.query("select pg_temp.unseen('alter table items add more int')");
        await tx.batch([all]);
      }),
      { name: "StaleStatementError", safeToRetry: true },
    );
  }));

test("batch: abort and timeout stop it, and undo it", () =>
  withDatabase(async (db) => {
    const count = await items(db);
    const slow = [insert(1), { text: "select pg_sleep(300)" }];
    const reason = new Error("enough");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 100);
    await assert.rejects(
      db.batch(slow, { signal: controller.signal }),
      (error) => error === reason,
    );
    await assert.rejects(
      db.batch(slow, { signal: controller.signal }),
      (error) => error === reason,
    );
    await assert.rejects(db.batch(slow, { timeout: 0.05 }), { code: "57014" });
    assert.equal(await count(), 0);
    await assertUsable(db);
  }));

test("executeMany: one statement with many sets, counted together", () =>
  withDatabase(async (db) => {
    const count = await items(db);
    const text = "insert into items values ($1, $2, $3)";
    const result = await db.executeMany(text, [[1, "a", ["x"]], [2, null, null]]);
    assert.deepEqual([result.rowCount, result.command, [...result]], [2, "INSERT", []]);
    const named = "insert into items (id, name) values (:id, :name) returning id";
    const returned = await db.executeMany(named, [{ id: 3, name: "c" }, { id: 4, name: "d" }]);
    assert.deepEqual([[...returned], returned.rowCount], [[{ id: 3 }, { id: 4 }], 2]);
    assert.equal(returned.columns[0]!.name, "id");
    function* sets(): Iterable<[number]> {
      for (let id = 10; id < 20; id++) yield [id];
    }
    assert.equal((await db.executeMany("insert into items (id) values ($1)", sets())).rowCount, 10);
    assert.equal(
      (await db.executeMany("delete from items where id = $1", [[1], [99], [10]])).rowCount,
      2,
    );
    assert.equal((await db.executeMany(text, [])).rowCount, -1);
    assert.equal(await count(), 12);
    const set = await db.executeMany("set search_path = public", [[], []]);
    assert.deepEqual([set.rowCount, set.command], [-1, "SET"]);
  }));

test("executeMany: the set that fails is named, and none has any effect", () =>
  withDatabase(async (db) => {
    const count = await items(db);
    const ids = (...of: unknown[]) => of.map((id) => [id]);
    const many = (...of: unknown[]) =>
      db.executeMany("insert into items (id) values ($1)", ids(...of));
    await assert.rejects(many(1, 2, 1), {
      name: "IntegrityError",
      index: 2,
      message: /^rows\[2\]: /,
    });
    await assert.rejects(
      many(1, "x", 2),
      (error: PgError) => error instanceof DataError && error.index === 1,
    );
    await assert.rejects(
      many(1, {}, 2),
      (error: PgError) => error instanceof InterfaceError && error.index === 1,
    );
    await assert.rejects(many(1, undefined), { name: "InterfaceError", index: 1 });
    await assert.rejects(db.executeMany("insert into items (id) values ($1)", [[1], [2, 3]]), {
      index: 1,
    });
    await assert.rejects(db.executeMany("insert into nonsense values ($1)", [[1]]), {
      code: "42P01",
    });
    assert.equal(await count(), 0);
    await assertUsable(db);
  }));

test(
  "executeMany: 100,000 sets whose answers fill the socket both ways",
  { timeout: 60_000 },
  () =>
    withDatabase(async (db) => {
      const filler = "y".repeat(200);
      const sets = Array.from({ length: 100_000 }, (_, i) => [i, filler]);
      const result = await db.executeMany("select $1::int as i, $2::text as filler", sets, {
        rows: "array",
      });
      assert.equal(result.length, 100_000);
      const rows = result as unknown as [number, string][];
      assert.ok(rows.every(([i, text], at) => i === at && text === filler));
      await items(db);
      const text = "insert into items (id, name) values ($1, $2)";
      assert.equal((await db.executeMany(text, sets)).rowCount, 100_000);
      await assertUsable(db);
    }),
);

test("executeMany: without a cache, with a stale statement, aborted, and when the backend dies", async () => {
  await withDatabase(async (db) => {
    const run = await unseen(db);
    const count = await items(db);
    const text = "insert into items (id) values ($1)";
    await db.executeMany(text, [[1], [2]]);
    await run("deallocate all");
    await db.executeMany(text, [[3], [4]]);
    assert.equal(await count(), 4);
  }, { statementCacheSize: 0 });
  await withDatabase(async (db) => {
    const run = await unseen(db);
    const count = await items(db);
    const text = "insert into items (id) values ($1)";
    await db.executeMany(text, [[1], [2]]);
    await run("deallocate all");
    await db.executeMany(text, [[3], [4]]);
    await assert.rejects(db.executeMany("select pg_sleep($1)", [[0], [300]], { timeout: 0.1 }), {
      code: "57014",
    });
    assert.equal(await count(), 4);
    const dying = "select case when $1 then pg_terminate_backend(pg_backend_pid()) end";
    const dead = db.executeMany(dying, [[false], [true], [false]]);
    await assert.rejects(dead, OperationalError);
    await db.closed;
  });
});

test("batch: queries made on it keep their texts, parameters and shapes, by every way", () =>
  withDatabase(async (db) => {
    await using pool = createPool(await shared());
    const ways: readonly (readonly [way: string, run: (work: Work) => Promise<unknown>])[] = [
      ["connection", (work) => work(db)],
      ["transaction", (work) => db.transaction(work)],
      ["pool", (work) => work(pool)],
    ];
    for (const [way, run] of ways) {
      await run(async (on) => {
        const results = await on.batch([
          on.query<{ n: number }>("select $1::int as n", [1]),
          on.query("select :a::int as n", { a: 2 }),
          on.sql`select ${3}::int as n`.values(),
          on.query("select $1 as n", [4], { parameterTypes: [23] }),
          on.query("select 5 as n", [], { rows: "array" }),
          on.query(sql`select ${6}::int as n`),
        ]);
        const rows = results.map((result) => (result as unknown[])[0]);
        assert.deepEqual(rows, [{ n: 1 }, { n: 2 }, [3], { n: 4 }, [5], { n: 6 }], way);
        const refused: readonly QueryOptions[] = [{ timeout: 1 }, { parameterTypes: ["int4"] }];
        for (const options of refused) {
          const query = on.query("select $1 as n", [1], options);
          await assert.rejects(on.batch([query]), InterfaceError, way);
        }
      });
    }
  }));

type Work = (on: Queryable) => Promise<unknown>;
