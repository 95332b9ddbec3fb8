import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, DataError } from "../../mod.ts";
import { Range } from "../../src/types/range.ts";
import { majors } from "../_kit/servers.ts";
import { quoteLiteral, withConnection, withDatabase } from "./types_server.ts";
import { unseen } from "../_kit/unseen.ts";

const TYPES = `
  create type pg_temp.mood as enum ('sad', 'ok', 'it''s "great", (really)');
  create domain pg_temp.small as int4 check (value < 1000);
  create domain pg_temp.smaller as pg_temp.small check (value < 100);
  create domain pg_temp.smallest as pg_temp.smaller not null;
  create domain pg_temp.moods as pg_temp.mood[];
  create type pg_temp.part as (mood pg_temp.mood, amount pg_temp.smaller, "a ""name""" text);
  create type pg_temp.whole as (id int8, parts pg_temp.part[], main pg_temp.part, moods pg_temp.moods);
  create type pg_temp.moodrange as range (subtype = pg_temp.mood);
  create domain pg_temp.calm as pg_temp.moodrange;
  create type pg_temp.timerange as range (subtype = time);
  create type pg_temp.nothing as ();
  create table pg_temp.altered (dropped int, kept text);
  alter table pg_temp.altered drop column dropped, add column added numeric`;

const HIDDEN = `create type mood as enum ('sad', 'ok'); create type part as (m mood, n int4);
  revoke select on pg_catalog.pg_type from public`;

const UNANSWERED = {
  name: "OperationalError",
  code: "57014",
  message: /^the catalogue did not answer about type \d+ of the query: canceling statement/,
};

const GREAT = 'it\'s "great", (really)';
const PART = { mood: GREAT, amount: 7, 'a "name"': ' x,"y"\\' };
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  "mood": ["sad", GREAT],
  "mood[]": [[], ["sad", null, GREAT], [["ok"], ["sad"]]],
  "smallest": [5],
  "smallest[]": [[5, 6]],
  "moods": [["sad", null, GREAT]],
  "part": [PART, { mood: null, amount: null, 'a "name"': "" }],
  "whole": [
    { id: 9007199254740993n, parts: [PART, null], main: PART, moods: ["sad", GREAT] },
    { id: null, parts: null, main: null, moods: null },
  ],
  "whole[]": [[{ id: 1n, parts: [], main: PART, moods: [] }, null]],
  "moodrange": [new Range("sad", "ok"), new Range(null, GREAT, "(]"), Range.empty()],
  "moodrange[]": [[new Range("ok", GREAT), null]],
  "moodmultirange": [[], [new Range("sad", "ok"), new Range<string>(GREAT, null)]],
  "moodmultirange[]": [[[new Range("sad", "ok")], []]],
  "calm": [new Range("sad", "ok")],
  "timerange": [new Range("01:02:03.5", "24:00:00")],
  "timemultirange": [[new Range("01:02:03.5", "24:00:00")]],
  "nothing": [{}],
  "altered": [{ kept: "k", added: "1.50" }],
  "altered[]": [[{ kept: null, added: "NaN" }]],
};

