/** The events of a pool on `node:diagnostics_channel`. */
import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { test } from "node:test";
import { createPool } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { pause, until } from "../_kit/waiting.ts";
import { sharedServer } from "../_kit/servers.ts";
import { as, withPool } from "./pool_server.ts";

const EVENTS = [
  "create",
  "acquire",
  "release",
  "retire",
  "wait",
  "timeout",
  "cancel",
  "close",
] as const;

/** An event: its name and its message. */
type Told = readonly [event: string, message: Readonly<Record<string, unknown>>];

/** The events of the pool of this name during `work`, in order. */
async function told(name: string, work: () => Promise<void>): Promise<Told[]> {
  const all: Told[] = [];
  const listeners = EVENTS.map((event) => {
    const listener = (message: unknown): void => {
      const known = message as Told[1];
      if (known["db.client.connection.pool.name"] === name) all.push([event, known]);
    };
    return { channel: channel(`cornac.pg:pool:${event}`), listener };
  });
  for (const { channel, listener } of listeners) channel.subscribe(listener);
  try {
    await work();
  } finally {
    for (const { channel, listener } of listeners) channel.unsubscribe(listener);
  }
  return all;
}

/** `acquire 1/0+2`: one idle, none used, two waiting. */
function shown(all: readonly Told[]): string[] {
  return all.map(([event, message]) => {
    const { idle, used } = message["db.client.connection.count"] as Record<string, number>;
    const waiting = message["db.client.connection.pending_requests"];
    const { reason } = message;
    return `${event} ${idle}/${used}+${waiting}${reason === undefined ? "" : ` ${reason}`}`;
  });
}

test("pool trace: each event of a connection is published with the state of the pool", async () => {
  const all = await told("life", () =>
    withPool({ max: 2, min: 0, name: "life" }, async (pool) => {
      const first = await pool.connect();
      const second = await pool.connect();
      const third = pool.connect();
      await pause(0.02);
      await first.close();
      await (await third).close();
      second.destroy();
      await pool.query("select 1");
    }));
  // deno-fmt-ignore
  assert.deepEqual(shown(all), [
    "wait 0/0+1", "create 1/0+1", "acquire 0/1+0",
    "wait 0/1+1", "create 1/1+1", "acquire 0/2+0",
    "wait 0/2+1", "acquire 0/2+0", "release 0/2+0",
    "release 1/1+0",
    "retire 1/0+0 lost", "release 1/0+0",
    "acquire 0/1+0", "release 1/0+0",
    "retire 0/0+0 closed", "close 0/0+0",
  ]);
  const times = (event: string, name: string): unknown[] =>
    all.filter(([own]) => own === event).map(([, message]) =>
      message[`db.client.connection.${name}`]
    );
  for (const seconds of times("create", "create_time")) assert.ok(Number(seconds) > 0);
  for (const seconds of times("release", "use_time")) assert.ok(Number(seconds) > 0);
  const waits = times("acquire", "wait_time").map(Number);
  assert.ok(waits[2]! >= 0.015 && waits[3] === 0, String(waits));
  const [, message] = all[0]!;
  assert.equal(message["db.client.connection.max"], 2);
  assert.equal(message["db.client.connection.idle.max"], 2);
  assert.equal(message["db.client.connection.idle.min"], 0);
});

test("pool trace: a wait without success is published, with the way in which it ended", async () => {
  const all = await told("vain", () =>
    withPool({ max: 1, name: "vain" }, async (pool) => {
      const db = await pool.connect();
      const controller = new AbortController();
      const late = failure(pool.connect({ timeout: 0.01 }));
      const aborted = failure(pool.connect({ signal: controller.signal }));
      await late;
      controller.abort();
      await aborted;
      await db.close();
    }));
  // deno-fmt-ignore
  assert.deepEqual(shown(all).slice(3), [
    "wait 0/1+1", "wait 0/1+2", "timeout 0/1+1", "cancel 0/1+0",
    "release 1/0+0", "retire 0/0+0 closed", "close 0/0+0",
  ]);
  assert.ok(Number(all[5]![1].waited) >= 0.01);
});

test("pool trace: queries that share a connection are each told of", async () => {
  const all = await told("shared", () =>
    withPool({ max: 1, name: "shared" }, async (pool) => {
      await pool.query("select 1");
      await Promise.all([1, 2, 3].map((n) => pool.query("select $1::int", [n])));
    }));
  const count = (event: string): number => all.filter(([own]) => own === event).length;
  assert.deepEqual([count("create"), count("acquire"), count("release")], [1, 4, 4]);
});

test("pool trace: a pool without a name is known by where it goes to", async () => {
  const { host, port } = await sharedServer();
  const all = await told(
    `${host}:${port}/postgres`,
    () => withPool({ max: 1 }, async (pool) => void await pool.query("select 1")),
  );
  assert.ok(all.some(([event]) => event === "acquire"));
});

test("pool trace: waits while no server can be reached are published", async () => {
  const all = await told("away", async () => {
    const pool = createPool({ ...as({ host: "127.0.0.1", port: 1 }) }, {
      name: "away",
      waitForServer: true,
    });
    const late = failure(pool.query("select 1"));
    const later = failure(pool.connect({ timeout: 0.1 }));
    await until(() => pool.stats().failedConnects > 0);
    await later;
    await pool.close({ timeout: 0.01 });
    await late;
  });
  assert.deepEqual(shown(all), [
    "wait 0/0+2",
    "wait 0/0+2",
    "timeout 0/0+1",
    "cancel 0/0+0",
    "close 0/0+0",
  ]);
});

test("pool trace: a name that is none is refused", () => {
  for (const name of ["", 7] as never[]) {
    assert.throws(() => createPool({}, { name }), /^InterfaceError: name must be a string/);
  }
});
