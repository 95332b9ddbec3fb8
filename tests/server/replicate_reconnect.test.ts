/** Lost connections, slots and publications. The numbers are those of the table in docs/replication.md. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError } from "../../mod.ts";
import {
  type Change,
  connectReplication,
  PublicationMissingError,
  SlotBusyError,
  SlotLostError,
  type StreamState,
} from "../../src/replication/replication.ts";
import { faultProxy } from "../_kit/fault_proxy.ts";
import { failure } from "../_kit/outcomes.ts";
import { majors } from "../_kit/servers.ts";
import { inTime, pause, until } from "../_kit/waiting.ts";
import { idsOf, makeSlot, type Place, withPlace } from "./replicate_server.ts";

/** Kills the process that streams for the place's slot, if there is one. */
async function killWalsender({ cluster, login }: Place): Promise<boolean> {
  const killed = await cluster.query(`select pg_terminate_backend(active_pid)
    from pg_replication_slots where active and database = '${login.database}'`);
  return killed.length > 0;
}

test("pain 12: with the walsender killed again and again nothing is lost, nothing comes twice", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    const transactions = 150;
    const size = 400;
    const writing = (async () => {
      for (let i = 0; i < transactions; i++) {
        await place.db.query(
          "insert into t select g, repeat('x', 50) from generate_series($1::int, $2::int) g",
          [i * size, i * size + size - 1],
        ).execute();
      }
    })();
    let isReading = true;
    const killing = (async () => {
      for (let kills = 0; isReading;) {
        await pause(0.03);
        if (await killWalsender(place)) kills++;
        if (kills === 20) return kills;
      }
      return 0;
    })();
    const seen: number[] = [];
    const stream = place.stream({ reconnect: { maxDelay: 0.1 } });
    for await (const change of stream) {
      if (change.kind !== "insert") continue;
      seen.push(change.new.id as number);
      if (seen.length === transactions * size) break;
      if (seen.length % 1000 === 0) await pause(0.005);
    }
    isReading = false;
    await Promise.all([writing, killing]);
    assert.deepEqual(seen, Array.from({ length: transactions * size }, (_, i) => i));
  }));

test("pain 12: what a stream has not confirmed comes again whole from the next one", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.db.query("insert into t select g from generate_series(1, 5) g").execute();
    await place.db.query("insert into t select g from generate_series(6, 10) g").execute();
    const seen: number[] = [];
    for await (const change of place.stream()) {
      if (change.kind !== "insert") continue;
      seen.push(change.new.id as number);
      if (change.new.id === 8) break;
    }
    await until(async () => (await place.slots()).join() === "s");
    for await (const tx of place.stream().transactions()) {
      assert.deepEqual(await idsOf(tx), [6, 7, 8, 9, 10]);
      assert.equal(tx.redelivered, false, "another stream cannot know");
      break;
    }
  }));

test("pain 12: a transaction that is being read when the connection is lost goes on where it was", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.db.query(
      "insert into t select g, repeat('x', 1500) from generate_series(1, 20000) g",
    )
      .execute();
    const states: string[] = [];
    const stream = place.stream({
      windowBytes: 100_000,
      reconnect: { maxDelay: 0.1 },
      onState: ({ state }) => states.push(state),
    });
    for await (const tx of stream.transactions()) {
      const ids: number[] = [];
      for await (const change of tx) {
        if (change.kind !== "insert") continue;
        ids.push(change.new.id as number);
        if (ids.length === 1000) {
          assert.ok(await killWalsender(place));
        }
      }
      assert.deepEqual(ids, Array.from({ length: 20_000 }, (_, i) => i + 1));
      assert.ok(states.includes("reconnecting"));
      break;
    }
  }));

test("pain 15: a slot whose WAL was removed ends the stream, active or not", async () => {
  const settings = { max_slot_wal_keep_size: "2MB", wal_keep_size: "0" };
  await withPlace(async (place) => {
    await makeSlot(place);
    const stream = place.stream({ windowBytes: 1 });
    const changes = stream[Symbol.asyncIterator]();
    await place.insert(1);
    await changes.next();
    await loseWal(place);
    const active = await failure(readAll(changes), SlotLostError);
    assert.equal(active.reason, "wal_removed");
    const inactive = await failure(place.stream().transactions().next(), SlotLostError);
    assert.equal(inactive.reason, "wal_removed");
    assert.match(inactive.message, /drop it, create another one and copy the tables again/);
    const replaced = place.stream({ snapshot: "initial", onSlotLost: "snapshot" }).transactions();
    const tx = (await replaced.next()).value!;
    assert.equal(tx.kind, "snapshot");
    assert.ok((await tx.all()).length > 0);
    await replaced.return!();
  }, { settings });
});

