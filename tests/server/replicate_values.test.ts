/** The changes that a stream yields. The numbers are those of the table in docs/replication.md. */
import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import process from "node:process";
import { test } from "node:test";
import { connect, InterfaceError } from "../../mod.ts";
import {
  type Change,
  type ReplicateOptions,
  type ReplicationTraceMessage,
  testDecoding,
} from "../../src/replication/replication.ts";
import { failure } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { makeSlot, type Place, withPlace } from "./replicate_server.ts";

/** Runs SQL, and returns the changes of rows that it makes, up to the row of the table `t` that ends it. */
async function changesOf(
  place: Place,
  sql: string,
  options: Partial<ReplicateOptions> = {},
): Promise<Change[]> {
  await makeSlot(place);
  await place.db.query(sql).simple().all();
  await place.insert(-1);
  const changes: Change[] = [];
  for await (const change of place.stream(options)) {
    if (change.kind === "insert" && change.table === "public.t" && change.new.id === -1) break;
    changes.push(change as Change);
  }
  return changes;
}

const plain = (row: unknown): unknown => row === undefined ? undefined : { ...row as object };

test("pain 6: of a transaction of 200 MB little is in memory, with a reader that is slow", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.db.query(
      "insert into t select g, repeat('x', 2100) from generate_series(1, 100000) g",
    )
      .execute();
    const stream = place.stream();
    let count = 0;
    let before = 0;
    let most = 0;
    for await (const change of stream) {
      if (change.kind !== "insert") continue;
      if (++count % 300 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      const { rss } = count % 3000 === 0 ? process.memoryUsage() : { rss: 0 };
      if (count === 9000) before = rss;
      most = Math.max(most, rss);
      if (count === 100_000) break;
    }
    const growth = (most - before) / 2 ** 20;
    // The garbage of V8's young generation counts; the queue itself has at most windowBytes, 1 MiB.
    assert.ok(growth < 128, `${growth} MiB`);
  }));

/** Streams a transaction at once: the server sends what is larger than 64 kB. */
const EAGER = { startupParams: { logical_decoding_work_mem: "64kB" } };

test("pain 7: streamed transactions with aborted savepoints give what whole ones give", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.db.query(`select pg_copy_logical_replication_slot(slot_name, 'copy_1', false)::text
      from pg_replication_slots where database = current_database()`).execute();
    const others = [await connect(place.login), await connect(place.login)];
    try {
      for (const [i, db] of others.entries()) {
        await db.query(`begin; ${rows(i * 10_000, 900)}`).simple().all();
      }
      for (const [i, db] of others.entries()) {
        await db.query(`savepoint a; ${rows(i * 10_000 + 2000, 900)}; savepoint b;
          ${rows(i * 10_000 + 4000, 900)}; rollback to b; rollback to a;
          ${rows(i * 10_000 + 6000, 900)}`).simple().all();
      }
      await others[1]!.query("commit").execute();
      await others[0]!.query("commit").execute();
    } finally {
      for (const db of others) await db.close();
    }
    await place.insert(-1);
    const read = async (options: Partial<ReplicateOptions>): Promise<[string, unknown][]> => {
      const all: [string, unknown][] = [];
      for await (const tx of place.stream(options).transactions()) {
        for (const change of await tx.all()) {
          if (change.kind === "insert") all.push([String(change.id), plain(change.new)]);
        }
        if ((all.at(-1)?.[1] as { id: number } | undefined)?.id === -1) break;
      }
      return all;
    };
    const whole = await read({});
    assert.equal(whole.length, 3601);
    const streamed = await read({ slot: "copy_1", streaming: "on", ...EAGER });
    assert.deepEqual(streamed, whole);
  }));

function rows(from: number, count: number): string {
  return `insert into t select g, repeat('y', 100) from generate_series(${from}, ${
    from + count - 1
  }) g`;
}

test("pain 7: iterating a stream in progress yields the parts and the commit, before the commit", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    const kinds: string[] = [];
    const stream = place.stream({ streaming: "parallel", ...EAGER });
    const changes = stream[Symbol.asyncIterator]();
    await place.db.query(`begin; ${rows(0, 2000)}`).simple().all();
    kinds.push((await changes.next()).value!.kind);
    await place.db.query("commit").execute();
    while (kinds.at(-1) !== "streamCommit") {
      const { kind } = (await changes.next()).value!;
      if (kind !== kinds.at(-1)) kinds.push(kind);
    }
    assert.deepEqual(kinds.slice(0, 4), ["streamStart", "relation", "insert", "streamStop"]);
    await changes.return!();
    const limited = place.stream({ streaming: "on", streamedBytes: 1000, ...EAGER });
    await until(async () => (await place.slots()).join() === "s");
    const error = await failure(limited.transactions().next(), InterfaceError);
    assert.match(error.message, /raise streamedBytes, leave out streaming/);
  }));

