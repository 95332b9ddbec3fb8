/** `safeToRetry` is false where a part of what failed may have been committed before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, PgError } from "../../mod.ts";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import * as native from "../../src/dbapi/native.ts";
import { behind, shared, withDatabase } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";

const FAIL = "raise exception 'once more' using errcode = '40001'";
const SETUP = `create temp table done (n int);
  create procedure pg_temp.partly() language plpgsql as $$
    begin insert into done values (1); commit; ${FAIL}; end $$;
  create procedure pg_temp.wholly() language plpgsql as $$
    begin insert into done values (1); ${FAIL}; end $$;
  create function pg_temp.fail() returns int language plpgsql as $$ begin ${FAIL}; end $$`;

const CALL = "call pg_temp.partly()";
const DO = `do $$ begin insert into done values (1); commit; ${FAIL}; end $$`;
const ENDS = "begin; insert into done values (1); commit; select pg_temp.fail()";
const FAILS = "select pg_temp.fail()";

type Way = readonly [name: string, isSafe: boolean, run: (db: Connection) => unknown];

const WAYS: readonly Way[] = [
  ["CALL of a procedure that commits", false, (db) => db.query(CALL)],
  ["the same behind a comment", false, (db) => db.query(`/* now */ -- so\n ${CALL}`)],
  ["the same as a named statement", false, async (db) => (await db.prepare(CALL)).query([])],
  ["the same in a template", false, (db) => db.sql`call pg_temp.partly()`],
  ["the same by simple()", false, (db) => db.query(CALL).simple()],
  ["the same by batch()", false, (db) => db.batch([{ text: CALL }])],
  ["the same by executeMany()", false, (db) => db.executeMany(CALL, [[], []])],
  ["the same by a cursor", false, (db) => db.cursor().execute(CALL)],
  ["the same by callproc()", false, (db) => db.cursor().callproc("pg_temp.partly")],
  ["the same as a stream", false, async (db) => {
    for await (const _ of db.query(CALL)) { /* there are no rows */ }
  }],
  ["a DO block that commits", false, (db) => db.query(DO)],
  ["COMMIT among several statements", false, (db) => db.query(ENDS).simple()],
  ["COMMIT in a batch", false, (db) => db.batch(ENDS.split("; ").map((text) => ({ text })))],
  [
    "COMMIT AND CHAIN among several statements",
    false,
    (db) => db.query("begin; commit and chain; select pg_temp.fail()").simple(),
  ],
  ["a SELECT", true, (db) => db.query(FAILS)],
  ["a SELECT in a batch", true, (db) => db.batch([{ text: "select 1" }, { text: FAILS }])],
  ["several statements", true, (db) => db.query(`insert into done values (1); ${FAILS}`).simple()],
  ["a stream", true, async (db) => {
    for await (const _ of db.query(FAILS)) { /* it fails */ }
  }],
  [
    "CALL in a transaction, where none can commit",
    true,
    (db) => db.transaction((tx) => tx.query("call pg_temp.wholly()")),
  ],
];

for (const [name, isSafe, run] of WAYS) {
  test(`safeToRetry is ${isSafe} after 40001 in ${name}`, async () => {
    await withDatabase(async (db) => {
      await db.query(SETUP).simple();
      const error = await failure((async () => await run(db))(), PgError);
      assert.equal(error.code, "40001");
      assert.equal(error.safeToRetry, isSafe);
      if (db.transactionStatus !== "idle") await db.query("rollback").simple();
      if (isSafe) assert.equal(await db.query("select count(*) from done").scalar(), 0n);
    });
  });
}

test("safeToRetry is false after 40001 in DB-API and native connections, where COMMIT came before", async () => {
  const con = await dbapi.connect({ ...await shared(), autocommit: true } as dbapi.DbapiOptions);
  const other = await native.connect(await shared());
  await con.cursor().execute(SETUP);
  await other.run(SETUP);
  for (const text of [CALL, ENDS]) {
    assert.equal((await failure(con.cursor().execute(text), PgError)).safeToRetry, false);
    await con.rollback();
    assert.equal((await failure(other.run(text), PgError)).safeToRetry, false);
    await other.run("rollback");
  }
  await con.close();
  await other.close();
});

test("safeToRetry is true where the server ended an idle session before the query came", async () => {
  await withDatabase(async (db) => {
    await db.query("set idle_session_timeout = 1").simple();
    const pid = db.processId;
    await until(async () =>
      (await behind(`select 1 from pg_stat_activity where pid = ${pid}`)).length === 0
    );
    const error = await failure(db.query("select 1"), PgError);
    assert.equal(error.safeToRetry, true, `${error.message}`);
  });
});

test("connect: a failure names no effect: safeToRetry is true where the server is away", async () => {
  const place = await shared();
  const error = await failure(connect({ ...place, port: 1 }), PgError);
  assert.equal(error.safeToRetry, true);
});
