/** A wrong option is refused by its name, before anything is sent or taken, by every call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  type Connection,
  createPool,
  InterfaceError,
  type Pool,
  type Transaction,
} from "../../mod.ts";
import { connect as connectDbapi } from "../../src/dbapi/dbapi.ts";
import { connectReplication, Lsn } from "../../src/replication/replication.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** Wrong values of each option. */
const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  signal: [5, "x", {}, null, new AbortController(), []],
  timeout: [-1, NaN, Infinity, 1e12, 2147484, "5", null, {}, 5n],
  rows: ["maps", 5, null],
  prepare: ["no", null],
  parameterTypes: ["int4", {}, [null], [-1], [1.5], [4294967296], [{}]],
  types: [5, null, [], { int8: "huge" }, { in8: "number" }, { json: 5 }, { codecs: 5 }]
    .concat({ codecs: [5] } as never),
  parsers: [{}, null, "x"],
  binary: ["yes", null],
  rawParameters: ["yes", null],
  observer: ["x", null, 5],
  isolation: ["snapshot", "READ COMMITTED", "", null, 5],
  readOnly: ["yes", 0, null],
  deferrable: ["yes", 0, null],
  retries: [-1, NaN, 1.5, "3", null],
  progress: [5, null],
  complete: [5, null],
  format: ["xml", null],
  limit: [0, -1, NaN, 1.5, Infinity, "3", null],
  overflow: ["drop", null],
  within: [5, null],
  misspelt: [1],
};

const CALL = ["signal", "timeout", "misspelt"];
const QUERY = [...CALL, "rows", "prepare", "parameterTypes", "types", "parsers", "binary"]
  .concat("rawParameters", "observer");
const TRANSACTION = [...CALL, "isolation", "readOnly", "deferrable"];
const COPY = [...CALL, "progress", "complete"];
const LISTEN = ["signal", "limit", "overflow", "misspelt"];

type Options = Record<string, never>;
type Way<On> = readonly [
  name: string,
  options: readonly string[],
  run: (on: On, options: Options) => unknown,
];

async function drain(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}

/** The calls that connections and pools share. */
const WAYS: readonly Way<Connection | Pool>[] = [
  ["query", QUERY, (on, options) => on.query("select 1", [], options)],
  ["named", QUERY, (on, options) => on.query("select :a::int", { a: 1 }, options)],
  ["simple", QUERY, (on, options) => on.query("select 1", [], options).simple()],
  ["describe", QUERY, (on, options) => on.query("select 1", [], options).describe()],
  ["stream", QUERY, (on, options) => drain(on.query("select 1", [], options))],
  ["batches", QUERY, (on, options) => drain(on.query("select 1", [], options).batches(2))],
  ["batch", QUERY, (on, options) => on.batch([{ text: "select 1" }], options)],
  ["executeMany", QUERY, (on, options) => on.executeMany("select $1::int", [[1]], options)],
  ["prepare", QUERY, async (on, options) => await (await on.prepare("select 1", options)).close()],
  ["prepared", [...CALL, "rows"], async (on, options) => {
    await using statement = await on.prepare("select 1");
    await statement.query([], options);
  }],
  [
    "transaction",
    [...TRANSACTION, "retries"],
    (on, options) => on.transaction((tx) => tx.query("select 1").scalar(), options),
  ],
  ["query in a transaction", QUERY, (on, options) =>
    on.transaction(async (tx) => {
      await tx.query("select 1", [], options);
    })],
  ["copyFrom", COPY, (on, options) => on.copyFrom("copy pg_am from stdin", UNREAD, options)],
  ["copyTo", COPY, (on, options) => drain(on.copyTo("copy (select 1) to stdout", options))],
  [
    "copyRowsFrom",
    [...COPY, "format"],
    (on, options) => on.copyRowsFrom("pg_am", ["oid"], UNREAD, options),
  ],
  [
    "copyRowsTo",
    [...COPY, "rows"],
    (on, options) => drain(on.copyRowsTo("pg_am", ["oid"], options)),
  ],
  ["listen", LISTEN, async (on, options) => {
    await using _events = await (on as Connection).listen("option_checks", options);
  }],
  ["notify", CALL, (on, options) => on.notify("option_checks", "x", options)],
];

/** A source that fails the test when it is read. */
const UNREAD: Iterable<never> = {
  [Symbol.iterator]: () => assert.fail("the source was read"),
};

const OF_CONNECTIONS: readonly Way<Connection>[] = [
  ["begin", TRANSACTION, async (db, options) => await (await db.begin(options)).rollback()],
  ["commitPrepared", CALL, (db, options) => db.commitPrepared("option_checks", options)],
  ["rollbackPrepared", CALL, (db, options) => db.rollbackPrepared("option_checks", options)],
  ["recoverPrepared", CALL, (db, options) => db.recoverPrepared(options)],
];

