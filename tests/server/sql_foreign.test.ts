import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, InterfaceError, Pool, type Queryable, sql } from "../../mod.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";

/** Something of another driver's. */
type Other = Record<string, (...args: unknown[]) => unknown>;

/** Calls of other drivers on whatever runs queries, and what the error says to write instead. */
const CALLS: readonly (readonly [call: string, run: (on: Other) => unknown, instead: RegExp])[] = [
  ["query({ text })", (on) => on.query!({ text: "select 1" }), /query\(text\)/],
  [
    "query({ text, values })",
    (on) => on.query!({ text: "select $1", values: [1] }),
    /query\(text, parameters\)/,
  ],
  [
    "query({ text, rowMode, name })",
    (on) => on.query!({ text: "select 1", rowMode: "array", name: "a" }),
    /query\(text, \[\], \{ rows: "array" \}\); statements are prepared and named by the driver/,
  ],
  ["query(text, callback)", (on) => on.query!("select 1", () => {}), /await the query/],
  ["query(text, values, callback)", (on) => on.query!("select 1", [], () => {}), /await the query/],
  [
    "query(text, values, { rowMode })",
    (on) => on.query!("select 1", [], { rowMode: "array" }),
    /"rowMode": use rows: "array"/,
  ],
  ["an unknown option", (on) => on.query!("select 1", [], { retries: 1 }), /"retries"/],
  [
    "an unknown shape",
    (on) => on.query!("select 1", [], { rows: "arrays" }),
    /one of object, array/,
  ],
  ["prepare(text, { name })", (on) => on.prepare!("select 1", { name: "a" }), /"name"/],
  ["batch with options", (on) => on.batch!([], { rowMode: "array" }), /"rowMode"/],
  [
    "executeMany with options",
    (on) => on.executeMany!("select 1", [], { arrayMode: true }),
    /"arr/,
  ],
  ["unsafe()", (on) => on.unsafe!("select 1"), /query\(text, parameters\)/],
  ["end()", (on) => on.end!(), /close\(\)/],
  ["release()", (on) => on.release!(), /close\(\)/],
  ["on()", (on) => on.on!("error", () => {}), /closed/],
  ["sql.unsafe()", ({ sql }) => (sql as unknown as Other).unsafe!("select 1"), /sql\.raw\(text\)/],
  ["sql.begin()", ({ sql }) => (sql as unknown as Other).begin!(() => {}), /transaction/],
  ["sql.end()", ({ sql }) => (sql as unknown as Other).end!(), /close\(\)/],
  ["a query's cursor()", (on) => (on.query!("select 1") as Other).cursor!(10), /batches/],
  ["a query's raw()", (on) => (on.query!("select 1") as Other).raw!(), /values\(\)/],
  ["a query's on()", (on) => (on.query!("select 1") as Other).on!("row", () => {}), /for await/],
  ["result.rows", async (on) => (await on.query!("select 1") as Other).rows, /array of rows/],
  ["result.fields", async (on) => (await on.query!("select 1") as Other).fields, /result\.columns/],
  ["result.count", async (on) => (await on.query!("select 1") as Other).count, /result\.rowCount/],
  ["sql([])", ({ sql }) => (sql as unknown as (list: []) => unknown)([]), /= any\(\$\{list\}\)/],
];

test("another driver's call is an InterfaceError that names ours", async () => {
  await using pool = createPool(await shared());
  await withDatabase(async (db) => {
    const ways: readonly (readonly [way: string, on: Queryable])[] = [["db", db], ["pool", pool]];
    for (const [way, on] of ways) {
      for (const [call, run, instead] of CALLS) {
        await refused(`${way}: ${call}`, () => run(on as unknown as Other), instead);
      }
    }
    const tx = await db.begin();
    for (const [call, run, instead] of CALLS) {
      await refused(`transaction: ${call}`, () => run(tx as unknown as Other), instead);
    }
    await tx.rollback();
    const other = db as unknown as Other;
    await refused("client.connect()", () => other.connect!(), /connected/);
    await assertUsable(db);
  });
});

test("another driver's call of a pool is an InterfaceError that names ours", async () => {
  await using pool = createPool(await shared());
  const other = pool as unknown as Other;
  await refused("pool.begin()", () => other.begin!(() => {}), /transaction/);
  await refused("pool.reserve()", () => other.reserve!(), /connect\(\)/);
  await refused("pool.connect(callback)", () => other.connect!(() => {}), /no callback/);
  await refused("pool.totalCount", () => other.totalCount, /stats\(\)/);
  await refused(
    "new Pool(config)",
    () => new (Pool as never as new (o: object) => Pool)({}),
    /createPool/,
  );
});

test("another driver's names are not seen in a result, and can be set", () =>
  withDatabase(async (db) => {
    const result = await db.query("select 1 as rows");
    assert.deepEqual([...result], [{ rows: 1 }]);
    assert.deepEqual(Object.keys(result), ["0"]);
    assert.equal(JSON.stringify(result), '[{"rows":1}]');
    Object.assign(result, { rows: 5 });
    assert.equal((result as unknown as { rows: number }).rows, 5);
  }));

test("another driver's calls of the unbound tag are InterfaceErrors, too", async () => {
  await refused("sql.unsafe()", () => (sql as never as Other).unsafe!("now()"), /sql\.raw/);
});

async function refused(what: string, call: () => unknown, instead: RegExp): Promise<void> {
  await assert.rejects(async () => await call(), (error) => {
    assert.ok(error instanceof InterfaceError, `${what}: ${error}`);
    assert.match(error.message, instead, what);
    return true;
  });
}