for (const major of majors()) {
  test(`enums, domains, composites, ranges and arrays of them are found in PostgreSQL ${major}, both ways`, async () => {
    await withConnection(major, {}, async (db) => {
      await db.query(TYPES).simple();
      for (const [type, values] of Object.entries(VALUES)) {
        for (const value of values) await bothWays(db, `pg_temp.${type}`, value);
      }
    });
  });

  test(`the first query that meets a type of PostgreSQL ${major} already has its values`, async () => {
    for (const [type, values] of Object.entries(VALUES)) {
      await withConnection(major, {}, async (db) => {
        await db.query(TYPES).simple();
        const [first] = values;
        const row = await db.query(`select $1::pg_temp.${type} as v`, [first]).one();
        assert.deepEqual(row, { v: first }, type);
      });
    }
  });

  test(`a type of PostgreSQL ${major} is looked up again after DROP TYPE and CREATE TYPE`, async () => {
    await withConnection(major, {}, async (db) => {
      const definitions: [string, unknown, string][] = [
        ["enum ('a', 'b')", "a", "'a'"],
        ["(x int4, y text)", { x: 1, y: "b" }, "row(1, 'b')"],
        ["(y text[], x numeric)", { y: ["b"], x: "1.0" }, "row('{b}', 1.0)"],
        ["range (subtype = int8)", new Range(1n, 2n), "'[1,2)'"],
      ];
      for (const [definition, value, literal] of definitions) {
        await db.query(`create type pg_temp.changing as ${definition}`).simple();
        for (const prepare of [false, true, true]) {
          const text =
            `select ${literal}::pg_temp.changing as v, array[${literal}::pg_temp.changing] as a`;
          const [row] = await db.query(text, [], { prepare });
          assert.deepEqual({ ...row }, { v: value, a: [value] }, definition);
        }
        await db.query("drop type pg_temp.changing").simple();
      }
    });
  });

  test(`a composite of PostgreSQL ${major} that another session altered is an error once, then read as altered`, async () => {
    await withConnection(major, {}, async (db) => {
      const run = await unseen(db);
      await db.query("create type pg_temp.growing as (a int4)").simple();
      const before = "select row(1)::pg_temp.growing as v";
      assert.deepEqual([...await db.query(before)], [{ v: { a: 1 } }]);
      await run("alter type pg_temp.growing add attribute b text");
      const after = "select row(1, 'x')::pg_temp.growing as v";
      await assert.rejects(async () => await db.query(after), DataError);
      assert.deepEqual([...await db.query(after)], [{ v: { a: 1, b: "x" } }]);
      assert.deepEqual([...await db.query(after)], [{ v: { a: 1, b: "x" } }]);
    });
  });

  test(`a composite of PostgreSQL ${major} that this connection altered is read as altered`, async () => {
    await withConnection(major, {}, async (db) => {
      await db.query("create type pg_temp.changed as (a int4, b text)").simple();
      const text = "select row(1, 'x')::pg_temp.changed as v";
      const names = async (): Promise<string[]> => {
        const [row, again] = [await db.query(text).one(), await db.query(text).one()];
        const written = await db.query("select $1::pg_temp.changed as v", [row.v]).one();
        assert.deepEqual([again, written], [row, row]);
        return Object.keys(row.v as object);
      };
      assert.deepEqual(await names(), ["a", "b"]);
      await db.query("alter type pg_temp.changed rename attribute a to z");
      assert.deepEqual(await names(), ["z", "b"]);
      const undone = db.transaction(async (tx) => {
        await tx.query("alter type pg_temp.changed rename attribute z to y").simple();
        const { v } = await tx.query(text).one();
        assert.deepEqual(Object.keys(v as object), ["y", "b"]);
        throw new Error("undo");
      });
      await assert.rejects(undone, /undo/);
      assert.deepEqual(await names(), ["z", "b"]);
      await db.batch([
        { text: "alter type pg_temp.changed drop attribute z" },
        { text: "alter type pg_temp.changed add attribute c int4" },
      ]);
      const [row] = await db.query("select row('x', 1)::pg_temp.changed as v");
      assert.deepEqual({ ...row }, { v: { b: "x", c: 1 } });
    });
  });

  test(`a composite of PostgreSQL ${major} that another session has altered is known after refresh()`, async () => {
    await withDatabase(major, "create type pair as (a int4, b text)", {}, async (db, database) => {
      const types = { int8: "number" } as const;
      const prepared = await db.prepare(
        "select row(1, 'x')::pair as v, array[row(2, 'y')::pair] as l",
      );
      const seen = async (): Promise<unknown[]> => [
        await db.query("select row(1, 'x')::pair as v").scalar(),
        await db.query("select row(1, 'x')::pair as v", [], { types }).scalar(),
        ...await prepared.query().then(([row]) => Object.values(row!)),
      ];
      const before = { a: 1, b: "x" };
      assert.deepEqual(await seen(), [before, before, before, [{ a: 2, b: "y" }]]);
      await withConnection(major, { database }, async (aside) => {
        await aside.query("alter type pair rename attribute a to z");
      });
      assert.deepEqual(await seen(), [before, before, before, [{ a: 2, b: "y" }]]);
      db.types.refresh();
      const after = { z: 1, b: "x" };
      assert.deepEqual(await seen(), [after, after, after, [{ z: 2, b: "y" }]]);
      assert.deepEqual(await db.query("select $1::pair as v", [after]).scalar(), after);
    });
  });

  test(`a type of PostgreSQL ${major} given by its name is resolved by the server at each use`, async () => {
    const setup = `create schema one; create schema two;
      create type one.mood as enum ('a'); create type two.mood as enum ('b')`;
    await withDatabase(major, setup, {}, async (db) => {
      const named = async (type: string, label: string): Promise<void> => {
        const text = "select $1 as v, pg_typeof($1)::oid = $2::regtype::oid as same";
        const query = db.query(text, [label, type], { parameterTypes: [type, "text"] });
        assert.deepEqual(await query.one(), { v: label, same: true }, type);
      };
      for (const [type, label] of [["one.mood", "a"], ["two.mood", "b"]] as const) {
        await db.query(`select enum_range(null::${type})`);
        await named(type, label);
      }
      await db.query("set search_path = two");
      await named("mood", "b");
      await db.query("drop type one.mood; create type one.mood as enum ('a', 'c')").simple();
      await named("one.mood", "c");
      await assert.rejects(async () => await named("one.none", "a"), { name: "ProgrammingError" });
    });
  });

  test(`odd names of PostgreSQL ${major}'s types, labels and attributes are read like any others`, async () => {
    const schema = '"Odd.Sch""ema"';
    const type = `${schema}."Ty.pe[] ""x"` + '""';
    const labels = ["a b", "{", '"', "\\", "'", "NULL", "null", "(", ",", "}", " ", "é"];
    const list = labels.map(quoteLiteral).join(", ");
    const setup = `create schema ${schema}; create type ${type} as enum (${list});
      create domain ${schema}."D" as ${type}[]; create type ${schema}."C c" as
        ("__proto__" int, "constructor" text, "a""b" ${schema}."D", "0" ${type})`;
    const texts = { constructor: "c", 'a"b': ["NULL", null, "\\"], 0: '"' };
    const value = Object.assign(JSON.parse('{"__proto__":1}'), texts);
    await withDatabase(major, setup, {}, async (db) => {
      await bothWays(db, `${type}[]`, labels);
      for (const label of labels) await bothWays(db, type, label);
      await bothWays(db, `${schema}."D"`, ["null", null, ","]);
      await bothWays(db, `${schema}."C c"`, value);
      await bothWays(db, `${schema}."C c"[]`, [value, null]);
    });
  });

  test(`without access to PostgreSQL ${major}'s catalogue, values are read as text`, async () => {
    await withDatabase(major, HIDDEN, { user: "u_trust" }, async (db) => {
      const text = "select 'ok'::mood as m, '(ok,7)'::part as p, '{ok}'::mood[] as a, 7 as n";
      const asText = { m: "ok", p: "(ok,7)", a: "{ok}", n: 7 };
      for (let i = 0; i < 3; i++) assert.deepEqual([...await db.query(text)], [asText]);
      await db.query("begin");
      assert.deepEqual([...await db.query(text)], [asText]);
      assert.equal(db.transactionStatus, "transaction");
      assert.equal(await db.query("select 'sad'::mood").scalar(), "sad");
      await db.query("commit");
      assert.equal(await db.query("select $1::mood", ["sad"]).scalar(), "sad");
      await assert.rejects(async () => await db.query("select $1::part", [{ m: "ok", n: 7 }]), {
        name: "InterfaceError",
        message: /parameter \$1 \(type \d+\)/,
      });
      assert.equal(await db.query("select 1").scalar(), 1);
    });
  });

  test(`a catalogue query of PostgreSQL ${major} that takes too long is an error, and is tried again`, async () => {
    await withDatabase(major, "select", {}, async (locker, database) => {
      await withConnection(major, { database }, async (db) => {
        await db.query("create type pg_temp.slow as enum ('a', 'b')").simple();
        const text = "select array['a', 'b']::pg_temp.slow[] as v";
        await db.query(`select v::text from (${text}) t`).simple(); // the server's own caches are warm
        await db.query("set statement_timeout = 1500").simple();
        await locker.query("begin; lock pg_range in access exclusive mode").simple();
        const ways = [
          db.query(text),
          db.query(text).simple(),
          db.query(text, [], { prepare: false }),
        ];
        for (const way of ways) await assert.rejects(async () => await way, UNANSWERED);
        await locker.query("rollback").simple();
        assert.deepEqual([...await db.query(text)], [{ v: ["a", "b"] }]);
      });
    });
  });
}

/** Value → server → value, by the value in binary and by its text, read in text and in binary. */
async function bothWays(db: Connection, type: string, value: unknown): Promise<void> {
  const text = `select $1::${type} as v, format('%s', $1::${type}) as printed`;
  const [first] = await db.query(text, [value]);
  assert.deepEqual(first!.v, value, type);
  const codec = db.types.lookup(await db.query("select $1::regtype::oid", [type]).scalar());
  const written = typeof value === "string" ? value : codec?.encodeText(value) ?? value;
  for (const prepare of [true, false]) {
    const [row] = await db.query(text, [written], { prepare });
    assert.deepEqual({ ...row }, { ...first }, type);
  }
  if (codec) assert.deepEqual(codec.decodeText(first!.printed as string), value, type);
  const printed = `select format('%s', v)::${type} as v from (select $1::${type} as v) x`;
  assert.deepEqual([...await db.query(printed, [value])], [{ v: value }], type);
}
