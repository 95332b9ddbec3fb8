/** The transaction of an open savepoint: each use of it is refused, and the savepoint goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, InterfaceError, type Transaction } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { withPool } from "./pool_server.ts";

const TEXT = "insert into outer_uses values (0)";

const USES: Readonly<Record<string, (tx: Transaction) => PromiseLike<unknown>>> = {
  "query()": (tx) => tx.query(TEXT),
  "sql": (tx) => tx.sql`insert into outer_uses values (${0})`,
  "simple()": (tx) => tx.query(TEXT).simple(),
  "describe()": (tx) => tx.query(TEXT).describe(),
  "a stream": (tx) => tx.query(TEXT).stream().next(),
  "batches()": (tx) => tx.query(TEXT).batches(1).next(),
  "batch()": (tx) => tx.batch([{ text: TEXT }]),
  "executeMany()": (tx) => tx.executeMany("insert into outer_uses values ($1)", [[0]]),
  "prepare()": (tx) => tx.prepare(TEXT),
  "COPY in": (tx) => tx.copyFrom("copy outer_uses from stdin", "0\n"),
  "COPY out": (tx) => tx.copyTo("copy outer_uses to stdout")[Symbol.asyncIterator]().next(),
  "copied rows": (tx) => tx.copyRowsFrom("outer_uses", ["n"], [[0]]),
  "rows copied out": (tx) => tx.copyRowsTo("outer_uses", ["n"]).next(),
  "notify()": (tx) => tx.notify("outer_uses"),
  "a large object": (tx) => tx.largeObjects.create(),
  "a savepoint": (tx) => tx.savepoint(() => 1),
  "commit()": (tx) => tx.commit(),
  "prepareTransaction()": (tx) => tx.prepareTransaction("outer_uses"),
};

async function refusesOuter(db: Connection): Promise<void> {
  await db.query("create temp table outer_uses (n int)");
  await db.transaction(async (tx) => {
    const prepared = await tx.prepare(TEXT);
    await tx.savepoint(async (sp) => {
      await sp.query("insert into outer_uses values (1)");
      for (const [use, run] of Object.entries(USES)) {
        const error = await failure(run(tx), InterfaceError);
        assert.match(error.message, /savepoint/, use);
      }
      await failure(prepared.query(), InterfaceError);
      await sp.query("insert into outer_uses values (2)");
    });
    await tx.query("insert into outer_uses values (3)");
  });
  const kept = await db.query<number[]>("table outer_uses", [], { rows: "array" });
  assert.deepEqual(kept.flat(), [1, 2, 3]);
  await assertUsable(db);
}

test("transaction: while a savepoint is open, each use of the transaction is refused", () =>
  withDatabase(refusesOuter));

test("transaction: the same on a connection of a pool", () =>
  withPool({ max: 1 }, async (pool) => {
    const db = await pool.connect();
    await refusesOuter(db);
    await db.close();
  }));
