import assert from "node:assert/strict";
import { test } from "node:test";
import * as native from "../../src/dbapi/native.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { serverOptions, withNative } from "./dbapi_server.ts";

test("native: run takes named parameters and returns rows as arrays", async () => {
  await withNative(async (con) => {
    await con.run("create temporary table t (a int, b text)");
    assert.deepEqual([con.rowCount, con.columns], [-1, null]);
    assert.equal(await con.run("insert into t values (:a, :b)", { a: 1, b: "x" }), null);
    assert.equal(con.rowCount, 1);
    const rows = await con.run("select a, b, :b || b from t where a = :a", { a: 1, b: "y" });
    assert.deepEqual(rows, [[1, "x", "yx"]]);
    assert.deepEqual(con.columns?.map(({ name, typeOid }) => [name, typeOid]), [
      ["a", native.INTEGER],
      ["b", native.TEXT],
      ["?column?", native.TEXT],
    ]);
    assert.deepEqual(await con.run("select a from t where a = :a", { a: 9 }), []);
    assert.equal(con.rowCount, 0);
  });
});

test("native: a column has all fields of the server's description", async () => {
  await withNative(async (con) => {
    await con.run("create temporary table t (a varchar(20))");
    await con.run("select a from t where a = :a", { a: "x" });
    const [column] = con.columns!;
    assert.ok(column!.tableOid > 0);
    assert.deepEqual({ ...column, tableOid: 0, format: 0 }, {
      name: "a",
      tableOid: 0,
      attributeNumber: 1,
      typeOid: native.VARCHAR,
      typeSize: -1,
      typeModifier: 24,
      format: 0,
    });
  });
});

test("native: before the first run there are neither columns nor a count", async () => {
  await withNative((con) => {
    assert.deepEqual([con.columns, con.rowCount], [null, null]);
    return Promise.resolve();
  });
});

test("native: without parameters the text is not scanned, and may hold several statements", async () => {
  await withNative(async (con) => {
    assert.deepEqual(await con.run("select ':a', '::b'"), [[":a", "::b"]]);
    assert.deepEqual(await con.run("select 1; select 2, 3"), [[1], [2, 3]]);
    assert.equal(con.columns?.length, 2);
    assert.equal(con.rowCount, 2);
    assert.equal(await con.run(""), null);
  });
});

test("native: types fix the types of parameters", async () => {
  await withNative(async (con) => {
    const text = "select pg_typeof(:a)::text, pg_typeof(:b)::text";
    const types = { a: native.BIGINT, b: native.TIMESTAMPTZ };
    const parameters = { a: 1, b: "2020-01-01", unused: 3 };
    assert.deepEqual(await con.run(text, parameters, { types }), [
      ["bigint", "timestamp with time zone"],
    ]);
    const nothing = { a: native.NULLTYPE };
    assert.deepEqual(await con.run("select :a + 1", { a: 1 }, { types: nothing }), [[2]]);
    await assert.rejects(con.run("select :a", { a: 1 }, { types: { a: 0.5 } }), /types: an OID/);
  });
});

test("native: a placeholder without a parameter is named, types and stream are ordinary names", async () => {
  await withNative(async (con) => {
    await assert.rejects(con.run("select :a", { b: 1 }), {
      name: "InterfaceError",
      message: 'no argument for the placeholder "a"',
    });
    assert.deepEqual(await con.run("select :types || :stream", { types: "a", stream: "b" }), [
      ["ab"],
    ]);
  });
});

test("native: $1 takes the parameters in order, once each", async () => {
  await withNative(async (con) => {
    const rows = await con.run("select $1 || $2 || $1", { title: "a", other: "b", unused: "c" });
    assert.deepEqual(rows, [["aba"]]);
    assert.deepEqual(await con.run("select $1 || 'x'", ["a"]), [["ax"]]);
  });
});

test("native: 60,000 parameters go in one statement", async () => {
  await withNative(async (con) => {
    const names = Array.from({ length: 60_000 }, (_, i) => `p${i}`);
    const parameters = Object.fromEntries(names.map((name, i) => [name, i]));
    const text = `select count(*)::int from (values (:${names.join("::int), (:")}::int)) as t`;
    assert.deepEqual(await con.run(text, parameters), [[60_000]]);
  });
});

