/** Codecs of the user that encode strings, by each way of passing a parameter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, createPool, InterfaceError, type QueryOptions, sql } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";
import { sharedServer } from "../_kit/servers.ts";
import { as } from "./pool_server.ts";

const SCHEMA = `create type pg_temp.color as enum ('red', 'blue');
  create domain pg_temp.paint as pg_temp.color;
  create type pg_temp.spot as (c pg_temp.color, t text);
  create temp table colors (c pg_temp.color, t text);`;

/** Writes colors in lower case. Other types have strings as they are. */
const COLOR = {
  name: "color",
  encode: (value: unknown) => String(value).toLowerCase(),
  encodesStrings: true,
};

type Way = (db: Connection, value: unknown, how: QueryOptions) => Promise<unknown>;

const TEXT = "select $1::pg_temp.color::text || $2::text";

const WAYS: Readonly<Record<string, Way>> = {
  "query": (db, value, how) => db.query(TEXT, [value, "X"], how).scalar(),
  "names": (db, value, how) =>
    db.query("select :c::pg_temp.color::text || :t::text", { c: value, t: "X" }, how).scalar(),
  "a template": (db, value, how) =>
    db.query(sql`select ${value as string}::pg_temp.color::text || ${"X"}::text`, [], how).scalar(),
  "unprepared": (db, value, how) =>
    db.query(TEXT, [value, "X"], { ...how, prepare: false }).scalar(),
  "a prepared statement": async (db, value, how) =>
    (await db.prepare(TEXT, how)).query([value, "X"]).scalar(),
  "a stream": async (db, value, how) => {
    for await (const row of db.query<string[]>(TEXT, [value, "X"], { ...how, rows: "array" })) {
      return row[0];
    }
    return undefined;
  },
  "batches": async (db, value, how) => {
    const batches = db.query<string[]>(TEXT, [value, "X"], { ...how, rows: "array" }).batches(5);
    return (await batches.next()).value?.[0]?.[0];
  },
  "batch": async (db, value, how) => {
    const all = { ...how, rows: "array" } as const;
    const [rows] = await db.batch([{ text: TEXT, parameters: [value, "X"] }], all);
    return rows[0]![0];
  },
  "executeMany": async (db, value, how) => {
    const [row] = await db.executeMany(TEXT, [[value, "X"]], { ...how, rows: "array" });
    return (row as string[])[0];
  },
  "a transaction": (db, value, how) =>
    db.transaction((tx) => tx.query(TEXT, [value, "X"], how).scalar()),
};

for (const [way, run] of Object.entries(WAYS)) {
  for (const where of ["the connection's", "the query's"]) {
    test(`a codec encodes strings in ${way}, among ${where} types, at each run`, () => {
      const types = { codecs: [COLOR] };
      const isOwn = where === "the query's";
      return withDatabase(async (db) => {
        await db.query(SCHEMA).simple();
        for (let i = 0; i < 3; i++) {
          assert.equal(await run(db, "RED", isOwn ? { types } : {}), "redX");
          assert.equal(await run(db, null, isOwn ? { types } : {}), null);
        }
      }, isOwn ? {} : { types });
    });
  }
}

test("a codec encodes strings in arrays, domains, composites and copied rows", () =>
  withDatabase(async (db) => {
    await db.query(SCHEMA).simple();
    for (let i = 0; i < 2; i++) {
      const list = db.query("select $1::pg_temp.color[]::text", [["RED", null, "Blue"]]);
      assert.equal(await list.scalar(), "{red,NULL,blue}");
      assert.equal(await db.query("select $1::pg_temp.paint::text", ["RED"]).scalar(), "red");
      const spot = db.query("select $1::pg_temp.spot::text", [{ c: "RED", t: "RED" }]);
      assert.equal(await spot.scalar(), "(red,RED)");
    }
    await db.copyRowsFrom("colors", ["c", "t"], [["BLUE", "BLUE"], [null, "x"]]);
    assert.deepEqual([...await db.query("select c, t from colors order by c")], [
      { c: "blue", t: "BLUE" },
      { c: null, t: "x" },
    ]);
  }, { types: { codecs: [COLOR] } }));

test("a codec encodes strings through a pool and through a cursor of DB-API", async () => {
  const types = { codecs: [{ ...COLOR, name: "text", encode: (text: unknown) => `<${text}>` }] };
  const pool = createPool({ ...as(await sharedServer()), types });
  assert.equal(await pool.query("select $1::text", ["a"]).scalar(), "<a>");
  assert.equal(await pool.sql`select ${"a"}::text`.scalar(), "<a>");
  const db = await pool.connect();
  const cursor = db.cursor();
  await cursor.execute("select cast(%s as text)", ["a"]);
  assert.deepEqual(await cursor.fetchone(), ["<a>"]);
  await db.close();
  await pool.close();
});

test("a complete codec encodes strings in binary, and in arrays of its type", () => {
  const codec = {
    ...{ name: "int4", oid: 23, arrayOid: 1007, encodesStrings: true },
    decodeText: Number,
    accepts: (value: unknown) => typeof value === "string" && /^#/.test(value),
    encodeText: (value: unknown) => String(value).slice(1),
    encodeBinary: (value: unknown, out: { int32(value: number): void }) =>
      out.int32(Number(String(value).slice(1))),
  };
  return withDatabase(async (db) => {
    for (let i = 0; i < 2; i++) {
      const numbers = db.query("select $1::int4 + $2::int4", ["#5", "6"]);
      assert.equal(await numbers.scalar(), 11, "a string that is not accepted is sent as it is");
      assert.deepEqual(await db.query("select $1::int4[]", [["#5", "#6"]]).scalar(), [5, 6]);
      assert.deepEqual(await db.query("select $1::int4[]", [["#5", "6", 7]]).scalar(), [5, 6, 7]);
    }
  }, { types: { codecs: [codec] } });
});

test("without encodesStrings strings pass a codec by, and raw parameters pass it by in any case", () => {
  const { encodesStrings: _, ...codec } = COLOR;
  return withDatabase(async (db) => {
    await db.query(SCHEMA).simple();
    for (let i = 0; i < 2; i++) {
      const error = await failure(db.query(TEXT, ["RED", "X"]));
      assert.equal((error as { code?: string }).code, "22P02");
      db.types.register(codec);
    }
    db.types.register(COLOR);
    assert.equal(await db.query(TEXT, ["RED", "X"]).scalar(), "redX");
    const raw = db.query(TEXT, ["RED", "X"], { rawParameters: true });
    assert.equal((await failure(raw) as { code?: string }).code, "22P02");
  });
});

test("encodesStrings without an encoder is refused", () =>
  withDatabase((db) => {
    const register = () => db.types.register({ name: "color", encodesStrings: true });
    assert.throws(register, (error) =>
      error instanceof InterfaceError && /encodesStrings needs encode\(\)/.test(error.message));
    return Promise.resolve();
  }));