for (const identity of ["default", "full", "using index big_n"]) {
  test(`pain 8: an unchanged large value is absent, not null (replica identity ${identity})`, () =>
    withPlace(async (place) => {
      await place.db.query(`create table big (id int primary key, n int not null, v text);
        alter table big alter v set storage external; create unique index big_n on big (n);
        alter table big replica identity ${identity}; alter publication p add table big;
        insert into big values (1, 1, repeat('v', 9000))`).simple().all();
      const [update] = (await changesOf(place, "update big set n = 2 where id = 1"))
        .filter((change) => change.kind === "update");
      assert.ok(update?.kind === "update");
      if (identity === "full") {
        assert.equal(String(update.new.v).length, 9000);
        assert.deepEqual(update.unchanged, []);
        assert.equal(update.old!.n, 1);
      } else {
        assert.deepEqual(plain(update.new), { id: 1, n: 2 });
        assert.deepEqual(update.unchanged, ["v"]);
      }
    }));
}

test("pain 9: a key has the columns of the replica identity only", () =>
  withPlace(async (place) => {
    const changes = await changesOf(
      place,
      "insert into t values (1, 'a'); update t set id = 2; delete from t where id = 2",
    );
    const [update, remove] = changes.filter(({ kind }) => kind === "update" || kind === "delete");
    assert.ok(update?.kind === "update" && remove?.kind === "delete");
    assert.deepEqual(plain(update.key), { id: 1 });
    assert.deepEqual(plain(remove.key), { id: 2 });
    assert.equal(remove.old, undefined);
  }));

for (const binary of [true, false]) {
  test(`pain 10: values are those of a query (${binary ? "binary" : "text"})`, () =>
    withPlace(async (place) => {
      await place.db.query(
        `create type mood as enum ('sad', 'ok'); create type pair as (a int, m mood);
        create domain small as int check (value < 100); create type moods as range (subtype = mood);
        create table v (id int primary key, m mood, ms mood[], p pair, s small, r int4range, rm moods,
          j jsonb, n numeric, ts timestamptz, d date, b bytea, i interval, u uuid, f float8, big int8);
        alter publication p add table v`,
      ).simple().all();
      const values = `(1, 'ok', '{sad,ok}', '(1,sad)', 7, '[1,5)', '[sad,ok)', '{"a":[1]}', 12.340,
        '2020-01-02 03:04:05+00', '1999-12-31', '\\x00ff', '1 day 2 hours',
        '00000000-0000-0000-0000-00000000000a', 0.1, 9007199254740993)`;
      const [insert] = (await changesOf(place, `insert into v values ${values}`, { binary }))
        .filter((change) => change.kind === "insert");
      assert.ok(insert?.kind === "insert");
      const row = await place.db.query("select * from v").one();
      assert.deepEqual(plain(insert.new), plain(row));
    }));
}

test("pain 11: rows have the columns of their moment, and a change of a table is an event", () =>
  withPlace(async (place) => {
    const changes = await changesOf(
      place,
      `begin; insert into t values (1, 'a'); alter table t add extra int default 5;
       insert into t values (2, 'b', 6); alter table t rename name to label;
       insert into t values (3, 'c', 7); alter table t drop extra; insert into t values (4, 'd');
       alter table t rename label to name; commit`,
    );
    const shapes = changes.map((change) => {
      if (change.kind === "insert") return Object.keys(change.new).join();
      if (change.kind !== "relation") return change.kind;
      const { added, removed } = change.diff;
      return `+${added.map(({ name }) => name)} -${removed.map(({ name }) => name)}`;
    });
    assert.deepEqual(shapes.slice(0, 8), [
      ...["+ -", "id,name", "+extra -", "id,name,extra"],
      ...["+label -name", "id,label,extra", "+ -extra", "id,label"],
    ]);
  }));

