import assert from "node:assert/strict";
import { test } from "node:test";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { withDbapi } from "./dbapi_server.ts";

type Work = (con: dbapi.Connection, xid: dbapi.Xid) => Promise<void>;

const AWKWARD = `O'Brien \\ "x" 50%`;

/** Transaction IDs with all that pg8000 tripped over: quotes, a format, a branch. */
const XIDS: readonly (readonly [title: string, format: number, branch: string])[] = [
  ["plain", 0, ""],
  ["with a format", 42, ""],
  ["with a branch", 0, "branch 'ü'"],
];

/** Runs `work` with a transaction ID of its own, and cleans up what it left behind. */
function withXid(work: Work, format = 0, branch = ""): Promise<void> {
  return withDbapi(async (con) => {
    const xid = con.xid(format, `${crypto.randomUUID().slice(0, 8)} ${AWKWARD}`, branch);
    try {
      await work(con, xid);
    } finally {
      await withDbapi(async (other) => {
        if (await isPending(other, xid)) await other.tpc_rollback(xid);
      });
    }
  });
}

async function isPending(con: dbapi.Connection, xid: dbapi.Xid): Promise<boolean> {
  return (await con.tpc_recover()).some((one) => JSON.stringify(one) === JSON.stringify(xid));
}

for (const [title, format, branch] of XIDS) {
  test(`tpc: a prepared transaction is recovered and committed by another connection: ${title}`, async () => {
    await withXid(
      async (con, xid) => {
        await con.tpc_begin(xid);
        await con.cursor().execute("select 1");
        await con.tpc_prepare();
        await withDbapi(async (other) => {
          assert.ok(await isPending(other, xid));
          await other.tpc_commit(xid);
          assert.ok(!await isPending(other, xid));
        });
      },
      format,
      branch,
    );
  });
}

test("tpc: prepare and commit on one connection, and the next transaction is an ordinary one", async () => {
  const server = await sharedServer();
  await serverQuery(server, "create table if not exists dbapi_tpc (n int)");
  await withXid(async (con, xid) => {
    await con.tpc_begin(xid);
    await con.cursor().execute("insert into dbapi_tpc values (1)");
    await con.tpc_prepare();
    assert.deepEqual(await serverQuery(server, "select n from dbapi_tpc"), []);
    await con.tpc_commit();
    assert.deepEqual(await serverQuery(server, "select n from dbapi_tpc"), [["1"]]);
    await con.cursor().execute("select 1");
    await con.commit();
  });
  await serverQuery(server, "drop table dbapi_tpc");
});

test("tpc: without prepare, commit is in one phase and rollback undoes", async () => {
  await withXid(async (con, xid) => {
    await con.tpc_begin(xid);
    await con.cursor().execute("create temporary table t (n int)");
    await con.tpc_commit();
    await con.tpc_begin(xid);
    await con.cursor().execute("insert into t values (1)");
    await con.tpc_rollback();
    const cursor = await con.cursor().execute("select * from t");
    assert.deepEqual(await cursor.fetchall(), []);
  });
});

test("tpc: a prepared transaction is rolled back", async () => {
  await withXid(async (con, xid) => {
    await con.tpc_begin(xid);
    await con.tpc_prepare();
    assert.ok(await isPending(con, xid));
    await con.tpc_rollback();
    assert.ok(!await isPending(con, xid));
  });
});

test("tpc: a transaction is begun with autocommit on, too", async () => {
  await withXid(async (con, xid) => {
    con.autocommit = true;
    await con.tpc_begin(xid);
    await con.cursor().execute("create temporary table t (n int)");
    await con.tpc_rollback();
    await assert.rejects(con.cursor().execute("select * from t"), { code: "42P01" });
    assert.equal(con.autocommit, true);
  });
});

test("tpc: recover opens no transaction", async () => {
  await withDbapi(async (con) => {
    await con.tpc_recover();
    await con.tpc_begin(con.xid(1, "a", "b"));
    await con.tpc_rollback();
  });
});

test("tpc: prepare in a failed transaction raises, and nothing is left prepared", async () => {
  await withXid(async (con, xid) => {
    await con.tpc_begin(xid);
    await assert.rejects(con.cursor().execute("select 1/0"), dbapi.DataError);
    await assert.rejects(con.tpc_prepare(), /in failed transaction block/);
    await con.tpc_rollback();
    assert.ok(!await isPending(con, xid));
  });
});

test("tpc: methods out of place are ProgrammingErrors", async () => {
  await withXid(async (con, xid) => {
    await assert.rejects(con.tpc_prepare(), /Cannot tpc_prepare\(\) without a TPC transaction!/);
    await assert.rejects(con.tpc_commit(), /Cannot tpc_commit\(\) without a TPC transaction!/);
    await assert.rejects(con.tpc_rollback(), dbapi.ProgrammingError);
    await con.cursor().execute("select 1");
    await assert.rejects(con.tpc_begin(xid), dbapi.ProgrammingError);
    await assert.rejects(con.tpc_commit(xid), dbapi.ProgrammingError);
    await con.rollback();
    await con.tpc_begin(xid);
    await assert.rejects(con.commit(), dbapi.ProgrammingError);
    await assert.rejects(con.rollback(), dbapi.ProgrammingError);
    await assert.rejects(con.tpc_commit(con.xid(0, "another", "")), dbapi.ProgrammingError);
    await con.tpc_prepare();
    await assert.rejects(con.tpc_prepare(), dbapi.ProgrammingError);
    await assert.rejects(con.cursor().execute("select 1"), dbapi.ProgrammingError);
    await assert.rejects(con.tpc_begin(xid), dbapi.ProgrammingError);
    await con.tpc_rollback();
  });
});

test("tpc: an ID that the server does not know is the server's error, never a one-phase commit", async () => {
  await withXid(async (con, xid) => {
    await assert.rejects(con.tpc_commit(xid), { code: "42704" });
    await assert.rejects(con.tpc_rollback(xid), { code: "42704" });
  });
});

test("tpc: refuses other values as a transaction ID", async () => {
  await withDbapi(async (con) => {
    assert.throws(() => con.xid(-1, "a", "b"), dbapi.InterfaceError);
    assert.throws(() => con.xid(0, "a".repeat(65), "b"), dbapi.InterfaceError);
    await assert.rejects(con.tpc_commit("Stacey" as unknown as dbapi.Xid), dbapi.InterfaceError);
  });
});
