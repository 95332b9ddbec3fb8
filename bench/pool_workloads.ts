import type { PoolPeer } from "./peer.ts";
import type { Workload } from "./workloads.ts";

const POINT = "select typname, typlen, typbyval from pg_type where oid = $1";
const POINTS: readonly (readonly [number])[] = [16, 20, 21, 23, 25, 700, 701, 1043].map((o) => [o]);

/** Connections of each pool. */
export const MAX = 8;

const CALLERS = 50;

/** Workloads that measure the cost of a pool, with one caller and with many; every peer runs them. */
export const POOL_WORKLOADS: readonly Workload<PoolPeer>[] = [
  {
    name: "checkout, 1 caller",
    unit: "checkout",
    step: (pool) => checkouts(pool, 400),
    verify: async (pool) => void await checkouts(pool, 1),
  },
  {
    name: `checkout, ${CALLERS} callers`,
    unit: "checkout",
    step: (pool) => atOnce(() => checkouts(pool, 8)),
    verify: async (pool) => void await atOnce(() => checkouts(pool, 1)),
  },
  {
    name: "query, 1 caller",
    unit: "query",
    step: (pool) => queries(pool, 0, 8),
    verify: verifyQuery,
  },
  {
    name: `query, ${CALLERS} callers`,
    unit: "query",
    step: (pool) => atOnce((caller) => queries(pool, caller, 4)),
    verify: verifyQuery,
  },
];

async function checkouts(pool: PoolPeer, count: number): Promise<number> {
  for (let i = 0; i < count; i++) await pool.checkout();
  return count;
}

async function queries(pool: PoolPeer, first: number, count: number): Promise<number> {
  for (let i = 0; i < count; i++) await pool.query(POINT, POINTS[(first + i) % POINTS.length]!);
  return count;
}

async function atOnce(work: (caller: number) => Promise<number>): Promise<number> {
  const counts = await Promise.all(Array.from({ length: CALLERS }, (_, caller) => work(caller)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function verifyQuery(pool: PoolPeer): Promise<void> {
  const answers = await Promise.all(POINTS.map((point) => pool.query(POINT, point)));
  const names = answers.map((rows) => (rows[0] as { typname?: string }).typname).join(" ");
  if (names !== "bool int8 int2 int4 text float4 float8 varchar") {
    throw new Error(`wrong answer: ${names}`);
  }
}
