/** Which texts a pool does not run by itself, because they need a session. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { poolSettings } from "../../src/pool/options.ts";
import { PoolTexts } from "../../src/pool/pool_texts.ts";
import { effectOf } from "../../src/pool/session_state.ts";
import { refusalOf } from "../../src/pool/session_need.ts";

/** Texts, and a part of the error that refuses them. */
const REFUSED: readonly (readonly [text: string, error: RegExp])[] = [
  ["begin", /^BEGIN has no effect .* use pool\.transaction\(\)/],
  ["-- why\n/* and */ BEGIN isolation level serializable", /^BEGIN/],
  ["start transaction", /^START TRANSACTION/],
  ["commit", /^COMMIT/],
  ["end", /^END/],
  ["rollback;", /^ROLLBACK/],
  ["abort", /^ABORT/],
  ["rollback to savepoint a", /^ROLLBACK/],
  ["savepoint a", /^SAVEPOINT/],
  ["release a", /^RELEASE/],
  ["prepare transaction 'a'", /^PREPARE TRANSACTION/],
  ["begin; insert into t values (1)", /left open/],
  ["begin; commit and chain", /^COMMIT/],
  ["insert into t values (1); commit", /^COMMIT/],
  ["set search_path to x", /^SET .* pool\.connect\(\)/],
  ["SET SESSION x = 1", /^SET/],
  ["set role bob", /^SET/],
  ["set session authorization bob", /^SET/],
  ["set time zone 'UTC'", /^SET/],
  ["set local x = 1", /^SET LOCAL .* pool\.transaction\(\)/],
  ["set transaction read only", /^SET TRANSACTION/],
  ["set constraints all deferred", /^SET/],
  ["select 1; set x = 1", /^SET/],
  ["reset x", /^RESET/],
  ["select set_config('a.b', 'c', false)", /^set_config\(\)|^SET_CONFIG/i],
  ["select pg_catalog.set_config('a.b', $1, is_local => false)", /set_config/i],
  ["create temp table t (n int)", /temporary .* pool\.connect\(\)/],
  ["create temp table t (n int) on commit drop", /temporary/],
  ["create or replace local temporary view v as select 1", /temporary/],
  ["create table pg_temp.t (n int)", /temporary/],
  ["select 1 into temp t", /temporary/],
  ["with a as (select 1) select * into temporary table t from a", /temporary/],
  ["listen jobs", /^LISTEN .* pool\.listen\(\)/],
  ["listen jobs; select 1", /^LISTEN/],
  ["unlisten *", /^UNLISTEN/],
  ["prepare s as select 1", /^PREPARE .* pool\.prepare\(\)/],
  ["execute s(1)", /^EXECUTE/],
  ["deallocate s", /^DEALLOCATE/],
  ["declare c cursor for select 1", /^DECLARE/],
  ["declare c cursor with hold for select 1", /^DECLARE/],
  ["fetch 10 from c", /^FETCH/],
  ["move c", /^MOVE/],
  ["close c", /^CLOSE/],
  ["select pg_advisory_lock(1)", /^pg_advisory_lock\(\) .* pg_advisory_xact_lock/],
  ["select pg_catalog.pg_try_advisory_lock(1, 2)", /^pg_try_advisory_lock\(\)/],
  ["with l as (select pg_try_advisory_lock_shared(1)) select * from l", /advisory_lock_shared/],
  ["select pg_advisory_unlock(1)", /^pg_advisory_unlock\(\)/],
];

const ACCEPTED: readonly string[] = [
  "select 1",
  "select 'begin', 'set x = 1', $$listen a$$",
  'select 1 as "listen", "set" from t',
  "commit prepared 'a'",
  "rollback prepared 'a'",
  "begin; insert into t values (1); commit",
  "start transaction; savepoint a; rollback to a; commit; select 1",
  "set x = 1; create table t (n int)",
  "set x = 1; select 1; reset x",
  "set local x = 1; select 1",
  "create temp table t (n int); insert into t values (1); table t",
  "prepare s as select 1; execute s; deallocate s",
  "declare c cursor for select 1; fetch all from c",
  "select set_config('a.b', 'c', true)",
  "select set_config('a.b', $1, $2)",
  "with s as (select set_config('a.b', $1, false)) select * from t, s",
  "select pg_advisory_xact_lock(1)",
  "select pg_try_advisory_lock(1), work(), pg_advisory_unlock(1)",
  "do $$ begin perform pg_advisory_lock(1); end $$",
  "create function f() returns int language sql as $$ select 1 $$",
  "create table temp (n int)",
  "create table t (temp int, pg_temp int)",
  "insert into temp values (1)",
  "alter role bob set search_path = a",
  "update t set temp = 1",
  "select temp from weather",
  "discard all",
  "lock table t; select 1",
];

test("pool: texts that need a session are refused with what to call", () => {
  for (const [text, error] of REFUSED) {
    assert.match(refusalOf([text]) ?? "", error, text);
    assert.ok(effectOf(text).mayBeRefused, text);
  }
});

test("pool: texts that need no session, or one for themselves, are not refused", () => {
  for (const text of ACCEPTED) {
    assert.equal(refusalOf([text]), undefined, text);
  }
});

test("pool: most texts need not be read for what they need", () => {
  const plain = [
    "select 1",
    "update t set n = case when a then 1 else 2 end",
    "select 'begin; set x'",
  ];
  for (const text of plain) assert.ok(!effectOf(text).mayBeRefused, text);
});

test("pool: the first text that is refused loads the code for it, and all are refused", async () => {
  const texts = new PoolTexts(poolSettings({}));
  const [first, second] = [texts.refusalOf("begin"), texts.refusalOf("listen a")];
  assert.ok(first instanceof Promise && second instanceof Promise);
  assert.match((await first)!, /^BEGIN/);
  assert.match((await second)!, /^LISTEN/);
  assert.match(String(texts.refusalOf("begin")), /^BEGIN/);
  assert.match(
    String(texts.refusalOfBatch([{ text: "select 1" }, { text: "begin" }])),
    /left open|^BEGIN/,
  );
  assert.equal(texts.refusalOf("select set_config('a.b', 'c', true)"), undefined);
});

test("pool: the texts of a batch are one use of a session", () => {
  assert.equal(refusalOf(["set local x = 1", "select 1"]), undefined);
  assert.match(refusalOf(["select 1", "listen a"])!, /^LISTEN/);
  assert.match(refusalOf(["begin", "select 1"])!, /left open/);
});
