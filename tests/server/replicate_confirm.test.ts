/** When a change stream confirms what. The numbers are those of the table in docs/replication.md. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { InterfaceError } from "../../mod.ts";
import { Lsn, PositionAheadError } from "../../src/replication/replication.ts";
import { startCluster } from "../_kit/cluster.ts";
import { failure } from "../_kit/outcomes.ts";
import { inTime, pause, until } from "../_kit/waiting.ts";
import { idsOf, makeSlot, type Place, withPlace } from "./replicate_server.ts";

/** Settings of a server that loses patience soon. */
const IMPATIENT = { settings: { wal_sender_timeout: "500ms" } };

test("pain 1: nothing is confirmed before its handler has fulfilled, whatever timers do", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.insert(1, 2, 3, 4, 5);
    const child = await startHanging(place);
    await pause(1.5);
    child.kill("SIGKILL");
    await until(async () => (await place.slots()).join() === "s");
    const ends: bigint[] = [];
    const ids: number[] = [];
    const before = await place.confirmed();
    for await (const tx of place.stream().transactions()) {
      ids.push(...await idsOf(tx));
      ends.push(tx.endLsn!.value);
      if (ids.at(-1) === 5) break;
    }
    assert.deepEqual(ids, [2, 3, 4, 5]);
    assert.ok(before < ends[0]!, "the slot is before the end of the transaction that hung");
  }, IMPATIENT));

/** Starts a process whose handler never returns from transaction 2; resolves when it has it. */
function startHanging({ login }: Place): Promise<ReturnType<typeof spawn>> {
  const file = fileURLToPath(new URL("replicate_child.ts", import.meta.url));
  const { Deno } = globalThis as { Deno?: unknown };
  const flags = Deno === undefined ? [] : ["run", "-A", "--no-check"];
  const child = spawn(process.execPath, [...flags, file, JSON.stringify(login)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.stdout!.on("data", (text) => String(text).includes("hangs") && resolve(child));
    child.on("exit", (code) => reject(new Error(`the process has ended: ${code}`)));
  });
}

test("pain 2: an error of the handler ends the stream, and its transaction comes again first", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.insert(1, 2, 3, 4);
    const handled: number[] = [];
    const broken = new Error("the handler's own");
    const running = place.stream().run(async (tx) => {
      const [id] = await idsOf(tx);
      if (id === 3) throw broken;
      handled.push(id!);
    });
    assert.equal(await failure(running), broken);
    assert.deepEqual(handled, [1, 2]);
    for await (const tx of place.stream().transactions()) {
      assert.deepEqual(await idsOf(tx), [3]);
      break;
    }
    await until(async () => (await place.slots()).join() === "s");
    for await (const change of place.stream()) {
      if (change.kind !== "insert") continue;
      assert.equal(change.new.id, 3, "break does not confirm either");
      break;
    }
  }));

test("pain 3: the slot of an idle table follows the WAL of others", () =>
  withPlace(async (place) => {
    const stream = place.stream();
    const reading = stream[Symbol.asyncIterator]().next();
    await until(() => stream.state?.state === "streaming");
    await place.db.query(`create table noise as
      select g, repeat('x', 500) from generate_series(1, 40000) g`).execute();
    const [[end]] = await place.cluster.query("select pg_current_wal_flush_lsn() - '0/0'") as [
      [string],
    ];
    await until(async () => await place.confirmed() >= BigInt(end), 10);
    await stream.close();
    await reading;
  }));

test("pain 4: an idle consumer does not delay the server's shutdown, a busy one by its handler", async () => {
  const cluster = await startCluster();
  try {
    const login = {
      host: cluster.host,
      port: cluster.port,
      user: "postgres",
      database: "postgres",
    };
    await cluster.query(
      "create table t (id int primary key, name text); create publication p for table t",
    );
    const { replicate } = await import("../../src/replication/replication.ts");
    const stream = replicate({ ...login, sslMode: "disable", slot: "s", publication: "p" });
    const running = stream.run(async (tx) => {
      await idsOf(tx);
      await pause(1);
    });
    await until(() => stream.state?.state === "streaming");
    await cluster.query("create table other as select generate_series(1, 1000)");
    assert.ok(await inTime(cluster.halt("fast"), 5), "idle");
    await cluster.restart();
    await until(() => stream.state?.state === "streaming");
    await cluster.query("insert into t values (1, 'a')");
    await pause(0.2);
    assert.ok(await inTime(cluster.halt("fast"), 6), "busy");
    await cluster.restart();
    await until(() => stream.state?.state === "streaming");
    await stream.close();
    await running;
    const rows = await cluster.query(
      "select pg_get_replication_slots is not null from pg_get_replication_slots()",
    );
    assert.equal(rows.length, 1);
  } finally {
    await cluster.stop();
  }
});

