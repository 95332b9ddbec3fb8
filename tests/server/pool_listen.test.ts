/** Subscriptions of a pool, through what becomes of their connection. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createPool,
  InterfaceError,
  NotSupportedError,
  type Pool,
  PoolTimeoutError,
} from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { pause, until } from "../_kit/waiting.ts";
import { type Cluster, startCluster } from "../_kit/cluster.ts";
import { faultProxy } from "../_kit/fault_proxy.ts";
import { nextEvents } from "../_kit/listening.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { as, withPool } from "./pool_server.ts";

function isLive(pool: Pool): boolean {
  return pool.stats().listener.state === "live";
}

/** Ends the connection that listens, and no other. */
async function killListener(): Promise<void> {
  const killed = await serverQuery(
    await sharedServer(),
    "select pg_terminate_backend(pid) from pg_stat_activity " +
      "where application_name = 'pool_listen' and query ~* '^(un)?listen|^$'",
  );
  assert.ok(killed.length >= 1);
}

/** Runs `work` with a pool that has connections with a name of their own. */
function withListening(work: (pool: Pool) => Promise<void>): Promise<void> {
  const connection = { applicationName: "pool_listen" };
  return withoutUnhandled(() => withPool({ max: 1, connection }, work));
}

async function withCluster(work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = await startCluster();
  try {
    await withoutUnhandled(() => work(cluster));
  } finally {
    await cluster.stop();
  }
}

test("pool listen: notifications come with their names, whatever these are, and take no connection of max", () =>
  withListening(async (pool) => {
    const held = await pool.connect();
    for (const name of ['Odd "Name"; drop', "UPPER", "ü".repeat(31), "'"]) {
      const subscription = await pool.listen(name);
      await held.notify(name, "x");
      const { value } = await subscription.next();
      const { processId } = held;
      assert.deepEqual(value, { type: "notification", channel: name, payload: "x", processId });
      await subscription.close();
      assert.deepEqual(await subscription.next(), { done: true, value: undefined });
    }
    await held.close();
    const { total, listener } = pool.stats();
    assert.equal(total, 1);
    assert.deepEqual(listener, { state: "off", channels: 0, subscriptions: 0, gaps: 0 });
  }));

test("pool listen: a backend killed between two LISTENs is a gap for the first, and both go on", () =>
  withListening(async (pool) => {
    const first = await pool.listen("pool_a");
    const adding = pool.listen("pool_b");
    await killListener();
    const second = await adding;
    await until(() => pool.stats().listener.gaps === 1 && isLive(pool));
    await pool.notify("pool_a", "1");
    await pool.notify("pool_b", "2");
    assert.deepEqual(await nextEvents(first, 2), ["gap", "1"]);
    const events = await nextEvents(second, 1);
    if (events[0] === "gap") events.push(...await nextEvents(second, 1));
    assert.equal(events.at(-1), "2");
  }));

test("pool listen: what is notified while the connection is away is lost, and one gap says so before what comes later", async () => {
  let gate = Promise.resolve();
  const password = () => gate.then(() => "p scram");
  const connection = { user: "u_scram", applicationName: "pool_listen" };
  await withPool({ password, connection }, async (pool) => {
    const server = await sharedServer();
    const subscription = await pool.listen("pool_gap");
    await serverQuery(server, "select pg_notify('pool_gap', 'before')");
    assert.deepEqual(await nextEvents(subscription, 1), ["before"]);
    let open = () => {};
    gate = new Promise((resolve) => open = resolve);
    const before = new Date();
    await killListener();
    await until(() => pool.stats().listener.state === "connecting");
    await serverQuery(server, "select pg_notify('pool_gap', 'lost')");
    open();
    await until(() => isLive(pool));
    await serverQuery(server, "select pg_notify('pool_gap', 'after')");
    const { value: gap } = await subscription.next();
    assert.ok(gap?.type === "gap" && gap.channel === "pool_gap");
    assert.ok(gap.since <= before && before <= gap.until, `${gap.since} ${gap.until}`);
    assert.match(gap.cause.message, /terminating connection|connection lost/);
    assert.deepEqual(await nextEvents(subscription, 1), ["after"]);
  });
});

test("pool listen: through a server's restart; a channel asked for meanwhile is live with the others", () =>
  withCluster((cluster) =>
    withPool({ server: cluster, acquireTimeout: 60 }, async (pool) => {
      const first = await pool.listen("a");
      await cluster.halt("immediate");
      await until(() => pool.stats().listener.state === "away");
      const adding = pool.listen("b");
      await cluster.restart();
      const second = await adding;
      await cluster.query("notify a, '1'");
      await cluster.query("notify b, '2'");
      assert.deepEqual(await nextEvents(first, 2), ["gap", "1"]);
      assert.deepEqual(await nextEvents(second, 1), ["2"]);
      assert.equal(pool.stats().listener.gaps, 1);
    })
  ));

