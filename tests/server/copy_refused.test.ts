/** A COPY through the client is refused as a query, on every way; any other COPY is a statement. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, createPool, InterfaceError } from "../../mod.ts";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import * as native from "../../src/dbapi/native.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";

const SETUP = "create temp table job (id int, stdin int, stdout int)";

const REFUSED: readonly string[] = [
  "copy job from stdin",
  "/* load */ copy job from stdin",
  "-- load\ncopy job (id) from stdin (format csv)",
  "copy job (stdin) to stdout",
  "copy (select 1) to stdout",
];

const LEGAL: readonly string[] = [
  "copy job (id, stdout) to program 'cat >/dev/null'",
  "copy job (id, stdin) to '/dev/null'",
  "copy job (stdin) from program 'true # stdin'",
  "copy job from '/dev/null' where stdin > 0",
];

/** The ways of running one statement. */
const WAYS: Readonly<Record<string, (db: Connection, text: string) => unknown>> = {
  query: (db, text) => db.query(text),
  "prepare: false": (db, text) => db.query(text, [], { prepare: false }),
  "simple()": (db, text) => db.query(text).simple(),
  "simple() in the middle": (db, text) => db.query(`select 1; ${text}; select 2`).simple(),
  "prepare()": async (db, text) => await (await db.prepare(text)).query([]),
  "batch() in the middle": (db, text) =>
    db.batch([{ text: "select 1" }, { text }, { text: "select 2" }]),
  "executeMany()": (db, text) => db.executeMany(text, [[]]),
  "a stream": async (db, text) => {
    for await (const _ of db.query(text)) { /* no rows */ }
  },
  "a transaction": (db, text) => db.transaction((tx) => tx.query(text)),
  "between pipelined queries": (db, text) =>
    Promise.all([db.query("select 1"), db.query(text), db.query("select 2")]),
  "a cursor": (db, text) => db.cursor().execute(text),
};

for (const [way, run] of Object.entries(WAYS)) {
  test(`copy guard: ${way}: COPY through the client is refused, another COPY is run`, async () => {
    await withDatabase(async (db) => {
      await db.query(SETUP);
      for (const text of REFUSED) {
        const error = await failure((async () => await run(db, text))());
        assert.ok(error instanceof InterfaceError, `${text}: ${error}`);
        assert.match(error.message, /COPY cannot be run as a query/);
        await assertUsable(db);
      }
      for (const text of LEGAL) {
        await run(db, text);
        await assertUsable(db);
      }
    });
  });
}

test("copy guard: the same holds for pools, DB-API and native connections", async () => {
  const pool = createPool(await shared(), { max: 1 });
  const con = await dbapi.connect(await shared());
  const plain = await native.connect(await shared());
  await con.cursor().execute(SETUP);
  await plain.run(SETUP);
  for (const text of REFUSED.map((text) => text.replace(/job( \(.*?\))?/, "(select 1)"))) {
    const out = text.replace("from stdin", "to stdout");
    assert.ok(await failure((async () => await pool.query(out))()) instanceof InterfaceError);
    assert.ok(await failure(con.cursor().execute(out)) instanceof InterfaceError);
    assert.ok(await failure(plain.run(out)) instanceof InterfaceError);
  }
  for (const text of LEGAL) {
    await con.cursor().execute(text);
    await plain.run(text);
  }
  await pool.query("copy (select 1 as stdout) to program 'cat >/dev/null'");
  for (const one of [pool, con, plain]) await one.close();
});

test("copy guard: a replication command that copies is refused, and the connection is usable", async () => {
  const { host, port } = await shared();
  for (const replication of [false, "database"] as const) {
    await using db = await connect({ host, port, user: "postgres", replication });
    const ways = [
      () => db.query("START_REPLICATION SLOT s LOGICAL 0/0").simple(),
      () => db.query(" BASE_BACKUP (LABEL 'x')").simple(),
      () => db.query("UPLOAD_MANIFEST"),
    ];
    for (const way of ways) {
      const error = await failure(way(), InterfaceError);
      assert.match(error.message, /cannot be run as a query; use connectReplication\(\)/);
      assert.equal((await db.query("select 1 as n").simple())[0]!.n, 1);
    }
  }
});
