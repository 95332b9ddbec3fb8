/** Replication connections of servers with settings of their own, and their ends. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { test } from "node:test";
import { connect, type ConnectOptions, OperationalError } from "../../mod.ts";
import {
  type BaseBackup,
  connectReplication,
  ReplicationSetupError,
  SlotLostError,
  slots,
} from "../../src/replication/replication.ts";
import { Cluster, type ClusterOptions, startCluster } from "../_kit/cluster.ts";
import { failure } from "../_kit/outcomes.ts";
import { serverPrograms } from "../_kit/server_user.ts";
import { defaultMajor, majors } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { inTime, pause, until } from "../_kit/waiting.ts";

/** The versions whose slots or base backups differ. */
const DIFFERENT = majors().filter((major) => [14, 17, 18].includes(major));

async function withCluster(
  settings: ClusterOptions["settings"],
  work: (cluster: Cluster, reach: ConnectOptions) => Promise<void>,
  major: number = defaultMajor(),
): Promise<void> {
  const cluster = await startCluster({ major, settings });
  const { host, port } = cluster;
  const reach = { host, port, user: "postgres", database: "postgres", sslMode: "disable" } as const;
  try {
    await withoutUnhandled(() => work(cluster, reach));
  } finally {
    await cluster.stop();
  }
}

const PGOUTPUT = { proto_version: 1, publication_names: "p" };

test("replication: what a server is not set up for is an error that says what to change", async () => {
  const settings = { wal_level: "replica", max_replication_slots: "1", max_wal_senders: "1" };
  await withCluster(settings, async (_, reach) => {
    const db = await connectReplication(reach);
    const level = await failure(db.createSlot("a"), ReplicationSetupError);
    assert.equal(level.problem, "wal_level");
    assert.match(level.message, /set wal_level = logical and restart the server/);
    const more = await failure(connectReplication(reach), ReplicationSetupError);
    assert.deepEqual([more.problem, more.code, more.safeToRetry], ["limit", "53300", true]);
    assert.match(more.message, /max_wal_senders/);
    await db.createSlot("a", { kind: "physical" });
    const full = await failure(db.createSlot("b", { kind: "physical" }), ReplicationSetupError);
    assert.equal(full.problem, "limit");
    await db.close();
    const plain = await connect(reach);
    const ordinary = await failure(slots.create(plain, "c", {}), ReplicationSetupError);
    assert.equal(ordinary.problem, "wal_level");
    await plain.close();
  });
});

test("replication: a client without statuses is cut off, and the error names wal_sender_timeout", async () => {
  await withCluster({}, async (_, reach) => {
    const startupParams = { wal_sender_timeout: "300ms" };
    const db = await connectReplication({ ...reach, startupParams });
    await db.createSlot("s", { temporary: true, plugin: "test_decoding" });
    const feed = await db.feedLogical("s", {}, {
      data() {},
      keepalive: () => {/* a request is answered by the feed itself */},
    });
    assert.equal(await inTime(feed.ended, 1), false, "the feed answers what it reads");
    await feed.stop();
    const silent = await connectReplication({ ...reach, startupParams });
    await silent.createSlot("t", { temporary: true, plugin: "test_decoding" });
    const held = await silent.feedLogical("t", {}, {
      data: () => pause(1),
      keepalive() {},
    });
    await db.sql("create table held ()");
    assert.ok(await inTime(held.ended, 20));
    const { kind, error } = await held.ended;
    assert.equal(kind, "closed by server");
    assert.match(error!.message, /no status within wal_sender_timeout/);
    await db.close();
  });
});

test("replication: pain 5: a stream that is not read stays open by statuses of its own", async () => {
  await withCluster({ wal_sender_timeout: "500ms" }, async (cluster, reach) => {
    await cluster.query("create table t (id int)");
    const db = await connectReplication(reach);
    await db.createSlot("s", { temporary: true, plugin: "test_decoding" });
    const stream = await db.startLogical("s", { statusInterval: 0.1, windowBytes: 1000 });
    await cluster.query("insert into t select i from generate_series(1, 30000) i");
    await pause(2);
    let count = 0;
    for await (const { data } of stream) if (data[0] === 0x74 && ++count === 30000) break;
    assert.equal(count, 30000);
    await db.close();
  });
});