test("pain 5: a slow handler keeps its connection, and nothing comes twice", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.db.query(
      "insert into t select g, repeat('x', 100) from generate_series(1, 30000) g",
    )
      .execute();
    await place.insert(0);
    const states: string[] = [];
    const ids: number[] = [];
    const stream = place.stream({ onState: ({ state }) => states.push(state) });
    for await (const change of stream) {
      if (change.kind !== "insert") continue;
      ids.push(change.new.id as number);
      if (ids.length === 1) await pause(3);
      if (change.new.id === 0) break;
    }
    assert.equal(ids.length, 30_001);
    assert.equal(new Set(ids).size, 30_001);
    assert.ok(!states.includes("reconnecting"));
  }, { settings: { wal_sender_timeout: "1s" } }));

test("pain 13: a batch has whole transactions, and a part of one confirms nothing", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    for (let from = 0; from < 50; from += 10) {
      await place.db.query("insert into t select g from generate_series($1::int, $1 + 9) g", [from])
        .execute();
    }
    const sizes: number[] = [];
    for await (const batch of place.stream().batches({ maxChanges: 7 })) {
      const rows = batch.changes.filter(({ kind }) => kind === "insert");
      sizes.push(rows.length);
      assert.ok(batch.isWhole);
      if (sizes.length === 2) break;
    }
    assert.deepEqual(sizes, [10, 10]);
    await until(async () => (await place.slots()).join() === "s");
    const parts: [number, boolean][] = [];
    for await (const batch of place.stream().batches({ maxChanges: 7, split: true })) {
      const rows = batch.changes.filter((change) => change.kind === "insert");
      parts.push([rows[0]!.new.id as number, batch.isWhole]);
      if (parts.length === 4) break;
    }
    assert.equal(parts[0]![0], 10, "the second transaction was not confirmed by break");
    await until(async () => (await place.slots()).join() === "s");
    for await (const tx of place.stream().transactions()) {
      const [first] = await idsOf(tx);
      assert.equal(first! % 10, 0, "after a partial batch the transaction comes whole");
      break;
    }
  }));

test("pain 13: a transaction larger than maxBytes ends a stream of whole batches", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.db.query("insert into t select g from generate_series(1, 1000) g").execute();
    const error = await failure(place.stream().batches({ maxBytes: 1000 }).next(), InterfaceError);
    assert.match(error.message, /maxBytes of batches\(\)/);
  }));

test("pain 14: positions ahead of what was received are refused", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    const stream = place.stream({ confirm: "manual" });
    const transactions = stream.transactions();
    await place.insert(1, 2);
    const first = (await transactions.next()).value!;
    const second = (await transactions.next()).value!;
    const far = new Lsn(second.commitLsn.value + (1n << 30n));
    assert.throws(() => stream.confirm(far), PositionAheadError);
    await pause(0.3);
    const before = await place.confirmed();
    assert.ok(before <= first.commitLsn.value);
    second.confirm();
    await pause(0.3);
    assert.ok(await place.confirmed() <= first.commitLsn.value, "the first is not confirmed yet");
    stream.confirm(first.commitLsn);
    await until(async () => await place.confirmed() >= second.endLsn!.value);
    await stream.close();
    await until(async () => (await place.slots()).join() === "s");
    const ahead = place.stream({ from: far });
    const error = await failure(ahead.transactions().next(), PositionAheadError);
    assert.equal(error.requested.value, far.value);
    assert.ok(error.server.value < far.value);
  }));

test("pain 23: lag() falls as the reader goes on", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.db.query(`do $$ begin for i in 1..2000 loop
      insert into t values (i, 'x'); commit; end loop; end $$`).execute();
    const stream = place.stream();
    const bytes: bigint[] = [];
    let count = 0;
    for await (const tx of stream.transactions()) {
      await tx.all();
      if (++count === 1) {
        const lag = await stream.lag();
        bytes.push(lag.bytes);
        assert.ok(lag.seconds! > 0);
      }
      if (count === 2000) break;
    }
    await until(async () => (await place.slots()).join() === "s");
    const other = place.stream();
    const reading = other.transactions().next();
    await reading;
    bytes.push((await other.lag()).bytes);
    assert.ok(bytes[0]! > bytes[1]!, String(bytes));
  }));
