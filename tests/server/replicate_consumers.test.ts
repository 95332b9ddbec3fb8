/** Every way in which a consumer of a change stream may end, fail, or stop reading. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { InterfaceError } from "../../mod.ts";
import {
  type Change,
  type ChangeStream,
  publications,
  type StreamEvent,
} from "../../src/replication/replication.ts";
import { failure } from "../_kit/outcomes.ts";
import { inTime, pause, until } from "../_kit/waiting.ts";
import { idsOf, makeSlot, type Place, withPlace } from "./replicate_server.ts";

const MINE = new Error("mine");

/** How a consumer leaves: by `break` or by an error of its own. */
type Leaving = "break" | "throw";

/** One reading: the ids that were seen, and the first one of the transaction to leave within. */
class Visit {
  readonly ids: number[] = [];
  readonly at: number;
  readonly #how: Leaving;

  constructor(at: number, how: Leaving) {
    this.at = at;
    this.#how = how;
  }

  see(changes: readonly Change[] | StreamEvent): void {
    for (const one of [changes].flat()) {
      if (one.kind === "insert") this.ids.push(one.new.id as number);
    }
  }

  /** Reports whether `id` was seen, unless the consumer throws then. */
  isOver(id: number): boolean {
    const isOver = this.ids.includes(id);
    if (isOver && this.#how === "throw") throw MINE;
    return isOver;
  }
}

/** The ways of reading. Each handles the first transaction and leaves within the second. */
const READERS: Readonly<Record<string, (stream: ChangeStream, visit: Visit) => Promise<void>>> = {
  "changes, at the first of a transaction": async (stream, visit) => {
    for await (const change of stream) {
      visit.see(change);
      if (visit.isOver(visit.at)) break;
    }
  },
  "changes, at the last of a transaction": async (stream, visit) => {
    for await (const change of stream) {
      visit.see(change);
      if (visit.isOver(visit.at + 2)) break;
    }
  },
  "transactions, when all of one is read": async (stream, visit) => {
    for await (const tx of stream.transactions()) {
      visit.see(await tx.all());
      if (visit.isOver(visit.at)) break;
    }
  },
  "transactions, within one": async (stream, visit) => {
    for await (const tx of stream.transactions()) {
      for await (const change of tx) {
        visit.see(change);
        if (visit.isOver(visit.at + 1)) break;
      }
      if (visit.isOver(visit.at + 1)) break;
    }
  },
  batches: async (stream, visit) => {
    for await (const { changes } of stream.batches({ maxChanges: 1, maxWait: 0.01 })) {
      visit.see(changes);
      if (visit.isOver(visit.at)) break;
    }
  },
  "run(), with handlers at the same time": async (stream, visit) => {
    let isFirstDone = (): void => {};
    const first = new Promise<void>((resolve) => isFirstDone = resolve);
    await stream.run(async (tx) => {
      const changes = await tx.all();
      if (changes.some((one) => one.kind === "insert" && one.new.id === visit.at - 1)) {
        visit.see(changes);
        return isFirstDone();
      }
      await first;
      await pause(0); // the first is confirmed
      visit.see(changes);
      if (visit.isOver(visit.at)) await stream.close();
    }, { concurrency: 2 });
  },
};

test("consumers: whatever is left by break or an error is closed, and comes again whole", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    let next = 1;
    await insertThree(place, 15);
    for (const [reader, read] of Object.entries(READERS)) {
      for (const how of ["break", "throw"] as const) {
        const stream = place.stream();
        const visit = new Visit(next + 3, how);
        const reading = read(stream, visit);
        if (how === "break") await reading;
        else assert.equal(await failure(reading), MINE, reader);
        await stream.closed;
        assert.equal(stream.state?.state, "closed");
        // The one before has left a transaction that comes again, and confirmed what precedes it.
        assert.deepEqual(visit.ids.slice(0, 3), [next, next + 1, next + 2], `${reader}, ${how}`);
        next += 3;
        await until(async () => (await place.slots()).join() === "s");
      }
    }
  }));

/** Inserts three rows in each of so many transactions, and numbers them from 1. */
async function insertThree({ db }: Place, transactions: number): Promise<void> {
  for (let i = 0; i < transactions; i++) {
    await db.query("insert into t select g from generate_series($1::int, $1::int + 2) g", [
      i * 3 + 1,
    ]).execute();
  }
}

test("consumers: close() and a signal end a stream at any moment, without an error", () =>
  withPlace(async (place) => {
    await place.insert(1, 2, 3);
    for (let moment = 0; moment < 60; moment += 7) {
      const stop = new AbortController();
      const stream = place.stream({ signal: stop.signal });
      const reading = stream.transactions().next();
      await pause(moment / 1000);
      if (moment % 2 === 0) stop.abort(MINE);
      else assert.ok(await inTime(Promise.all([stream.close(), stream.close()]), 10));
      assert.ok(await inTime(reading, 10), `the reader hangs after ${moment} ms`);
      assert.ok((await reading).done);
      assert.ok(await inTime(stream.closed, 10));
    }
    await until(async () => !(await place.slots()).join().includes("*"));
  }));

