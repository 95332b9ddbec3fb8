import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, createPool, Interval, OperationalError, Range } from "../../mod.ts";
import { connect as connectDbapi } from "../../src/dbapi/dbapi.ts";
import { Connection } from "../../src/connection.ts";
import { Temporal } from "temporal-polyfill";
import { openCore } from "../../src/connect.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { TemporalLike } from "../../src/types/temporal.ts";
import { shared } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { pause } from "../_kit/waiting.ts";

const DAY = new Interval({ days: 1 });
const SPAN = new Range(1, 3);

/** SQL of rare types, of arrays, ranges and composites of them, and the value of each. */
const VALUES: readonly (readonly [sql: string, value: unknown])[] = [
  ["interval '1 day'", DAY],
  ["array[interval '1 day', null]", [DAY, null]],
  ["int4range(1, 3)", SPAN],
  ["array[int4range(1, 3)]", [SPAN]],
  ["'{[1,3)}'::int4multirange", [SPAN]],
  ["point(1, 2)", { x: 1, y: 2 }],
  ["inet '10.0.0.1'", "10.0.0.1"],
  ["time '01:02:03'", "01:02:03"],
  ["real '1.1'", 1.1],
  ["array[real '1.1']", [1.1]],
  ["'1 2'::int2vector", [1, 2]],
  ["row(1, 'a')", ["1", "a"]],
  ["xid8 '7'", 7n],
  ["array[xid8 '7']", [7n]],
  ["'a'::\"char\"", "a"],
];

const LIST = VALUES.map(([sql], i) => `${sql} as c${i}`).join(", ");
const ROW = Object.fromEntries(VALUES.map(([, value], i) => [`c${i}`, value]));

/** The ways of running a query, each as the first thing that a connection does. */
const WAYS: Readonly<Record<string, (db: Connection) => Promise<unknown>>> = {
  query: async (db) => (await db.query(`select ${LIST}`))[0],
  "query without prepare": async (db) =>
    (await db.query(`select ${LIST}`, [], { prepare: false }))[0],
  sql: async (db) => (await db.sql`select ${db.sql.raw(LIST)} where ${1} = 1`)[0],
  named: async (db) => (await db.query(`select ${LIST} where :one = 1`, { one: 1 }))[0],
  simple: async (db) => (await db.query(`select ${LIST}`).simple())[0],
  "a value with a type": async (db) =>
    (await db.query(`select ${LIST} where $1 <> interval '2 days'`, [DAY]))[0],
  stream: async (db) => {
    for await (const row of db.query(`select ${LIST}`)) return row;
    return undefined;
  },
  batches: async (db) => {
    for await (const [row] of db.query(`select ${LIST}`).batches(10)) return row;
    return undefined;
  },
  batch: async (db) => {
    const results = await db.batch([{ text: "select 1" }, { text: `select ${LIST}` }]);
    return results[1]![0];
  },
  executeMany: async (db) => (await db.executeMany(`select ${LIST} where $1 = 1`, [[1], [2]]))[0],
  prepared: async (db) => {
    const prepared = await db.prepare(`select ${LIST}`);
    const [row] = await prepared.query();
    await prepared.close();
    return row;
  },
  transaction: async (db) =>
    await db.transaction(async (tx) => (await tx.query(`select ${LIST}`))[0]),
  "settings that make text inexact": async (db) => {
    await db.query("set extra_float_digits = 0").simple();
    return (await db.query(`select ${LIST}`))[0];
  },
  "parameterTypes by name": async (db) => {
    const how = { parameterTypes: ["interval"] };
    return (await db.query(`select ${LIST} where $1 <> interval '2 days'`, ["1 day"], how))[0];
  },
};

/** Ways that hold the connection, or make their first request later. */
const HOLDING: ReadonlySet<string> = new Set([
  ...["stream", "batches", "prepared", "transaction", "parameterTypes by name"],
  "settings that make text inexact",
]);