test("pain 24: every change belongs to its receiver and stays as it was", () =>
  withPlace(async (place) => {
    const sql = "insert into t select g, 'name ' || g from generate_series(1, 5000) g; " +
      "update t set name = name || '!' where id % 2 = 0";
    const kept = await changesOf(place, sql, { windowBytes: 2000 });
    const inserts = kept.filter((change) => change.kind === "insert");
    inserts.forEach((change, i) => {
      assert.deepEqual(plain(change.new), { id: i + 1, name: `name ${i + 1}` });
    });
    const updates = kept.filter((change) => change.kind === "update");
    assert.equal(inserts.length, 5000);
    assert.equal(updates.length, 2500);
    assert.equal(updates[7]!.new.name, "name 16!");
    assert.equal(new Set(kept.filter((c) => "id" in c).map((c) => String(c.id))).size, 7500);
  }));

test("a prepared transaction comes at PREPARE TRANSACTION, and its end later", () =>
  withPlace(async (place) => {
    const slot = { name: `s_${place.login.database!.slice(2)}`, twoPhase: true };
    const stream = place.stream({ slot });
    const transactions = stream.transactions();
    const first = transactions.next();
    await until(() => stream.state?.state === "streaming");
    await place.db.query("begin; insert into t values (1, 'a'); prepare transaction 'g1'").simple()
      .all();
    const prepared = (await first).value!;
    assert.deepEqual([prepared.kind, prepared.gid], ["prepare", "g1"]);
    assert.deepEqual((await prepared.all()).map(({ kind }) => kind), ["relation", "insert"]);
    await place.db.query("commit prepared 'g1'").execute();
    const committed = (await transactions.next()).value!;
    assert.deepEqual([committed.kind, committed.gid], ["commitPrepared", "g1"]);
    assert.deepEqual(await committed.all(), []);
    await transactions.return!();
  }));

test("messages come with their transaction, or alone", () =>
  withPlace(async (place) => {
    const changes = await changesOf(
      place,
      `select pg_logical_emit_message(false, 'alone', 'a');
       begin; insert into t values (1, 'x'); select pg_logical_emit_message(true, 'in', 'b'); commit`,
      { messages: true },
    );
    const messages = changes.filter((change) => change.kind === "message");
    assert.deepEqual(messages.map(({ prefix, transactional }) => [prefix, transactional]), [
      ["alone", false],
      ["in", true],
    ]);
  }));

test("test_decoding gives the same changes, as far as it tells, and needs no publication", () =>
  withPlace(async (place) => {
    const stream = place.stream({ plugin: testDecoding(), publication: undefined });
    const transactions = stream.transactions();
    const first = transactions.next();
    await until(() => stream.state?.state === "streaming");
    await place.db.query("insert into t values (1, 'a')").execute();
    const tx = (await first).value!;
    const inserts = (await tx.all()).filter((change) => change.kind === "insert");
    assert.deepEqual(inserts.map((change) => plain(change.new)), [{ id: 1, name: "a" }]);
    assert.ok(tx.commitLsn.value > 0n && tx.endLsn!.value >= tx.commitLsn.value);
    assert.equal(tx.redelivered, false);
    await transactions.return!();
  }));

test("events of a stream are published with its positions and bytes", () =>
  withPlace(async (place) => {
    const events: [string, ReplicationTraceMessage][] = [];
    const names = ["start", "status", "reconnect", "end"];
    const listeners = names.map((name) => {
      const listener = (message: unknown): void =>
        void events.push([name, message as ReplicationTraceMessage]);
      channel(`cornac.pg:replication:${name}`).subscribe(listener);
      return () => channel(`cornac.pg:replication:${name}`).unsubscribe(listener);
    });
    try {
      const stream = place.stream({ reconnect: { maxDelay: 0.1 } });
      const transactions = stream.transactions();
      const first = transactions.next();
      await until(() => stream.state?.state === "streaming");
      await place.insert(1);
      await first;
      await place.cluster.query(`select pg_terminate_backend(active_pid) from pg_replication_slots
        where active and database = '${place.login.database}'`);
      await until(() => events.filter(([name]) => name === "start").length === 2);
      await transactions.return!();
    } finally {
      for (const stop of listeners) stop();
    }
    const shown = events.map(([name]) => name).filter((name) => name !== "status");
    assert.deepEqual(shown, ["start", "reconnect", "start", "end"]);
    const [, last] = events.at(-1)!;
    assert.ok(last.receivedBytes > 0);
    assert.equal(last.reconnects, 1);
    assert.ok(events.some(([name]) => name === "status"));
    assert.match(last.slot, /^s_/);
  }));
