/** The effects of cancel(), a timeout and a signal over a given sock, where nothing can be cancelled. */
import assert from "node:assert/strict";
import { connect as connectSocket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import {
  connect,
  type Connection,
  InterfaceError,
  NotSupportedError,
  OperationalError,
  sql,
} from "../../mod.ts";
// Code that is loaded with its first use: a request that waits for it has sent nothing, and an end of the
// waiting leaves the connection usable.
import "../../src/features/copy_code.ts";
import "../../src/features/transaction.ts";
import "../../src/query/batch.ts";
import "../../src/query/open_portal.ts";
import "../../src/query/prepared.ts";
import { failure } from "../_kit/outcomes.ts";
import { call, handshake, type Script, withServer } from "../_kit/scripted_server.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** Reads all messages and answers none. */
const hold = call("hold", async (peer) => {
  while (await peer.next({ forever: true }) !== undefined);
});
const SILENT: Script = [handshake(), hold];
/** Ends a query that a connection should refuse. */
const LATER = { timeout: 10 };

async function overSock(use: (db: Connection) => Promise<void>): Promise<void> {
  await withoutUnhandled(() =>
    withServer(SILENT, async ({ host, port }) => {
      const socket = connectSocket({ host, port });
      await new Promise((resolve) => socket.once("connect", resolve));
      const db = await connect({ sock: Duplex.toWeb(socket), user: "u", sslMode: "disable" });
      try {
        await use(db);
      } finally {
        db.destroy();
      }
    })
  );
}

interface Limits {
  timeout?: number;
  signal?: AbortSignal;
}

/** Every way of running a query with a limit. */
const WAYS: Readonly<Record<string, (db: Connection, limits: Limits) => Promise<unknown>>> = {
  "query": async (db, limits) => await db.query("select 1", [], limits),
  "query with a parameter": async (db, limits) => await db.query("select $1::int", [1], limits),
  "simple": async (db, limits) => await db.query("select 1", [], limits).simple(),
  "stream": async (db, limits) => {
    for await (const _ of db.query("select 1", [], limits)) assert.fail("a row");
  },
  "batches": async (db, limits) => {
    for await (const _ of db.query("select 1", [], limits).batches(2)) assert.fail("rows");
  },
  "batch": async (db, limits) => await db.batch([sql`select 1`, sql`select 2`], limits),
  "prepare": async (db, limits) => await db.prepare("select 1", limits),
  "transaction": (db, limits) => db.transaction(async (tx) => await tx.query("select 1"), limits),
  "query in a transaction": (db, limits) =>
    db.transaction(async (tx) => await tx.query("select 1", [], limits)),
  "copyTo": async (db, limits) => {
    for await (const _ of db.copyTo("copy t to stdout", limits)) assert.fail("data");
  },
  "copyFrom": (db, limits) => db.copyFrom("copy t from stdin", [new Uint8Array(1)], limits),
};

for (const [name, run] of Object.entries(WAYS)) {
  test(`sock: a timeout gives the connection up: ${name}`, () =>
    overSock(async (db) => {
      const error = await failure(run(db, { timeout: 0.2 }), OperationalError);
      assert.equal(error.code, "57014", String(error));
      assert.match(error.message, /timed out after 0\.2 s/);
      const after = await failure(db.query("select 1", [], LATER).one(), InterfaceError);
      assert.match(after.message, /closed/);
    }));

  test(`sock: a signal gives the connection up: ${name}`, () =>
    overSock(async (db) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      setTimeout(() => controller.abort(reason), 100);
      const error = await failure(run(db, { signal: controller.signal }));
      assert.ok(error === reason || error.cause === reason, String(error));
      const after = await failure(db.query("select 1", [], LATER).one(), InterfaceError);
      assert.match(after.message, /closed/);
    }));
}

test("sock: cancel() is refused by name, and the query goes on", () =>
  overSock(async (db) => {
    const query = db.query("select 1");
    const simple = db.query("select 2").simple();
    let isOver = false;
    const outcomes = [query, simple].map((one) => one.then(() => {}, () => isOver = true));
    await new Promise((resolve) => setTimeout(resolve, 10));
    await failure(db.cancel(), NotSupportedError);
    assert.throws(() => query.cancel(), NotSupportedError);
    assert.throws(() => simple.cancel(), /a query over a given sock cannot be cancelled/);
    assert.equal(isOver, false);
    db.destroy();
    await Promise.all(outcomes);
  }));

test("sock: a query that has not begun can be cancelled", () =>
  overSock(async (db) => {
    const query = db.query("select 1");
    query.cancel();
    const error = await failure(Promise.resolve(query), OperationalError);
    assert.equal(error.code, "57014");
  }));
