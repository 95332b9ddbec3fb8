/** A primary that crashes under load, and its standby, which is promoted. Source: manual, "Logical Replication Failover". */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type ConnectOptions, createPool, type Pool } from "../../mod.ts";
import {
  connectReplication,
  Lsn,
  replicate,
  ReplicationSetupError,
  slots,
} from "../../src/replication/replication.ts";
import { type Cluster, startCluster } from "../_kit/cluster.ts";
import { failure } from "../_kit/outcomes.ts";
import { majors } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { pause, until } from "../_kit/waiting.ts";

const SLOT = "survivor";

function loginOf(...clusters: Cluster[]): ConnectOptions {
  return {
    host: clusters.map(({ host }) => host),
    port: clusters.map(({ port }) => port),
    ...{ user: "postgres", database: "postgres", sslMode: "disable" },
  };
}

/** A pair in which each acknowledged commit is on the standby, and no consumer gets ahead of it. */
async function withPair(
  major: number,
  work: (primary: Cluster, standby: Cluster) => Promise<void>,
): Promise<void> {
  const settings = { hot_standby_feedback: "on", wal_receiver_status_interval: "1" };
  const primary = await startCluster({ major, settings });
  let standby: Cluster | undefined;
  try {
    await primary.query("select pg_create_physical_replication_slot('standby')");
    await primary.query("create table t (id int primary key, unit int)");
    await primary.query("create publication p for table t");
    const { socketDirectory, port } = primary;
    standby = await primary.standby({
      primary_slot_name: "standby",
      primary_conninfo: `host=${socketDirectory} port=${port} user=postgres dbname=postgres`,
      sync_replication_slots: "on",
    });
    await primary.query("alter system set synchronized_standby_slots = 'standby'");
    await primary.query("alter system set synchronous_standby_names = '*'");
    await primary.query("select pg_reload_conf()");
    await withoutUnhandled(() => work(primary, standby!));
  } finally {
    await standby?.stop();
    await primary.stop();
  }
}

/** Clients that write units of three rows, each in a transaction, until they are stopped. */
class Writers {
  /** The units whose commits were acknowledged. */
  readonly acknowledged: number[] = [];
  readonly #pool: Pool;
  readonly #running: Promise<void[]>;
  #isOver = false;

  constructor(login: ConnectOptions) {
    this.#pool = createPool(login, { max: 4, acquireTimeout: 60 });
    this.#running = Promise.all([1, 2, 3].map((writer) => this.#write(writer)));
  }

  /** Resolves after 50 more commits. */
  async more(): Promise<void> {
    const before = this.acknowledged.length;
    await until(() => this.acknowledged.length > before + 50);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    await this.#pool.close();
  }

  async #write(writer: number): Promise<void> {
    const text = "insert into t select $1 * 3 + i, $1 from generate_series(0, 2) i";
    for (let unit = writer * 1_000_000; !this.#isOver; unit++) {
      try {
        await this.#pool.query(text, [unit]);
        this.acknowledged.push(unit);
      } catch {
        await pause(0.02); // the outcome is unknown: the table says it later
      }
    }
  }
}

/** Waits until the standby has the slot, and checks that it cannot be used there yet. */
async function untilReady(primary: Cluster, standby: Cluster): Promise<void> {
  const follower = await connect(loginOf(standby));
  await until(async () => {
    await primary.query("select pg_log_standby_snapshot()");
    await pause(0.1);
    return await slots.ready(follower, SLOT);
  }, 60);
  await follower.close();
  const early = await connectReplication(loginOf(standby));
  const options = { proto_version: 1, publication_names: "p" };
  const synced = await failure(early.startLogical(SLOT, { options }), ReplicationSetupError);
  assert.equal(synced.problem, "synced");
  await early.close();
}

async function promote(primary: Cluster, standby: Cluster): Promise<void> {
  await primary.halt("immediate");
  await standby.query("alter system set synchronous_standby_names = ''");
  await standby.query("alter system set synchronized_standby_slots = ''");
  await standby.query("select pg_reload_conf()");
  await standby.query("select pg_promote()");
}

for (const major of majors().filter((major) => major >= 17)) {
  test(`pain 19: promotion under load: the stream goes on, nothing is lost (${major})`, async () => {
    await withPair(major, async (primary, standby) => {
      const both = { ...loginOf(primary, standby), targetSessionAttrs: "read-write" as const };
      const slot = { name: SLOT, failover: true };
      const stream = replicate({ ...both, slot, publication: "p", reconnect: { maxDelay: 0.2 } });
      const seen: { id: number; again: boolean }[] = [];
      const running = stream.run(async (tx) => {
        for await (const change of tx) {
          if (change.kind !== "insert") continue;
          seen.push({ id: change.new.id as number, again: tx.redelivered });
        }
      });
      await until(() => stream.state?.state === "streaming");
      const writers = new Writers(both);
      await untilReady(primary, standby);
      await writers.more();
      await promote(primary, standby);
      await writers.more();
      await writers.stop();

      const table = (await standby.query("select id from t order by id")).map(([id]) => Number(id));
      await until(() => new Set(seen.map(({ id }) => id)).size >= table.length);
      await stream.close();
      await running;
      assert.deepEqual([...new Set(seen.map(({ id }) => id))].sort((a, b) => a - b), table);
      const units = new Set(table.map((id) => Math.floor(id / 3)));
      assert.deepEqual(writers.acknowledged.filter((unit) => !units.has(unit)), []);
      const before = new Set<number>();
      const repeated = seen.filter(({ id }) => before.size === before.add(id).size);
      assert.ok(repeated.every(({ again }) => again), "only unconfirmed transactions come twice");
      assert.equal(repeated.length % 3, 0, "as a whole");
      await checkTimelines(standby);
    });
  });
}

/** The promoted server has the history of its timeline, and the WAL of the one before up to its end. */
async function checkTimelines(promoted: Cluster): Promise<void> {
  const wal = await connectReplication({ ...loginOf(promoted), mode: "physical" });
  const { timeline } = await wal.identifySystem();
  assert.equal(timeline, 2);
  const { file, entries, content } = await wal.timelineHistory(2);
  assert.equal(file, "00000002.history");
  assert.ok(content.length > 10);
  assert.equal(entries.length, 1);
  const [{ timeline: old, end, reason }] = entries as [typeof entries[0]];
  assert.deepEqual([old, reason], [1, "no recovery target specified"]);
  const from = new Lsn(end.value & ~0xfffffn);
  for (const start of [from, end]) {
    const stream = await wal.startPhysical({ from: start, timeline: 1 });
    let position = start.value;
    for await (const { data } of stream) position += BigInt(data.length);
    assert.equal(position, end.value, "up to the end of the timeline, and no further");
    assert.deepEqual(await stream.nextTimeline, { timeline: 2, from: end });
  }
  await wal.close();
}
