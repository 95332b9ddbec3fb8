import assert from "node:assert/strict";
import { test } from "node:test";
import { type TextEffects, textEffects } from "../../src/query/dependence.ts";
import { StatementCache } from "../../src/query/statement_cache.ts";

/** A word for the effects of a text. */
function word({ isKept, objects, settings, isLocal, ends }: TextEffects): string {
  if (isKept) return "kept";
  const words = [
    ...(objects ? ["objects"] : []),
    ...settings.map((name) => (isLocal ? `local ${name}` : name)),
    ...(ends === "nothing" ? [] : [`ends ${ends}`]),
  ];
  return words.join(", ") || "none";
}

const TEXTS: Readonly<Record<string, readonly string[]>> = {
  kept: [
    "select 1",
    "  -- why\n /* /* it */ */ select $1",
    "(select 1) union (select 2)",
    "insert into t values ($1)",
    "with a as (select 1) insert into t select * from a",
    "merge into t using s on true when matched then do nothing",
    "values (1)",
    "table t",
    "update t set a = 1",
    "delete from t",
    "select now(), current_date",
    "select 'I know', 'nowhere'",
    "select 'it''s' || 'x'",
    "select E'a\\n'",
    "select set_config('app.user', $1, true)",
    "select set_config('statement_timeout', '5s', true)",
    'select "into" from t',
    "select * from pg_settings",
  ],
  none: [
    "",
    ";",
    "begin",
    "start transaction",
    "savepoint s",
    "release s",
    "fetch 10 from page",
    "move 1 from page",
    "execute s(1)",
    "prepare s as select 1",
    "deallocate s",
    "declare page cursor for select 1",
    "close page",
    "show timezone",
    "explain analyze select 1",
    "explain insert into t values (1)",
    "listen x",
    "lock t",
    "truncate t",
    "vacuum",
    "analyze t",
    "copy t from stdin",
    "set statement_timeout = 5",
    "set local app.user = 'x'",
    "set session app.search_path = 'x'",
    "set transaction isolation level serializable",
    "set session characteristics as transaction read only",
    "set constraints all deferred",
    "reset statement_timeout",
    "discard plans",
    "select 'now'::timestamptz",
    "select date 'Today'",
    "select '[yesterday,tomorrow)'::tstzrange",
    "select E'n\\x6fw'::timestamp",
    "select U&'\\006eow'::timestamp",
    "select 'n'\n'ow'::timestamp",
    "select $$today$$::date",
    "select 1; select 2",
  ],
  objects: [
    "create table t ()",
    "CREATE temp table t ()",
    "alter table t add a int",
    "drop type mood",
    "grant usage on schema s to r",
    "revoke all on schema s from r",
    "select 1 as a into temp t",
    "with a as (select 1) select * into t from a",
    "explain analyze create table t as select 1",
    "commit prepared 'x'",
    "rollback prepared 'x'",
    "deallocate all",
    "deallocate prepare all",
    "discard temp",
    "import foreign schema s from server r into t",
    "select 1; drop table t",
    "some_extension's own command",
  ],
  "objects, *": ["do $$begin end$$", "call p(1)", "discard all"],
  search_path: [
    "set search_path to a, b",
    "SET SESSION Search_Path = a",
    'set "search_path" = a',
    "set schema 'a'",
    "reset search_path",
    "select set_config('search_path', $1, true)",
    "select pg_catalog.set_config ( 'Search_Path' , 'a', false)",
  ],
  "local search_path": ["set local search_path = a", "set local schema 'a'"],
  timezone: ["set time zone 'utc'", "set timezone = 'utc'", "reset time zone"],
  role: ["set role ann", "reset role", "set session role ann"],
  session_authorization: [
    "set session authorization ann",
    "reset session authorization",
    "set session session authorization ann",
  ],
  "*": [
    "reset all",
    "select set_config($1, $2, false)",
    "select set_config(setting_name => 'x', new_value => 'y', is_local => true)",
    'select "set_config"(name, setting, true) from kept',
    "update pg_settings set setting = 'a' where name = 'search_path'",
  ],
  "ends transaction": [
    "commit",
    "end",
    "rollback",
    "abort work",
    "commit and chain",
    "prepare transaction 'x'",
    "commit; begin",
  ],
  "ends savepoint": [
    "rollback to s",
    "rollback to savepoint s",
    "rollback work to s",
    "rollback transaction to savepoint s; release savepoint s",
  ],
  "timezone, ends transaction": ["set timezone = 'utc'; commit"],
};

for (const [wanted, texts] of Object.entries(TEXTS)) {
  test(`effects of a text: ${wanted}`, () => {
    for (const text of texts) assert.equal(word(textEffects(text)), wanted, text);
  });
}

