import assert from "node:assert/strict";
import { test } from "node:test";
import type { BasePool, PoolClient, PoolConfig } from "../../src/compat/pg/pg.ts";
import { behind } from "../_kit/databases.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { pause, until } from "../_kit/waiting.ts";
import { alike, login, ours, outcome, peer, type PgModule, shown } from "./compat_pg_pair.ts";

/** The observations of a scenario, in order. */
type Log = string[];

/** Runs a scenario on a pool of its own; returns what it and the pool's listeners have observed. */
async function observed(
  pg: PgModule,
  options: PoolConfig,
  scenario: (pool: BasePool, log: Log, pg: PgModule) => Promise<void>,
): Promise<Log> {
  const log: Log = [];
  const pool = new pg.Pool({ ...await login(), ...options });
  const numbers = new Map<unknown, number>();
  const numberOf = (client: unknown): number => {
    if (!numbers.has(client)) numbers.set(client, numbers.size + 1);
    return numbers.get(client)!;
  };
  for (const event of ["connect", "acquire", "remove"]) {
    pool.on(event, (client: unknown) => log.push(`${event} ${numberOf(client)}`));
  }
  pool.on(
    "release",
    (error: unknown, client: unknown) =>
      log.push(`release ${numberOf(client)} ${error === undefined ? "" : alike(shown(error))}`),
  );
  pool.on("error", (error: Error, client: unknown) => {
    log.push(`error ${numberOf(client)} ${error.message}`);
  });
  try {
    await scenario(pool, log, pg);
  } finally {
    if (!pool.ending) await pool.end();
    const count = (event: string): number => log.filter((line) => line.startsWith(event)).length;
    await until(() => count("remove ") >= count("connect ")); // those of closed clients come late
    await pause(0.01);
  }
  log.push(`${pool.totalCount} ${pool.idleCount} ${pool.waitingCount} ${pool.ended}`);
  return inOrder(log);
}

/** Sorts neighbouring removals: connections that are closed together end in any order. */
function inOrder(log: Log): Log {
  const lines = log.join("\n").replaceAll(
    /(?:^remove \d+$\n?){2,}/gm,
    (removals) => removals.trim().split("\n").sort().join("\n") + "\n",
  );
  return lines.trimEnd().split("\n");
}

/** Resolves when the pool has removed a client. */
const removal = (pool: BasePool): Promise<void> =>
  new Promise((resolve) => pool.once("remove", () => resolve()));

/** Resolves when the client's backend runs `pg_sleep()`. */
const untilSleeping = ({ processID }: PoolClient): Promise<void> => {
  const sql = `select 1 from pg_stat_activity
    where pid = ${processID} and state = 'active' and query like '%pg_sleep%'`;
  return until(async () => (await behind(sql)).length > 0);
};

const counts = (pool: BasePool): string =>
  `counts ${pool.totalCount} ${pool.idleCount} ${pool.waitingCount}`;

