/** A statement that the server has lost, or means otherwise by now, fails the transaction it is met in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, type Queryable, StaleStatementError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { unseen } from "../_kit/unseen.ts";

test("transaction: a stale statement fails it once, and a retry succeeds", () =>
  withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query("create temp table changed (a int)");
    const read = (tx: Pick<Connection, "query">) => tx.query("select * from changed");
    await read(db);
    await read(db);
    await run("alter table changed add b int");
    await assert.rejects(db.transaction(read), StaleStatementError);
    await run("alter table changed add c int");
    await read(db);
    await run("alter table changed add d int");
    const result = await db.transaction(read, { retries: 1 });
    assert.equal(result.columns.length, 4);
  }));

const ONE = "select $1::int as n";
const LOST: Readonly<Record<string, (tx: Queryable) => Promise<void>>> = {
  stream: async (tx) => {
    for await (const { n } of tx.query(ONE, [1])) assert.equal(n, 1);
  },
  batch: async (tx) => void await tx.batch([{ text: ONE, parameters: [1] }]),
  executeMany: async (tx) => void await tx.executeMany(ONE, [[1], [2]]),
};

for (const [how, work] of Object.entries(LOST)) {
  test(`transaction: over a lost statement of its ${how} it fails once, and a retry succeeds`, () =>
    withDatabase(async (db) => {
      const run = await unseen(db);
      for (const retries of [0, 1]) {
        await db.query(ONE, [1]);
        await run("deallocate all");
        const done = db.transaction(work, { retries });
        if (retries === 1) await done;
        else await assert.rejects(done, StaleStatementError);
      }
    }));
}
