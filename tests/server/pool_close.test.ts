/** close() in whatever state a connection or a caller is: it ends, and so does who waits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, createPool, PgError, type Pool, type PoolOptions } from "../../mod.ts";
import { inTime, pause, until } from "../_kit/waiting.ts";
import { blackHole, faultProxy } from "../_kit/fault_proxy.ts";
import { sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { as } from "./pool_server.ts";

type Address = Parameters<typeof as>[0];

/** Calls that are under way when the pool is closed, and what ends what they stand on. */
interface Scene {
  readonly calls: readonly PromiseLike<unknown>[];
  end?(): Promise<void>;
}

/** A user's function that never ends; whether the connection it was given does; when it is called. */
function hook(): [(db: Connection) => Promise<never>, () => Promise<void>, Promise<void>] {
  let given: Connection;
  let called: () => void;
  const isCalled = new Promise<void>((resolve) => called = resolve);
  const forever = (db: Connection): Promise<never> => {
    given = db;
    called();
    return new Promise(() => {});
  };
  const end = async () => assert.ok(await inTime(given.closed, 4), "its connection lives on");
  return [forever, end, isCalled];
}

/** A connection of a pool behind a proxy that falls silent. */
async function silent(
  own: PoolOptions,
  work: (pool: Pool) => Promise<PromiseLike<unknown>[]>,
): Promise<[Pool, Scene]> {
  const proxy = await faultProxy(await sharedServer());
  const pool = createPool(as(proxy), { max: 1, ...own });
  await pool.query("select 1");
  proxy.up.stallAt = 0;
  return [pool, { calls: await work(pool), end: () => proxy.close() }];
}

function at(address: Address, own: PoolOptions, calls: (pool: Pool) => Scene["calls"]) {
  const pool = createPool(as(address), { max: 1, ...own });
  return [pool, { calls: calls(pool) }] as const;
}

const STATES: Readonly<Record<string, () => Promise<readonly [Pool, Scene]>>> = {
  "nothing was asked for": async () => at(await sharedServer(), {}, () => []),
  connecting: async () => {
    const hole = await blackHole();
    const [pool, { calls }] = at(hole, {}, (pool) => [pool.query("select 1").execute()]);
    return [pool, { calls, end: () => hole.close() }];
  },
  "pausing after a refusal": async () => {
    const hole = await faultProxy(await sharedServer());
    await hole.close();
    const [pool, scene] = at({ ...hole, port: hole.port || 1 }, { waitForServer: true }, (pool) => {
      return [pool.query("select 1").execute(), pool.connect()];
    });
    await until(() => pool.stats().failedConnects > 0);
    return [pool, scene];
  },
  "in onConnect": async () => {
    const [onConnect, end, called] = hook();
    const [pool, { calls }] = at(await sharedServer(), { onConnect }, (pool) => [pool.connect()]);
    await called;
    return [pool, { calls, end }];
  },
  idle: async () => {
    const pool = createPool(as(await sharedServer()), { max: 1 });
    await pool.query("select 1");
    return [pool, { calls: [] }];
  },
  checking: () =>
    silent({ validateAfterIdle: 0.01 }, async (pool) => {
      await pause(0.05);
      return [pool.query("select 2").execute()];
    }),
  shared: async () =>
    at(await sharedServer(), {}, (pool) =>
      [1, 2, 3].map(() => {
        return pool.query("select pg_sleep(60)").execute();
      })),
  "held, and others waiting": async () => {
    const pool = createPool(as(await sharedServer()), { max: 1 });
    const db = await pool.connect();
    return [pool, { calls: [db.query("select pg_sleep(60)").execute(), pool.connect()] }];
  },
  "in a transaction": async () =>
    at(await sharedServer(), {}, (pool) => [
      pool.transaction((tx) => tx.query("select pg_sleep(60)")),
    ]),
  "streaming": async () => {
    const pool = createPool(as(await sharedServer()), { max: 1 });
    const rows = pool.query("select generate_series(1, 10000000)")[Symbol.asyncIterator]();
    await rows.next();
    const drain = async () => {
      while (!(await rows.next()).done);
    };
    return [pool, { calls: [drain()] }];
  },
  "in COPY": async () =>
    at(await sharedServer(), {}, (pool) => {
      const endless = async function* () {
        for (;;) yield await pause(0.01).then(() => "1\n");
      };
      const text = "copy pg_temp.nowhere from stdin";
      return [
        pool.transaction(async (tx) => {
          await tx.query("create temp table nowhere (n int)");
          await tx.copyFrom(text, endless());
        }),
      ];
    }),
  cleaning: async () => {
    const [reset, end, called] = hook();
    const pool = createPool(as(await sharedServer()), { max: 1, reset });
    const db = await pool.connect();
    void db.close();
    await called;
    return [pool, { calls: [pool.connect()], end }];
  },
  closing: () =>
    silent({ idleTimeout: 0.05 }, async (pool) => {
      await until(() => pool.stats().retired.idle === 1);
      return [];
    }),
};

for (const [state, enter] of Object.entries(STATES)) {
  test(
    `pool: close() ends when it is ${state}, and every call with it`,
    { timeout: 60_000 },
    () =>
      withoutUnhandled(async () => {
        const [pool, { calls, end }] = await enter();
        const outcomes = Promise.allSettled(calls);
        await pool.close({ timeout: 0.2 });
        for (const outcome of await outcomes) {
          if (outcome.status === "rejected") assert.ok(outcome.reason instanceof PgError);
        }
        const { total, idle, leased, connecting, waiting } = pool.stats();
        assert.deepEqual([total, idle, leased, connecting, waiting], [0, 0, 0, 0, 0]);
        await assert.rejects(pool.connect(), /the pool is closed/);
        await end?.();
      }),
  );
}