test("native: a transaction begins only by a text", async () => {
  await withNative(async (con) => {
    await con.run("create temporary table t (n int)");
    await con.run("start transaction");
    await con.run("insert into t values (:n)", { n: 1 });
    await con.run("rollback");
    assert.deepEqual(await con.run("select * from t"), []);
    await assert.rejects(con.run("select * from nowhere"), { code: "42P01" });
    assert.deepEqual(await con.run("select 1"), [[1]]);
  });
});

test("native: names with letters of any script, and tables created again between runs", async () => {
  await withNative(async (con) => {
    await con.run('create temporary table "Таблица" ("колонка" text)');
    await con.run('insert into "Таблица" values (:значение)', { значение: "да" });
    for (const columns of ["v int", "v int, w text", "w text, v int"]) {
      await con.run("drop table if exists t");
      await con.run(`create temporary table t (${columns})`);
      await con.run("insert into t (v) values (:v)", { v: 1 });
      const rows = await con.run("select * from t where v = :v", { v: 1 });
      assert.deepEqual(rows?.[0]?.includes(1), true);
      assert.equal(con.columns?.length, columns.split(",").length);
    }
    assert.deepEqual(await con.run('select * from "Таблица"'), [["да"]]);
  });
});

test("native: a dropped and altered column is seen by a text that ran before", async () => {
  await withNative(async (con) => {
    await con.run("create temporary table t (a int, b int)");
    await con.run("insert into t values (:a, :b)", { a: 1, b: 2 });
    const all = (): Promise<unknown> => con.run("select * from t where a = :a", { a: 1 });
    assert.deepEqual(await all(), [[1, 2]]);
    assert.deepEqual(await all(), [[1, 2]]);
    await con.run("alter table t drop column b");
    assert.deepEqual(await all(), [[1]]);
    await con.run("alter table t add column c text default 'c'");
    assert.deepEqual(await all(), [[1, "c"]]);
  });
});

test("native: adapters for values in and out, containers included", async () => {
  await withNative(async (con) => {
    class Mood {
      readonly name: string;
      constructor(name: string) {
        this.name = name;
      }
    }
    class Swing extends Mood {}
    con.registerOutAdapter(Mood, (mood: Mood) => mood.name);
    assert.deepEqual(await con.run("select :m || '!'", { m: new Mood("glad") }), [["glad!"]]);
    const moods = { m: [new Swing("sad"), null] };
    assert.deepEqual(await con.run("select :m::text[]", moods), [[["sad", null]]]);
    con.registerOutAdapter(Swing, () => "swinging");
    assert.deepEqual(await con.run("select :m::text[]", moods), [[["swinging", null]]]);

    con.registerInAdapter(native.INTERVAL, native.PGInterval.fromStr);
    const sent = new native.PGInterval({ weeks: 1, hours: -2 });
    const [[back, list]] = await con.run("select :i::interval, array[:i::interval]", {
      i: sent,
    }) as [[native.PGInterval, native.PGInterval[]]];
    assert.ok(back.equals(sent), String(back));
    assert.ok(list[0]!.equals(sent));
    con.registerInAdapter(native.TIMESTAMPTZ, (text) => text.length);
    const [[length]] = await con.run("select :t::timestamptz", { t: new Date(0) }) as [[number]];
    assert.equal(typeof length, "number", "an in-adapter takes nothing from what can be written");
    assert.throws(() => con.registerInAdapter(0, String), native.InterfaceError);
    assert.throws(() => con.registerOutAdapter(Mood, "x" as never), native.InterfaceError);
  });
});