for (const [way, run] of Object.entries(WAYS)) {
  test(`types beside the common ones are loaded by their first use: ${way}`, async () => {
    const db = await connect(await shared());
    try {
      assert.deepEqual(await run(db), ROW);
      assert.deepEqual(await run(db), ROW); // from now on in binary
      await assertUsable(db);
    } finally {
      await db.close();
    }
  });

  test(`queries behind such a first use keep their order: ${way}`, async () => {
    await withLoading(async () => await pause(0.02), async (db) => {
      const settled: string[] = [];
      const note = (name: string) => () => void settled.push(name);
      const first = run(db).then((row) => (note("first")(), row));
      if (HOLDING.has(way)) {
        assert.deepEqual(await first, ROW);
        return await assertUsable(db);
      }
      const others = [1, 2, 3].map((n) => behind(db, n).then(note(`${n}`)));
      assert.deepEqual(await first, ROW);
      await Promise.all(others);
      assert.deepEqual(settled, ["first", "1", "2", "3"]);
    });
  });

  test(`a failure to load rejects the first use, and the next one tries again: ${way}`, async () => {
    let isMissing = true;
    const load = (): Promise<void> =>
      isMissing
        ? Promise.reject(new OperationalError("cannot load the rare types", { code: "58P01" }))
        : Promise.resolve();
    await withLoading(load, async (db) => {
      const error = await failure(run(db), OperationalError);
      assert.equal(error.code, "58P01");
      await assertUsable(db);
      isMissing = false;
      assert.deepEqual(await run(db), ROW);
      await assertUsable(db);
    });
  });
}

test("types of the catalogue that are made of rare ones are loaded with them", async () => {
  const setup = `create type pg_temp.mood as enum ('ok'); create domain pg_temp.day as interval;
    create type pg_temp.pair as (mood pg_temp.mood, days pg_temp.day[], spans int4range[]);`;
  const db = await connect(await shared());
  try {
    await db.query(setup).simple();
    for (let run = 0; run < 2; run++) {
      const [row] = await db.query(
        `select row('ok', array[interval '1 day'], array[int4range(1, 3)])::pg_temp.pair as p,
          'ok'::pg_temp.mood as m, null::pg_catalog.pg_am as r, interval '1 day' as i`,
      );
      assert.deepEqual(row, {
        p: { mood: "ok", days: [DAY], spans: [SPAN] },
        m: "ok",
        r: null,
        i: DAY,
      });
    }
    const pair = { mood: "ok", days: [DAY], spans: [SPAN] };
    assert.deepEqual([...await db.query("select $1::pg_temp.pair as p", [pair])], [{ p: pair }]);
  } finally {
    await db.close();
  }
});

test("a codec that is registered before the rare types are loaded reads its type, and arrays of it", async () => {
  const days = { decode: (text: string) => `read ${text}` };
  for (const which of [{ name: "interval" }, { oid: 1186 }, { name: "pg_catalog.interval" }]) {
    const db = await connect({ ...await shared(), types: { codecs: [{ ...which, ...days }] } });
    try {
      const text =
        "select interval '1 day' as i, array[interval '1 day'] as a, int4range(1, 3) as r";
      const row = { i: "read 1 day", a: ["read 1 day"], r: SPAN };
      assert.deepEqual([...await db.query(text)], [row]);
      assert.deepEqual([...await db.query(text)], [row]);
      const broken = { ...which, decode: () => assert.fail("unreadable") };
      const options = { types: { codecs: [broken] } };
      const error = await failure(db.query(text, [], options));
      assert.match(error.message, /^column "i" \((pg_catalog\.)?interval\): unreadable/);
    } finally {
      await db.close();
    }
  }
});

