/** A query on the connection of a COPY that is in progress is refused at once, and the COPY goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, createPool, InterfaceError, type Transaction } from "../../mod.ts";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import * as native from "../../src/dbapi/native.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure, textOf } from "../_kit/outcomes.ts";

const TABLE = "create temp table copied (n int, name text)";
const IN = "copy copied from stdin";
const LARGE = "copy (select repeat('x', 1000) from generate_series(1, 20000)) to stdout";
const FILLED = "insert into copied select n, repeat('x', 1000) from generate_series(1, 20000) n";

/** A connection or a transaction. */
type Db = Connection | Transaction;

/** The ways of running something. Each must be refused. */
const QUERIES: Readonly<Record<string, (db: Db) => unknown>> = {
  query: (db) => db.query("select 1"),
  "a query with parameters": (db) => db.query("select $1::int", [1]),
  "sql``": (db) => db.sql`select 1`,
  "simple()": (db) => db.query("select 1").simple(),
  "describe()": (db) => db.query("select 1").describe(),
  "prepare()": (db) => db.prepare("select 1"),
  "batch()": (db) => db.batch([{ text: "select 1" }]),
  "executeMany()": (db) => db.executeMany("select $1::int", [[1]]),
  "a stream": async (db) => {
    for await (const _ of db.query("select 1")) { /* refused */ }
  },
  "copyFrom()": (db) => db.copyFrom(IN, "1\ta\n"),
  "copyTo()": (db) => textOf(db.copyTo(LARGE)),
  "copyRowsFrom()": (db) => db.copyRowsFrom("copied", ["n"], [[1]]),
  "copyRowsTo()": async (db) => {
    for await (const _ of db.copyRowsTo("copied", ["n"])) { /* refused */ }
  },
  "transaction()": (db) => db.transaction((tx) => tx.query("select 1")),
  "notify()": (db) => db.notify("copy_exclusive"),
};

/** The forms of COPY, each of which calls `during` while it is in progress. */
const COPIES: Readonly<Record<string, (db: Db, during: () => Promise<void>) => Promise<unknown>>> =
  {
    "copyFrom()": (db, during) => db.copyFrom(IN, rows("1\ta\n", during)),
    "copyRowsFrom()": (db, during) =>
      db.copyRowsFrom("copied", ["n", "name"], rows([1, "a"], during)),
    "copyTo()": (db, during) => read(db.copyTo(LARGE), during),
    "copyRowsTo()": (db, during) => read(db.copyRowsTo("copied", ["n", "name"]), during),
  };

async function* rows<Row>(row: Row, during: () => Promise<void>): AsyncGenerator<Row> {
  await during();
  yield row;
  await during();
  yield row;
}

/** Reads all, and calls `during` with the first part, when the rest has not come. */
async function read(parts: AsyncIterable<unknown>, during: () => Promise<void>): Promise<void> {
  let count = 0;
  for await (const _ of parts) if (count++ === 0) await during();
}

async function refused(query: unknown): Promise<void> {
  const error = await failure(query as PromiseLike<unknown>);
  assert.ok(error instanceof InterfaceError, String(error));
  assert.match(error.message, /^a COPY is in progress on this connection/);
}

for (const [form, copy] of Object.entries(COPIES)) {
  for (const where of ["connection", "transaction"] as const) {
    test(`copy: each way of running a query is refused within ${form} on a ${where}`, async () => {
      await withDatabase(async (db) => {
        await db.query(TABLE);
        await db.query(FILLED);
        let count = 0;
        const run = async (on: Db): Promise<void> => {
          await copy(on, async () => {
            for (const query of Object.values(QUERIES)) {
              await refused((async () => await query(on))());
              count++;
            }
            if (where === "transaction") await refused(db.query("select 1"));
          });
          assert.equal(await on.query("select 1 as n").scalar(), 1);
        };
        if (where === "transaction") await db.transaction(run);
        else await run(db);
        assert.ok(count >= Object.keys(QUERIES).length);
        await assertUsable(db);
      });
    });
  }
}

test("copy: COMMIT is refused while one is in progress, and a rollback ends it", async () => {
  await withDatabase(async (db) => {
    await db.query(TABLE);
    const tx = await db.begin();
    const source = rows("1\ta\n", async () => {
      await refused(tx.commit());
      await tx.rollback();
    });
    await failure(tx.copyFrom(IN, source));
    await tx.rollback();
    assert.equal(await db.query("select count(*)::int from copied").scalar(), 0);
    const failing = new Error("mine");
    const error = await failure(db.transaction((other) => {
      other.copyFrom(IN, rows("1\ta\n", () => new Promise<void>(() => {}))).catch(() => {});
      throw failing;
    }));
    assert.equal(error, failing);
    await assertUsable(db);
  });
});

test("copy: queries are refused on the pool's connection that copies, and run on the pool", async () => {
  const pool = createPool(await shared(), { max: 2 });
  {
    await using db = await pool.connect();
    await db.query(TABLE);
    await db.copyFrom(
      IN,
      rows("1\ta\n", async () => {
        await refused((async () => await db.query("select 1"))());
        assert.equal(await pool.query("select 1 as n").scalar(), 1);
      }),
    );
    await read(db.copyTo(LARGE), () => refused((async () => await db.query("select 1"))()));
  }
  await pool.close();
});

test("copy: statements are refused while a DB-API cursor or a native connection copies", async () => {
  const con = await dbapi.connect(await shared());
  const [cursor, other] = [con.cursor(), con.cursor()];
  await cursor.execute(TABLE);
  const stream = rows("1\ta\n", async () => {
    await refused(other.execute("select 1"));
    await refused(con.commit());
  });
  await cursor.execute(IN, [], { stream });
  const sink = { write: () => refused(other.execute("select 1")) };
  await cursor.execute(LARGE, [], { stream: sink });
  await other.execute("select count(*)::int from copied");
  assert.deepEqual(await other.fetchall(), [[2]]);
  await con.close();
  const plain = await native.connect(await shared());
  await plain.run(TABLE);
  await plain.run(IN, {}, { stream: rows("1\ta\n", () => refused(plain.run("select 1"))) });
  assert.deepEqual(await plain.run("select count(*)::int from copied"), [[2]]);
  await plain.close();
});
