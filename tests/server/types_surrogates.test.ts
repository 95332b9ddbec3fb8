/** A string that UTF-8 cannot encode is an error on each way to the server, and nothing is stored. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, createPool, InterfaceError, sql } from "../../mod.ts";
import { connect as dbapiConnect } from "../../src/dbapi/dbapi.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";

const HALF = "a\ud800b";
const LONG = `${"é".repeat(100)}\udc00`;
const ROUTE_TEXT = "insert into pg_temp.t values ($1) returning v";

async function drain(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}

const PARAMETER = /^(?:.*: )?parameter \$1(?: \(text\))?: the text contains a lone surrogate/;
const QUERY = /^the query contains a lone surrogate, which UTF-8 cannot encode$/;

/** Each way, what it does with a bad text, and the message. */
const WAYS: Readonly<
  Record<string, readonly [run: (db: Connection, bad: string) => Promise<unknown>, RegExp]>
> = {
  "query": [(db, bad) => db.query(ROUTE_TEXT, [bad]), PARAMETER],
  "unprepared": [(db, bad) => db.query(ROUTE_TEXT, [bad], { prepare: false }), PARAMETER],
  "sql": [(db, bad) => db.sql`insert into pg_temp.t values (${bad})`, PARAMETER],
  "named": [(db, bad) => db.query("insert into pg_temp.t values (:v)", { v: bad }), PARAMETER],
  "stream": [(db, bad) => drain(db.query(ROUTE_TEXT, [bad])), PARAMETER],
  "batches": [(db, bad) => drain(db.query(ROUTE_TEXT, [bad]).batches(1)), PARAMETER],
  "batch": [(db, bad) => db.batch([sql`select 1`, sql`select ${bad}::text`]), PARAMETER],
  "executeMany": [(db, bad) => db.executeMany(ROUTE_TEXT, [["x"], [bad]]), PARAMETER],
  "prepared": [async (db, bad) => {
    const statement = await db.prepare(ROUTE_TEXT);
    await statement.query([bad]);
  }, PARAMETER],
  "an array's element": [
    (db, bad) => db.query("insert into pg_temp.t select v from unnest($1::text[]) v", [["x", bad]]),
    /^parameter \$1 \(_text\): the text contains a lone surrogate/,
  ],
  "a statement": [(db, bad) => db.query(`select '${bad}'`), QUERY],
  "a script": [(db, bad) => db.query(`select 1; select '${bad}'`).simple(), QUERY],
  "an identifier": [
    async (db, bad) => await db.query(sql`select 1 as ${sql(bad)}`),
    /^an identifier contains/,
  ],
  "a literal": [
    async (db, bad) => await db.query(sql`select ${sql.literal(bad)}`),
    /^a literal contains/,
  ],
  "notify's payload": [(db, bad) => db.notify("c", bad), /^parameter \$2.*: the text contains/],
  "notify's channel": [(db, bad) => db.notify(bad), /^a channel's name contains/],
  "listen": [(db, bad) => db.listen(bad), /^a channel's name contains/],
  "a copy's text": [
    (db, bad) => db.copyFrom("copy pg_temp.t from stdin", ["x\n", `${bad}\n`]),
    /^copyFrom\(\): the source contains a lone surrogate/,
  ],
  "a copy's last character": [
    (db) => db.copyFrom("copy pg_temp.t from stdin", ["x\n\ud83d"]),
    /^copyFrom\(\): the source contains a lone surrogate/,
  ],
  "half a pair before bytes": [
    (db) => db.copyFrom("copy pg_temp.t from stdin", ["x\ud83d", new Uint8Array([10])]),
    /^copyFrom\(\): the source contains a lone surrogate/,
  ],
  "copied rows": [
    (db, bad) => db.copyRowsFrom("pg_temp.t", ["v"], [["x"], [bad]]),
    /^row 2, column "v" \(text\): the text contains a lone surrogate/,
  ],
  "copied rows as text": [
    (db, bad) => db.copyRowsFrom("pg_temp.t", ["v"], [["x"], [bad]], { format: "text" }),
    /^row 2, column "v" \(text\): the text contains a lone surrogate/,
  ],
};

for (const [way, [run, message]] of Object.entries(WAYS)) {
  test(`lone surrogate: ${way} is refused, the first time as the next, and nothing is stored`, () =>
    withDatabase(async (db) => {
      await db.query("create temp table t (v text)");
      for (const bad of [HALF, HALF, LONG]) {
        const error = await failure(run(db, bad), InterfaceError);
        assert.match(error.message, message);
        assert.equal(error.code, "22021");
      }
      assert.equal(await db.query("select count(*) from pg_temp.t where v <> 'x'").scalar(), 0n);
      await assertUsable(db);
    }));
}

test("lone surrogate: a reason that a copy fails for is sent as well as it can be", () =>
  withDatabase(async (db) => {
    await db.query("create temp table t (v text)");
    const reason = new Error(`because of ${HALF}`);
    const source = (function* (): Generator<string> {
      yield "x\n";
      throw reason;
    })();
    await assert.rejects(db.copyFrom("copy pg_temp.t from stdin", source), reason);
    await assertUsable(db);
  }));

test("lone surrogate: a transaction, a pool, its listen() and DB-API refuse it", async () => {
  const options = await shared();
  const pool = createPool(options, { max: 2 });
  try {
    for (
      const run of [
        () => pool.query("select $1::text", [HALF]),
        () => pool.transaction((tx) => tx.query("select $1::text", [HALF])),
        () => pool.listen(HALF),
      ]
    ) assert.equal((await failure(run(), InterfaceError)).code, "22021");
  } finally {
    await pool.close();
  }
  const db = await dbapiConnect(options);
  try {
    const cursor = db.cursor();
    await failure(cursor.execute("select %s::text", [HALF]), InterfaceError);
    assert.throws(() => db.xid(1, HALF, ""), InterfaceError);
  } finally {
    await db.close();
  }
});

test("lone surrogate: a connection's options name what contains it", async () => {
  const options = await shared();
  for (
    const [name, given] of [
      ["user", { user: HALF }],
      ["database", { database: HALF }],
      ["password", { password: HALF }],
      ["applicationName", { applicationName: HALF }],
    ] as const
  ) {
    const { message } = await failure(connect({ ...options, ...given }), InterfaceError);
    assert.match(message, new RegExp(`${name}.* contains a lone surrogate$`));
  }
  const { message } = await failure(connect(`postgres://${HALF}@localhost/`), InterfaceError);
  assert.match(message, /contains a lone surrogate$/);
});

test("well-formed text of every plane is stored as it is", () =>
  withDatabase(async (db) => {
    for (const text of ["a\u{1F600}b", "é".repeat(100), `${"x".repeat(60)}\u{10FFFF}`, "\uFFFD"]) {
      assert.equal(await db.query("select $1::text", [text]).scalar(), text);
      assert.equal(await db.query(`select '${text}'`).scalar(), text);
    }
  }));