/** A cache of statements for a session with these settings. */
function cacheOf(settings: Record<string, string>, lifetime = 0) {
  const parameterStatuses = new Map(Object.entries(settings));
  const source = { parameterStatuses, sent: 0 };
  const clock = { now: 0 };
  const cache = new StatementCache(
    { size: 8, lifetime },
    source,
    () => clock.now,
  );
  const keep = (text: string) => {
    const statement = cache.add(text, [])!;
    statement.state = "ready";
    return statement;
  };
  const send = (text: string, lock?: { refusal: string; isTransaction: boolean }) => {
    source.sent++;
    cache.sending(text, lock);
  };
  const answered = (name?: string, value = "") => {
    if (name !== undefined) {
      parameterStatuses.set(name, value);
      cache.reported(name);
    }
    source.sent = 0;
  };
  return {
    cache,
    keep,
    send,
    answered,
    source,
    clock,
    find: (text: string) => cache.find(text, []),
  };
}

test("statement cache: each combination of reported settings has its own statements", () => {
  const { keep, send, answered, find } = cacheOf({ TimeZone: "utc" });
  const first = keep("select 1");
  send("set timezone = 'cet'");
  assert.equal(find("select 1"), undefined, "in the same pipeline");
  answered("TimeZone", "cet");
  assert.equal(find("select 1"), undefined);
  const second = keep("select 1");
  send("set timezone = 'utc'");
  answered("TimeZone", "utc");
  assert.equal(find("select 1"), first);
  send("set timezone = 'nonsense'");
  answered();
  assert.equal(find("select 1"), first, "a SET that fails changes nothing");
  send("set timezone = 'cet'");
  answered("TimeZone", "cet");
  assert.equal(find("select 1"), second);
});

test("statement cache: a setting that changes unseen leaves no statement of the old one", () => {
  const { cache, keep, answered, find } = cacheOf({ TimeZone: "utc" });
  const first = keep("select 1");
  answered("TimeZone", "cet");
  assert.equal(find("select 1"), undefined);
  answered("TimeZone", "utc");
  assert.equal(find("select 1"), undefined);
  assert.deepEqual(cache.takeUnused(), [first.name]);
});

test("statement cache: SET LOCAL of an unreported setting is undone by the end of its transaction", () => {
  const { keep, send, answered, find } = cacheOf({});
  const block = { refusal: "", isTransaction: true };
  const outside = keep("select 1");
  const inside = [];
  for (const role of ["ann", "bob", "ann"]) {
    send(`set local role ${role}`, block);
    answered();
    inside.push(find("select 1") ?? keep("select 1"));
    send("commit", block);
    answered();
    assert.equal(find("select 1"), outside);
  }
  assert.equal(inside[0], inside[2]);
  assert.notEqual(inside[0], inside[1]);
  send("set local role ann", block);
  send("rollback to s", block);
  answered();
  assert.equal(find("select 1"), undefined, "within, after a rollback to a savepoint");
  send("set role cy", block);
  send("commit", block);
  answered();
  assert.equal(find("select 1"), undefined, "SET lasts longer than the transaction");
});

test("statement cache: a change of objects closes all statements, and so does its undoing", () => {
  for (const undo of ["rollback", "rollback to s", "commit"]) {
    const { cache, keep, send, find } = cacheOf({});
    const names = [keep("select 1").name];
    send("create temp table t ()");
    assert.equal(find("select 1"), undefined);
    names.push(keep("select 1").name);
    send(undo);
    assert.equal(find("select 1"), undefined, undo);
    assert.deepEqual(cache.takeUnused(), names);
    keep("select 1");
    send("rollback");
    assert.equal(find("select 1") === undefined, undo === "rollback to s");
  }
});

test("statement cache: an old statement is parsed again", () => {
  const { cache, keep, find, clock, source } = cacheOf({}, 300);
  const first = keep("select 1");
  clock.now = 300_000;
  assert.equal(find("select 1"), first);
  assert.equal(cache.isCurrent(first), true);
  clock.now = 300_001;
  assert.equal(find("select 1"), undefined);
  assert.equal(cache.isCurrent(first), false);
  assert.deepEqual(cache.takeUnused(), [first.name]);
  const second = keep("select 1");
  clock.now = 900_000;
  source.sent = 1;
  let uses = 0;
  while (find("select 1") === second) uses++;
  assert.ok(uses < 32, "within a pipeline, too");
});

test("statement cache: statements of all settings together are no more than its size", () => {
  const { cache, keep, send, answered } = cacheOf({ TimeZone: "0" });
  const kept = [];
  for (let i = 1; i <= 20; i++) {
    kept.push(keep("select 1").name);
    send("set timezone = x");
    answered("TimeZone", String(i));
  }
  assert.deepEqual(cache.takeUnused(), kept.slice(0, 12));
});
