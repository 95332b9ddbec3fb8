import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, type Queryable } from "../../mod.ts";
import { shared, withDatabase } from "../_kit/databases.ts";

const NOT_GIVEN = {
  ...{ rows: undefined, timeout: undefined, signal: undefined, prepare: undefined },
  ...{ types: undefined, parameterTypes: undefined },
};

const WAYS: readonly (readonly [way: string, run: (on: Queryable) => PromiseLike<unknown>])[] = [
  ["query", (on) => on.query("select 1", [], NOT_GIVEN)],
  ["named", (on) => on.query("select :a::int", { a: 1 }, NOT_GIVEN)],
  ["stream", async (on) => {
    const rows: unknown[] = [];
    for await (const row of on.query("select 1", [], NOT_GIVEN)) rows.push(row);
    return rows;
  }],
  [
    "batch",
    async (on) => (await on.batch([{ text: "select 1", parameters: undefined }], NOT_GIVEN))[0],
  ],
  ["executeMany", (on) => on.executeMany("select $1::int", [[1]], NOT_GIVEN)],
  ["prepared", async (on) => {
    await using statement = await on.prepare("select 1", NOT_GIVEN);
    return await statement.query([], { rows: undefined, timeout: undefined, signal: undefined });
  }],
  ["prepared with rows", async (on) => {
    await using statement = await on.prepare("select 1", { rows: "array" });
    return await statement.query([], { rows: undefined });
  }],
  ["simple", (on) => on.query("select 1", [], NOT_GIVEN).simple()],
  [
    "transaction",
    (on) => on.transaction(async (tx) => await tx.query("select 1", [], NOT_GIVEN)),
  ],
];

test("query: an option that is undefined counts as not given", async () => {
  await using pool = createPool(await shared({ rows: "array" }));
  await withDatabase(async (db) => {
    const places: readonly (readonly [place: string, on: Queryable])[] = [["db", db], [
      "pool",
      pool,
    ]];
    for (const [place, on] of places) {
      for (const [way, run] of WAYS) {
        const rows = await run(on) as unknown[];
        assert.deepEqual([...rows], [[1]], `${place}: ${way}`);
      }
    }
  }, { rows: "array" });
});

test("query: a timeout that is undefined leaves queryTimeout in force", () =>
  withDatabase(async (db) => {
    const slow = db.query("select pg_sleep(60)", [], { timeout: undefined });
    await assert.rejects(slow, { code: "57014" });
  }, { queryTimeout: 0.05 }));
