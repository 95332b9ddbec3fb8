/** Connections whose server stops or crashes, and what many connections leave behind. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  connect,
  type Connection,
  type ConnectOptions,
  InterfaceError,
  OperationalError,
  PgError,
} from "../../mod.ts";
import { type Cluster, startCluster, type StopMode } from "../_kit/cluster.ts";
import { collector } from "../_kit/collector.ts";
import { failure } from "../_kit/outcomes.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { over, refusal, rootPath } from "./connecting.ts";

/** The full count is 2,000, as `CORNAC_CHURN`. */
const CHURN = Number(process.env.CORNAC_CHURN ?? 120);

/** An idle and a busy connection when the server stops, and the error of the next one. */
async function goes(
  tls: ConnectOptions,
  gone: (cluster: Cluster) => Promise<void>,
  check: (reasons: { busy: PgError; idle: PgError; next: PgError }) => void,
): Promise<void> {
  const cluster = await startCluster();
  try {
    await withoutUnhandled(async () => {
      const options = over(cluster, { user: "postgres", ...tls });
      const [busy, idle] = [await connect(options), await connect(options)];
      const running = failure(busy.query("select pg_sleep(60)"), PgError);
      await untilRunning(cluster);
      await gone(cluster);
      await Promise.all([busy.closed, idle.closed]);
      const late = await failure(idle.query("select 1"));
      assert.ok(late instanceof InterfaceError);
      check({ busy: await running, idle: late.cause as PgError, next: await refusal(options) });
      await Promise.all([busy.close(), idle.close()]);
    });
  } finally {
    await cluster.stop();
  }
}

async function untilRunning(cluster: Cluster): Promise<void> {
  const sql = "select count(*) from pg_stat_activity where query like 'select pg_sleep%'";
  while ((await cluster.query(sql))[0]![0] !== "1");
}

for (const [name, tls] of [["plain", {}], ["TLS", { sslMode: "require" }]] as const) {
  const stopped = (mode: StopMode, code: string) => async () => {
    await goes(tls, (cluster) => cluster.halt(mode), ({ busy, idle, next }) => {
      for (const error of [busy, idle]) {
        assert.ok(error instanceof OperationalError, String(error));
        assert.equal(error.code, code);
        assert.equal(error.safeToRetry, false);
      }
      assert.match(busy.message, /terminating connection/);
      assert.equal(next.code, "08001");
    });
  };

  test(`life: a server that is shut down says so, 57P01 (${name})`, stopped("fast", "57P01"));

  test(`life: a server that stops at once is reported by its last message, or as lost (${name})`, async () => {
    await goes(tls, (cluster) => cluster.halt("immediate"), ({ busy, idle }) => {
      for (const error of [busy, idle]) {
        assert.ok(error instanceof OperationalError, String(error));
        assert.ok(["57P01", "57P02", "08006"].includes(error.code!), error.code);
      }
    });
  });

  test(`life: a backend that is killed is a lost connection, 08006 (${name})`, async () => {
    const server = await startCluster();
    try {
      const db = await connect(over(server, { user: "postgres", ...tls }));
      const running = failure(db.query("select pg_sleep(60)"));
      await untilRunning(server);
      process.kill(db.processId, "SIGKILL");
      const error = await running;
      await db.closed;
      assert.ok(error instanceof OperationalError);
      assert.ok(["08006", "57P02"].includes(error.code!), `${error.code} ${error.message}`);
    } finally {
      await server.stop();
    }
  });
}

test("life: pg_terminate_backend ends the query with the server's own words", async () => {
  const server = await sharedServer();
  const db = await connect(over(server, { user: "u_trust" }));
  const running = failure(db.query("select pg_sleep(60)"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await serverQuery(server, `select pg_terminate_backend(${db.processId})`);
  const error = await running;
  assert.equal(error.code, "57P01");
  await db.closed;
});

/** Resources of this process: files and sockets on Linux, timers and others on Node. */
function held(): { descriptors: number; resources: number } {
  const descriptors = existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0;
  const { getActiveResourcesInfo } = process as { getActiveResourcesInfo?: () => string[] };
  const list = "Deno" in globalThis ? [] : getActiveResourcesInfo?.() ?? [];
  return { descriptors, resources: list.filter((one) => /TCP|TLS|Timeout/.test(one)).length };
}

const collect = collector();

/** Bytes of heap after a collection, where the runtime lets one be asked for. */
function heap(): number {
  collect?.();
  return process.memoryUsage().heapUsed;
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test(`life: ${CHURN} connections with TLS and SCRAM, opened and closed, leave nothing behind`, {
  timeout: 120_000 + CHURN * 500,
}, async () => {
  const server = await sharedServer();
  const login = { user: "u_scram", password: "p scram", sslMode: "verify-full" } as const;
  const options = over(server, {
    ...login,
    sslRootCert: await rootPath(),
    applicationName: "churn",
  });
  const some = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const db: Connection = await connect(options);
      if (i % 2 === 0) await db.query("select 1");
      if (i % 10 === 9) db.destroy();
      else await db.close();
    }
    await turn();
  };
  await some(Math.ceil(CHURN / 4));
  const before = { ...held(), heap: heap() };
  await some(CHURN);
  const after = { ...held(), heap: heap() };
  // A connection that stayed would take over a hundred kilobytes.
  const growth = (after.heap - before.heap) / CHURN;
  const count = (of: "descriptors" | "resources") => `${of} ${before[of]} → ${after[of]}`;
  process.stdout.write(
    `# churn: ${CHURN} connections, ${count("descriptors")}, ${count("resources")}, ` +
      `${Math.round(growth)} bytes of heap each\n`,
  );
  assert.ok(after.descriptors <= before.descriptors + 2, JSON.stringify([before, after]));
  assert.ok(after.resources <= before.resources + 2, JSON.stringify([before, after]));
  if (collect !== undefined) {
    assert.ok(growth < 20_000, `${growth} bytes of heap for each connection`);
  }
  const sql = "select count(*) from pg_stat_activity where application_name = 'churn'";
  for (let open = "1"; open !== "0";) open = (await serverQuery(server, sql))[0]![0]!;
});
