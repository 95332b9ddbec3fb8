/** The checks of the public-domain DB-API 2.0 compliance suite, by its names, against `./dbapi`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import { serverOptions, withDbapi } from "./dbapi_server.ts";

const SAMPLES = [
  "Carlton Cold",
  "Carlton Draft",
  "Mountain Goat",
  "Redback",
  "Victoria Bitter",
  "XXXX",
];

/** Creates the suite's table, with one row for each of its samples. */
async function pour(con: dbapi.Connection): Promise<dbapi.Cursor<dbapi.Connection>> {
  const cursor = con.cursor();
  await cursor.execute("create temporary table booze (name varchar(20))");
  await cursor.executemany("insert into booze values (%s)", SAMPLES.map((name) => [name]));
  return cursor;
}

const CHECKS: Readonly<Record<string, (con: dbapi.Connection) => Promise<void> | void>> = {
  connect(con) {
    assert.ok(con instanceof dbapi.Connection);
  },

  apilevel() {
    assert.equal(dbapi.apilevel, "2.0");
  },

  threadsafety() {
    assert.ok([0, 1, 2, 3].includes(dbapi.threadsafety));
  },

  paramstyle() {
    assert.ok(["qmark", "numeric", "named", "format", "pyformat"].includes(dbapi.paramstyle));
  },

  Exceptions() {
    assert.ok(dbapi.Warning.prototype instanceof Error);
    assert.ok(dbapi.Error.prototype instanceof Error);
    assert.ok(dbapi.InterfaceError.prototype instanceof dbapi.Error);
    assert.ok(dbapi.DatabaseError.prototype instanceof dbapi.Error);
    for (const name of DATABASE_ERRORS) {
      assert.ok(dbapi[name].prototype instanceof dbapi.DatabaseError, name);
    }
  },

  ExceptionsAsConnectionAttributes(con) {
    for (
      const name of [
        "Warning",
        "Error",
        "InterfaceError",
        "DatabaseError",
        ...DATABASE_ERRORS,
      ] as const
    ) assert.equal(con[name], dbapi[name], name);
  },

  async commit(con) {
    await con.commit();
  },

  async rollback(con) {
    await con.rollback();
  },

  cursor(con) {
    assert.ok(con.cursor() instanceof dbapi.Cursor);
  },

  async cursor_isolation(con) {
    const [one, other] = [con.cursor(), con.cursor()];
    await one.execute("create temporary table booze (name varchar(20))");
    await one.execute("insert into booze values ('Victoria Bitter')");
    await other.execute("select name from booze");
    assert.deepEqual(await other.fetchall(), [["Victoria Bitter"]]);
  },

  async description(con) {
    const cursor = con.cursor();
    await cursor.execute("create temporary table booze (name varchar(20))");
    assert.deepEqual(cursor.description, null);
    await cursor.execute("select name from booze");
    const nothing = [null, null, null, null, null];
    assert.deepEqual(cursor.description, [["name", dbapi.STRING, ...nothing]]);
    await cursor.execute("create temporary table barflys (name varchar(20))");
    assert.deepEqual(cursor.description, null);
  },

  async rowcount(con) {
    const cursor = con.cursor();
    await cursor.execute("create temporary table booze (name varchar(20))");
    assert.equal(cursor.rowcount, -1);
    await cursor.execute("insert into booze values ('Victoria Bitter')");
    assert.equal(cursor.rowcount, 1);
    await cursor.execute("select name from booze");
    assert.equal(cursor.rowcount, 1);
    await cursor.execute("create temporary table barflys (name varchar(20))");
    assert.equal(cursor.rowcount, -1);
  },

  async callproc(con) {
    const cursor = con.cursor();
    await cursor.execute(
      "create procedure pg_temp.lower_(inout t text) language sql as $$ select lower(t) $$",
    );
    await cursor.callproc("pg_temp.lower_", ["FOO"]);
    assert.deepEqual(await cursor.fetchall(), [["foo"]]);
  },

  async close() {
    const con = await dbapi.connect(await serverOptions());
    const cursor = con.cursor();
    await con.close();
    await assert.rejects(cursor.execute("select 1"), dbapi.Error);
    await assert.rejects(con.commit(), dbapi.Error);
  },

  async execute(con) {
    const cursor = con.cursor();
    await cursor.execute("create temporary table booze (name varchar(20))");
    await cursor.execute("insert into booze values ('Victoria Bitter')");
    assert.ok([-1, 1].includes(cursor.rowcount));
    await cursor.execute("insert into booze values (%s)", ["Cooper's"]);
    await cursor.execute("select name from booze order by name");
    assert.deepEqual(await cursor.fetchall(), [["Cooper's"], ["Victoria Bitter"]]);
  },

  async executemany(con) {
    const cursor = con.cursor();
    await cursor.execute("create temporary table booze (name varchar(20))");
    await cursor.executemany("insert into booze values (%s)", [["Cooper's"], ["Boag's"]]);
    assert.equal(cursor.rowcount, 2);
    await cursor.execute("select name from booze order by name");
    assert.deepEqual(await cursor.fetchall(), [["Boag's"], ["Cooper's"]]);
  },

  async fetchone(con) {
    const cursor = con.cursor();
    await assert.rejects(cursor.fetchone(), dbapi.Error);
    await cursor.execute("create temporary table booze (name varchar(20))");
    await assert.rejects(cursor.fetchone(), dbapi.Error);
    await cursor.execute("select name from booze");
    assert.equal(await cursor.fetchone(), null);
    assert.ok([-1, 0].includes(cursor.rowcount));
    await cursor.execute("insert into booze values ('Victoria Bitter')");
    await assert.rejects(cursor.fetchone(), dbapi.Error);
    await cursor.execute("select name from booze");
    assert.deepEqual(await cursor.fetchone(), ["Victoria Bitter"]);
    assert.equal(await cursor.fetchone(), null);
    assert.ok([-1, 1].includes(cursor.rowcount));
  },

  async fetchmany(con) {
    await assert.rejects(con.cursor().fetchmany(4), dbapi.Error);
    const cursor = await pour(con);
    await cursor.execute("select name from booze");
    assert.equal((await cursor.fetchmany()).length, 1);
    cursor.arraysize = 10;
    assert.equal((await cursor.fetchmany(3)).length, 3);
    assert.equal((await cursor.fetchmany(4)).length, 2);
    assert.deepEqual(await cursor.fetchmany(4), []);
    assert.ok([-1, 6].includes(cursor.rowcount));
    cursor.arraysize = 6;
    await cursor.execute("select name from booze order by name");
    assert.deepEqual((await cursor.fetchmany()).map(([name]) => name), SAMPLES);
    assert.deepEqual(await cursor.fetchmany(), []);
    await cursor.execute("select name from booze where false");
    assert.deepEqual(await cursor.fetchmany(), []);
  },

  async fetchall(con) {
    await assert.rejects(con.cursor().fetchall(), dbapi.Error);
    const cursor = await pour(con);
    await assert.rejects(cursor.fetchall(), dbapi.Error);
    await cursor.execute("select name from booze order by name");
    assert.deepEqual((await cursor.fetchall()).map(([name]) => name), SAMPLES);
    assert.deepEqual(await cursor.fetchall(), []);
    assert.ok([-1, SAMPLES.length].includes(cursor.rowcount));
    await cursor.execute("select name from booze where false");
    assert.deepEqual(await cursor.fetchall(), []);
  },

  async mixedfetch(con) {
    const cursor = await pour(con);
    await cursor.execute("select name from booze order by name");
    const rows = [
      await cursor.fetchone(),
      ...await cursor.fetchmany(2),
      await cursor.fetchone(),
      ...await cursor.fetchall(),
    ];
    assert.deepEqual(rows.map((row) => row?.[0]), SAMPLES);
  },

  /** Optional in PEP 249, and absent here as in pg8000. */
  nextset(con) {
    assert.equal("nextset" in con.cursor(), false);
  },

  arraysize(con) {
    assert.equal(con.cursor().arraysize, 1);
  },

  async setinputsizes(con) {
    const cursor = await pour(con);
    cursor.setinputsizes([25]);
    await cursor.execute("insert into booze values (%s)", ["Boag's"]);
    assert.equal(cursor.rowcount, 1);
  },

  async setoutputsize_basic(con) {
    const cursor = await pour(con);
    cursor.setoutputsize(1000);
    cursor.setoutputsize(2000, 0);
    await cursor.execute("select name from booze limit 1");
    assert.deepEqual(await cursor.fetchone(), ["Carlton Cold"]);
  },

  async None(con) {
    const cursor = con.cursor();
    await cursor.execute("create temporary table booze (name varchar(20))");
    await cursor.execute("insert into booze values (%s)", [null]);
    await cursor.execute("select name from booze");
    assert.deepEqual(await cursor.fetchone(), [null]);
  },

  Date() {
    assert.equal(dbapi.Date(2002, 12, 25), "2002-12-25");
    assert.equal(dbapi.DateFromTicks(1040774400), "2002-12-25");
  },

  Time() {
    assert.equal(dbapi.Time(13, 45, 30), "13:45:30");
    assert.equal(dbapi.TimeFromTicks(1040823930), "13:45:30");
  },

  Timestamp() {
    const christmas = new Date("2002-12-25T13:45:30Z");
    assert.deepEqual(dbapi.Timestamp(2002, 12, 25, 13, 45, 30), christmas);
    assert.deepEqual(dbapi.TimestampFromTicks(1040823930), christmas);
  },

  Binary() {
    assert.deepEqual(dbapi.Binary([1, 2]), Uint8Array.of(1, 2));
    assert.deepEqual(dbapi.Binary([]), new Uint8Array());
  },

  STRING: (con) => hasType(con, "'x'::varchar", dbapi.STRING),
  BINARY: (con) => hasType(con, "'x'::bytea", dbapi.BINARY),
  NUMBER: (con) => hasType(con, "1::numeric", dbapi.NUMBER),
  DATETIME: (con) => hasType(con, "now()::timestamp", dbapi.DATETIME),
  ROWID: (con) => hasType(con, "1::oid", dbapi.ROWID),
};

const DATABASE_ERRORS = [
  "OperationalError",
  "IntegrityError",
  "InternalError",
  "ProgrammingError",
  "DataError",
  "NotSupportedError",
] as const;

async function hasType(con: dbapi.Connection, expression: string, oid: number): Promise<void> {
  const cursor = await con.cursor().execute(`select ${expression}`);
  assert.equal(cursor.description?.[0]?.[1], oid);
}

for (const [name, check] of Object.entries(CHECKS)) {
  test(`PEP 249 compliance: ${name}`, () => withDbapi(async (con) => await check(con)));
}

test("PEP 249 compliance: there are 34 checks", () => {
  assert.equal(Object.keys(CHECKS).length, 34);
});
