/** An error's position counts in the caller's text, by every way of running a query. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection, DatabaseError } from "../../mod.ts";
import { connect as connectDbapi } from "../../src/dbapi/dbapi.ts";
import { connect as connectNative } from "../../src/dbapi/native.ts";
import type { ParamStyle } from "../../src/dbapi/arguments.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";
import { withPool } from "./pool_server.ts";

/** The word that the server does not know stands behind placeholders longer and shorter than `$1`. */
const TEXT = "select 'é😀' as a, :first_value::int + :b::int, :first_value::int, nonsense";
const VALUES = { first_value: 1, b: 2 };

/** The position of the word, in characters from 1. */
function positionIn(text: string): number {
  return [...text.slice(0, text.indexOf("nonsense"))].length + 1;
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

const WAYS: readonly (readonly [string, (db: Connection) => PromiseLike<unknown>])[] = [
  ["query", (db) => db.query(TEXT, VALUES)],
  ["query, rows as arrays", (db) => db.query(TEXT, VALUES).values()],
  ["unprepared", (db) => db.query(TEXT, VALUES, { prepare: false })],
  ["describe", (db) => db.query(TEXT, VALUES).describe()],
  ["stream", (db) => drain(db.query(TEXT, VALUES))],
  ["batches", (db) => drain(db.query(TEXT, VALUES).batches(2))],
  ["batch", (db) => db.batch([{ text: "select 1" }, { text: TEXT, parameters: VALUES }])],
  ["executeMany", (db) => db.executeMany(TEXT, [VALUES, VALUES])],
  ["prepare", (db) => db.prepare(TEXT)],
  ["transaction", (db) => db.transaction(async (tx) => void await tx.query(TEXT, VALUES))],
  ["stream in a transaction", (db) => db.transaction((tx) => drain(tx.query(TEXT, VALUES)))],
];

for (const [name, run] of WAYS) {
  test(`error position: ${name}: counts in a text with names`, () =>
    withDatabase(async (db) => {
      for (let i = 0; i < 2; i++) {
        const error = await failure(run(db) as Promise<unknown>) as DatabaseError;
        assert.equal(error.code, "42703");
        assert.equal(error.position, positionIn(TEXT));
        assert.notEqual(error.fields.P, String(error.position));
      }
    }));
}

test("error position: pool: counts in a text with names", () =>
  withPool({}, async (pool) => {
    const error = await failure(pool.query(TEXT, VALUES)) as DatabaseError;
    assert.equal(error.position, positionIn(TEXT));
  }));

test("error position: within a placeholder it is the placeholder's start", () =>
  withDatabase(async (db) => {
    const text = "select :some_value";
    const error = await failure(db.query(`${text}::nonsense`, { some_value: 1 })) as DatabaseError;
    assert.equal(error.position, text.length + 3);
    const other = await failure(db.query("select 1 where :a", { a: "" })) as DatabaseError;
    assert.equal(other.position ?? 16, 16);
  }));

test("error position: a prepared statement that fails later counts in its own text", () =>
  withDatabase(async (db) => {
    await db.query("create temp table position_later (nonsense int)");
    const text = "select :long_name::int, nonsense from position_later";
    const statement = await db.prepare(text);
    await db.query("alter table position_later rename nonsense to other");
    const error = await failure(statement.query({ long_name: 1 })) as DatabaseError;
    assert.equal(error.position, positionIn(text));
  }));

test("error position: a template counts in the text with $1 for its values", () =>
  withDatabase(async (db) => {
    const error = await failure(db.sql`select ${1}::int, nonsense`) as DatabaseError;
    assert.equal(error.position, positionIn("select $1::int, nonsense"));
  }));

const STYLES: readonly (readonly [ParamStyle, string, unknown[] | Record<string, unknown>])[] = [
  ["qmark", "select ?::int, '??', 1 ??| 2, ?::int, nonsense", [1, 2]],
  ["numeric", "select :1::int, :2::int, nonsense", [1, 2]],
  ["named", "select :long_name::int, :b::int, nonsense", { long_name: 1, b: 2 }],
  ["format", "select %s::int, 7 %% 2, nonsense", [1]],
  ["pyformat", "select %(long_name)s::int, 7 %% 2, nonsense", { long_name: 1 }],
];

for (const [paramstyle, text, args] of STYLES) {
  test(`error position: DB-API: counts in a text in style ${paramstyle}`, async () => {
    const con = await connectDbapi({ ...await shared(), paramstyle, autocommit: true });
    try {
      const cursor = con.cursor();
      const where = text.replace("1 ??| 2, ", "");
      const first = await failure(cursor.execute(where, args)) as DatabaseError;
      assert.equal(first.position, positionIn(where));
      const many = await failure(cursor.executemany(where, [args, args])) as DatabaseError;
      assert.equal(many.position, positionIn(where));
    } finally {
      await con.close();
    }
  });
}

test("error position: native: run() and prepare() count in the caller's text", async () => {
  const con = await connectNative(await shared());
  try {
    const text = "select :long_name::int, nonsense";
    const run = await failure(con.run(text, { long_name: 1 })) as DatabaseError;
    assert.equal(run.position, positionIn(text));
    const prepared = await failure(con.prepare(text)) as DatabaseError;
    assert.equal(prepared.position, positionIn(text));
  } finally {
    await con.close();
  }
});
