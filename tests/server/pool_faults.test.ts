/** Pools with servers that go away, refuse or change roles, and with callers that block each other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, OperationalError, PgError, PoolDeadlockError } from "../../mod.ts";
import { pause, until } from "../_kit/waiting.ts";
import { startCluster } from "../_kit/cluster.ts";
import { faultProxy } from "../_kit/fault_proxy.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { as, withPool } from "./pool_server.ts";

const PID = "select pg_backend_pid()";

function isDeadlock(error: unknown): boolean {
  assert.ok(error instanceof PoolDeadlockError);
  const places = error.message.match(/pool_faults\.test\.[tj]s:\d+/g) ?? [];
  assert.equal(new Set(places).size, 2, error.message);
  return true;
}

test("pool: a query on the pool inside its only transaction is a deadlock error that names the place", () =>
  withPool({ max: 1, acquireTimeout: 20 }, async (pool) => {
    const nested = pool.transaction(async (tx) => {
      await tx.query("select 1");
      await pool.query("select 2");
    });
    await assert.rejects(nested, isDeadlock);
    assert.equal(await pool.query("select 1").scalar(), 1);
  }));

test("pool: transactions that wait for one another's connections are a deadlock; one fails, the other goes on", () =>
  withPool({ max: 2, acquireTimeout: 20 }, async (pool) => {
    let holding = 0;
    const nested = () =>
      pool.transaction(async (tx) => {
        await tx.query("select 1");
        holding++;
        await until(() => holding === 2);
        return await pool.transaction((inner) => inner.query("select 2 as n").scalar());
      });
    const outcomes = await Promise.allSettled([nested(), nested()]);
    const failed = outcomes.filter((one) => one.status === "rejected");
    assert.ok(failed.length >= 1);
    for (const { reason } of failed) isDeadlock(reason);
    assert.deepEqual([pool.stats().leased, pool.stats().waiting], [0, 0]);
  }));

test("pool: a deadlock through connect() is noticed with the option within", () =>
  withPool({ max: 1, acquireTimeout: 20 }, async (pool) => {
    const db = await pool.connect();
    await assert.rejects(pool.connect({ within: db }), isDeadlock);
    await db.close();
  }));

test("pool: a nested checkout that another will make room for is no deadlock", () =>
  withPool({ max: 2, acquireTimeout: 20 }, async (pool) => {
    const other = await pool.connect();
    setTimeout(() => other.close(), 1500);
    const n = await pool.transaction(() => pool.query("select 3 as n").scalar());
    assert.equal(n, 3);
  }));

test("pool: idle connections that die are replaced without an error", () =>
  withoutUnhandled(() =>
    withPool({ max: 3 }, async (pool) => {
      const taken = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
      const pids = taken.map((db) => db.processId);
      for (const db of taken) await db.close();
      const list = pids.join(", ");
      await serverQuery(
        await sharedServer(),
        `select pg_terminate_backend(p) from unnest(array[${list}]) p`,
      );
      await until(() => pool.stats().retired.lost === 3);
      assert.ok(!pids.includes(await pool.query<never>(PID).scalar<number>()));
    })
  ));

test("pool: a connection lost while it is held ends for its holder, and its place is free again", () =>
  withPool({ max: 1 }, async (pool) => {
    const db = await pool.connect();
    await serverQuery(await sharedServer(), `select pg_terminate_backend(${db.processId})`);
    await db.closed;
    await assert.rejects(async () => await db.query("select 1"), PgError);
    await db.close();
    assert.equal(await pool.query("select 1").scalar(), 1);
  }));

test("pool: an idle connection that has fallen silent is given up, and the query runs on another", {
  timeout: 60_000,
}, async () => {
  const proxy = await faultProxy(await sharedServer());
  const pool = createPool(as(proxy), { max: 1, validateAfterIdle: 0.01 });
  await pool.query("select 1");
  proxy.up.stallAt = proxy.up.bytes;
  await pause(0.05);
  const answer = pool.query("select 2").scalar();
  await pause(0.05);
  proxy.up.stallAt = undefined;
  assert.equal(await answer, 2);
  assert.equal(pool.stats().retired.invalid, 1);
  await pool.close();
  await proxy.close();
});

test("pool: a server without free slots (53300) is waited for, and what is open is shared", async () => {
  const settings = {
    max_connections: "6",
    superuser_reserved_connections: "0",
    reserved_connections: "0",
  };
  const cluster = await startCluster({ settings });
  try {
    await withPool({ server: cluster, max: 12, acquireTimeout: 10 }, async (pool) => {
      const queries = Array.from(
        { length: 60 },
        (_, n) => pool.query("select $1::int as n, pg_sleep(0.01)::text as s", [n]).one(),
      );
      const rows = await Promise.all(queries);
      assert.deepEqual(rows.map(({ n }) => n), queries.map((_, n) => n));
      const { failedConnects, created } = pool.stats();
      assert.ok(failedConnects > 0 && created <= 6, `${failedConnects} refused, ${created} opened`);
    });
  } finally {
    await cluster.stop();
  }
});

test(
  "pool: waiters of a server that is away are served when it is back",
  { timeout: 60_000 },
  async () => {
    const cluster = await startCluster();
    const pool = createPool(as(cluster), { max: 2, acquireTimeout: 20 });
    try {
      await pool.query("select 1");
      await cluster.halt();
      const waits = [1, 2, 3].map((n) => pool.query("select $1::int as n", [n]).scalar());
      await pause(0.3);
      await assert.rejects(pool.connect({ timeout: 0.1 }), (error: PgError) => {
        assert.ok(error.cause instanceof OperationalError, "the last refusal is its cause");
        return true;
      });
      await cluster.restart();
      assert.deepEqual(await Promise.all(waits), [1, 2, 3]);
    } finally {
      await pool.close({ timeout: 1 });
      await cluster.stop();
    }
  },
);