test("pain 15: a slot that was idle for too long says so", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await until(async () => {
      await pause(0.3);
      await place.cluster.query("checkpoint");
      const [row] = await place.cluster.query(`select wal_status from pg_replication_slots
        where database = '${place.login.database}'`);
      return row![0] === "lost";
    });
    const error = await failure(place.stream().transactions().next(), SlotLostError);
    assert.equal(error.reason, "idle_timeout");
    assert.match(error.message, /idle_replication_slot_timeout/);
  }, { settings: { idle_replication_slot_timeout: "1s" } }));

/** Writes WAL until the slot is lost. */
async function loseWal({ cluster, login, db }: Place): Promise<void> {
  await until(async () => {
    await db.query(`insert into t select g + (random() * 1e9)::int, repeat('x', 500)
      from generate_series(1, 2000) g on conflict do nothing`).execute();
    await cluster.query("select pg_switch_wal()");
    await cluster.query("checkpoint");
    const [row] = await cluster.query(`select wal_status from pg_replication_slots
      where database = '${login.database}'`);
    return row![0] === "lost";
  });
}

async function readAll(changes: AsyncIterator<unknown>): Promise<void> {
  while (!(await changes.next()).done);
}

test("pain 15: a slot that is gone is not created again", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    const stream = place.stream({ reconnect: { maxDelay: 0.1 } });
    const reading = stream.transactions().next();
    await until(() => stream.state?.state === "streaming");
    const name = `pg_drop_replication_slot('${
      (await place.slots())[0]!.replace("s*", slotOf(place))
    }')`;
    await killWalsender(place);
    await until(async () => {
      await killWalsender(place);
      return await place.cluster.query(`select ${name}`).then(() => true, () => false);
    });
    const error = await failure(reading, SlotLostError);
    assert.equal(error.reason, "missing");
    assert.deepEqual(await place.slots(), []);
    const given = place.stream({ slot: { name: slotOf(place), create: false } });
    assert.equal((await failure(given.transactions().next(), SlotLostError)).reason, "missing");
  }));

function slotOf({ login }: Place): string {
  return `s_${login.database!.slice(2)}`;
}

for (const major of majors()) {
  test(`pain 16: a publication that is dropped ends the stream, and no gap is silent (${major})`, () =>
    withPlace(async (place) => {
      const error = await failure(
        place.stream({ publication: ["p", "nothing"] }).transactions().next(),
        PublicationMissingError,
      );
      assert.deepEqual(error.publications, ["nothing"]);
      assert.deepEqual(await place.slots(), [], "the slot is created after the publications");
      const stream = place.stream({ reconnect: false });
      const transactions = stream.transactions();
      const first = transactions.next();
      await until(() => stream.state?.state === "streaming");
      await place.insert(1);
      assert.deepEqual(await idsOf((await first).value!), [1]);
      await place.db.query("drop publication p").execute();
      await place.insert(2);
      await place.db.query("create publication p for table t").execute();
      await place.insert(3);
      const gone = await failure(transactions.next(), PublicationMissingError);
      assert.deepEqual(gone.publications, ["p"]);
    }, { major }));
}

test("pain 16: a missing publication is waited for if asked", () =>
  withPlace(async (place) => {
    await place.db.query("drop publication p").execute();
    const states: StreamState[] = [];
    const stream = place.stream({ onMissingPublication: "wait", onState: (s) => states.push(s) });
    const first = stream.transactions().next();
    await until(() => states.at(-1)?.state === "waiting");
    await place.db.query("create publication p for table t").execute();
    await until(() => stream.state?.state === "streaming");
    await place.insert(7);
    assert.deepEqual(await idsOf((await first).value!), [7]);
    assert.ok(states.some((s) => s.state === "waiting" && s.for === "publications"));
  }));

test("pain 16: while a publication is waited for, the server may be away", () =>
  withPlace(async (place) => {
    const states: StreamState[] = [];
    const stream = place.stream({ onMissingPublication: "wait", onState: (s) => states.push(s) });
    const transactions = stream.transactions();
    const first = transactions.next();
    await until(() => stream.state?.state === "streaming");
    await place.insert(1);
    assert.deepEqual(await idsOf((await first).value!), [1]);
    const next = transactions.next();
    await place.db.query("drop publication p").execute();
    await place.insert(2);
    await until(() => states.at(-1)?.state === "waiting");
    const [row] = await place.db.query<{ name: string }>("select current_database() as name");
    const allow = (allowed: boolean) =>
      place.cluster.query(`alter database ${row!.name} allow_connections ${allowed}`);
    await allow(false);
    await place.cluster.query(
      "select pg_terminate_backend(pid) from pg_stat_activity " +
        `where datname = '${row!.name}' and pid <> ${place.db.processId}`,
    );
    await until(() => states.at(-1)?.state === "reconnecting");
    await place.db.query("create publication p for table t").execute();
    await allow(true);
    await until(() => stream.state?.state === "streaming");
    await place.insert(3);
    assert.deepEqual(await idsOf((await next).value!), [3]);
  }));

