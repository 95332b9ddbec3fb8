/** A transaction as a whole is stopped by its signal and its time: cancelled, rolled back, free. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Connection,
  InterfaceError,
  OperationalError,
  type PgError,
  type Transaction,
} from "../../mod.ts";
import { untilActive, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";
import { withPool } from "./pool_server.ts";

const SLOW = "select pg_sleep(300) /* in tx */";
const enough = new RangeError("enough");

function aborter(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(enough) };
}

function isLate(error: PgError): boolean {
  return error instanceof OperationalError && error.code === "57014" &&
    /^transaction timed out after 0\.\d+ s/.test(error.message);
}

/** Idle, usable, and without what the transaction has done. */
async function assertRolledBack(db: Connection): Promise<void> {
  assert.equal(db.transactionStatus, "idle");
  assert.equal(await db.query("select to_regclass('pg_temp.made')").scalar(), null);
  await assertUsable(db);
}

async function make(tx: Transaction): Promise<void> {
  await tx.query("create temp table made (n int)");
}

test("transaction: its signal cancels the running query and rolls back", () =>
  withDatabase(async (db) => {
    const { signal, abort } = aborter();
    untilActive(db, "/* in tx */").then(abort);
    const stopped = db.transaction(async (tx) => {
      await make(tx);
      await tx.savepoint((sp) => sp.query(SLOW));
    }, { signal, retries: 5 });
    await assert.rejects(stopped, enough);
    await assertRolledBack(db);
  }));

test("transaction: its signal ends it while the callback waits for something else", () =>
  withDatabase(async (db) => {
    const { signal, abort } = aborter();
    let leaked: Transaction | undefined;
    const stopped = db.transaction(async (tx) => {
      leaked = tx;
      await make(tx);
      queueMicrotask(abort);
      await new Promise(() => {});
    }, { signal });
    await assert.rejects(stopped, enough);
    await assert.rejects(leaked!.query("select 1"), /^InterfaceError: this transaction has ended/);
    await assertRolledBack(db);
  }));

test("transaction: a signal that has aborted before sends nothing, and one after changes nothing", () =>
  withDatabase(async (db) => {
    let calls = 0;
    const before = db.transaction(() => calls++, { signal: AbortSignal.abort(enough) });
    await assert.rejects(before, enough);
    assert.equal(calls, 0);
    const { signal, abort } = aborter();
    assert.equal(await db.transaction((tx) => tx.query("select 7").scalar(), { signal }), 7);
    abort();
    await assertRolledBack(db);
  }));

test("transaction: timeout includes retries and the pauses between them", () =>
  withDatabase(async (db) => {
    await assert.rejects(
      db.transaction((tx) => tx.query("select pg_sleep(300)"), { timeout: 0.05 }),
      isLate,
    );
    let attempts = 0;
    const raise = "do $$begin raise exception 'x' using errcode = '40001'; end$$";
    const again = db.transaction((tx) => {
      attempts++;
      return tx.query(raise);
    }, { timeout: 0.3, retries: 1e9 });
    await assert.rejects(again, isLate);
    assert.ok(attempts > 1);
    await assertRolledBack(db);
  }));

test("transaction: a query's signal works beside the transaction's", () =>
  withDatabase(async (db) => {
    const [own, whole] = [aborter(), aborter()];
    untilActive(db, "/* in tx */").then(own.abort);
    await db.transaction(async (tx) => {
      const query = tx.query(SLOW, [], { signal: own.signal });
      await assert.rejects(query, enough);
      assert.equal(db.transactionStatus, "failed");
    }, { signal: whole.signal }).catch((error) => assert.equal(error.code, "40000"));
    untilActive(db, "/* in tx */").then(whole.abort);
    const signal = new AbortController().signal;
    const stopped = db.transaction((tx) => tx.query(SLOW, [], { signal }), {
      signal: whole.signal,
    });
    await assert.rejects(stopped, enough);
    await assertRolledBack(db);
  }));

test("transaction: its signal reaches COMMIT", () =>
  withDatabase(async (db) => {
    await db.query(`
      create temp table checked (n int);
      create function pg_temp.slow() returns trigger language plpgsql as
        $$begin perform pg_sleep(300) /* in tx */; return null; end$$;
      create constraint trigger slow after insert on checked deferrable initially deferred
        for each row execute function pg_temp.slow()`).simple();
    const { signal, abort } = aborter();
    untilActive(db, "commit").then(abort);
    const stopped = db.transaction((tx) => tx.query("insert into checked values (1)"), { signal });
    await assert.rejects(stopped, enough);
    assert.equal(await db.query("select count(*)::int from checked").scalar(), 0);
    await assertRolledBack(db);
  }));

test("begin: its signal and timeout cancel queries in it, and commit() rejects", () =>
  withDatabase(async (db) => {
    const { signal, abort } = aborter();
    const tx = await db.begin({ signal });
    await make(tx);
    abort();
    await assert.rejects(tx.query("select 1"), enough);
    await assert.rejects(tx.commit(), enough);
    await assertRolledBack(db);
    const late = await db.begin({ timeout: 0.05 });
    await assert.rejects(late.query("select pg_sleep(300)"), isLate);
    await late.rollback();
    await assertRolledBack(db);
    await assert.rejects(db.begin({ signal }), enough);
    await assertRolledBack(db);
  }));

test("transaction of a pool: its signal and timeout end the wait for a connection, too", () =>
  withPool({ max: 1 }, async (pool) => {
    const held = await pool.connect();
    const { signal, abort } = aborter();
    const waiting = pool.transaction(() => 1, { signal });
    abort();
    await assert.rejects(waiting, enough);
    await held.close();
    const late = pool.transaction((tx) => tx.query("select pg_sleep(300)"), { timeout: 0.05 });
    await assert.rejects(late, isLate);
    assert.equal(await pool.query("select 1").scalar(), 1);
  }));

test("transaction: queries made while it ends are refused, and do not run after it", () =>
  withDatabase(async (db) => {
    await db.query("create temp table kept (n int)");
    const add = (tx: Transaction, n: number) => tx.query("insert into kept values ($1)", [n]);
    for (const end of ["commit", "rollback"] as const) {
      const tx = await db.begin();
      await add(tx, end === "commit" ? 1 : 2);
      const ended = tx[end]();
      await assert.rejects(add(tx, 3), /^InterfaceError: this transaction has ended/);
      await assert.rejects(
        tx.query("select 1").simple(),
        /^InterfaceError: this transaction has ended/,
      );
      await assert.rejects(tx.savepoint(() => 1), InterfaceError);
      await ended;
    }
    assert.equal(await db.query("select n from kept").scalar(), 1);
  }));
