/**
 * Two hundred clients through eight connections while the server or the network fails: a few seconds
 * per kind of failure, a minute with CORNAC_CHAOS=full. What came of it is printed.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import { inTime, pause, until } from "../_kit/waiting.ts";
import { type Cluster, startCluster } from "../_kit/cluster.ts";
import { type FaultProxy, faultProxy } from "../_kit/fault_proxy.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { Ledger, runClients } from "./pool_clients.ts";
import { as } from "./pool_server.ts";

const SECONDS = process.env.CORNAC_CHAOS === "full" ? 60 : 2;
const [CLIENTS, MAX] = [200, 8];

/** Seconds that a connection may be silent while an answer is due. */
const SILENCE = 0.5;

/** Does harm, and resolves when the server can be reached again. */
type Fault = (cluster: Cluster, proxy: FaultProxy) => Promise<unknown>;

const BACKENDS = "pg_stat_activity where backend_type = 'client backend' and " +
  "pid <> pg_backend_pid() and application_name = 'chaos'";

/** The postmaster then ends all other backends and recovers. */
const kill: Fault = async (cluster) => {
  const pids = (await cluster.query(`select pid from ${BACKENDS} order by random()`)).flat();
  if (pids.length === 0) return;
  try {
    process.kill(Number(pids[0]), "SIGKILL");
  } catch { /* it has ended meanwhile */ }
  const left = `select count(*) from ${BACKENDS} and pid in (${pids.join(", ")})`;
  await until(() => cluster.query(left).then(([row]) => row?.[0] === "0", () => false), 30);
};

const terminate: Fault = (cluster) =>
  cluster.query(`select pg_terminate_backend(pid) from ${BACKENDS} and random() < 0.5`);

/** Nothing passes for a while; what was swallowed never will. */
const stall: Fault = async (_, { up, down }) => {
  up.stallAt = down.stallAt = 0;
  await pause(2 * SILENCE);
  up.stallAt = down.stallAt = undefined;
};

interface Row {
  readonly name: string;
  /** One after the other, over and over. */
  readonly faults: readonly Fault[];
  readonly maxLifetime?: number;
}

const ROWS: readonly Row[] = [
  { name: "backends killed (-9) and terminated", faults: [kill, terminate] },
  { name: "immediate restarts", faults: [(cluster) => cluster.restart("immediate")] },
  {
    name: "connections reset, closed, silent",
    faults: [
      (_, proxy) => Promise.resolve(proxy.cut("reset")),
      stall,
      (_, proxy) => Promise.resolve(proxy.cut("end")),
    ],
  },
  { name: "maxLifetime 1", faults: [], maxLifetime: 1 },
];

/** Seconds between the return of the server and the first answer: to any call, and to the last one. */
interface Away {
  readonly all: number;
  readonly last: number;
}

async function served(pool: Pool, ledger: Ledger): Promise<Away> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const all = ledger.next().then(seconds);
  await until(() => pool.query("select 1").then(() => true, () => false), 30);
  const last = seconds();
  return { all: await all, last };
}

/** Harms for {@linkcode SECONDS}, at least once in each way. */
async function harm(
  { faults }: Row,
  pool: Pool,
  ledger: Ledger,
  cluster: Cluster,
  proxy: FaultProxy,
): Promise<Away[]> {
  const away: Away[] = [];
  const end = performance.now() + SECONDS * 1000;
  while (away.length < faults.length || performance.now() < end) {
    await pause(0.3);
    await faults[away.length % faults.length]?.(cluster, proxy);
    away.push(await served(pool, ledger));
  }
  return away;
}

/** Checks the ledger against the table. */
async function audit(cluster: Cluster, ledger: Ledger): Promise<string> {
  const there = new Set((await cluster.query("select id from chaos")).flat());
  const lost = ledger.acknowledged.filter((id) => !there.has(id));
  assert.deepEqual(lost, [], "acknowledged writes are lost");
  const { acknowledged: { length } } = ledger;
  assert.ok(there.size - length <= ledger.failed, "more was written than was asked for");
  return `${length} writes acknowledged and there, ${there.size - length} more in doubt`;
}

function tell({ name }: Row, ledger: Ledger, away: readonly Away[], rest: string): void {
  const { good, failed, why, longest } = ledger;
  const all = Math.max(...away.map((one) => one.all)).toFixed(2);
  const last = Math.max(...away.map((one) => one.last)).toFixed(2);
  process.stdout.write(
    `# chaos, ${name}, ${SECONDS} s: ${good} calls good, ${failed} failed (${why}), ` +
      `0 hung, wrong, untyped or unhandled; ${away.length} times harmed, back within ${all} s, ` +
      `for who came last within ${last} s; longest call ${longest.toFixed(2)} s; ${rest}\n`,
  );
}

for (const row of ROWS) {
  test(
    `pool chaos: ${CLIENTS} clients through ${MAX} connections, ${row.name}`,
    { timeout: 180_000 },
    () =>
      withoutUnhandled(async () => {
        const cluster = await startCluster();
        const proxy = await faultProxy(cluster);
        const { maxLifetime } = row;
        const connection = { ...as(proxy), applicationName: "chaos", timeout: SILENCE };
        const pool = createPool(connection, { max: MAX, maxLifetime, acquireTimeout: 20 });
        try {
          await cluster.query("create table chaos (id text primary key)");
          const ledger = new Ledger();
          let isOver = false;
          const clients = runClients(pool, CLIENTS, ledger, () => isOver);
          const away = await harm(row, pool, ledger, cluster, proxy);
          isOver = true;
          assert.ok(await inTime(clients, 40), `calls hang: ${JSON.stringify(pool.stats())}`);
          assert.deepEqual([ledger.wrong, ledger.untyped], [0, []]);
          assert.ok(ledger.good > CLIENTS, ledger.why);
          const { retired, created } = pool.stats();
          if (maxLifetime === undefined) assert.ok(created > MAX && retired.lost > 0);
          else assert.ok(ledger.failed === 0 && retired.lifetime >= MAX, ledger.why);
          const rest = await audit(cluster, ledger);
          tell(row, ledger, away, `${created} connections; ${rest}`);
        } finally {
          await pool.close({ timeout: 2 });
          await proxy.close();
          await cluster.stop();
        }
        assert.equal(pool.stats().total, 0);
      }),
  );
}
