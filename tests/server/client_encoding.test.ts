/** Text is UTF-8: whatever changes client_encoding ends the connection with an error that says so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, createPool, OperationalError } from "../../mod.ts";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import * as native from "../../src/dbapi/native.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { failure, textOf } from "../_kit/outcomes.ts";

const SET = "set client_encoding to 'LATIN1'";
const CONFIG = "select set_config('client_encoding', $1, false)";

/** The ways by which a session's client_encoding is changed. */
const WAYS: Readonly<Record<string, (db: Connection) => unknown>> = {
  SET: (db) => db.query(SET),
  "SET NAMES": (db) => db.query("set names 'latin1'"),
  "set_config()": (db) => db.query(CONFIG, ["SQL_ASCII"]),
  "a template": (db) => db.sql`select set_config('client_encoding', ${"win1252"}, false)`,
  "simple()": (db) => db.query(`select 1; ${SET}; select 2`).simple(),
  "a DO block": (db) => db.query(`do $$ begin ${SET}; end $$`),
  "a prepared statement": async (db) => (await db.prepare(CONFIG)).query(["LATIN9"]),
  "a transaction": (db) => db.transaction((tx) => tx.query("set local client_encoding = 'latin1'")),
  "batch()": (db) => db.batch([{ text: SET }, { text: "select 1" }]),
  "executeMany()": (db) => db.executeMany(CONFIG, [["LATIN1"], ["LATIN2"]]),
  "a stream": async (db) => {
    for await (const _ of db.query(CONFIG, ["EUC_JP"])) {
      /* the only row comes before the report */
    }
    await db.closed;
    throw (await failure(db.query("select 'é'"))).cause;
  },
  copyTo: (db) => textOf(db.copyTo(`copy (${CONFIG.replace("$1", "'KOI8R'")}) to stdout`)),
  "a cursor": (db) => db.cursor().execute(SET),
};

const isEnded = (error: Error & { code?: string }): void => {
  assert.ok(error instanceof OperationalError, String(error));
  assert.match(
    error.message,
    /^client_encoding was changed to [\w-]+: the driver reads and writes UTF8 only, so the connection is closed$/,
  );
};

for (const [way, change] of Object.entries(WAYS)) {
  test(`client_encoding: changed by ${way}, it ends the connection`, async () => {
    await withDatabase(async (db) => {
      isEnded(await failure((async () => await change(db))()));
      await db.closed;
      const later = await failure(db.query("select 'é'"));
      assert.match(later.message, /connection is closed/);
      isEnded(later.cause as Error);
    });
  });
}

test("client_encoding: changed on a pool's connection, it ends only that", async () => {
  const pool = createPool(await shared(), { max: 1 });
  const error = await failure((async () => {
    await using db = await pool.connect();
    await db.query(SET);
  })());
  isEnded(error);
  assert.equal(await pool.query("select 'é€'").scalar(), "é€");
  await pool.close();
});

test("client_encoding: changed by DB-API and native connections, it ends them", async () => {
  const con = await dbapi.connect(await shared());
  isEnded(await failure(con.cursor().execute(SET)));
  await con.close();
  const other = await native.connect(await shared());
  isEnded(await failure(other.run(SET)));
  await other.close();
});

test("client_encoding: UTF8 by each of its names is what it is already", async () => {
  await withDatabase(async (db) => {
    for (const name of ["UTF8", "utf-8", "Unicode"]) {
      await db.query(`set client_encoding to '${name}'`);
      await db.query("reset client_encoding").simple();
      assert.equal(await db.query("select 'é€😀'").scalar(), "é€😀");
    }
  });
});
