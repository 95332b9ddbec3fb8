import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connect, type ConnectOptions, type DatabaseError } from "../../mod.ts";
import { type FaultProxy, faultProxy } from "../_kit/fault_proxy.ts";
import { pooledOptions } from "../_kit/pooled.ts";
import { sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { type Kind, type Mix, runModel, seedOfToday } from "../wire/model.ts";

/** Kinds that are safe beside each other in one burst. */
const MIX: Mix = {
  cached: 30,
  new: 10,
  rows: 10,
  unprepared: 5,
  "failing parse": 5,
  "failing execute": 5,
  unencodable: 5,
  undefined: 3,
  "wrong count": 2,
  aborted: 5,
  array: 8,
  null: 5,
  simple: 4,
  "failing simple": 3,
};
const seed = seedOfToday(process.env.MODEL_SEED);

async function talk(
  options: ConnectOptions,
  run: { count: number; burst: number; mix: Mix },
  least: Partial<Record<Kind, number>>,
): Promise<void> {
  const { host, port } = await sharedServer();
  await withoutUnhandled(async () => {
    const login = { host, port, user: "u_trust", database: "postgres" };
    const db = await connect({ ...login, ...pooledOptions(), ...options });
    try {
      const seen = await runModel(db, seed, run);
      assert.equal([...seen.values()].reduce((sum, n) => sum + n, 0), run.count);
      for (const [kind, n] of Object.entries(least)) {
        assert.ok((seen.get(kind as Kind) ?? 0) >= n, `${kind}: ${seen.get(kind as Kind)} of ${n}`);
      }
      assert.equal(db.transactionStatus, "idle");
    } finally {
      await db.close();
    }
  });
}

async function slicing(size: number, body: (proxy: FaultProxy) => Promise<void>): Promise<void> {
  const proxy = await faultProxy(await sharedServer(), { down: { slice: size } });
  try {
    await body(proxy);
  } finally {
    await proxy.close();
  }
}

/** A fiftieth of the expected number of each kind, so that none is missing. */
function some(count: number, mix: Mix): Partial<Record<Kind, number>> {
  const total = Object.values(mix).reduce((sum, n) => sum + n, 0);
  const entries = Object.entries(mix);
  return Object.fromEntries(entries.map(([kind, n]) => [kind, Math.ceil(count * n / total / 50)]));
}

test(`model (seed ${seed}): 5,000 mixed requests in bursts of up to 200`, () =>
  talk({}, { count: 5000, burst: 200, mix: MIX }, some(5000, MIX)));

test(`model (seed ${seed}): with a cache of three statements and ten requests on the wire`, () =>
  talk(
    { statementCacheSize: 3, maxPipelined: 10 },
    { count: 2000, burst: 100, mix: MIX },
    some(2000, MIX),
  ));

test(`model (seed ${seed}): without a statement cache`, () =>
  talk({ statementCacheSize: 0 }, { count: 1000, burst: 50, mix: MIX }, some(1000, MIX)));

test(`model (seed ${seed}): over TLS`, () =>
  talk({ sslMode: "require" }, { count: 1000, burst: 100, mix: MIX }, some(1000, MIX)));

test(`model (seed ${seed}): parameters and rows of 1 MB among the others`, () => {
  const mix: Mix = { ...MIX, large: 15 };
  return talk({}, { count: 150, burst: 30, mix }, { large: 2, cached: 2 });
});

test(`model (seed ${seed}): queries that time out and are cancelled among the others`, () => {
  const mix: Mix = { ...MIX, cancelled: 8 };
  return talk({}, { count: 200, burst: 20, mix }, { cancelled: 2, cached: 10 });
});

test(`model (seed ${seed}): answers that arrive byte by byte`, () =>
  slicing(1, ({ host, port }) =>
    talk(
      { host, port, sslMode: "disable" },
      { count: 150, burst: 50, mix: MIX },
      { cached: 10, new: 2 },
    )));

test(`model (seed ${seed}): answers that arrive in pieces of seven bytes`, () =>
  slicing(7, ({ host, port }) =>
    talk(
      { host, port, sslMode: "disable", statementCacheSize: 4 },
      { count: 600, burst: 50, mix: MIX },
      some(600, MIX),
    )));

test("model: in a transaction that failed everything fails until the rollback, and nothing after", async () => {
  const { host, port } = await sharedServer();
  const login = { host, port, user: "u_trust", database: "postgres" };
  const db = await connect({ ...login, ...pooledOptions() });
  try {
    for (let round = 0; round < 50; round++) {
      const queries = [
        db.query("begin"),
        db.query("select $1::text as nonce", [`before ${round}`]),
        db.query("select 1 / $1::int4", [0]),
        db.query("select $1::text as nonce", [`inside ${round}`]),
        db.query(`select ${round % 7}, $1::text as nonce`, ["new"]),
        db.query("rollback"),
        db.query("select $1::text as nonce", [`after ${round}`]),
      ].map((query) => query.execute());
      const outcomes = await Promise.allSettled(queries);
      const codes = outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? "ok" : (outcome.reason as DatabaseError).code
      );
      assert.deepEqual(codes, ["ok", "ok", "22012", "25P02", "25P02", "ok", "ok"]);
      assert.deepEqual([...await queries[6]!], [{ nonce: `after ${round}` }]);
    }
  } finally {
    await db.close();
  }
});
