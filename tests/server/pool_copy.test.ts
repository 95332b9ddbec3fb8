/** COPY out of a pool: whatever becomes of the reading, the connection is given back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError, type Pool, PoolTimeoutError } from "../../mod.ts";
import { failure, textOf } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { withPool } from "./pool_server.ts";

const THREE = "copy (select n from generate_series(1, 3) n) to stdout";
const ENDLESS = "copy (select repeat('x', 1000), generate_series(1, 1000000000)) to stdout";
const FAILING =
  "copy (select 1 / (200000 - n), repeat('x', 100) from generate_series(1, 300000) n) to stdout";

/** With one connection in the pool, each copy that kept it would block the rest of its test. */
function withOne(body: (pool: Pool) => Promise<void>): Promise<void> {
  return withoutUnhandled(() =>
    withPool({ max: 1, acquireTimeout: 20 }, async (pool) => {
      await body(pool);
      await assertFree(pool);
      assert.equal(pool.stats().created, pool.stats().total + lost(pool));
    })
  );
}

function lost(pool: Pool): number {
  return Object.values(pool.stats().retired).reduce((sum, n) => sum + n, 0);
}

async function assertFree(pool: Pool): Promise<void> {
  assert.deepEqual([pool.stats().leased, pool.stats().waiting], [0, 0]);
  assert.equal(await pool.query("select 42 as n").scalar(), 42);
}

async function first<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item;
  throw new assert.AssertionError({ message: "there is no item" });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test("pool copy out: can be iterated, read as a web stream, and piped", () =>
  withOne(async (pool) => {
    assert.equal(await textOf(pool.copyTo(THREE)), "1\n2\n3\n");
    assert.equal(await new Response(pool.copyTo(THREE)).text(), "1\n2\n3\n");
    let bytes = 0;
    await pool.copyTo(THREE).pipeTo(
      new WritableStream<Uint8Array>({ write: (chunk) => void (bytes += chunk.length) }),
    );
    assert.equal(bytes, 6);
  }));

test("pool copy out: one that is never read holds no connection", () =>
  withOne(async (pool) => {
    const streams = Array.from({ length: 5 }, () => pool.copyTo(THREE));
    const rows = pool.copyRowsTo("pg_class", ["relname"]);
    await assertFree(pool);
    for (const stream of streams.slice(1)) await stream.cancel();
    await rows.return?.();
    await assertFree(pool);
    assert.equal(await textOf(streams[0]!), "1\n2\n3\n");
  }));

test("pool copy out: leaving early, by break, cancel() or a throw, gives the connection back as it was", () =>
  withOne(async (pool) => {
    const pid = await pool.query("select pg_backend_pid()").scalar();
    await first(pool.copyTo(ENDLESS));
    await assertFree(pool);
    const reader = pool.copyTo(ENDLESS).getReader();
    await reader.read();
    assert.equal(pool.stats().leased, 1);
    await reader.cancel("enough");
    await assertFree(pool);
    const mine = new Error("mine");
    const thrown = (async () => {
      for await (const _ of pool.copyTo(ENDLESS)) throw mine;
    })();
    assert.equal(await failure(thrown), mine);
    const progress = () => {
      throw mine;
    };
    assert.equal(await failure(textOf(pool.copyTo(ENDLESS, { progress }))), mine);
    assert.equal(await pool.query("select pg_backend_pid()").scalar(), pid);
  }));

test("pool copy out: the reader gets an error from before and from within the data", () =>
  withOne(async (pool) => {
    assert.throws(() => pool.copyTo("copy pg_class from stdin"), InterfaceError);
    const nowhere = await failure(textOf(pool.copyTo("copy nowhere to stdout")));
    assert.equal(nowhere.code, "42P01");
    assert.match(nowhere.stack ?? "", /pool_copy\.test/);
    await assertFree(pool);
    assert.equal((await failure(textOf(pool.copyTo(FAILING)))).code, "22012");
    await assertFree(pool);
    assert.ok(await failure(textOf(pool.copyTo("select 1"))) instanceof InterfaceError);
  }));

test("pool copy out: a connection that is lost is the reader's error, and is replaced", () =>
  withOne(async (pool) => {
    const pid = await pool.query("select pg_backend_pid()").scalar();
    const reader = pool.copyTo(ENDLESS).getReader();
    await reader.read();
    await serverQuery(await sharedServer(), `select pg_terminate_backend(${pid})`);
    const error = await failure((async () => {
      while (!(await reader.read()).done);
    })());
    assert.match(error.message, /^connection lost|^terminating connection/);
    await until(() => pool.stats().retired.lost === 1);
  }));

test("pool copy out: an abort is the reader's error, while it waits for a connection and later", () =>
  withOne(async (pool) => {
    const mine = new Error("mine");
    const held = await pool.connect();
    const early = new AbortController();
    const waiting = failure(textOf(pool.copyTo(THREE, { signal: early.signal })));
    await until(() => pool.stats().waiting === 1);
    early.abort(mine);
    assert.equal(await waiting, mine);
    assert.equal(pool.stats().waiting, 0);
    await held.close();

    const late = new AbortController();
    const reader = pool.copyTo(ENDLESS, { signal: late.signal }).getReader();
    await reader.read();
    late.abort(mine);
    const error = await failure((async () => {
      while (!(await reader.read()).done);
    })());
    assert.equal(error, mine);
    const never = AbortSignal.abort(mine);
    assert.equal(await failure(textOf(pool.copyTo(THREE, { signal: never }))), mine);
  }));

test("pool copy out: one that is cancelled while it waits for a connection waits no more", () =>
  withOne(async (pool) => {
    const held = await pool.connect();
    const reader = pool.copyTo(THREE).getReader();
    const read = reader.read();
    await until(() => pool.stats().waiting === 1);
    await reader.cancel();
    assert.deepEqual(await read, { done: true, value: undefined });
    assert.equal(pool.stats().waiting, 0);
    await held.close();
  }));

test("pool copy out: a wait for a connection that takes too long is an error", () =>
  withPool({ max: 1, acquireTimeout: 0.05 }, async (pool) => {
    const held = await pool.connect({ timeout: 20 });
    const error = await failure(textOf(pool.copyTo(THREE)));
    assert.ok(error instanceof PoolTimeoutError);
    assert.match(error.message, /pool_copy\.test/);
    await held.close();
  }));

test("pool copy rows out: rows come decoded; a break, an error and an abort give the connection back", () =>
  withOne(async (pool) => {
    const table = "pool_copy_rows";
    await pool.query(`drop table if exists ${table}`);
    await pool.query(
      `create table ${table} as select n, n::text as t from generate_series(1, 9) n`,
    );
    try {
      const rows = await all(pool.copyRowsTo(table, ["n", "t"]));
      assert.equal(rows.length, 9);
      assert.deepEqual(rows[0], { n: 1, t: "1" });
      const arrays = pool.copyRowsTo<[number]>(table, ["n"], { rows: "array" });
      assert.deepEqual(await first(arrays), [1]);
      await assertFree(pool);
      assert.equal((await failure(all(pool.copyRowsTo("nowhere", ["n"])))).code, "42P01");
      await assertFree(pool);
      assert.ok(await failure(all(pool.copyRowsTo(table, []))) instanceof InterfaceError);
      await assertFree(pool);
      const mine = new Error("mine");
      const signal = AbortSignal.abort(mine);
      assert.equal(await failure(all(pool.copyRowsTo(table, ["n"], { signal }))), mine);
      await assertFree(pool);
    } finally {
      await pool.query(`drop table ${table}`);
    }
  }));