test("replication: pain 4: an idle stream does not keep the server from stopping", async () => {
  await withCluster({}, async (cluster, reach) => {
    const db = await connectReplication(reach);
    await db.createSlot("s", { plugin: "test_decoding" });
    const stream = await db.startLogical("s");
    await cluster.query("create table t as select i from generate_series(1, 1000) i");
    const reading = (async () => {
      for await (const _ of stream) { /* reads all */ }
    })();
    reading.catch(() => {});
    await until(() => stream.keepalive !== undefined);
    assert.ok(await inTime(cluster.halt("fast"), 20));
    assert.match((await failure(reading, OperationalError)).message, /the server has shut down/);
    await db.closed;
  });
});

for (const major of DIFFERENT) {
  test(`replication: pain 15: a lost slot is found out at the start, with the reason (${major})`, async () => {
    const settings = { max_slot_wal_keep_size: "2MB" };
    await withCluster(settings, async (cluster, reach) => {
      await cluster.query("create publication p for all tables");
      const db = await connect(reach);
      await slots.create(db, "lost");
      for (let i = 0; i < 8; i++) {
        await cluster.query(`create table t${i} (); select pg_switch_wal()`);
      }
      await cluster.query("checkpoint");
      assert.equal((await slots.get(db, "lost"))?.walStatus, "lost");
      const stream = await connectReplication(reach);
      const error = await failure(
        stream.startLogical("lost", { options: PGOUTPUT }),
        SlotLostError,
      );
      assert.equal(error.reason, "wal_removed");
      assert.match(error.message, /max_slot_wal_keep_size/);
      assert.equal(await slots.drop(db, "lost"), true);
      await stream.close();
      await db.close();
    }, major);
  });
}

/** Writes the files of a backup into a directory and returns the bytes of its manifest. */
async function unpack(backup: BaseBackup, into: string): Promise<Uint8Array> {
  mkdirSync(into);
  let manifest = new Uint8Array(0);
  for await (const { kind, name, body } of backup) {
    const file = join(into, name);
    const stream = body as unknown as ReadableStream<Uint8Array>;
    if (kind === "archive") {
      await stream.pipeTo(Writable.toWeb(createWriteStream(file)) as WritableStream<Uint8Array>);
      const { status, stderr } = spawnSync("tar", ["-xf", file, "-C", into]);
      assert.equal(status, 0, String(stderr));
      spawnSync("rm", [file]);
    } else {
      manifest = new Uint8Array(await new Response(stream).arrayBuffer());
      writeFileSync(join(into, "backup_manifest"), manifest);
    }
  }
  return manifest;
}

for (const major of DIFFERENT) {
  test(`replication: a base backup is a cluster that starts (${major})`, async () => {
    const settings: Record<string, string> = major >= 17 ? { summarize_wal: "on" } : {};
    await withCluster(settings, async (cluster, reach) => {
      await cluster.query("create table kept as select i from generate_series(1, 1000) i");
      const db = await connectReplication({ ...reach, mode: "physical" });
      const backup = await db.baseBackup({ checkpoint: "fast", wal: true, progress: true });
      const directory = join(cluster.socketDirectory, "restored");
      const manifest = await unpack(backup, directory);
      assert.ok(backup.progress.done > 10e6 && backup.progress.total! > 10e6);
      assert.match(new TextDecoder().decode(manifest), /"Manifest-Checksum"/);
      assert.ok(backup.end!.position.compare(backup.start.position) > 0);
      if (major >= 17) {
        const next = await db.baseBackup({ checkpoint: "fast", incremental: manifest });
        let bytes = 0;
        for await (const { body } of next) for await (const chunk of body) bytes += chunk.length;
        assert.ok(bytes < backup.progress.done / 2, `${bytes} bytes since the full backup`);
      }
      const early = await db.baseBackup({ checkpoint: "fast" });
      for await (const _ of early) break;
      assert.equal((await db.identifySystem()).timeline, 1);
      await db.close();
      const programs = await serverPrograms(major);
      spawnSync("chown", ["-R", "--reference", cluster.dataDirectory, directory]);
      spawnSync("chmod", ["700", directory]);
      const restored = await Cluster.start(programs, directory, { major });
      try {
        assert.deepEqual(await restored.query("select count(*) from kept"), [["1000"]]);
      } finally {
        await restored.stop();
      }
    }, major);
  });
}
