import type { PoolClient } from "../peer.ts";
import { POINTS, verifyPoints } from "../queries.ts";
import { TEXTS } from "../texts.ts";
import type { Workload } from "../workload.ts";

const CALLERS = 50;

/** The properties of workloads that measure the cost of a pool, with one caller and with many. */
const POOL = { group: "pool", needs: "openPool", turn: 1 / 6 } as const;

const workloads: Workload[] = [
  {
    ...POOL,
    name: "checkout, 1 caller",
    unit: "checkout",
    step: ({ pool }) => checkouts(pool(), 400),
    verify: async ({ pool }) => void await checkouts(pool(), 1),
  },
  {
    ...POOL,
    name: `checkout, ${CALLERS} callers`,
    unit: "checkout",
    step: ({ pool }) => atOnce(() => checkouts(pool(), 8)),
    verify: async ({ pool }) => void await atOnce(() => checkouts(pool(), 1)),
  },
  {
    ...POOL,
    name: "query, 1 caller",
    unit: "query",
    step: ({ pool }) => queries(pool(), 0, 8),
    verify: ({ pool }) => verifyPoints(pool(), true),
  },
  {
    ...POOL,
    name: `query, ${CALLERS} callers`,
    unit: "query",
    step: ({ pool }) => atOnce((caller) => queries(pool(), caller, 4)),
    verify: ({ pool }) => verifyPoints(pool(), true),
  },
];

export default workloads;

async function checkouts(pool: PoolClient, count: number): Promise<number> {
  for (let i = 0; i < count; i++) await pool.checkout();
  return count;
}

async function queries(pool: PoolClient, first: number, count: number): Promise<number> {
  for (let i = 0; i < count; i++) {
    await pool.query(TEXTS.point, POINTS[(first + i) % POINTS.length]!);
  }
  return count;
}

async function atOnce(work: (caller: number) => Promise<number>): Promise<number> {
  const counts = await Promise.all(Array.from({ length: CALLERS }, (_, caller) => work(caller)));
  return counts.reduce((sum, count) => sum + count, 0);
}
