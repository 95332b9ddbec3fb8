/**
 * 100,000 operations of all kinds per runtime, in runs that differ in how the connections are made and
 * how the bytes arrive: no row reaches another operation, nothing hangs, nothing is left unhandled.
 * Under Node 20, which has the same code and is slower, 20,000. `CORNAC_FUZZ=1000000` makes it longer;
 * with it, `CORNAC_SEED` makes the same operations again.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connect, type Connection, type ConnectOptions, createPool } from "../../mod.ts";
import { behind, shared } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";
import { faultProxy, type Faults } from "../_kit/fault_proxy.ts";
import { sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { seedOfToday } from "../wire/model.ts";
import { type Operations, type Tally, World } from "./operations.ts";
import { COPIES_IN, COPIES_OUT } from "./operations_copy.ts";
import { LISTENING, POOL } from "./operations_pool.ts";
import { QUERIES } from "./operations_queries.ts";
import { POOL_STOPS, STOPS } from "./operations_stops.ts";
import { STREAMS } from "./operations_streams.ts";
import { TRANSACTIONS } from "./operations_transactions.ts";

const IS_NODE_20 = process.version.startsWith("v20.");
const OPERATIONS = Number(process.env.CORNAC_FUZZ ?? (IS_NODE_20 ? 20_000 : 100_000));
const SEED = seedOfToday(process.env.CORNAC_SEED);
const CONNECTIONS = 4;
const WORKERS = 4;

/** By the parts of the report. */
const PARTS: Readonly<Record<string, Operations>> = {
  queries: QUERIES,
  streams: STREAMS,
  "copies in": COPIES_IN,
  "copies out": COPIES_OUT,
  transactions: TRANSACTIONS,
  cancels: STOPS,
  pool: { ...POOL, ...POOL_STOPS },
  "listen and notify": LISTENING,
};
const ALL: Operations = Object.assign({}, ...Object.values(PARTS));

/** One way to connect and to deliver; `share`: how much of the operations. */
interface Run {
  readonly how: string;
  readonly share: number;
  readonly options?: ConnectOptions;
  readonly faults?: { readonly up?: Faults; readonly down?: Faults };
}

const RUNS: readonly Run[] = [
  { how: "as it comes", share: 0.465 },
  {
    how: "three statements kept, ten requests on the wire",
    share: 0.2,
    options: { statementCacheSize: 3, maxPipelined: 10 },
  },
  { how: "no statement kept", share: 0.1, options: { statementCacheSize: 0 } },
  { how: "over TLS", share: 0.13, options: { sslMode: "require" } },
  { how: "joined for a millisecond", share: 0.1, faults: { down: { coalesce: 0.001 } } },
  {
    how: "in pieces of seven bytes both ways",
    share: 0.004,
    faults: { up: { slice: 7 }, down: { slice: 7 } },
  },
  { how: "byte by byte", share: 0.001, faults: { down: { slice: 1 } } },
];

const all: Tally = new Map();

for (const [i, run] of RUNS.entries()) {
  const seed = SEED + i;
  const count = Math.round(OPERATIONS * run.share);
  test(
    `fuzz (seed ${SEED}): ${count} operations, ${run.how}`,
    { timeout: 3_600_000 },
    () => withoutUnhandled(() => operate(seed, count, run)),
  );
}

async function operate(seed: number, count: number, run: Run): Promise<void> {
  const name = `fuzz_${process.pid}_${seed}`;
  const [rows, most] = run.faults?.down?.slice === undefined ? [40, 3000] : [10, 200];
  const proxy = run.faults && await faultProxy(await sharedServer(), run.faults);
  const reach = proxy && { host: proxy.host, port: proxy.port };
  const options = await shared({ ...run.options, ...reach, applicationName: "fuzz" });
  const pool = createPool(options, { max: 4 });
  const dbs: Connection[] = [];
  await behind(`create table ${name} (nonce int, i int, pad text)`);
  try {
    for (let n = 1; n < 10; n++) {
      const rows = `select -${n} as nonce, i, ''::text as pad from generate_series(1, ${10 * n}) i`;
      await behind(`create view ${name}_${n} as ${rows}`);
    }
    for (let i = 0; i < CONNECTIONS; i++) dbs.push(await connect(options));
    const setting = { seed, dbs, pool, table: `public.${name}`, rows, most };
    const view = (n: number): string => `public.${name}_${n}`;
    const world = new World({ ...setting, view }, ALL);
    try {
      await world.run(count, WORKERS);
    } finally {
      add(world.tally);
    }
    await world.checkTable(dbs[0]!);
    for (const db of dbs) {
      assert.equal(db.transactionStatus, "idle");
      await assertUsable(db);
      await db.close();
    }
    await pool.close();
    assertComplete(world.tally, count);
  } finally {
    for (const db of dbs) db.destroy();
    await pool.close({ timeout: 1 });
    await proxy?.close();
    await behind(`drop table ${name} cascade`);
    const views = Array.from({ length: 9 }, (_, i) => `${name}_${i + 1}`);
    await behind(`drop view if exists ${views.join(", ")}`);
  }
}

/** Each kind has come, when chance leaves one out less than once in a million. */
function assertComplete(tally: Tally, count: number): void {
  const total = Object.values(ALL).reduce((sum, { often }) => sum + often, 0);
  const missing = Object.entries(ALL).filter(([name, { often }]) =>
    count * often / total > 30 && !tally.has(name)
  );
  assert.deepEqual(missing.map(([name]) => name), []);
}

function add(tally: Tally): void {
  for (const [name, outcomes] of tally) {
    const sums = all.get(name) ?? new Map<string, number>();
    for (const [outcome, n] of outcomes) sums.set(outcome, (sums.get(outcome) ?? 0) + n);
    all.set(name, sums);
  }
}

test("fuzz: the report counts each operation and its outcome", () => {
  for (const [part, operations] of Object.entries(PARTS)) {
    const sums = new Map<string, number>();
    for (const name of Object.keys(operations)) {
      for (const [outcome, n] of all.get(name) ?? []) {
        sums.set(outcome, (sums.get(outcome) ?? 0) + n);
      }
    }
    const list = [...sums].sort().map(([outcome, n]) => `${n} ${outcome}`);
    process.stdout.write(`# fuzz: ${part}: ${list.join(", ")}\n`);
    assert.ok(sums.size > 0);
  }
});
