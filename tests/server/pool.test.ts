/** The pool's contract: who gets which connection, and what can be done with it. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { InterfaceError, PoolTimeoutError } from "../../src/errors/errors.ts";
import { until } from "../_kit/waiting.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { withPool } from "./pool_server.ts";

const PID = "select pg_backend_pid()";

test("pool: query, sql, values, one, optional, scalar and simple run on its connections", () =>
  withPool({ max: 2 }, async (pool) => {
    assert.deepEqual([...await pool.query("select $1::int as n", [4])], [{ n: 4 }]);
    assert.deepEqual([...await pool.sql`select ${5}::int as n`], [{ n: 5 }]);
    assert.deepEqual([...await pool.query("select :a::int as n", { a: 6 })], [{ n: 6 }]);
    assert.deepEqual([...await pool.query("select 7 as n").values()], [[7]]);
    assert.deepEqual(await pool.query("select 8 as n").one(), { n: 8 });
    assert.equal(await pool.query("select 9 as n where false").optional(), undefined);
    assert.equal(await pool.query("select 10 as n").scalar(), 10);
    const all = await pool.query("select 1 as a; select 2 as b").simple().all();
    assert.deepEqual(all.map((rows) => [...rows]), [[{ a: 1 }], [{ b: 2 }]]);
    const description = await pool.query("select $1::int as n").describe();
    assert.deepEqual(description.parameterTypes, [23]);
    const condition = pool.sql`n > ${1}`;
    const rows = await pool.sql`select n from generate_series(1, 3) n where ${condition}`;
    assert.deepEqual([...rows], [{ n: 2 }, { n: 3 }]);
    assert.equal(pool.stats().total, 1);
  }));

test("pool: transaction, batch, executeMany, prepare and streams run on its connections", () =>
  withPool({ max: 2 }, async (pool) => {
    const sum = await pool.transaction(async (tx) => {
      const [row] = await tx.query<{ n: number }>("select 1 as n");
      return row!.n + 1;
    });
    assert.equal(sum, 2);
    const [a, b] = await pool.batch([{ text: "select 1 as n" }, pool.sql`select ${2}::int as n`]);
    assert.deepEqual([[...a!], [...b!]], [[{ n: 1 }], [{ n: 2 }]]);
    const many = await pool.executeMany("select $1::int as n", [[1], [2], [3]]);
    assert.deepEqual([...many], [{ n: 1 }, { n: 2 }, { n: 3 }]);
    const prepared = await pool.prepare("select $1::int + 1 as n");
    assert.deepEqual(prepared.parameterTypes, [23]);
    assert.deepEqual([...await prepared.query([1])], [{ n: 2 }]);
    await prepared.close();
    assert.throws(() => prepared.query([1]), InterfaceError);
    const seen: unknown[] = [];
    for await (
      const { n } of pool.query<{ n: number }>("select n from generate_series(1, 500) n")
    ) {
      if (seen.push(n) === 300) break;
    }
    assert.equal(seen.length, 300);
    let batches = 0;
    for await (const rows of pool.query("select n from generate_series(1, 10) n").batches(4)) {
      batches += rows.length;
    }
    assert.equal(batches, 10);
    assert.deepEqual([pool.stats().leased, pool.stats().total], [0, 1]);
  }));

test("pool: the connection used last is used next", () =>
  withPool({ max: 3 }, async (pool) => {
    const taken = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
    const pids = taken.map((db) => db.processId);
    for (const db of taken) await db.close();
    for (let i = 0; i < 3; i++) assert.equal(await pool.query(PID).scalar(), pids[2]);
  }));

test("pool: who waits longest is served first", () =>
  withPool({ max: 1 }, async (pool) => {
    const first = await pool.connect();
    const order: number[] = [];
    const waits = [1, 2, 3, 4].map(async (n) => {
      const db = await pool.connect();
      order.push(n);
      await db.close();
    });
    assert.equal(pool.stats().waiting, 4);
    await first.close();
    await Promise.all(waits);
    assert.deepEqual(order, [1, 2, 3, 4]);
  }));

test("pool: independent queries share connections once max are open; with maxPipelined 1 none do", async () => {
  const run = (maxPipelined: number) =>
    withPool({ max: 2, min: 2, maxPipelined }, async (pool) => {
      await until(() => pool.stats().idle === 2);
      const running = [1, 2, 3, 4, 5, 6].map((n) =>
        pool.query("select $1::int as n, pg_sleep(0.05)::text as s", [n]).execute()
      );
      const { waiting, leased } = pool.stats();
      const rows = await Promise.all(running.map((query) => query.one()));
      assert.deepEqual(rows.map(({ n }) => n), [1, 2, 3, 4, 5, 6]);
      return [waiting, leased];
    });
  assert.deepEqual(await run(8), [0, 2]);
  assert.deepEqual(await run(1), [4, 2]);
});

test("pool: nothing shares the connection of a transaction", () =>
  withPool({ max: 2, maxPipelined: 8 }, async (pool) => {
    await pool.transaction(async (tx) => {
      const own = await tx.query(PID).scalar();
      const others = await Promise.all([1, 2, 3, 4].map(() => pool.query(PID).scalar()));
      assert.ok(!others.includes(own));
    });
  }));

test("pool: a connection given back refuses everything, and what was made from it", () =>
  withPool({ max: 1 }, async (pool) => {
    const db = await pool.connect();
    const late = db.query("select 1");
    await db.close();
    await db.close();
    const isRefused = { name: "InterfaceError", message: /given back to its pool/ };
    await assert.rejects(async () => await late, isRefused);
    await assert.rejects(async () => await db.query("select 1"), isRefused);
    await assert.rejects(async () => await db.transaction(() => 1), isRefused);
    assert.throws(() => db.processId, isRefused);
    assert.throws(() => db.cancel(), isRefused);
    db.destroy();
    await db.closed;
    assert.equal(await pool.query("select 1").scalar(), 1);
  }));

test("pool: acquireTimeout ends a wait, says who holds the connections, and leaves nothing behind", () =>
  withPool({ max: 1, acquireTimeout: 0.1 }, async (pool) => {
    const db = await pool.connect({ timeout: 10 });
    await assert.rejects(
      async () => await pool.query("select 1"),
      (error: Error) => {
        assert.ok(error instanceof PoolTimeoutError);
        assert.deepEqual([error.code, error.cause], ["53300", undefined]);
        assert.match(error.message, /within 0.1 s.*1 open, 1 in use.*held: one for .*pool\.test/s);
        return true;
      },
    );
    await assert.rejects(pool.connect({ timeout: 0.05 }), PoolTimeoutError);
    assert.deepEqual([pool.stats().waiting, pool.stats().timeouts], [0, 2]);
    await db.close();
    assert.equal(await pool.query("select 1").scalar(), 1);
  }));

test("pool: each caller waits for its own time, in whatever order they came", () =>
  withPool({ max: 1 }, async (pool) => {
    const db = await pool.connect();
    const over: string[] = [];
    const wait = (name: string, timeout: number) =>
      pool.connect({ timeout }).then((late) => late.close(), () => void over.push(name));
    const waits = [wait("long", 0.3), wait("short", 0.1), wait("middle", 0.2)];
    const patient = pool.connect({ timeout: 0 });
    await Promise.all(waits);
    assert.deepEqual(over, ["short", "middle", "long"]);
    assert.deepEqual([pool.stats().waiting, pool.stats().timeouts], [1, 3]);
    await db.close();
    await (await patient).close();
  }));

test("pool: maxWaiting refuses who comes too late", () =>
  withPool({ max: 1, maxWaiting: 1 }, async (pool) => {
    const db = await pool.connect();
    const waits = pool.connect();
    await assert.rejects(pool.connect(), { name: "PoolTimeoutError", code: "53300" });
    await db.close();
    await (await waits).close();
  }));

/** Ten thousand each. */
const STORMS = 10;

