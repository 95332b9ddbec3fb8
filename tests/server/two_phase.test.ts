import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, InterfaceError, InternalError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

const GIDS = ["cornac_plain", 'cornac\'s "odd" \\ name', "cornac ü; rollback --"];

async function withTable(body: (db: Connection, other: Connection) => Promise<void>) {
  await withoutUnhandled(() =>
    withDatabase((db) =>
      withDatabase(async (other) => {
        for (const { gid } of await db.recoverPrepared()) {
          if (gid.startsWith("cornac")) await db.rollbackPrepared(gid);
        }
        await db.query("drop table if exists cornac_two_phase");
        await db.query("create table cornac_two_phase (n int)");
        try {
          await body(db, other);
        } finally {
          await db.query("drop table cornac_two_phase");
        }
      })
    )
  );
}

const count = (db: Connection) => db.query("select count(*)::int from cornac_two_phase").scalar();

test("two-phase: prepared here, listed, and committed or rolled back elsewhere, under any name", async () => {
  await withTable(async (db, other) => {
    for (const [i, gid] of GIDS.entries()) {
      const before = await count(db);
      await db.transaction(async (tx) => {
        await tx.query("insert into cornac_two_phase values (1)");
        await tx.prepareTransaction(gid);
        assert.equal(db.transactionStatus, "idle");
      });
      assert.equal(await count(db), before);
      const found = (await other.recoverPrepared()).filter((one) => one.gid.startsWith("cornac"));
      assert.equal(found.length, 1);
      const { prepared, ...rest } = found[0]!;
      assert.deepEqual(rest, { gid, owner: "postgres", database: "postgres" });
      assert.ok(Math.abs(prepared.getTime() - Date.now()) < 60_000);
      if (i === 0) await other.rollbackPrepared(gid);
      else await other.commitPrepared(gid);
      assert.equal(await count(db), i);
    }
    assert.equal((await failure(db.commitPrepared("cornac_none"))).code, "42704");
    assert.equal((await failure(db.rollbackPrepared("cornac_none"))).code, "42704");
    await assertUsable(db);
  });
});

test("two-phase: a failed transaction is rolled back instead, which is an error", async () => {
  await withTable(async (db) => {
    const tx = await db.begin();
    await tx.query("insert into cornac_two_phase values (1)");
    const first = await failure(tx.query("select 1 / 0"));
    const error = await failure(tx.prepareTransaction("cornac_failed"));
    assert.ok(error instanceof InternalError);
    assert.equal(error.cause, first);
    assert.deepEqual((await db.recoverPrepared()).filter(({ gid }) => gid === "cornac_failed"), []);
    await assertUsable(db);
  });
});

test("two-phase: a name that is taken, empty or too long is refused, and nothing stays open", async () => {
  await withTable(async (db) => {
    await db.transaction((tx) => tx.prepareTransaction("cornac_taken"));
    const bad: readonly (readonly [string, RegExp])[] = [
      ["cornac_taken", /already in use/],
      ["x".repeat(200), /too long/],
      ["", /gid must be/],
      ["a\0b", /zero byte/],
    ];
    for (const [gid, message] of bad) {
      const error = await failure(db.transaction((tx) => tx.prepareTransaction(gid)));
      assert.match(error.message, message);
      await assertUsable(db);
    }
    await db.commitPrepared("cornac_taken");
  });
});

test("two-phase: an ended transaction, a savepoint, and a transaction with one are refused", async () => {
  await withTable(async (db) => {
    const tx = await db.begin();
    await tx.savepoint(async (inner) => {
      assert.ok(await failure(inner.prepareTransaction("cornac_s")) instanceof InterfaceError);
      assert.ok(await failure(tx.prepareTransaction("cornac_s")) instanceof InterfaceError);
    });
    await tx.prepareTransaction("cornac_s");
    assert.ok(await failure(tx.prepareTransaction("cornac_s")) instanceof InterfaceError);
    assert.ok(await failure(tx.query("select 1")) instanceof InterfaceError);
    await tx.rollback();
    await db.rollbackPrepared("cornac_s");
    await assertUsable(db);
  });
});

test("two-phase: a signal aborts commitPrepared(), rollbackPrepared(), recoverPrepared() and notify()", async () => {
  await withTable(async (db) => {
    const reason = new RangeError("enough");
    const signal = AbortSignal.abort(reason);
    assert.equal(await failure(db.commitPrepared("cornac none", { signal })), reason);
    assert.equal(await failure(db.rollbackPrepared("cornac none", { signal })), reason);
    assert.equal(await failure(db.recoverPrepared({ signal })), reason);
    assert.equal(await failure(db.notify("cornac_two_phase", "", { signal })), reason);
    assert.equal(
      await failure(
        db.transaction((tx) => tx.prepareTransaction("cornac none"), { signal }),
      ),
      reason,
    );
    await assertUsable(db);
  });
});