const SCENARIOS: readonly (readonly [
  fact: string,
  options: PoolConfig,
  scenario: (pool: BasePool, log: Log, pg: PgModule) => Promise<void>,
])[] = [
  ["queries one after the other use one client", {}, async (pool, log) => {
    log.push(counts(pool));
    log.push(await outcome(pool.query("select 1 as x")));
    log.push(await outcome(pool.query("select $1::int as x", [2])));
    log.push(await outcome(pool.query({ text: "select 3 as x", rowMode: "array" })));
    log.push(counts(pool));
  }],
  ["callers wait when all clients are leased", { max: 2 }, async (pool, log) => {
    const clients = [await pool.connect(), await pool.connect()];
    const waiting = [pool.connect(), pool.connect()];
    log.push(counts(pool));
    for (const client of clients) client.release();
    for (const client of await Promise.all(waiting)) {
      log.push(`same ${clients.includes(client)}`);
      client.release();
    }
    log.push(counts(pool));
  }],
  ["many queries at once", { max: 1 }, async (pool, log) => {
    const results = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => pool.query("select $1::int as n", [n])),
    );
    log.push(results.map(({ rows }) => shown(rows)).join());
  }],
  ["release(true) and release(error) close the client", {}, async (pool, log) => {
    for (const reason of [true, new Error("unfit")]) {
      const removed = removal(pool);
      (await pool.connect()).release(reason);
      await removed;
    }
    log.push(counts(pool));
  }],
  ["a second release throws", {}, async (pool, log) => {
    const client = await pool.connect();
    client.release();
    try {
      client.release();
    } catch (error) {
      log.push(shown(error));
    }
  }],
  ["the callback form", {}, async (pool, log) => {
    await new Promise<void>((resolve) => {
      const returned: unknown = pool.connect((error, client, release) => {
        log.push(`callback ${error} ${typeof client!.query} ${typeof release}`);
        const given: unknown = client!.query("select 1 as x", (error, result) => {
          log.push(`query ${error} ${alike(shown(result))}`);
          release();
          resolve();
        });
        log.push(`returned ${given}`);
      });
      log.push(`returned ${returned}`);
    });
    await new Promise<void>((resolve) => {
      pool.query("select $1::int as x", [1], (error: unknown, result: unknown) => {
        log.push(`pool ${error} ${alike(shown(result))}`);
        resolve();
      });
    });
  }],
  ["connecting in time", { max: 1, connectionTimeoutMillis: 500 }, async (pool, log) => {
    const client = await pool.connect();
    log.push(await outcome(pool.connect()));
    client.release();
    log.push(counts(pool));
  }],
  ["idle clients are closed, but for min", { idleTimeoutMillis: 20, min: 1 }, async (pool, log) => {
    const clients = [await pool.connect(), await pool.connect()];
    for (const client of clients) client.release();
    log.push(counts(pool));
    await removal(pool);
    log.push(counts(pool));
  }],
  ["a client is closed after maxUses", { maxUses: 2 }, async (pool, log) => {
    for (let i = 1; i <= 4; i++) {
      const removed = i % 2 === 0 ? removal(pool) : undefined;
      await pool.query("select 1");
      await removed;
    }
    log.push(counts(pool));
  }],
  ["verify and onConnect are called for each new client", {
    verify: (client, callback) => client.query("select 1", (error) => callback(error as Error)),
    onConnect: (client) => client.query("set application_name = 'mine'"),
  }, async (pool, log) => {
    log.push(await outcome(pool.query("show application_name")));
  }],
  ["verify refuses a client", {
    verify: (_client, callback) => callback(new Error("not this one")),
  }, async (pool, log) => {
    const removed = removal(pool);
    log.push(await outcome(pool.connect()));
    await removed;
    log.push(counts(pool));
  }],
  ["onConnect refuses a client", {
    onConnect: () => Promise.reject(new Error("not this one")),
  }, async (pool, log) => {
    log.push(await outcome(pool.connect()));
    log.push(counts(pool));
  }],
  ["end() waits for leased clients", {}, async (pool, log) => {
    const client = await pool.connect();
    const ended = pool.end().then(() => log.push("ended"));
    log.push(`${pool.ending} ${pool.ended}`);
    log.push(await outcome(pool.connect()));
    log.push(await outcome(pool.query("select 1")));
    log.push(await outcome(pool.end()));
    log.push(await outcome(client.query("select 1 as still")));
    client.release();
    await ended;
  }],
  ["end() without a client, by callback", {}, async (pool, log) => {
    await new Promise<void>((resolve) => {
      pool.end((error) => {
        log.push(`ended ${error}`);
        resolve();
      });
    });
  }],
  ["a lost idle client is removed, with an error", {}, async (pool, log) => {
    const client = await pool.connect();
    const { processID } = client;
    client.release();
    const removed = removal(pool);
    await behind(`select pg_terminate_backend(${processID})`);
    await removed;
    log.push(await outcome(pool.query("select 1 as again")));
  }],
  ["a client is released whose session was killed in its query", {}, async (pool, log) => {
    const client = await pool.connect();
    const removed = removal(pool);
    const released = client.query("select pg_sleep(60)").catch((error: Error) => {
      log.push(shown(error));
      client.release();
    });
    await untilSleeping(client);
    await behind(`select pg_terminate_backend(${client.processID})`);
    await released;
    await removed;
    log.push(counts(pool));
    log.push(await outcome(pool.query("select 1 as again")));
  }],
  ["a function in place of a query", {}, async (pool, log) => {
    await new Promise<void>((resolve) => {
      pool.query(
        ((error: Error) => {
          log.push(error.message);
          resolve();
        }) as unknown as string,
      );
    });
  }],
  ["no server", { port: 1, host: "127.0.0.1" }, async (pool, log) => {
    log.push(await outcome(pool.query("select 1")));
    log.push(await outcome(pool.connect()));
    log.push(counts(pool));
  }],
  ["the options", { max: 7, password: "secret" }, (pool, log) => {
    const { options } = pool;
    log.push(Object.keys(options).filter((key) => key !== "ssl").sort().join());
    log.push(`${options.max} ${options.min} ${options.idleTimeoutMillis} ${options.password}`);
    log.push(`${pool.constructor.name} ${"_connected" in pool}`);
    return Promise.resolve();
  }],
];

for (const [fact, options, scenario] of SCENARIOS) {
  test(`compat/pg pool: ${fact}: events and results are as with pg`, () =>
    withoutUnhandled(async () => {
      const theirs = await observed(peer, options, scenario);
      assert.deepEqual(await observed(ours, options, scenario), theirs);
    }));
}

test("compat/pg pool: a query that fails leaves a fit client in the pool", () =>
  withoutUnhandled(async () => {
    const log = await observed(ours, {}, async (pool, log) => {
      log.push(await outcome(pool.query("select 1/0").catch((error: Error) => error.message)));
      log.push(counts(pool));
      await pool.query("begin; select 1/0").catch(() => {});
      await until(() => Promise.resolve(pool.totalCount === 0));
    });
    assert.deepEqual(log.slice(0, 5), [
      ...["connect 1", "acquire 1", "release 1 null", '"division by zero"', "counts 1 1 0"],
    ]);
  }));

test("compat/pg pool: a lost idle client does not end the process without a listener", () =>
  withoutUnhandled(async () => {
    const pool = new ours.Pool(await login());
    const client: PoolClient = await pool.connect();
    client.release();
    await behind(`select pg_terminate_backend(${client.processID})`);
    await until(() => Promise.resolve(pool.totalCount === 0));
    assert.equal((await pool.query("select 1 as x")).rowCount, 1);
    await pool.end();
  }));

test("compat/pg pool: a caller that waits does not get a client whose session was killed", () =>
  withoutUnhandled(async () => {
    const log = await observed(ours, { max: 1 }, async (pool, log) => {
      const client = await pool.connect();
      const waiting = pool.query("select 1 as x").then(({ rows }) => log.push(shown(rows)));
      client.query("select pg_sleep(60)").catch(() => client.release());
      await untilSleeping(client);
      await behind(`select pg_terminate_backend(${client.processID})`);
      await waiting;
    });
    assert.deepEqual(log.slice(0, 7), [
      ...["connect 1", "acquire 1", "release 1 ", "remove 1"],
      ...["error 1 Connection terminated unexpectedly", "connect 2", "acquire 2"],
    ]);
  }));