test(
  "pool: a hundred thousand aborted waits leave no listener, no timer and no waiting caller",
  { timeout: 120_000 },
  () =>
    withoutUnhandled(() =>
      withPool({ max: 1, acquireTimeout: 600 }, async (pool) => {
        const db = await pool.connect();
        const outcomes = new Set<unknown>();
        let listeners = 0;
        const timers = timersOfProcess();
        for (let round = 0; round < STORMS; round++) {
          const storms = Array.from({ length: 1000 }, () => new AbortController());
          for (const { signal } of storms) {
            const { addEventListener, removeEventListener } = signal;
            signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
              listeners++;
              const listener = args[1] as () => void;
              const once = () => (listeners--, listener());
              return addEventListener.call(signal, args[0], once, args[2]);
            };
            signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
              listeners--;
              return removeEventListener.apply(signal, args);
            };
          }
          const waits = Array.from({ length: 10_000 }, (_, i) =>
            pool.connect({ signal: storms[i % 1000]!.signal }).catch((error) =>
              outcomes.add(error)
            ));
          // From the middle of the line, not in the order they came.
          for (let i = 0; i < 1000; i++) storms[i * 7 % 1000]!.abort("storm");
          await Promise.all(waits);
        }
        assert.deepEqual([...outcomes], ["storm"]);
        assert.deepEqual([pool.stats().waiting, pool.stats().cancelled], [0, STORMS * 10_000]);
        assert.deepEqual([listeners, timersOfProcess()], [0, timers]);
        await db.close();
        assert.equal(await pool.query("select 1").scalar(), 1);
      })
    ),
);

