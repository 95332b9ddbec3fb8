/** Pools that ask for a kind of server, when the servers change theirs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConnectOptions, createPool, PgError, type Pool } from "../../mod.ts";
import { pause, until } from "../_kit/waiting.ts";
import { type Cluster, startCluster } from "../_kit/cluster.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** A primary and its standby, which must have a write before it is acknowledged. */
async function withPair(work: (primary: Cluster, standby: Cluster) => Promise<void>) {
  const primary = await startCluster();
  try {
    const standby = await primary.standby();
    try {
      await primary.query("create table failover (nonce text primary key)");
      await primary.query("alter system set synchronous_standby_names = '*'");
      await primary.query("select pg_reload_conf()");
      await until(async () => {
        const [[state]] = await primary.query(
          "select max(sync_state) from pg_stat_replication",
        ) as [
          [string | null],
        ];
        return state === "sync";
      }, 30);
      await withoutUnhandled(() => work(primary, standby));
    } finally {
      await standby.stop();
    }
  } finally {
    await primary.stop();
  }
}

function reaching(
  servers: readonly Cluster[],
  targetSessionAttrs: ConnectOptions["targetSessionAttrs"],
): ConnectOptions {
  const [host, port] = [servers.map(({ host }) => host), servers.map(({ port }) => port)];
  return { host, port, user: "postgres", database: "postgres", targetSessionAttrs };
}

/** The outcomes of the calls of many clients. */
interface Tally {
  readonly acknowledged: string[];
  failed: number;
  readonly untyped: unknown[];
}

/** Clients that write until `isOver`, each in its own way: a query, a transaction, a copy. */
async function writers(pool: Pool, count: number, isOver: () => boolean, tally: Tally) {
  const client = async (id: number): Promise<void> => {
    for (let i = 0; !isOver(); i++) {
      const nonce = `${id}.${i}`;
      const text = "insert into failover values ($1)";
      try {
        if (id % 3 === 0) await pool.query(text, [nonce]);
        else if (id % 3 === 1) await pool.transaction((tx) => tx.query(text, [nonce]));
        else await pool.copyFrom("copy failover from stdin", `${nonce}\n`);
        tally.acknowledged.push(nonce);
      } catch (error) {
        tally.failed++;
        if (!(error instanceof PgError)) tally.untyped.push(error);
        await pause(0.005);
      }
    }
  };
  await Promise.all(Array.from({ length: count }, (_, id) => client(id)));
}

test(
  "pool failover: the primary stops and its standby is promoted under load; writes resume, and none is lost",
  {
    timeout: 120_000,
  },
  (t) =>
    withPair(async (primary, standby) => {
      const pool = createPool(reaching([primary, standby], "read-write"), { max: 6 });
      const tally: Tally = { acknowledged: [], failed: 0, untyped: [] };
      let isOver = false;
      const working = writers(pool, 24, () => isOver, tally);
      try {
        const changes = await pool.listen("failover");
        await until(() => tally.acknowledged.length > 100, 30);
        await primary.halt("fast");
        const before = tally.acknowledged.length;
        await standby.query("select pg_promote()");
        await until(() => tally.acknowledged.length > before + 100, 30);
        const { value } = await changes.next();
        assert.equal(value?.type, "gap");
        await standby.query("notify failover, 'promoted'");
        assert.equal(
          (await changes.next() as { value: { payload: string } }).value.payload,
          "promoted",
        );
        isOver = true;
        await working;
        const rows = await standby.query("select nonce from failover");
        const present = new Set(rows.map(([nonce]) => nonce));
        const missing = tally.acknowledged.filter((nonce) => !present.has(nonce));
        t.diagnostic?.(
          `failover: ${tally.acknowledged.length} acknowledged, ${before} before, ` +
            `${missing.length} missing, ${tally.failed} failed`,
        );
        assert.deepEqual([missing, tally.untyped], [[], []]);
        assert.ok(tally.failed > 0);
        assert.deepEqual([pool.stats().leased, pool.stats().waiting], [0, 0]);
      } finally {
        isOver = true;
        await pool.close({ timeout: 2 });
        await working;
      }
    }),
);

test(
  "pool failover: connections to a standby that is promoted are closed; who wanted one to read from does not get it again",
  {
    timeout: 120_000,
  },
  () =>
    withPair(async (primary, standby) => {
      const roles: readonly [ConnectOptions["targetSessionAttrs"], takesPrimary: boolean][] = [
        ["read-only", false],
        ["any", true],
      ];
      const pools = roles.map(([role]) => createPool(reaching([standby], role), { max: 2 }));
      const ask = "select pg_is_in_recovery()";
      try {
        for (const pool of pools) assert.equal(await pool.query(ask).scalar(), true);
        const error = await writeError(pools[0]!);
        assert.equal(error.code, "25006");
        // Who asked for a server to read from keeps it, whatever is tried on it.
        assert.equal(pools[0]!.stats().retired.evicted, 0);
        await primary.halt("immediate");
        await standby.query("select pg_promote()");
        for (const [i, pool] of pools.entries()) {
          const evicted = () => pool.stats().retired.evicted > 0;
          await until(async () => await pool.query(ask, [], { timeout: 5 }).then(evicted, evicted));
          const isTaken = await pool.connect({ timeout: 1 }).then(
            (db) => db.close(),
            () => "refused",
          );
          assert.equal(isTaken !== "refused", roles[i]![1]);
        }
      } finally {
        for (const pool of pools) await pool.close({ timeout: 1 });
      }
    }),
);

test("pool failover: a primary that is made read-only loses its connections with the first refusal, not with each", async () => {
  const cluster = await startCluster();
  const pool = createPool(reaching([cluster], "read-write"), { max: 4, acquireTimeout: 20 });
  const any = createPool(reaching([cluster], "any"), { max: 1 });
  try {
    await cluster.query("create table failover (nonce text)");
    const taken = await Promise.all([1, 2, 3, 4].map(() => pool.connect()));
    for (const db of taken) await db.close();
    const changed = await any.connect();
    await changed.query("set default_transaction_read_only = on");
    await changed.close();
    assert.equal(await any.query("select 1 as n").scalar(), 1);
    assert.equal(any.stats().retired.evicted, 0, "one's own setting is no reason");

    await cluster.query("alter system set default_transaction_read_only = on");
    await cluster.query("select pg_reload_conf()");
    await until(async () => (await writeError(pool).catch(() => undefined))?.code === "25006");
    // One by its refusal; others report the new setting when their sessions are cleaned.
    assert.ok(pool.stats().retired.evicted >= 1);
    const waiting = pool.query("insert into failover values ('late')").execute();
    await until(() => pool.stats().retired.evicted === 4 && pool.stats().failedConnects > 0);
    await cluster.query("alter system reset default_transaction_read_only");
    await cluster.query("select pg_reload_conf()");
    assert.equal((await waiting).rowCount, 1);
  } finally {
    await pool.close({ timeout: 2 });
    await any.close({ timeout: 2 });
    await cluster.stop();
  }
});

/** The error of a write: one message, amid which no setting of the server changes. */
async function writeError(pool: Pool): Promise<PgError> {
  try {
    await pool.query("insert into failover values ('x')").simple();
  } catch (error) {
    assert.ok(error instanceof PgError);
    return error;
  }
  throw new Error("it was written");
}
