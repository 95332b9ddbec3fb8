/** A pool refuses what needs a session, by each of its ways, and sends nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError, type Pool } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { withPool } from "./pool_server.ts";

const WAYS: readonly (readonly [string, (pool: Pool, text: string) => PromiseLike<unknown>])[] = [
  ["query()", (pool, text) => pool.query(text)],
  ["values()", (pool, text) => pool.query(text).values()],
  ["scalar()", (pool, text) => pool.query(text).scalar()],
  ["execute()", (pool, text) => pool.query(text).execute()],
  ["sql", (pool, text) => pool.query(pool.sql`${pool.sql.raw(text)}`)],
  ["simple()", (pool, text) => pool.query(text).simple()],
  ["a stream", (pool, text) => pool.query(text)[Symbol.asyncIterator]().next()],
  ["batches()", (pool, text) => pool.query(text).batches(1).next()],
  ["batch()", (pool, text) => pool.batch([{ text }])],
  ["batch() of a fragment", (pool, text) => pool.batch([pool.sql.raw(text)])],
  ["executeMany()", (pool, text) => pool.executeMany(text, [[]])],
  ["prepare()", (pool, text) => pool.prepare(text)],
];

const TEXTS: readonly string[] = [
  "begin",
  "rollback",
  "set search_path to x",
  "create temp table pool_needs (n int)",
  "listen pool_needs",
  "prepare pool_needs as select 1",
  "declare c cursor with hold for select 1",
  "select pg_advisory_lock(4713)",
];

test("pool: what needs a session is refused by every way, and a connection is not even opened", () =>
  withPool({ max: 1 }, async (pool) => {
    for (const text of TEXTS) {
      for (const [way, call] of WAYS) {
        const error = await failure(call(pool, text));
        assert.ok(error instanceof InterfaceError, `${text} by ${way}: ${error}`);
        assert.match(
          error.message,
          /: use (?:set local in )?(?:pg_advisory_xact_lock\(\) in )?(?:for await|pool\.)/,
        );
        assert.match(error.stack ?? "", /pool_session_need\.test/, `${text} by ${way}`);
      }
    }
    const copy = "copy (select pg_advisory_lock(1)) to stdout";
    const error = await failure(pool.copyTo(copy)[Symbol.asyncIterator]().next());
    assert.ok(error instanceof InterfaceError);
    assert.equal(pool.stats().acquired, 0);
  }));

test("pool: the template tag refuses what needs a session", () =>
  withPool({ max: 1 }, async (pool) => {
    assert.ok(await failure(pool.sql`begin`) instanceof InterfaceError);
    assert.ok(await failure(pool.sql`set search_path to x`.simple()) instanceof InterfaceError);
  }));

test("pool: a connection and a transaction of the pool run what needs a session", () =>
  withPool({ max: 1 }, async (pool) => {
    await using db = await pool.connect();
    await db.query("begin");
    await db.query("set local work_mem = '1MB'");
    await db.query("commit");
    await db.query("create temp table pool_needs (n int)");
    await db.close();
    await pool.transaction((tx) => tx.query("set local work_mem = '1MB'"));
    await pool.query("begin; select 1; commit").simple();
    assert.equal(
      (await pool.query("set search_path to x; show search_path").simple().all())[1]![0]!
        .search_path,
      "x",
    );
  }));