test("dates are Temporal's from the first query on under that policy, for one query too", async () => {
  const text = "select date '2024-02-29' as d, array[timestamp '2024-02-29 01:02:03.000004'] as t";
  const types = { datetime: "temporal", temporal: Temporal as unknown as TemporalLike } as const;
  const asText = (rows: readonly unknown[]): string => JSON.stringify(rows);
  const expected = '[{"d":"2024-02-29","t":["2024-02-29T01:02:03.000004"]}]';
  const db = await connect({ ...await shared(), types });
  const other = await connect(await shared());
  try {
    for (let run = 0; run < 2; run++) {
      const rows = await db.query(text);
      assert.equal(asText(rows), expected);
      assert.ok(rows[0]!.d instanceof Temporal.PlainDate);
      assert.equal(asText(await other.query(text, [], { types })), expected);
      assert.ok((await other.query("select date '2024-02-29' as d"))[0]!.d === "2024-02-29");
    }
    const day = Temporal.PlainDate.from("2024-02-29");
    assert.equal(await db.query("select $1::date::text", [day]).scalar(), "2024-02-29");
  } finally {
    await Promise.all([db.close(), other.close()]);
  }
});

test("COPY takes and gives rare types as the first thing of a connection", async () => {
  const name = `first_use_${crypto.randomUUID().slice(0, 8)}`;
  const make = `create table ${name} (i interval, s int4range, n int4[])`;
  const [setup, one, other] = await Promise.all([0, 1, 2].map(async () => connect(await shared())));
  try {
    await setup!.query(make);
    await one!.copyRowsFrom(name, ["i", "s", "n"], [[DAY, SPAN, [1]]], { format: "binary" });
    const rows: unknown[] = [];
    for await (const row of other!.copyRowsTo(name, ["i", "s", "n"])) rows.push(row);
    assert.deepEqual(rows, [{ i: DAY, s: SPAN, n: [1] }]);
  } finally {
    await setup!.query(`drop table if exists ${name}`);
    await Promise.all([setup, one, other].map((db) => db!.close()));
  }
});

test("a pool and a cursor read rare types from the first query on", async () => {
  const pool = createPool(await shared(), { max: 1 });
  assert.deepEqual((await pool.query(`select ${LIST}`))[0], ROW);
  await pool.close();
  const db = await connect(await shared());
  try {
    const cursor = db.cursor();
    await cursor.execute("select interval '1 day', int4range(1, 3)");
    assert.deepEqual(await cursor.fetchone(), [DAY, SPAN]);
  } finally {
    await db.close();
  }
  const con = await connectDbapi(await shared());
  try {
    con.registerInAdapter(1186, (text) => `read ${text}`);
    const cursor = con.cursor();
    await cursor.execute("select interval '1 day', %s::interval", [DAY]);
    assert.deepEqual(await cursor.fetchone(), ["read 1 day", "read 1 day"]);
  } finally {
    await con.close();
  }
});

test("lookup() knows a rare type once it was used or loaded", async () => {
  const db = await connect(await shared());
  try {
    assert.equal(db.types.lookup(23)!.name, "int4");
    assert.equal(db.types.lookup(1007)!.name, "_int4");
    assert.equal(db.types.lookup(1186), undefined);
    await db.types.load();
    assert.equal(db.types.lookup(1186)!.name, "interval");
    assert.equal(db.types.lookup(3905)!.name, "_int4range");
  } finally {
    await db.close();
  }
});

/** A query that is settled a turn after its result, so that some microtasks more or less do not count. */
async function behind(db: Connection, n: number): Promise<void> {
  await db.query("select $1::int4 as n", [n]);
  await pause(0);
}

/** Connects, with `load` in front of loading the rare types. */
async function withLoading(
  load: () => Promise<void>,
  work: (db: Connection) => Promise<void>,
): Promise<void> {
  const core = await openCore(undefined, await shared(), await detectRuntime());
  const { registry } = core.host.executor.types;
  const really = registry.load.bind(registry);
  const value = (): Promise<void> => registry.isComplete ? really() : load().then(really);
  Object.defineProperty(registry, "load", { value });
  const db = new Connection(core);
  try {
    await work(db);
  } finally {
    db.destroy();
    await db.closed;
  }
}
