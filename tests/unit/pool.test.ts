/** The parts of the pool that need no server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Checkout } from "../../src/pool/checkout.ts";
import { isDeadlock } from "../../src/pool/deadlock.ts";
import { isForGood } from "../../src/pool/opener.ts";
import { frameOf, Places } from "../../src/pool/call_stack.ts";
import { effectOf } from "../../src/pool/session_state.ts";
import { census, Slot, TRANSITIONS } from "../../src/pool/slot.ts";
import { Waiter, WaitingList } from "../../src/pool/waiting_list.ts";
import { InterfaceError, OperationalError } from "../../src/errors/errors.ts";

const EFFECTS:
  readonly (readonly [text: string, changes: readonly string[], transaction: boolean])[] = [
    ["select 1", [], false],
    ["update t set a = 1", [], false],
    ["insert into settings values ('set x')", [], false],
    ["select offset_ from t where begin_at > now()", [], false],
    ["set x to 1", ["settings"], false],
    ["  -- why\n SET x = 1", ["settings"], false],
    ["/* a; b */ set x = 1", ["settings"], false],
    ["select 'a; set x = 1', $$; listen b$$, e'\\'; set x'", [], false],
    ["select 1 /* ; set x = 1 */ -- ; listen a\n", [], false],
    ['select "; set x", 1 as "listen"', [], false],
    ["do $$begin perform pg_advisory_lock(1); end$$", ["locks"], false],
    ["create function f() returns int as $$ begin; set x = 1 $$ language sql", [], false],
    ["alter role bob set search_path = a", [], false],
    ["set time zone 'UTC'", ["settings"], false],
    ["select 1; set session authorization bob", ["settings"], false],
    ["reset all", ["settings"], false],
    ["set local x = 1", [], false],
    ["SET TRANSACTION read only", [], false],
    ["set constraints all deferred", [], false],
    ["select set_config('a', $1, false)", ["settings"], false],
    ["select set_config('a', $1, true)", [], false],
    ["select set_config('a', coalesce($1, lower('B')), is_local => true)", [], false],
    ["select set_config('a', $1, false), set_config('b', $2, true)", ["settings"], false],
    ["select my_set_config('a'), set_config_of(1)", [], false],
    ["listen jobs", ["listeners"], false],
    ["prepare s as select 1", ["statements"], false],
    ["deallocate s", ["statements"], false],
    ["prepare transaction 'x'", [], true],
    ["create temp table t (n int)", ["temporary"], false],
    ["create temporary view v as select 1", ["temporary"], false],
    ["select 1 into temp t", ["temporary"], false],
    ["create local temporary sequence s", ["temporary"], false],
    ["create or replace temp view v as select 1", ["temporary"], false],
    ["create temp table t (n int) on commit drop", [], false],
    ["create temp table t (n int) on commit delete rows", ["temporary"], false],
    ["create table pg_temp.t (n int)", ["temporary"], false],
    ["select temp from weather where temporary", [], false],
    ["insert into temp values (1)", [], false],
    ["create table temp (n int)", [], false],
    ["select pg_advisory_lock(1)", ["locks"], false],
    ["select pg_try_advisory_lock_shared(1)", ["locks"], false],
    ["select pg_advisory_xact_lock(1)", [], false],
    ["select pg_advisory_lock_count, pg_advisory_unlock(1) from t", [], false],
    ["declare c cursor with hold for select 1", ["cursors"], false],
    ["declare c cursor for select 1", [], false],
    ["begin", [], true],
    ["start transaction read only", [], true],
    ["select 1; commit", [], true],
    ["rollback to a", [], true],
  ];

test("pool: what a text leaves behind in the session is read from it", () => {
  for (const [text, changes, transaction] of EFFECTS) {
    const effect = effectOf(text);
    assert.deepEqual([[...effect.changes], effect.transaction], [changes, transaction], text);
  }
});

test("pool: a slot makes the transitions of the table and no other", () => {
  const states = Object.keys(TRANSITIONS) as (keyof typeof TRANSITIONS)[];
  const paths = new Map([["connecting", [] as (keyof typeof TRANSITIONS)[]]]);
  for (const [state, path] of paths) {
    for (const next of TRANSITIONS[state as keyof typeof TRANSITIONS]) {
      if (!paths.has(next)) paths.set(next, [...path, next]);
    }
  }
  assert.equal(paths.size, states.length, "every state can be reached");
  for (const [state, path] of paths) {
    for (const next of states) {
      const counts = census();
      const slot = new Slot(counts);
      for (const step of path) slot.become(step);
      assert.equal(slot.state, state);
      const isAllowed = TRANSITIONS[slot.state].includes(next);
      if (isAllowed) slot.become(next);
      else assert.throws(() => slot.become(next), /cannot become/);
      assert.equal(slot.state, isAllowed ? next : state);
      assert.deepEqual(counts, { ...census(), [slot.state]: 1 });
    }
  }
});

test("pool: the waiting list keeps its order when callers leave it", () => {
  const wish = { kind: "held", site: undefined } as const;
  const waiters = Array.from({ length: 200 }, () => new Waiter(wish, 0, [], 0, String));
  const list = new WaitingList();
  let left: Waiter[] = [];
  for (const [i, waiter] of waiters.entries()) {
    list.push(waiter);
    left.push(waiter);
    if (i % 3 !== 0) continue;
    const gone = left[i * 7919 % left.length]!;
    assert.equal(list.remove(gone), true);
    assert.equal(list.remove(gone), false);
    left = left.filter((one) => one !== gone);
    assert.equal(list.first, left[0]);
  }
  assert.deepEqual([...list], left);
  assert.equal(list.length, left.length);
  for (const waiter of left) list.remove(waiter);
  assert.deepEqual([list.length, list.first], [0, undefined]);
});

test("pool: places are noted up to a budget; one that was not says so and names no other", () => {
  const places = new Places();
  const noted = Array.from({ length: 10_000 }, () => places.take("connect")).filter(Boolean);
  assert.ok(noted.length >= 500 && noted.length < 10_000);
  assert.match(frameOf(noted[0]), /pool\.test\.[tj]s/);
  const { takenAt } = new Checkout(undefined, 0);
  assert.match(takenAt.stack!, /more connections are taken in a second than places are noted/);
  assert.equal(frameOf(takenAt), "at an unknown place");
});

test("pool: it is a deadlock when every holder waits, and only then", () => {
  const [a, b] = [new Checkout(new Error("a"), 0), new Checkout(new Error("b"), 0)];
  assert.equal(isDeadlock([a], [[a]]), true);
  assert.equal(isDeadlock([a, b], [[a]]), false);
  assert.equal(isDeadlock([a, b], [[a], [b]]), true);
  assert.equal(isDeadlock([a, b], [[a, b]]), true);
  assert.equal(isDeadlock([a], [[]]), false);
  assert.equal(isDeadlock([], []), false);
});

test("pool: credentials and options are wrong for good; everything else may pass", () => {
  const because = (code: string) => new OperationalError("no", { code });
  for (const code of ["28P01", "28000", "3D000", "42501"]) {
    assert.ok(isForGood(because(code)), code);
  }
  assert.ok(isForGood(new InterfaceError("bad option")));
  for (const code of ["08001", "08006", "53300", "57P03", "57P01"]) {
    assert.ok(!isForGood(because(code)), code);
  }
  assert.ok(!isForGood(new Error("of another kind")));
});
