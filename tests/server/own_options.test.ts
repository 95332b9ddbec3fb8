/** Options are own properties: a property of `Object.prototype` is not an option. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, createPool, sql } from "../../mod.ts";
import { connect as connectDbapi } from "../../src/dbapi/dbapi.ts";
import { connect as connectNative } from "../../src/dbapi/native.ts";
import { shared, withDatabase } from "../_kit/databases.ts";

/** Options of queries, transactions, streams, copies, pools, codecs and cursors. */
const NAMES = [
  ..."rows prepare parameterTypes types signal timeout isolation readOnly deferrable".split(" "),
  ..."retries format progress complete limit overflow parameters stream within".split(" "),
  ..."paramstyle autocommit codecs int8 numeric datetime temporal json arrays".split(" "),
  ..."encode decode accepts password connection max min reset onConnect unref pooler".split(" "),
  ..."runtime sock sslMode sslContext host hostaddr unixSock options user database".split(" "),
  ..."sourceAddress tcpKeepalive startupParams service idle interval count".split(" "),
];

/** Runs `work` and returns where the driver has read one of the names from `Object.prototype`. */
async function inherited(work: () => Promise<unknown>): Promise<string[]> {
  const found = new Set<string>();
  for (const name of NAMES) {
    Object.defineProperty(Object.prototype, name, {
      configurable: true,
      get() {
        const frames = new Error().stack!.split("\n").filter((line) => line.includes("/"));
        const reader = frames.find((line) => !line.includes("own_options.test"));
        const file = /\/src\/([\w/]+)\.[jt]s:\d+/.exec(reader ?? "");
        if (file !== null && !file[1]!.startsWith("runtime/")) found.add(`${name} in ${file[0]}`);
        return undefined;
      },
      set(value) {
        Object.defineProperty(this, name, {
          value,
          configurable: true,
          enumerable: true,
          writable: true,
        });
      },
    });
  }
  try {
    await work();
  } finally {
    for (const name of NAMES) delete (Object.prototype as Record<string, unknown>)[name];
  }
  return [...found].sort();
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

/** Each way to run something, without options of its own. */
const WAYS: [string, (db: Connection) => Promise<unknown>][] = [
  ["query", (db) => db.query("select $1::int as a", [1]).execute()],
  [
    "query with options",
    (db) => db.query("select $1::int as a", [1], { prepare: false }).execute(),
  ],
  ["query with types", (db) => db.query("select 1::int8 as a", [], { types: {} }).execute()],
  ["named", (db) => db.query("select :a::int as a", { a: 1 }).execute()],
  ["sql", (db) => db.sql`select ${1}::int as a`.execute()],
  ["fragment", (db) => db.query(sql`select ${[1, 2]}::int[] as a`).execute()],
  ["simple", (db) => db.query("select 1; select 2").simple().all()],
  ["stream", (db) => drain(db.query("select generate_series(1, 3)"))],
  ["batches", (db) => drain(db.query("select generate_series(1, 3)").batches(2))],
  ["batch", (db) => db.batch([{ text: "select 1" }, sql`select ${2}::int`])],
  ["executeMany", (db) => db.executeMany("select $1::int", [[1], [2]])],
  ["prepared", async (db) => await (await db.prepare("select $1::int")).query([1])],
  ["transaction", (db) => db.transaction(async (tx) => void await tx.query("select 1"))],
  [
    "savepoint",
    (db) => db.transaction((tx) => tx.transaction(async (sp) => void await sp.query("select 1"))),
  ],
  ["COPY in", async (db) => {
    await db.query("create temp table own_copy (a int)");
    await db.copyFrom("copy own_copy from stdin", "1\n");
    await db.copyRowsFrom("own_copy", ["a"], [[1]]);
  }],
  ["COPY out", (db) => drain(db.copyTo("copy (select 1) to stdout"))],
  ["COPY rows out", async (db) => {
    await db.query("create temp table own_rows as select 1 as a");
    await drain(db.copyRowsTo("own_rows", ["a"]));
  }],
  ["listen", async (db) => {
    const events = await db.listen("own");
    await db.notify("own");
    await events.next();
    await events.close();
  }],
  ["signals", async (db) => {
    const { signal } = new AbortController();
    await db.query("select 1", [], { signal });
    const events = await db.listen("own", { signal });
    await events.close();
    const pool = createPool(await shared(), { max: 1 });
    const held = await pool.connect({ signal });
    const waiting = pool.connect({ signal });
    await held.close();
    await (await waiting).close();
    await pool.close();
  }],
  ["large object", (db) =>
    db.transaction(async (tx) => {
      const object = await tx.largeObjects.open(await tx.largeObjects.create(), "rw");
      await object.write("abc");
      await object.close();
    })],
  ["cursor", async (db) => {
    const cursor = db.cursor();
    await cursor.execute("select %s::int", [1]);
    await cursor.executemany("select %s::int", [[1], [2]]);
  }],
  ["register", async (db) => {
    db.types.register({ name: "text", decode: (text) => text });
    await db.query("select $1::text", ["x"]);
  }],
];

for (const [name, run] of WAYS) {
  test(`own options: ${name} reads none from Object.prototype`, () =>
    withDatabase(async (db) => assert.deepEqual(await inherited(() => run(db)), [])));
}

test("own options: connect() and its pools read none from Object.prototype", async () => {
  const options = await shared({ startupParams: { geqo: "off" } });
  const read = await inherited(async () => {
    await (await connect(options)).close();
    await (await connectDbapi(options)).close();
    await (await connectNative(options)).close();
    const pool = createPool(options);
    await pool.query("select 1");
    await pool.transaction(async (tx) => void await tx.query("select 1"));
    await using held = await pool.connect();
    await held.query("select 1");
    await pool.batch([{ text: "select 1" }]);
    await held.close();
    await pool.close();
  });
  assert.deepEqual(read, []);
});