test("consumers: a stream has one reader; a second one is refused and disturbs nothing", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.insert(1);
    const stream = place.stream();
    const transactions = stream.transactions();
    const first = transactions.next();
    const others: (() => unknown)[] = [
      () => stream.transactions(),
      () => stream.batches(),
      () => stream[Symbol.asyncIterator](),
    ];
    for (const other of others) assert.throws(other, InterfaceError);
    await failure(stream.run(() => {}), InterfaceError);
    assert.deepEqual(await idsOf((await first).value!), [1]);
    await transactions.return!();
  }));

test("consumers: one that does not read for a while misses nothing, though its connection is lost", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    const count = 3000;
    await place.db.query(
      "insert into t select g, repeat('x', 200) from generate_series(1, $1::int) g",
      [count],
    ).execute();
    await place.insert(count + 1, count + 2);
    const stream = place.stream({ windowBytes: 2000, reconnect: { maxDelay: 0.1 } });
    const changes = stream[Symbol.asyncIterator]();
    const ids: unknown[] = [];
    while (ids.length < count + 2) {
      if (ids.length === 100) {
        await place.cluster.query(`select pg_terminate_backend(active_pid)
          from pg_replication_slots where active and database = '${place.login.database}'`);
        await pause(0.3);
      }
      const { value } = await changes.next();
      if (value!.kind === "insert") ids.push(value!.new.id);
    }
    assert.deepEqual(ids, Array.from({ length: count + 2 }, (_, i) => i + 1));
    await changes.return!();
  }));

for (const streaming of [false, "on"] as const) {
  test(`consumers: a transaction that is being read when the server crashes goes on where it was (streaming ${streaming})`, () =>
    withPlace(async (place) => {
      await makeSlot(place);
      const count = 4000;
      await place.db.query(
        "insert into t select g, repeat('x', 500) from generate_series(1, $1::int) g",
        [count],
      ).execute();
      const stream = place.stream({
        ...{ streaming, windowBytes: 50_000, reconnect: { maxDelay: 0.1 } },
        startupParams: { logical_decoding_work_mem: "64kB" },
      });
      const ids: unknown[] = [];
      let hasCrashed = false;
      for await (const { changes } of stream.batches({ maxChanges: 500, split: true })) {
        for (const change of changes) if (change.kind === "insert") ids.push(change.new.id);
        if (!hasCrashed) await place.cluster.restart("immediate");
        hasCrashed = true;
        if (ids.length === count) break;
      }
      assert.deepEqual(ids, Array.from({ length: count }, (_, i) => i + 1));
    }));
}

test("consumers: a publication that is altered takes effect in its place", () =>
  withPlace(async (place) => {
    const { db } = place;
    await makeSlot(place);
    await db.query("create table u (id int primary key)");
    const seen: string[] = [];
    const reading = (async () => {
      for await (const change of place.stream()) {
        if (change.kind !== "insert") continue;
        seen.push(`${change.relation.table} ${change.new.id}`);
        if (change.new.id === 99) return;
      }
    })();
    await db.query("insert into u values (1)");
    await publications.alter(db, "p", { add: { tables: ["u"] } });
    await db.query("insert into u values (2)");
    await db.query("insert into t values (3)");
    await publications.alter(db, "p", { drop: { tables: ["t"] } });
    await db.query("insert into t values (4)");
    await db.query("insert into u values (5)");
    await db.query("insert into u values (99)");
    assert.ok(await inTime(reading, 20));
    assert.deepEqual(seen, ["public.u 2", "public.t 3", "public.u 5", "public.u 99"]);
  }));

test("consumers: a process ends by itself once its stream has, however that came", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.insert(1, 2, 3);
    for (const how of ["break", "throw", "signal", "close"]) {
      const { code, output } = await childThat(how, place);
      assert.equal(output, "left\n", how);
      assert.equal(code, 0, how);
    }
  }));

/** Runs a process that reads a stream and leaves it in a given way. */
function childThat(how: string, { login }: Place): Promise<{ code: number; output: string }> {
  const file = fileURLToPath(new URL("replicate_child.ts", import.meta.url));
  const { Deno, Bun } = globalThis as { Deno?: unknown; Bun?: unknown };
  const node = Bun === undefined ? ["--unhandled-rejections=strict"] : [];
  const flags = Deno === undefined ? node : ["run", "-A", "--no-check"];
  const args = [...flags, file, JSON.stringify(login), how];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout!.on("data", (text) => output += text);
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code: code ?? -1, output }));
  });
}