const OF_POOLS: readonly Way<Pool>[] = [
  ["connect", [...CALL, "within"], async (pool, options) => {
    await (await pool.connect(options)).close();
  }],
  ["listen with a timeout", ["timeout"], async (pool, options) => {
    await using _events = await pool.listen("option_checks", options);
  }],
];

const OF_LARGE_OBJECTS: readonly Way<Transaction>[] = [
  ["create", CALL, (tx, options) => tx.largeObjects.create(0, options)],
  ["open", CALL, (tx, options) => tx.largeObjects.open(1, "r", options)],
  ["unlink", CALL, (tx, options) => tx.largeObjects.unlink(1, options)],
  ...(["read", "write", "seek", "tell", "truncate", "close"] as const).map((
    name,
  ): Way<Transaction> => [name, CALL, async (tx, options) => {
    const object = await tx.largeObjects.open(await tx.largeObjects.create(), "rw");
    const calls = {
      read: () => object.read(1, options),
      write: () => object.write("a", options),
      seek: () => object.seek(0, "start", options),
      tell: () => object.tell(options),
      truncate: () => object.truncate(0, options),
      close: () => object.close(options),
    };
    await calls[name]();
  }]),
];

/** Calls a function with each wrong value of each of its options. */
async function refuses<On>(on: On, [name, options, run]: Way<On>): Promise<void> {
  for (const option of options) {
    for (const value of WRONG[option]!) {
      const call = async () => await run(on, { [option]: value } as Options);
      const { message } = await failure(call(), InterfaceError);
      assert.match(
        message,
        new RegExp(`\\b${option}\\b`),
        `${name}: ${option} of ${String(value)}`,
      );
    }
  }
}

test("options: calls of a connection refuse wrong ones, also those that load their code", () =>
  withoutUnhandled(async () => {
    for (const way of [...WAYS, ...OF_CONNECTIONS] as Way<Connection>[]) {
      const db = await connect(await shared());
      await refuses(db, way);
      await assertUsable(db);
      await db.close();
    }
  }));

test("options: calls of a pool refuse wrong ones, and hold no connection", () =>
  withoutUnhandled(async () => {
    for (const way of [...WAYS, ...OF_POOLS] as Way<Pool>[]) {
      await using pool = createPool(await shared(), { max: 1 });
      await refuses(pool, way);
      assert.equal(await pool.query("select 1").scalar(), 1);
      await until(() => pool.stats().leased === 0);
    }
  }));

test("options: calls of large objects refuse wrong ones", () =>
  withDatabase(async (db) => {
    for (const way of OF_LARGE_OBJECTS) {
      await db.transaction((tx) => refuses(tx, way)).catch((error) => {
        throw new Error(way[0], { cause: error });
      });
    }
    await db.transaction(async (tx) => {
      const object = await tx.largeObjects.open(await tx.largeObjects.create(), "rw");
      for (const offset of [NaN, 1.5, "1", null]) {
        await failure(object.seek(offset as number), InterfaceError);
        await failure(object.truncate(offset as number), InterfaceError);
      }
      for (const size of [NaN, -1, "1", null, 5n]) {
        await failure(object.read(size as number), InterfaceError);
      }
    });
    await assertUsable(db);
  }));

test("options: connect() refuses a wrong signal, timeout and types", async () => {
  const options = await shared();
  for (const name of ["signal", "timeout", "types"]) {
    for (const value of WRONG[name]!) {
      for (const open of [connect, connectDbapi]) {
        const opening = open({ ...options, [name]: value } as object);
        assert.match((await failure(opening, InterfaceError)).message, new RegExp(name));
      }
    }
  }
});

test("options: close() of a pool refuses a wrong option and leaves the pool open", async () => {
  const pool = createPool(await shared());
  for (const timeout of WRONG.timeout!) {
    assert.throws(() => pool.close({ timeout: timeout as number }), InterfaceError);
  }
  const { signal } = new AbortController();
  assert.throws(() => pool.close({ signal } as { timeout?: number }), /unknown option "signal"/);
  assert.equal(await pool.query("select 1").scalar(), 1);
  await pool.close({ timeout: 0 });
});

test("options: commands of a replication connection refuse a wrong signal and timeout", async () => {
  await using db = await connectReplication({ ...await shared(), mode: "physical" });
  for (const [name, value] of [["signal", {}], ["timeout", Infinity], ["timeout", -1]] as const) {
    const wrong = { [name]: value } as object;
    const calls = [
      () => db.identifySystem(wrong),
      () => db.baseBackup(wrong),
      () => db.show("port", wrong),
    ];
    for (const call of calls) {
      const { message } = await failure(call(), InterfaceError);
      assert.match(message, new RegExp(`^${name} must`));
    }
  }
  const stream = db.startPhysical({ from: Lsn.parse("0/1000000"), signal: 5 } as never);
  assert.match((await failure(stream, InterfaceError)).message, /^signal must/);
  assert.ok((await db.identifySystem()).timeline > 0);
});
