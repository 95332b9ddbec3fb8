/** Equal queries that are sent together, of which the first parses for all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withDatabase } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";

test("statement: a query that shares a refused Parse does not see what is sent behind it", () =>
  withDatabase(async (db) => {
    const text = "select n from made_later where n = $1";
    const change = "create temp table made_later (n int)";
    const made = [db.query(text, [1]), db.query(text, [2]), db.query(change)];
    const [first, second, third] = made.map((query) => query.execute().then());
    const errors = await Promise.all([failure(first!), failure(second!)]);
    assert.deepEqual(errors.map(({ code }) => code), ["42P01", "42P01"]);
    assert.notEqual(errors[0], errors[1]);
    await third;
    assert.equal((await db.query(text, [1])).length, 0);
  }));

test("statement: queries that share a refused Parse see what was sent before them", () =>
  withDatabase(async (db) => {
    await db.query(
      `create function pg_temp.make() returns void language plpgsql as
       $$ begin create temp table made_before (n int); end $$`,
    );
    const text = "select n from made_before where n = $1";
    const make = db.query("select pg_temp.make()");
    const queries = [db.query(text, [1]), make, ...[2, 3, 4].map((n) => db.query(text, [n]))];
    const [first, ...others] = queries.map((query) => query.execute().then());
    assert.equal((await failure(first!)).code, "42P01");
    assert.deepEqual((await Promise.all(others)).map(({ length }) => length), [1, 0, 0, 0]);
    await db.query("drop table made_before");
    // The last request changes what the one before it would see, if that was run again.
    const again = [db.query(text, [1]), db.query(text, [2]), db.query("select pg_temp.make()")];
    const outcomes = await Promise.allSettled(again.map((query) => query.execute()));
    assert.deepEqual(outcomes.map(({ status }) => status), ["rejected", "rejected", "fulfilled"]);
  }));

test("statement: a query that shares a Parse has its error, also when a BEGIN is behind it", () =>
  withDatabase(async (db) => {
    const text = "select $1::no_such_type";
    const queries = [db.query(text, ["x"]), db.query("select 1"), db.query(text, ["x"])];
    const outcomes = [...queries, db.query("begin")].map((query) => query.execute().then());
    for (const [i, outcome] of outcomes.entries()) {
      if (i % 2 === 0) assert.equal((await failure(outcome)).code, "42704");
      else await outcome;
    }
    await db.query("rollback");
  }));
