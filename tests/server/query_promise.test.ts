import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, Fragment, Query, type Queryable, SimpleQuery, sql } from "../../mod.ts";
import { shared, withDatabase } from "../_kit/databases.ts";

/** Everything that is sent when it is awaited. */
const MAKERS: readonly (readonly [what: string, make: (on: Queryable, text: string) => Lazy])[] = [
  ["query()", (on, text) => on.query(text)],
  ["a template", (on, text) => on.sql`${sql.raw(text)}`],
  ["values()", (on, text) => on.query(text).values()],
  ["simple()", (on, text) => on.query(text).simple()],
];

type Lazy = Query<unknown> | SimpleQuery<unknown>;

/** Everything that awaits. */
const TAKERS: readonly (readonly [what: string, take: (query: Lazy) => Promise<unknown>])[] = [
  ["await", async (query) => void await query],
  ["Promise.resolve()", (query) => Promise.resolve(query)],
  ["Promise.all()", (query) => Promise.all([query])],
  ["Promise.race()", (query) => Promise.race([query])],
  ["return", async (query) => await (async () => await query)()],
  ["then()", (query) => query.then()],
  ["catch()", (query) => query.catch(() => {})],
  ["finally()", (query) => query.finally(() => {})],
];

for (const way of ["connection", "pool"]) {
  test(`query: it is an instance of Promise that is sent when awaited, on a ${way}`, () =>
    withDatabase(async (db) => {
      await using pool = createPool(await shared(), { max: 1 });
      const on: Queryable = way === "pool" ? pool : db;
      await db.query("drop sequence if exists sent");
      await db.query("create sequence sent");
      let sent = 0;
      for (const [what, make] of MAKERS) {
        for (const [how, take] of TAKERS) {
          const query = make(on, "select nextval('sent')");
          assert.ok(query instanceof Promise, what);
          await db.query("select 1");
          await take(query);
          await query;
          const last = await db.query("select last_value from sent").scalar();
          assert.equal(last, BigInt(++sent), `${what}, ${how}`);
        }
        await assert.rejects(make(on, "select 1/0"), { code: "22012" }, what);
        assert.equal(typeof make(on, "select 1").execute, "function");
      }
      await db.query("drop sequence sent");
    }));
}

test("query: instanceof distinguishes queries and fragments", () =>
  withDatabase(async (db) => {
    const query = db.query("select 1");
    const fragment = sql`select 1`;
    assert.ok(query instanceof Query && query instanceof Fragment);
    assert.ok(!((query as unknown) instanceof SimpleQuery));
    assert.ok(fragment instanceof Fragment);
    assert.ok(
      !((fragment as unknown) instanceof Query) && !((fragment as unknown) instanceof Promise),
    );
    assert.ok(!((query.simple() as unknown) instanceof Fragment));
    for (const other of [null, undefined, 5, "a", {}, { writeTo() {} }, Promise.resolve()]) {
      assert.ok(!((other as unknown) instanceof Fragment));
    }
    assert.equal(Object.prototype.toString.call(query), "[object Query]");
    const [row] = await db.sql`select ${JSON.stringify({ writeTo: 1 })}::json as value`;
    assert.deepEqual(row, { value: { writeTo: 1 } });
    await query;
  }));
