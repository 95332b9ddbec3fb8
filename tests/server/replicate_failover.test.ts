/** A stream over a failover slot goes on at the promoted standby. Source: manual, "Logical Replication Failover". */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type ConnectOptions } from "../../mod.ts";
import {
  DifferentSystemError,
  Lsn,
  PositionAheadError,
  replicate,
  SlotLostError,
  slots,
} from "../../src/replication/replication.ts";
import { type Cluster, startCluster } from "../_kit/cluster.ts";
import { failure } from "../_kit/outcomes.ts";
import { pause, until } from "../_kit/waiting.ts";

const SETTINGS = {
  hot_standby_feedback: "on",
  max_wal_senders: "10",
  wal_receiver_status_interval: "1",
};

const loginOf = (...clusters: Cluster[]): ConnectOptions => ({
  host: clusters.map(({ host }) => host),
  port: clusters.map(({ port }) => port),
  ...{ user: "postgres", database: "postgres", sslMode: "disable" as const },
  ...{ targetSessionAttrs: "read-write" as const },
});

test("pain 19: a stream goes on at the promoted standby, and nothing is lost", async () => {
  const primary = await startCluster({ settings: SETTINGS });
  let standby: Cluster | undefined;
  try {
    await primary.query(`create table t (id int primary key); create publication p for table t;
      select pg_create_physical_replication_slot('standby')`);
    standby = await primary.standby({
      primary_slot_name: "standby",
      primary_conninfo:
        `host=${primary.socketDirectory} port=${primary.port} user=postgres dbname=postgres`,
    });
    await primary.query("alter system set synchronized_standby_slots = 'standby'");
    await primary.query("select pg_reload_conf()");
    const stream = replicate({
      ...loginOf(primary, standby),
      slot: { name: "s", failover: true },
      publication: "p",
      reconnect: { maxDelay: 0.2 },
    });
    const seen: number[] = [];
    const running = stream.run(async (tx) => {
      for await (const change of tx) {
        if (change.kind === "insert") seen.push(change.new.id as number);
      }
      if (seen.includes(-1)) void stream.close();
    });
    await until(() => stream.state?.state === "streaming");
    const follower = await connect({ ...loginOf(standby), targetSessionAttrs: "any" });
    let next = 0;
    await until(async () => {
      await primary.query(`insert into t values (${next++})`);
      // The slot's oldest WAL moves with the records of running transactions.
      await primary.query("select pg_log_standby_snapshot()");
      await pause(0.1);
      await standby!.query("select pg_sync_replication_slots()");
      return await slots.ready(follower, "s");
    });
    await follower.close();
    for (let i = 0; i < 100; i++) await primary.query(`insert into t values (${next++})`);
    await primary.halt("fast");
    await standby.query("select pg_promote()");
    for (let i = 0; i < 50; i++) await standby.query(`insert into t values (${next++})`);
    await standby.query("insert into t values (-1)");
    await running;
    assert.deepEqual(seen, [...Array.from({ length: next }, (_, i) => i), -1]);
  } finally {
    await standby?.stop();
    await primary.stop();
  }
});

test("pain 19: a standby without the slot or behind the consumer, and another cluster, are errors", async () => {
  // Clusters of one version are copies, and so have the same system identifier.
  const other = await startCluster({ major: 17 });
  const primary = await startCluster().catch(async (error) => {
    await other.stop();
    throw error;
  });
  let standby: Cluster | undefined;
  try {
    await primary.query("create table t (id int primary key); create publication p for table t");
    await other.query("create table t (id int primary key); create publication p for table t");
    standby = await primary.standby();
    const streamTo = (...clusters: Cluster[]) =>
      replicate({
        ...loginOf(...clusters),
        slot: "s",
        publication: "p",
        reconnect: { maxDelay: 0.2 },
      });
    const lost = streamTo(primary, standby);
    const moved = streamTo(primary, other);
    const reading = lost.transactions().next();
    await until(() => lost.state?.state === "streaming");
    await standby.query("select pg_promote()");
    await primary.halt("fast");
    assert.equal((await failure(reading, SlotLostError)).reason, "missing");

    // A slot made on the new primary by hand, and a consumer that is ahead of it.
    await standby.query("select pg_create_logical_replication_slot('s', 'pgoutput')");
    const { position } = lost;
    const ahead = replicate({
      ...loginOf(standby),
      ...{ slot: "s", publication: "p" },
      from: new Lsn(
        position.received.value + (1n << 32n),
      ),
    });
    await failure(ahead.transactions().next(), PositionAheadError);

    await primary.restart();
    const waiting = moved.transactions().next();
    await until(() => moved.state?.state === "streaming");
    await primary.halt("fast");
    const different = await failure(waiting, DifferentSystemError);
    assert.notEqual(different.expected, different.found);
  } finally {
    await standby?.stop();
    await other.stop();
    await primary.stop();
  }
});
