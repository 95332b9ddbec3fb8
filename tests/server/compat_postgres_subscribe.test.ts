/** `sql.subscribe()` of the entry point in the shape of postgres.js. */
import assert from "node:assert/strict";
import { test } from "node:test";
import postgres, { type Options, type Sql } from "../../src/compat/postgres/postgres.ts";
import { until } from "../_kit/waiting.ts";
import { withPlace } from "./replicate_server.ts";

/** Calls `work` with a client of a database that has a table `t` and a publication `p`. */
function withSql(work: (sql: Sql) => Promise<void>, options: Options = {}): Promise<void> {
  return withPlace(async ({ login }) => {
    const { host, port, user, database } = login as Options;
    const where = { host, port, user, database };
    const sql = postgres({ ...where, publications: "p", onnotice: false, max: 1, ...options });
    try {
      await work(sql);
    } finally {
      await sql.end({ timeout: 0 });
    }
  });
}

test("compat postgres: subscribe() reports inserts, updates and deletes", () =>
  withSql(async (sql) => {
    const seen: unknown[] = [];
    await sql.subscribe("*", (row, { command, relation, key, old }) => {
      seen.push([command, relation.table, { ...row }, key, old && { ...old }]);
    });
    await sql`insert into t values (1, 'a')`;
    await sql`update t set name = 'b'`;
    await sql`update t set id = 2`;
    await sql`delete from t`;
    await sql`alter table t replica identity full`;
    await sql`insert into t values (3, 'c')`;
    await sql`update t set name = 'd'`;
    await sql`delete from t`;
    await until(() => seen.length === 7);
    assert.deepEqual(seen, [
      ["insert", "t", { id: 1, name: "a" }, undefined, undefined],
      ["update", "t", { id: 1, name: "b" }, false, null],
      ["update", "t", { id: 2, name: "b" }, true, { id: 1 }],
      ["delete", "t", { id: 2 }, true, undefined],
      ["insert", "t", { id: 3, name: "c" }, undefined, undefined],
      ["update", "t", { id: 3, name: "d" }, false, { id: 3, name: "c" }],
      ["delete", "t", { id: 3, name: "d" }, false, undefined],
    ]);
  }));

test("compat postgres: subscribe() takes patterns of operation, table and key", () =>
  withSql(async (sql) => {
    const seen: string[] = [];
    const patterns = ["insert", "*:t", "update:t=2", "delete:public.t", "t", "insert:other"];
    for (const pattern of patterns) {
      await sql.subscribe(
        pattern,
        (row, { command }) => seen.push(`${pattern} ${command} ${row!.id}`),
      );
    }
    const { unsubscribe } = await sql.subscribe("*", () => seen.push("unsubscribed"));
    await unsubscribe();
    await sql`insert into t values (1), (2)`;
    await sql`update t set name = 'x'`;
    await sql`delete from t where id = 2`;
    await until(() => seen.includes("delete:public.t delete 2"));
    assert.deepEqual(seen.filter((one) => one.startsWith("insert ")), [
      "insert insert 1",
      "insert insert 2",
    ]);
    assert.deepEqual(seen.filter((one) => one.startsWith("update:")), ["update:t=2 update 2"]);
    assert.equal(seen.filter((one) => one.startsWith("*:t ")).length, 5);
    assert.ok(!seen.some((one) => one === "unsubscribed" || one.startsWith("insert:other")));
    await assert.rejects(sql.subscribe("drop:t", () => {}), { code: "MALFORMED_EVENT" });
  }));

test("compat postgres: subscribe() comes back after its connection is lost", () =>
  withSql(async (sql) => {
    const seen: unknown[] = [];
    let times = 0;
    const { sql: own } = await sql.subscribe("insert", (row) => seen.push(row), () => times++);
    await own.close();
    await until(() => times === 2);
    await sql`insert into t values (1, 'after')`;
    await until(() => seen.length === 1);
    assert.deepEqual(seen, [{ ID: 1, NAME: "after" }]);
  }, { transform: { column: (name) => name.toUpperCase() } }));
