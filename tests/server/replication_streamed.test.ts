// Transactions that come before their end: streamed in progress, and prepared.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Change } from "../../src/replication/change.ts";
import type { LogicalMessage } from "../../src/replication/plugin.ts";
import { replicate } from "../../src/replication/replication.ts";
import { majors, sharedServer } from "../_kit/servers.ts";
import { changesOf, shown, type SlotDatabase, withSlot } from "./replication_slot.ts";

for (const major of majors()) {
  describe(`transactions before their end (PostgreSQL ${major})`, () => {
    const withTables = (setup: string, work: (slot: SlotDatabase) => Promise<void>) =>
      withSlot(work, { major, setup });

    test("streamed in progress, with aborted subtransactions: the same changes as in one piece", () =>
      withTables(
        "create table t (id int primary key, s text); create table u (id int primary key)",
        async (slot) => {
          const other = await slot.another();
          const fill = (from: number): string =>
            `insert into t select i, repeat('x', 100) from generate_series(${from}, ${
              from + 1500
            }) i`;
          await slot.run("begin", fill(0), "savepoint a");
          await other.query("begin").simple();
          await other.query(fill(100_000)).simple();
          await slot.run(fill(10_000), "savepoint b", fill(20_000), "rollback to b", fill(30_000));
          await other.query(`savepoint c; ${fill(200_000)}; rollback to c; release c`).simple();
          await slot.run(
            "rollback to a",
            "insert into u values (1)",
            "alter table u add more int default 7",
            "insert into u values (2)",
            fill(40_000),
          );
          await other.query("savepoint d; delete from t where id < 100010").simple();
          await slot.run("commit");
          await other.query("rollback").simple();
          await slot.run(
            "update u set more = 8 where id = 1",
            "set logical_decoding_work_mem = '64kB'",
          );
          const streaming = major >= 16 ? "parallel" : "on";
          const whole = changesOf(await slot.messages());
          const messages = await slot.messages({ streaming });
          assert.ok(messages.filter(({ kind }) => kind === "streamStart").length > 1);
          assert.ok(messages.some((m) => m.kind === "streamAbort" && m.xid !== m.subxid));
          assert.deepEqual(applied(messages).map(shown), whole.map(shown));
        },
      ));

    test("two-phase: prepared transactions, and the decisions about them", {
      skip: major < 15 && "PostgreSQL 14 has no option two_phase",
    }, () =>
      withSlot(async (slot) => {
        const gid = slot.database;
        await slot.run(
          `begin; insert into t values (1); prepare transaction '${gid}'`,
          `commit prepared '${gid}'`,
          `begin; insert into t values (2); prepare transaction '${gid}'`,
          `rollback prepared '${gid}'`,
        );
        const messages = await slot.messages({ twoPhase: true });
        const kinds = messages.map(({ kind }) => kind).filter((kind) => kind !== "relation");
        assert.deepEqual(kinds, [
          ...["beginPrepare", "insert", "prepare", "commitPrepared"],
          ...["beginPrepare", "insert", "prepare", "rollbackPrepared"],
        ]);
        const row = messages.find(({ kind }) => kind === "insert");
        assert.ok(row?.kind === "insert");
        assert.equal(row.transaction.gid, gid);
      }, { major, setup: "create table t (id int primary key)", twoPhase: true }));

    test("each transaction has a later position than the one before, after ROLLBACK PREPARED too", {
      skip: major < 15 && "PostgreSQL 14 has no option two_phase",
    }, () =>
      withSlot(async (slot) => {
        const gid = slot.database;
        const other = await slot.another();
        await slot.run(`begin; insert into t values (1); prepare transaction '${gid}'`);
        await other.query("begin; insert into t values (2)").simple();
        // The record of the commit follows that of the rollback at once.
        await slot.run(`rollback prepared '${gid}'`);
        await other.query("commit").simple();
        await slot.run("insert into t values (3)");
        const { host, port } = await sharedServer(major);
        const stream = replicate({
          ...{ host, port, user: "postgres", database: slot.database, sslMode: "disable" },
          ...{ slot: { name: slot.slot, twoPhase: true }, publication: "p" },
        });
        const found: [string, bigint, boolean][] = [];
        for await (const transaction of stream.transactions()) {
          found.push([transaction.kind, transaction.commitLsn.value, transaction.redelivered]);
          if (found.length === 4) break;
        }
        assert.deepEqual(found.map(([kind]) => kind), [
          ...["prepare", "rollbackPrepared", "commit", "commit"],
        ]);
        found.reduce((a, b) => (assert.ok(a[1] < b[1], String(found)), b));
        assert.ok(found.every(([, , redelivered]) => !redelivered));
      }, { major, setup: "create table t (id int primary key)", twoPhase: true }));
  });
}

/** Returns the changes that a receiver keeps: none of aborted subtransactions, in the order of commits. */
function applied(messages: readonly LogicalMessage[]): LogicalMessage[] {
  const open = new Map<number, LogicalMessage[]>();
  const kept: LogicalMessage[] = [];
  let xid = 0;
  for (const message of messages) {
    switch (message.kind) {
      case "streamStart":
        xid = message.xid;
        if (!open.has(xid)) open.set(xid, []);
        break;
      case "streamStop":
        xid = 0;
        break;
      case "streamAbort":
        if (message.xid === message.subxid) open.delete(message.xid);
        else {
          const rest = open.get(message.xid)!.filter((m) =>
            (m as Change & { xid: number }).xid !== message.subxid
          );
          open.set(message.xid, rest);
        }
        break;
      case "streamCommit":
        kept.push(...open.get(message.xid)!);
        break;
      default:
        (xid === 0 ? kept : open.get(xid)!).push(message);
    }
  }
  return changesOf(kept);
}
