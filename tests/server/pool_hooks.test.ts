/** The hooks of a pool: `verify`, `onAcquire`, `onRelease` and `onRemove`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OperationalError } from "../../src/errors/errors.ts";
import type { PoolConnectionEvent, PoolOptions, PoolRemoveEvent } from "../../src/pool/options.ts";
import { failure } from "../_kit/outcomes.ts";
import { pause, until } from "../_kit/waiting.ts";
import { withPool } from "./pool_server.ts";

const PID = "select pg_backend_pid()";

/** Returns hooks, and the events that they were called with as words. */
function recorder(): { hooks: PoolOptions; events: string[]; removed: PoolRemoveEvent[] } {
  const events: string[] = [];
  const removed: PoolRemoveEvent[] = [];
  const note = (what: string) => ({ uses }: PoolConnectionEvent) =>
    void events.push(`${what} ${uses}`);
  const hooks: PoolOptions = {
    onConnect: () => void events.push("connect"),
    onAcquire: note("acquire"),
    onRelease: note("release"),
    onRemove: (event) => {
      events.push(`remove ${event.reason}`);
      removed.push(event);
    },
  };
  return { hooks, events, removed };
}

test("pool: hooks are called for each way to take a connection, and for its end", async () => {
  const { hooks, events, removed } = recorder();
  let pid: unknown;
  await withPool({ max: 1, ...hooks }, async (pool) => {
    pid = await pool.query(PID).scalar();
    await (await pool.connect()).close();
    await pool.transaction((tx) => tx.query("select 1"));
    for await (const _ of pool.query("select 1")) break;
    await pool.batch([{ text: "select 1" }]);
    await pool.executeMany("select $1::int", [[1]]);
    await new Response(pool.copyTo("copy (select 1) to stdout")).text();
    await pool.notify("hooks");
  });
  const uses = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((n) => [`acquire ${n}`, `release ${n}`]);
  assert.deepEqual(events, ["connect", ...uses, "remove closed"]);
  const [{ processId, error }] = removed as [PoolRemoveEvent];
  assert.deepEqual([processId, error], [pid, undefined]);
});

test("pool: queries that share a connection each take and return it", async () => {
  const { hooks, events } = recorder();
  await withPool({ max: 1, ...hooks }, async (pool) => {
    await Promise.all([1, 2].map((n) => pool.query("select $1::int", [n])));
  });
  assert.deepEqual(events.filter((event) => event.startsWith("acquire")), [
    "acquire 1",
    "acquire 2",
  ]);
  assert.equal(events.filter((event) => event.startsWith("release")).length, 2);
});

const ENDS: readonly [reason: string, options: PoolOptions, error: string | undefined][] = [
  ["uses", { maxUses: 1 }, undefined],
  ["lifetime", { maxLifetime: 0.01 }, undefined],
  ["idle", { idleTimeout: 0.01 }, undefined],
];

for (const [reason, options, error] of ENDS) {
  test(`pool: onRemove has the reason "${reason}"`, async () => {
    const { hooks, removed } = recorder();
    await withPool({ max: 1, ...hooks, ...options }, async (pool) => {
      await pool.query("select 1");
      await pause(0.05);
      await pool.query("select 1");
      await until(() => removed.length > 0);
    });
    assert.deepEqual([removed[0]!.reason, removed[0]!.error], [reason, error]);
  });
}

test("pool: onRemove has the error by which an idle connection was lost", async () => {
  const { hooks, removed } = recorder();
  await withPool({ max: 2, ...hooks }, async (pool) => {
    const db = await pool.connect();
    const pid = await pool.query(PID).scalar();
    await db.query("select pg_terminate_backend($1)", [pid]);
    await until(() => removed.length > 0);
    await db.close();
    const [{ reason, error, processId }] = removed as [PoolRemoveEvent];
    assert.deepEqual([reason, processId], ["lost", pid]);
    assert.ok(error instanceof OperationalError && error.code === "57P01", String(error));
  });
});

test("pool: a hook that throws fails no call", async () => {
  const fail = (): never => {
    throw new Error("hook");
  };
  await withPool({ max: 1, onAcquire: fail, onRelease: fail, onRemove: fail }, async (pool) => {
    assert.equal(await pool.query("select 1").scalar(), 1);
  });
});

test("pool: verify is called with a new connection after onConnect, and with one idle for long", async () => {
  const calls: string[] = [];
  const options: PoolOptions = {
    max: 1,
    validateAfterIdle: 0.05,
    onConnect: () => void calls.push("connect"),
    verify: async (db) => void calls.push(`verify ${await db.query("select 1").scalar()}`),
  };
  await withPool(options, async (pool) => {
    await pool.query("select 1");
    await pool.query("select 1");
    assert.deepEqual(calls, ["connect", "verify 1"]);
    await pause(0.1);
    await pool.query("select 1");
    assert.deepEqual(calls, ["connect", "verify 1", "verify 1"]);
  });
});

test("pool: an error of verify on a new connection is that of the call, and the next one connects", async () => {
  let calls = 0;
  const verify = (): void => {
    if (calls++ === 0) throw new Error("not this one");
  };
  await withPool({ max: 1, verify }, async (pool) => {
    await assert.rejects(async () => await pool.query("select 1"), { message: "not this one" });
    assert.equal(await pool.query("select 1").scalar(), 1);
    assert.deepEqual([pool.stats().failedConnects, pool.stats().created], [1, 1]);
  });
});

test("pool: an idle connection that verify refuses is replaced without an error", async () => {
  const { hooks, removed } = recorder();
  let isRefusing = false;
  const verify = (): void => {
    if (!isRefusing) return;
    isRefusing = false;
    throw new Error("stale");
  };
  await withPool({ max: 1, validateAfterIdle: 0.02, verify, ...hooks }, async (pool) => {
    const pid = await pool.query(PID).scalar();
    await pause(0.05);
    isRefusing = true;
    assert.notEqual(await pool.query(PID).scalar(), pid);
    const [{ reason, error }] = removed as [PoolRemoveEvent];
    assert.deepEqual([reason, (error?.cause as Error).message], ["invalid", "stale"]);
  });
});

test("pool: a verify that leaves a transaction, or a query unanswered, is refused", async () => {
  const careless: PoolOptions["verify"][] = [
    (db) => db.query("begin"),
    (db) => void db.query("select pg_sleep(0.2)").execute(),
    (db) => db.close(),
  ];
  for (const verify of careless) {
    await withPool({ max: 1, verify }, async (pool) => {
      const error = await failure(pool.query("select 1"));
      assert.match(
        String(error),
        /verify has left the connection closed, busy or in a transaction/,
      );
    });
  }
});

for (const reset of ["auto", "text", "discard"] as const) {
  test(`pool: what verify changes is undone, and what onConnect left is there: reset "${reset}"`, async () => {
    const options: PoolOptions = {
      max: 1,
      reset,
      onConnect: async (db) =>
        void await db.query("create temp table if not exists hooked (n int)"),
      verify: (db) => db.query("set application_name = 'verifying'"),
    };
    await withPool(options, async (pool) => {
      const db = await pool.connect();
      assert.equal(await db.query("select current_setting('application_name')").scalar(), "");
      assert.equal(await db.query("select count(*) from hooked").scalar(), 0n);
      await db.close();
    });
  });
}
