/** `cancel()` of queries in all their forms, wherever they are: not begun, on their way, or between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OperationalError, type PgError } from "../../mod.ts";
import { behind, untilActive, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";
import { pause } from "../_kit/waiting.ts";
import { withPool } from "./pool_server.ts";

function isCancelled(error: PgError): boolean {
  return error instanceof OperationalError && error.code === "57014";
}

test("cancel(): a simple query stops between its statements, and the connection goes on", () =>
  withDatabase(async (db) => {
    const simple = db.query("select 1; select pg_sleep(300) /* simple */; select 3").simple();
    simple.execute();
    untilActive(db, "/* simple */").then(() => simple.cancel());
    await assert.rejects(simple, isCancelled);
    await assert.rejects(simple.all(), isCancelled);
    await assertUsable(db);
    simple.cancel();
    const never = db.query("select 1").simple();
    never.cancel();
    await assert.rejects(never.finally(() => {}), isCancelled);
    assert.equal((await db.query("select 1; select 2 as n").simple().catch(() => []))[0]!.n, 2);
  }));

test("cancel(): scalar() is the query's own run", () =>
  withDatabase(async (db) => {
    const query = db.query("select pg_sleep(300) /* scalar */");
    const value = query.scalar();
    untilActive(db, "/* scalar */").then(() => query.cancel());
    await assert.rejects(value, isCancelled);
    const never = db.query("select 1");
    never.cancel();
    await assert.rejects(never.scalar(), isCancelled);
    await assertUsable(db);
  }));

test("cancel(): while a parameter's type is looked up by name", () =>
  withDatabase(async (db) => {
    await behind("drop type if exists cancelled_mood; create type cancelled_mood as enum ('ok')");
    try {
      const types = ["cancelled_mood"];
      const query = db.query("select $1", ["ok"], { parameterTypes: types }).execute();
      query.cancel();
      await assert.rejects(query, isCancelled);
      await assertUsable(db);
    } finally {
      await behind("drop type cancelled_mood");
    }
  }));

test("cancel(): a query that was cancelled before its loop gives no row", () =>
  withDatabase(async (db) => {
    const query = db.query("select generate_series(1, 3) as n");
    query.cancel();
    await assert.rejects(async () => {
      for await (const row of query) assert.fail(String(row));
    }, isCancelled);
    await assertUsable(db);
  }));

test("cancel() of a pool's queries: simple, scalar, and a stream that waits for a connection", () =>
  withPool({ max: 1 }, async (pool) => {
    const simple = pool.query("select pg_sleep(300)").simple().execute();
    const scalar = pool.query("select pg_sleep(300)");
    const value = scalar.scalar();
    await pause(0.05);
    simple.cancel();
    await assert.rejects(simple, isCancelled);
    scalar.cancel();
    await assert.rejects(value, isCancelled);
    const held = await pool.connect();
    const stream = pool.query("select 1 as n")[Symbol.asyncIterator]();
    const row = stream.next();
    stream.cancel(new RangeError("enough"));
    await held.close();
    await assert.rejects(row, /^RangeError: enough$/);
    assert.equal(await pool.query("select 1").scalar(), 1);
  }));

test("prepared statement: a run has a signal, a timeout and a shape of rows of its own", () =>
  withDatabase(async (db) => {
    const statement = await db.prepare("select pg_sleep($1)::text as slept");
    const timeout = statement.query([300], { timeout: 0.05 });
    await assert.rejects(timeout, isCancelled);
    const signal = AbortSignal.abort(new RangeError("no more"));
    await assert.rejects(statement.query([300], { signal }), /^RangeError: no more$/);
    assert.deepEqual([...await statement.query([0], { rows: "array" })], [[""]]);
    assert.deepEqual([...await statement.query([0])], [{ slept: "" }]);
    await statement.close();
  }));
