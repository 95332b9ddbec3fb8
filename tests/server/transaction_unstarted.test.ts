import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Connection,
  createPool,
  InterfaceError,
  type Queryable,
  sql,
  type Transaction,
} from "../../mod.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";

const INSERT = "insert into unstarted values (1)";

/** Callbacks that leave a query without `await`, and how the error names it. */
const FORGOTTEN: readonly (readonly [what: string, work: (tx: Transaction) => unknown, RegExp])[] =
  [
    [
      "query()",
      (tx) => void tx.query(INSERT),
      /1 query was .*: "insert into unstarted values \(1\)"/,
    ],
    ["a template", (tx) => void tx.sql`insert into unstarted values (${1})`, /"insert .*\(\$1\)"/],
    ["a fragment", (tx) => void tx.query(sql`insert into unstarted values (${1})`), /"insert/],
    [
      "named parameters",
      (tx) => void tx.query("/* c */ select :a, :a::int", { a: 1 }),
      /1 query was/,
    ],
    ["values()", (tx) => void tx.query(INSERT).values(), /1 query was/],
    ["simple()", (tx) => void tx.query(INSERT).simple(), /1 query was/],
    ["a prepared statement", async (tx) => {
      const statement = await tx.prepare("insert into unstarted values ($1)");
      statement.query([1]);
    }, /1 query was/],
    ["behind an awaited one", async (tx) => {
      await tx.query(INSERT);
      tx.query(INSERT);
    }, /1 query was/],
    [
      "an object of queries",
      (tx) => ({ a: tx.query(INSERT), b: tx.query(INSERT) }),
      /2 queries were/,
    ],
    ["a query among values", (tx) => [1, tx.query(INSERT)], /1 query was/],
    ["many", (tx) => {
      for (let i = 0; i < 5; i++) tx.query(`${INSERT} -- ${i}`);
    }, /5 queries were .*"insert into unstarted values \(1\)", .* and more;/],
    [
      "a secret",
      (tx) => void tx.query("/* a */ alter\n role ann password 'secret'"),
      /"alter role ann password '…'"/,
    ],
  ];

/** Callbacks that leave nothing undone. */
const DONE: readonly (readonly [what: string, work: (tx: Transaction) => unknown])[] = [
  ["awaited", async (tx) => void await tx.query(INSERT)],
  ["returned", (tx) => tx.query(INSERT)],
  ["executed", (tx) => void tx.query(INSERT).execute()],
  ["then()", (tx) => void tx.query(INSERT).then(() => {}, () => {})],
  ["one()", async (tx) => void await tx.query(`${INSERT} returning *`).one()],
  ["scalar()", async (tx) => void await tx.query(`${INSERT} returning *`).scalar()],
  ["values()", async (tx) => void await tx.query(INSERT).values()],
  ["simple()", async (tx) => void await tx.query(INSERT).simple()],
  ["streamed", async (tx) => {
    for await (const _ of tx.query(`${INSERT} returning *`));
  }],
  ["a part of another", async (tx) => {
    const values = tx.sql`values (${1})`;
    await tx.sql`insert into unstarted ${values}`;
  }],
  ["a part that was not wanted", async (tx) => {
    tx.sql`where false`;
    await tx.query(INSERT);
  }],
  ["in a batch", (tx) => tx.batch([tx.sql`insert into unstarted values (${1})`])],
  ["described and cancelled", async (tx) => {
    await tx.query("select 1").describe();
    tx.query("select 1").cancel();
    await tx.query(INSERT);
  }],
  ["an array", (tx) => [tx.query(INSERT)]],
  ["a late array", (tx) => Promise.resolve([tx.query(INSERT)])],
  ["an array of simple ones", (tx) => [tx.query(INSERT).simple()]],
];

/** Every way of running a callback in a transaction. */
type Way = (db: Connection, work: (tx: Transaction) => unknown) => Promise<unknown>;
const WAYS: readonly (readonly [way: string, run: Way])[] = [
  ["transaction", (db, work) => db.transaction(work)],
  ["retries", (db, work) => db.transaction(work, { retries: 2, timeout: 20 })],
  ["savepoint", (db, work) => db.transaction((tx) => tx.transaction(work))],
  ["pool", async (_, work) => {
    await using pool = createPool(await shared());
    return await pool.transaction(work);
  }],
];

async function withTable(use: (db: Connection) => Promise<void>): Promise<void> {
  await withDatabase(async (db) => {
    await db.query("drop table if exists unstarted");
    await db.query("create table unstarted (n int)");
    try {
      await use(db);
    } finally {
      await db.query("drop table unstarted");
    }
    await assertUsable(db);
  });
}

async function rows(db: Queryable): Promise<bigint> {
  return await db.query("select count(*) from unstarted").scalar<bigint>();
}

for (const [way, run] of WAYS) {
  test(`transaction: a query without await is an error, by ${way}`, () =>
    withTable(async (db) => {
      for (const [what, work, message] of FORGOTTEN) {
        await assert.rejects(run(db, work), (error) => {
          assert.ok(error instanceof InterfaceError, `${what}: ${error}`);
          assert.match(error.message, message, what);
          assert.ok(!error.message.includes("secret"));
          return true;
        });
        assert.equal(await rows(db), 0n, what);
      }
    }));

  test(`transaction: a query that was started, used or returned is not reported, by ${way}`, () =>
    withTable(async (db) => {
      for (const [i, [what, work]] of DONE.entries()) {
        await run(db, work);
        assert.equal(await rows(db), BigInt(i + 1), what);
      }
    }));
}

test("transaction: an array of queries resolves to their results", () =>
  withTable(async (db) => {
    const [inserted, found] = await db.transaction((tx) => [
      tx.query(INSERT),
      tx.sql<{ n: number }>`select n from unstarted`,
    ]);
    assert.equal(inserted.rowCount, 1);
    assert.deepEqual([...found], [{ n: 1 }]);
    const failing = db.transaction((tx) => [tx.query(INSERT), tx.query("select 1/0")]);
    await assert.rejects(failing, { code: "22012" });
    assert.equal(await rows(db), 1n);
  }));

test("transaction: commit() and prepareTransaction() by hand refuse a query without await", () =>
  withTable(async (db) => {
    const tx = await db.begin();
    tx.query(INSERT);
    await assert.rejects(tx.commit(), InterfaceError);
    assert.equal(db.transactionStatus, "idle");
    const other = await db.begin();
    other.query(INSERT);
    await assert.rejects(other.prepareTransaction("unstarted"), InterfaceError);
    assert.equal(await rows(db), 0n);
    const third = await db.begin();
    third.query(INSERT);
    await third.rollback();
  }));

test("transaction: the callback's own error comes before that of a query without await", () =>
  withTable(async (db) => {
    const failed = db.transaction((tx) => {
      tx.query(INSERT);
      throw new RangeError("own");
    });
    await assert.rejects(failed, { name: "RangeError", message: "own" });
  }));