test("pain 16: a publication is created as the options say, before the slot", () =>
  withPlace(async (place) => {
    const create = { tables: [{ table: "public.t", columns: ["id"], where: "id > 1" }] };
    const stream = place.stream({ publication: { name: "mine", create } });
    const first = stream.transactions().next();
    await until(() => stream.state?.state === "streaming");
    await place.insert(1, 2);
    const changes = await (await first).value!.all();
    const [insert] = changes.filter(({ kind }) => kind === "insert") as Extract<
      Change,
      { kind: "insert" }
    >[];
    assert.deepEqual({ ...insert!.new }, { id: 2 });
  }));

test("pain 20: a slot that a dead connection still holds is waited for", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    const proxy = await faultProxy(place.cluster);
    try {
      const silent = place.stream({ host: proxy.host, port: proxy.port, reconnect: false });
      const reading = silent.transactions().next();
      await until(() => silent.state?.state === "streaming");
      proxy.up.stallAt = 0;
      const states: StreamState[] = [];
      const stream = place.stream({ onState: (state) => states.push(state) });
      const first = stream.transactions().next();
      await until(() => states.some((state) => state.state === "waiting"));
      const [waiting] = states.filter((state) => state.state === "waiting");
      assert.ok(waiting!.for === "slot" && waiting!.pids[0]! > 0);
      await place.insert(1);
      assert.deepEqual(await idsOf((await first).value!), [1]);
      await silent.close();
      await reading;
    } finally {
      await proxy.close();
    }
  }, { settings: { wal_sender_timeout: "2s" } }));

test("a server that has fallen silent is given up, and the stream goes on over another connection", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    const proxy = await faultProxy(place.cluster);
    try {
      const states: StreamState[] = [];
      const stream = place.stream({
        ...{ host: proxy.host, port: proxy.port, reconnect: { maxDelay: 0.2 } },
        onState: (state) => states.push(state),
      });
      const first = stream.transactions().next();
      await until(() => stream.state?.state === "streaming");
      proxy.down.stallAt = 0;
      await until(() => states.some(({ state }) => state === "reconnecting"));
      proxy.down.stallAt = undefined;
      proxy.cut();
      await place.insert(1);
      assert.deepEqual(await idsOf((await first).value!), [1]);
      const lost = states.find((state) => state.state === "reconnecting");
      assert.match(String(lost?.error), /has not answered for 2 s/);
    } finally {
      await proxy.close();
    }
  }, { settings: { wal_sender_timeout: "2s" } }));

test("pain 20: a slot that stays in use is an error with the process", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    const owner = place.stream();
    const reading = owner.transactions().next();
    await until(() => owner.state?.state === "streaming");
    const other = place.stream();
    const error = await failure(other.transactions().next(), SlotBusyError);
    assert.ok(error.pid > 0);
    assert.match(error.message, /is in use by the server process/);
    await owner.close();
    await reading;
  }, { settings: { wal_sender_timeout: "1s" } }));

test("pain 21: close() ends a stream in the middle of a huge transaction", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.db.query(
      "insert into t select g, repeat('x', 30) from generate_series(1, 300000) g",
    )
      .execute();
    const stream = place.stream();
    let count = 0;
    for await (const change of stream) {
      if (change.kind !== "insert") continue;
      if (++count < 1000) continue;
      assert.ok(await inTime(stream.close(), 5));
      break;
    }
    assert.ok(await inTime(until(async () => (await place.slots()).join() === "s"), 5));
    await using wal = await connectReplication({ ...place.login, mode: "logical" });
    const how = { options: { proto_version: 1, publication_names: "p" } };
    await (await wal.startLogical(slotOf(place), how)).stop();
    const error = await failure(wal.startLogical(slotOf(place), how), InterfaceError);
    assert.match(error.message, /one logical stream; open another one/);
  }));

test("a signal ends the loop when it asks for more, and what was handled is confirmed", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.insert(1, 2, 3);
    const stop = new AbortController();
    const ids: number[] = [];
    for await (const tx of place.stream({ signal: stop.signal }).transactions()) {
      ids.push(...await idsOf(tx));
      if (ids.length === 2) stop.abort();
    }
    assert.deepEqual(ids, [1, 2]);
    await until(async () => (await place.slots()).join() === "s");
    for await (const tx of place.stream().transactions()) {
      assert.deepEqual(await idsOf(tx), [3]);
      break;
    }
  }));

test("handlers that run at the same time confirm the longest prefix that is done", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.insert(...Array.from({ length: 20 }, (_, i) => i));
    let most = 0;
    let running = 0;
    const done: number[] = [];
    const stream = place.stream();
    await stream.run(async (tx) => {
      most = Math.max(most, ++running);
      const [id] = await idsOf(tx);
      await pause(id! % 4 === 0 ? 0.05 : 0.005);
      done.push(id!);
      running--;
      if (done.length === 20) void stream.close();
    }, { concurrency: 4 });
    assert.equal(most, 4);
    assert.deepEqual(done.toSorted((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i));
    assert.notDeepEqual(done, done.toSorted((a, b) => a - b));
  }));