test("pool listen: many channels and subscribers each get one gap per loss, and everything after it", () =>
  withListening(async (pool) => {
    const names = Array.from({ length: 200 }, (_, n) => `pool_many ${n % 50}`);
    const all = await Promise.all(names.map((name) => pool.listen(name)));
    assert.equal(pool.stats().listener.channels, 50);
    await killListener();
    await until(() => pool.stats().listener.gaps === 1 && isLive(pool));
    await Promise.all(names.slice(0, 50).map((name) => pool.notify(name, name)));
    const events = await Promise.all(all.map((one) => nextEvents(one, 2)));
    assert.deepEqual(events, names.map((name) => ["gap", name]));
    await Promise.all(all.slice(1).map((one) => one.close()));
    assert.deepEqual([pool.stats().listener.subscriptions, isLive(pool)], [1, true]);
    await all[0]!.close();
    const server = await sharedServer();
    await until(async () => {
      const sql = "select from pg_stat_activity where application_name = 'pool_listen'";
      return (await serverQuery(server, sql)).length === pool.stats().total;
    });
  }));

test("pool listen: a connection that has fallen silent is noticed by the heartbeat, and replaced", async () => {
  const proxy = await faultProxy(await sharedServer());
  try {
    await withPool({ server: proxy, heartbeat: 0.2 }, async (pool) => {
      const subscription = await pool.listen("pool_silent");
      await pause(0.5);
      assert.ok(isLive(pool));
      proxy.up.stallAt = proxy.up.bytes;
      await until(() => !isLive(pool));
      proxy.up.stallAt = undefined;
      const { value } = await subscription.next();
      assert.ok(value?.type === "gap");
      assert.match(value.cause.message, /did not answer within 0\.2 s/);
      await serverQuery(await sharedServer(), "notify pool_silent, 'again'");
      assert.deepEqual(await nextEvents(subscription, 1), ["again"]);
    });
  } finally {
    await proxy.close();
  }
});

test("pool listen: the pool's close ends it in order, after what had come; later it is refused", async () => {
  const pool = createPool(as(await sharedServer()));
  const subscription = await pool.listen("pool_close");
  await pool.notify("pool_close", "last");
  await pause(0.05);
  const waiting = pool.listen("pool_other");
  const [, late] = await Promise.all([pool.close(), Promise.allSettled([waiting])]);
  assert.ok(late[0].status === "fulfilled" || late[0].reason instanceof InterfaceError);
  assert.deepEqual(await nextEvents(subscription, 2), ["last", "end"]);
  assert.ok(await failure(pool.listen("pool_close")) instanceof InterfaceError);
  assert.equal(pool.stats().listener.state, "closed");
  await subscription.close();
});

test("pool listen: what cannot be is refused: names, options, a pooler in transaction mode", async () => {
  await withListening(async (pool) => {
    for (const name of ["", "n".repeat(64), "a\0b", 7 as unknown as string]) {
      assert.ok(await failure(pool.listen(name)) instanceof InterfaceError);
    }
    assert.ok(await failure(pool.listen("c", { limit: 0 })) instanceof InterfaceError);
    assert.equal(pool.stats().listener.state, "off");
  });
  await withPool({ pooler: "transaction" }, async (pool) => {
    const error = await failure(pool.listen("c"));
    assert.ok(error instanceof NotSupportedError);
    assert.match(error.message, /^LISTEN needs a session of its own/);
  });
});

test("pool listen: an abort, a time-out and a refusal reject the waiting call and leave nothing behind", async () => {
  const mine = new Error("mine");
  await withListening(async (pool) => {
    const controller = new AbortController();
    const subscription = await pool.listen("pool_abort", { signal: controller.signal });
    const waiting = failure(subscription.next());
    controller.abort(mine);
    assert.equal(await waiting, mine);
    const aborted = { signal: controller.signal };
    assert.equal(await failure(pool.listen("pool_abort", aborted)), mine);
    await until(() => pool.stats().listener.state === "off");
  });
  await withPool({ server: { host: "127.0.0.1", port: 1 }, waitForServer: true }, async (pool) => {
    const error = await failure(pool.listen("c", { timeout: 0.1 }));
    assert.ok(error instanceof PoolTimeoutError);
    assert.match(error.stack ?? "", /pool_listen\.test/);
    assert.ok(error.cause !== undefined);
    const controller = new AbortController();
    const waiting = failure(pool.listen("c", { signal: controller.signal }));
    await until(() => pool.stats().listener.state === "away");
    controller.abort(mine);
    assert.equal(await waiting, mine);
    assert.equal(pool.stats().listener.state, "off");
  });
  const wrong = { connection: { user: "u_scram", password: "no" } };
  await withPool(wrong, async (pool) => {
    const both = await Promise.all([1, 2].map(() => failure(pool.listen("c"))));
    for (const { code } of both) assert.equal(code, "28P01");
  });
});

test("pool listen: a queue that overflows ends one subscription and no other", () =>
  withListening(async (pool) => {
    const strict = await pool.listen("pool_full", { limit: 1 });
    const other = await pool.listen("pool_full");
    for (const payload of ["1", "2"]) await pool.notify("pool_full", payload);
    assert.deepEqual(await nextEvents(other, 2), ["1", "2"]);
    assert.deepEqual(await nextEvents(strict, 1), ["1"]);
    assert.equal((await failure(strict.next())).code, "53400");
    assert.equal(pool.stats().listener.subscriptions, 1);
  }));