/** Timers that keep the process alive, where it tells. */
function timersOfProcess(): number {
  const all = process.getActiveResourcesInfo?.() ?? [];
  return all.filter((name) => name === "Timeout").length;
}

test("pool: an abort while waiting for one query is only its own", () =>
  withPool({ max: 1 }, async (pool) => {
    const db = await pool.connect();
    const abort = new AbortController();
    const gone = pool.query("select 1", [], { signal: abort.signal });
    const refused = assert.rejects(async () => await gone, { message: "enough" });
    const stays = pool.query("select 2").scalar();
    abort.abort(new Error("enough"));
    await refused;
    await db.close();
    assert.equal(await stays, 2);
  }));

test("pool: COPY holds a connection alone, and a subscription on one ends when it is given back", () =>
  withPool({ max: 2 }, async (pool) => {
    await pool.query("create unlogged table pool_copy (n int)");
    try {
      assert.equal(await pool.copyFrom("copy pool_copy from stdin", ["1\n", "2\n"]), 2);
      assert.equal(await pool.copyRowsFrom("pool_copy", ["n"], [[3]]), 1);
      assert.equal(await pool.query("select sum(n)::int from pool_copy").scalar(), 6);
    } finally {
      await pool.query("drop table pool_copy");
    }
    const db = await pool.connect();
    const heard = await db.listen("pool_heard");
    await pool.notify("pool_heard", "yes");
    assert.equal((await heard.next()).value?.payload, "yes");
    const last = heard.next();
    await db.close();
    assert.equal((await last).done, true);
    const listening = "select count(*)::int from pg_listening_channels()";
    const all = await Promise.all([pool.connect(), pool.connect()]);
    for (const one of all) assert.equal(await one.query(listening).scalar(), 0);
    for (const one of all) await one.close();
  }));

test("pool: errors of queries and of waiting lead to the caller's line", () =>
  withPool({ max: 1 }, async (pool) => {
    await pool.query("select 1");
    const leads = (error: Error) => {
      assert.match(error.stack!, /pool\.test/);
      return true;
    };
    const failing = async () => await pool.query("select 1/0");
    await assert.rejects(failing, leads);
    await assert.rejects(async () => await pool.sql`select 1/0`.one(), leads);
    const db = await pool.connect();
    await assert.rejects(pool.connect({ timeout: 0.01 }), leads);
    await db.close();
  }));
