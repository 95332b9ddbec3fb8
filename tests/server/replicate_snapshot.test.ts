/** The initial copy of tables. The numbers are those of the table in docs/replication.md. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, InterfaceError } from "../../mod.ts";
import { SnapshotInterruptedError, type StreamState } from "../../src/replication/replication.ts";
import { failure } from "../_kit/outcomes.ts";
import { majors } from "../_kit/servers.ts";
import { inTime, pause, until } from "../_kit/waiting.ts";
import { type Place, withPlace } from "./replicate_server.ts";

for (const major of majors()) {
  test(`pain 17: a copy that is broken off leaves no slot, a complete one no gap (${major})`, () =>
    withPlace(async (place) => {
      const rows = 5000;
      await place.db.query("insert into t select g, 'n' || g from generate_series(1, $1::int) g", [
        rows,
      ]).execute();
      for (const stopAt of [1, 7, 999, 1000, 1001, 2500, 4000, 4999, rows - 1, rows]) {
        let count = 0;
        for await (const change of place.stream({ snapshot: "initial" })) {
          assert.equal(change.kind, "snapshot");
          if (++count === stopAt) break;
        }
        await until(async () => (await place.slots()).length === 0);
      }
      const state = await copyUnderLoad(place, rows);
      assert.deepEqual(state, await rowsOf(place), "the copy and its changes give the table");
    }, { major }));
}

/** Copies the table while it changes; returns the rows that the stream gives. */
async function copyUnderLoad(place: Place, rows: number): Promise<Map<number, string>> {
  const writer = await connect(place.login);
  const copied = new Map<number, string>();
  let writing: Promise<void> | undefined;
  for await (const change of place.stream({ snapshot: "initial" })) {
    if (change.kind === "snapshot") {
      assert.ok(!copied.has(change.new.id as number), "no row comes twice");
      copied.set(change.new.id as number, change.new.name as string);
      writing ??= write();
    } else if (change.kind === "insert" || change.kind === "update") {
      assert.equal(copied.has(change.new.id as number), change.kind === "update");
      copied.set(change.new.id as number, change.new.name as string);
    } else if (change.kind === "delete") {
      assert.ok(copied.delete(change.key.id as number));
    }
    if (copied.has(-1)) break;
  }
  await writing;
  await writer.close();
  return copied;

  async function write(): Promise<void> {
    for (let i = 1; i <= 100; i++) {
      await writer.query("update t set name = name || '!' where id = $1::int", [i]).execute();
      await writer.query("delete from t where id = $1::int", [rows - i]).execute();
      await writer.query("insert into t values ($1::int, 'new')", [rows + i]).execute();
    }
    await writer.query("insert into t values (-1, 'end')").execute();
  }
}

async function rowsOf({ db }: Place): Promise<Map<number, string>> {
  const rows = await db.query("select id, name from t", [], { rows: "array" });
  return new Map(rows as unknown as [number, string][]);
}

test("pain 17: a copy whose connection is lost is an error, because its rows were handed over", () =>
  withPlace(async (place) => {
    await place.db.query("insert into t select g, 'n' || g from generate_series(1, 5000) g")
      .execute();
    const changes = place.stream({ snapshot: "initial" })[Symbol.asyncIterator]();
    await changes.next();
    await place.cluster.query(`select pg_terminate_backend(active_pid) from pg_replication_slots
      where database = '${place.login.database}'`);
    await until(async () => (await place.slots()).length === 0);
    const error = await failure(
      (async () => {
        while (!(await changes.next()).done);
      })(),
      SnapshotInterruptedError,
    );
    assert.match(error.message, /empty the target and start again/);
    await until(async () => (await place.slots()).length === 0);
  }));

test("tables are copied over several connections, each with its columns and rows", () =>
  withPlace(async (place) => {
    await place.db.query(`
      create table "Odd name" (id int, "B c" text, hidden int, primary key ("B c", id));
      insert into "Odd name" select g % 10, 'r' || g, g from generate_series(0, 99) g;
      create table a1 (id int primary key); insert into a1 select generate_series(1, 10);
      create table parts (id int) partition by range (id);
      create table parts_1 partition of parts for values from (0) to (50);
      create table parts_2 partition of parts for values from (50) to (100);
      insert into parts select generate_series(0, 99);
      create publication many for table "Odd name" (id, "B c") where (id < 5), a1, parts
        with (publish_via_partition_root = true)`).simple().all();
    const states: StreamState[] = [];
    const counts: Record<string, number> = {};
    const stream = place.stream({
      publication: "many",
      snapshot: { parallel: 3, order: "key" },
      onState: (state) => states.push(state),
    });
    let last = "";
    for await (const batch of stream.batches({ maxWait: 0.2 })) {
      assert.ok(batch.isSnapshot);
      for (const change of batch.changes) {
        if (change.kind !== "snapshot") continue;
        counts[change.table] = (counts[change.table] ?? 0) + 1;
        if (change.table !== "public.Odd name") continue;
        assert.deepEqual(Object.keys(change.new), ["id", "B c"]);
        assert.ok(String(change.new["B c"]) > last, "in the order of the key");
        last = String(change.new["B c"]);
        assert.deepEqual(change.relation.columns.map(({ key }) => key), [true, true]);
      }
      if (
        counts["public.parts"] === 100 && counts["public.a1"] === 10 &&
        counts["public.Odd name"] === 50
      ) break;
    }
    assert.deepEqual(counts, { "public.Odd name": 50, "public.a1": 10, "public.parts": 100 });
    assert.ok(states.some((state) => state.state === "snapshot" && state.tables === 3));
    const wrong = place.stream({ publication: "many", snapshot: { tables: ["public.nothing"] } });
    const error = await failure(wrong.transactions().next(), InterfaceError);
    assert.match(error.message, /snapshot.tables: "public.nothing" is not a published table/);
  }));

test("pain 18: a slot that waits for a transaction says for whose, and the wait can be ended", () =>
  withPlace(async (place) => {
    const writer = await connect(place.login);
    try {
      await writer.query("begin; insert into t values (1, 'open')").simple().all();
      const states: StreamState[] = [];
      const stream = place.stream({ onState: (state) => states.push(state) });
      const reading = stream.transactions().next();
      await until(() => states.some(({ state }) => state === "waiting"));
      const waiting = states.find(({ state }) => state === "waiting");
      assert.deepEqual(waiting, {
        state: "waiting",
        for: "transactions",
        pids: [writer.processId],
      });
      assert.ok(await inTime(stream.close(), 5));
      assert.equal((await reading).done, true);
      await until(async () => (await place.slots()).length === 0);
      const patient = place.stream();
      const first = patient.transactions().next();
      await pause(0.2);
      await writer.query("commit").execute();
      await until(() => patient.state?.state === "streaming");
      await place.insert(2);
      assert.equal((await first).value!.kind, "commit");
    } finally {
      writer.destroy();
    }
  }));