test("native: notices are typed and notifications are UTF-8, also while nothing runs", async () => {
  await withNative(async (con) => {
    await con.run("do $$ begin raise notice 'naïve' using hint = 'none', detail = 'd'; end $$");
    const [notice] = con.notices;
    assert.deepEqual([notice!.severity, notice!.message, notice!.hint, notice!.fields["D"]], [
      "NOTICE",
      "naïve",
      "none",
      "d",
    ]);
    await con.run('listen "kanäl"');
    await serverQuery(await sharedServer(), `select pg_notify('kanäl', 'grüße')`);
    // Idle, the connection hears of it by itself; asking again and again is only this test's way.
    for (let i = 0; i < 500 && con.notifications.length === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { channel, payload, processId } = con.notifications[0]!;
    assert.deepEqual([channel, payload], ["kanäl", "grüße"]);
    assert.ok(processId > 0);
  });
});

test("native: parameter statuses are the latest", async () => {
  await withNative(async (con) => {
    assert.equal(con.parameterStatuses.get("client_encoding"), "UTF8");
    await con.run('create role "Æthelred"');
    try {
      await con.run('set session authorization "Æthelred"');
      assert.equal(con.parameterStatuses.get("session_authorization"), "Æthelred");
    } finally {
      await con.run("reset session authorization");
      await con.run('drop role "Æthelred"');
    }
  });
});

test("native: refuses to run after close(), which may be called twice", async () => {
  const con = await native.connect(await serverOptions());
  await con.close();
  await con.close();
  await assert.rejects(con.run("select 1"), {
    name: "InterfaceError",
    message: "connection is closed",
  });
});

test("native: no output of a connection shows its password", async () => {
  const { host, port } = await serverOptions();
  const con = await native.connect({
    host,
    port,
    user: "u_scram",
    password: "p scram",
    database: "postgres",
  });
  const { inspect } = await import("node:util");
  const shown = inspect(con, { depth: 10, showHidden: true }) + JSON.stringify(con);
  assert.doesNotMatch(shown, /p scram/);
  await con.close();
});

test("native: a prepared statement runs many times, with types, until it is closed", async () => {
  await withNative(async (con) => {
    const count =
      "select count(*)::int from pg_prepared_statements where statement like '%_typeof%'";
    assert.deepEqual(await con.run(count), [[0]]);
    const types = { b: native.NUMERIC };
    const statement = await con.prepare("select :a::int, pg_typeof(:b)::text", { types });
    assert.deepEqual(await con.run(count), [[1]]);
    assert.deepEqual(statement.columns?.map(({ typeOid }) => typeOid), [23, 25]);
    assert.equal(statement.rowCount, null);
    assert.deepEqual(await statement.run({ a: 1, b: "2" }), [[1, "numeric"]]);
    assert.deepEqual(await statement.run({ a: 2, b: "3" }), [[2, "numeric"]]);
    assert.deepEqual(await con.run(count), [[1]]);
    assert.equal(statement.rowCount, 1);
    await statement.close();
    await statement.close();
    assert.deepEqual(await con.run(count), [[0]]);
    await assert.rejects(statement.run({ a: 1, b: "2" }), /the prepared statement is closed/);
  });
});

test("native: prepare() rejects a statement that the server refuses", async () => {
  await withNative(async (con) => {
    await assert.rejects(con.prepare("selct :a"), { name: "ProgrammingError", code: "42601" });
    await assert.rejects(con.prepare(1 as unknown as string), native.InterfaceError);
    const named = await con.prepare("select :a::int + :b::int + :a::int");
    assert.deepEqual(await named.run({ a: 1, b: 2, c: 3 }), [[4]]);
    await assert.rejects(named.run({ a: 1 }), /no argument for the placeholder "b"/);
    const silent = await con.prepare("set application_name = 'x'");
    assert.deepEqual([await silent.run(), silent.columns, silent.rowCount], [null, null, -1]);
  });
});

test("native: a replication connection answers commands, and a stream both ways is a typed error", async () => {
  const options = { ...await serverOptions(), database: "postgres" };
  const con = await native.connect({ ...options, replication: "database" });
  try {
    const [, , position, database] = (await con.run("IDENTIFY_SYSTEM"))![0]!;
    assert.equal(database, "postgres");
    // Physical: a logical slot would wait for every transaction that is open on the server.
    await assert.rejects(con.run(`START_REPLICATION PHYSICAL ${position}`), native.Error);
  } finally {
    await con.close();
  }
});
