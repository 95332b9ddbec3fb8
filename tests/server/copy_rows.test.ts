import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, InterfaceError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { isBackendOf } from "../_kit/pooled.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

function withQuietDb(body: (db: Connection) => Promise<void>): Promise<void> {
  return withoutUnhandled(() => withDatabase(body));
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

/** The format in which the last rows went in, by what the server was asked. */
async function formatOf(db: Connection): Promise<string> {
  const ask = `select query from pg_stat_activity where ${isBackendOf(db)}`;
  const [[query] = []] = await serverQuery(await sharedServer(), ask);
  return /format binary/.test(query ?? "") ? "binary" : "text";
}

/** Type, values as they are read, and the format in which they go in. */
const VALUES: readonly (readonly [string, readonly unknown[], "binary" | "text"])[] = [
  ["bool", [true, false], "binary"],
  ["int2", [-32768, 32767], "binary"],
  ["int4", [-2147483648, 2147483647], "binary"],
  ["int8", [-9223372036854775808n, 9223372036854775807n], "binary"],
  ["float4", [0.5, -0], "binary"],
  ["float8", [Math.PI, NaN, Infinity], "binary"],
  ["numeric", ["1.500", "-123456789012345678901234567890.5", "NaN"], "binary"],
  ["text", ["", "a\tb\nc\\d", "é😀", "\\N", "\\."], "binary"],
  ["varchar(9)", ["x"], "binary"],
  ["bytea", [new Uint8Array([0, 1, 255]), new Uint8Array()], "binary"],
  ["uuid", ["00112233-4455-6677-8899-aabbccddeeff"], "binary"],
  ["jsonb", [{ a: [1, null] }, [1, 2], { b: "x" }], "binary"],
  ["timestamptz", [new Date("2024-02-29T12:34:56.789Z"), Infinity], "binary"],
  ["int4[]", [[1, null, 3], [], [[1], [2]]], "binary"],
  ["text[]", [["a", 'b"c', null]], "binary"],
  ["date", ["2024-02-29", "0044-03-15 BC"], "text"],
  ["time", ["12:34:56.789"], "text"],
  ["inet", ["10.0.0.1/8"], "text"],
  ["numeric[]", [["1.5", null]], "text"],
  ["tsvector", ["'a':1 'b':2"], "text"],
  ["pg_temp.mood", ["sad", "it's ok\\"], "binary"],
  ["pg_temp.pair", [{ a: 1, b: "x,y" }, { a: null, b: "" }], "binary"],
];

test("copy rows: rows that are read can be written, for every kind of type", async () => {
  await withQuietDb(async (db) => {
    await db.query("create type pg_temp.mood as enum ('sad', 'it''s ok\\')");
    await db.query("create type pg_temp.pair as (a int, b text)");
    for (const [type, values, format] of VALUES) {
      await db.query("drop table if exists pg_temp.t");
      await db.query(`create temp table t (n int, v ${type})`);
      const rows = [...values, null].map((value, i) => [i, value]);
      assert.equal(await db.copyRowsFrom("t", ["n", "v"], rows), rows.length, type);
      assert.equal(await formatOf(db), format, type);
      const queried = await db.query("select n, v from t order by n", [], { rows: "array" });
      assert.deepEqual([...queried], rows, type);
      const copied = await all(db.copyRowsTo("t", ["n", "v"], { rows: "array" }));
      assert.deepEqual(copied, rows, type);
    }
    await assertUsable(db);
  });
});

test("copy rows: both formats give the same values", async () => {
  await withQuietDb(async (db) => {
    await db.query("create temp table t (a int, b text, c timestamptz, d bytea, e jsonb)");
    const row = [1, "a\\b\nc\td\re", new Date(1e12), new Uint8Array([92, 10]), { a: "\\n" }];
    for (const format of ["text", "binary"] as const) {
      await db.query("truncate t");
      await db.copyRowsFrom("t", ["a", "b", "c", "d", "e"], [row, row.map(() => null)], { format });
      assert.equal(await formatOf(db), format);
      const back = await db.query("select * from t", [], { rows: "array" });
      assert.deepEqual([...back], [row, row.map(() => null)]);
    }
  });
});

test("copy rows: rows may be objects, and come from generators of either kind", async () => {
  await withQuietDb(async (db) => {
    await db.query("create temp table t (id int, name text)");
    const columns = ["name", "id"];
    await db.copyRowsFrom("t", columns, [{ id: 1, name: "a", other: 7 }]);
    await db.copyRowsFrom(
      "t",
      columns,
      (function* () {
        yield ["b", 2];
      })(),
    );
    await db.copyRowsFrom(
      "t",
      columns,
      (async function* () {
        for (let id = 3; id < 5; id++) yield await Promise.resolve({ id, name: "c" });
      })(),
    );
    await db.copyRowsFrom("t", columns, []);
    assert.deepEqual(await all(db.copyRowsTo("t", ["id", "name"])), [
      { id: 1, name: "a" },
      { id: 2, name: "b" },
      { id: 3, name: "c" },
      { id: 4, name: "c" },
    ]);
  });
});

test("copy rows: names are quoted, a dot parts schema and table, an array parts what has dots", async () => {
  await withQuietDb(async (db) => {
    await db.query('create temp table "Odd""Name" ("Select" int, "a.b" text)');
    await db.query('create temp table "with.dot" ("Select" int)');
    await db.copyRowsFrom('pg_temp.Odd"Name', ["Select", "a.b"], [[1, "x"]]);
    assert.deepEqual(await all(db.copyRowsTo('Odd"Name', ["a.b"])), [{ "a.b": "x" }]);
    await db.copyRowsFrom(["pg_temp", "with.dot"], ["Select"], [[1]]);
    const evil = 'x" from pg_class; drop table t; --';
    assert.equal((await failure(db.copyRowsFrom(evil, ["a"], []))).code, "42P01");
    for (const columns of [[], [""], "id" as unknown as string[]]) {
      assert.ok(await failure(db.copyRowsFrom("t", columns, [])) instanceof InterfaceError);
    }
    await assertUsable(db);
  });
});

test("copy rows: a role that may only insert can copy in", async () => {
  await withQuietDb(async (db) => {
    await db.query("drop table if exists cornac_copy_insert_only");
    await db.query("create table cornac_copy_insert_only (n int)");
    try {
      await db.query("grant insert on cornac_copy_insert_only to u_trust");
      await withDatabase(async (other) => {
        assert.equal(await other.copyRowsFrom("cornac_copy_insert_only", ["n"], [[1], [2]]), 2);
      }, { user: "u_trust", database: "postgres" });
    } finally {
      await db.query("drop table cornac_copy_insert_only");
    }
  });
});

test("copy rows: an error names the row and column of a value that does not fit, and nothing is copied", async () => {
  await withQuietDb(async (db) => {
    await db.query("create temp table t (id int, day date)");
    const cases: readonly (readonly [unknown[], RegExp])[] = [
      [
        [[1, null], ["secret", null]],
        /^row 2, column "id" \(int4\): this value can only go as text/,
      ],
      [[[1, null], [2 ** 40, null]], /^row 2, column "id" \(int4\): /],
      [[[{}, null]], /^row 1, column "id" \(int4\): /],
      [[[1, undefined]], /^row 1, column "day" \(date\): .*undefined/],
      [[{ id: 1 }], /^row 1, column "day" \(date\): .*undefined/],
      [[[1, null], [2, "2024-01-01"]], /^row 2, column "day" \(date\): .*format: "text"/],
      [[[1, null], [1]], /^row 2 has 1 values for 2 columns$/],
      [[[1, null], 7], /^row 2 is neither an array nor an object$/],
    ];
    for (const [rows, message] of cases) {
      const error = await failure(db.copyRowsFrom("t", ["id", "day"], rows as unknown[][]));
      assert.ok(error instanceof InterfaceError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      assert.equal(await db.query("select count(*)::int from t").scalar(), 0);
    }
    await assertUsable(db);
  });
});

test("copy rows: rejects with the source's error, in the first row or later", async () => {
  await withQuietDb(async (db) => {
    await db.query("create temp table t (id int)");
    for (const good of [0, 1, 50_000]) {
      const mine = new Error(`after ${good}`);
      let finished = false;
      const rows = function* () {
        try {
          for (let i = 0; i < good; i++) yield [i];
          throw mine;
        } finally {
          finished = true;
        }
      };
      assert.equal(await failure(db.copyRowsFrom("t", ["id"], rows())), mine);
      assert.ok(finished);
      assert.equal(await db.query("select count(*)::int from t").scalar(), 0);
    }
    await assertUsable(db);
  });
});

test("copy rows: an abort ends a source that is silent, before its first row or after", async () => {
  await withQuietDb(async (db) => {
    await db.query("create temp table t (id int)");
    for (const good of [0, 1]) {
      let taken = 0, returned = 0;
      const iterator = {
        next: () =>
          taken++ < good
            ? Promise.resolve({ done: false, value: [1] })
            : new Promise<never>(() => {}),
        return: () => Promise.resolve({ done: true, value: ++returned }),
      };
      const rows = { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<unknown[]>;
      const controller = new AbortController();
      const copy = failure(db.copyRowsFrom("t", ["id"], rows, { signal: controller.signal }));
      await until(() => taken > good);
      const reason = new Error("enough");
      controller.abort(reason);
      assert.equal(await copy, reason);
      assert.equal(returned, 1);
      await assertUsable(db);
    }
  });
});

test("copy rows: timeout includes the wait for the first row", async () => {
  await withQuietDb(async (db) => {
    await db.query("create temp table t (id int)");
    let returned = 0;
    const iterator = {
      next: () => new Promise<never>(() => {}),
      return: () => Promise.resolve({ done: true, value: ++returned }),
    };
    const rows = { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<unknown[]>;
    const late = await failure(db.copyRowsFrom("t", ["id"], rows, { timeout: 0.05 }));
    assert.equal(late.code, "57014");
    assert.match(late.message, /^copy timed out after 0\.05 s/);
    assert.equal(returned, 1);
    await db.query("create temp view slow as select pg_sleep(300)::text as slept");
    const out = failure(all(db.copyRowsTo("slow", ["slept"], { timeout: 0.05 })));
    assert.match((await out).message, /^copy timed out/);
    await assertUsable(db);
  });
});

test("copy rows: an error of the server closes the source", async () => {
  await withQuietDb(async (db) => {
    await db.query("create temp table t (id int primary key)");
    let taken = 0, finished = false;
    const rows = async function* () {
      try {
        for (;;) yield await Promise.resolve([Math.floor(taken++ / 2)]);
      } finally {
        finished = true;
      }
    };
    assert.equal((await failure(db.copyRowsFrom("t", ["id"], rows()))).code, "23505");
    await assertUsable(db);
    assert.ok(finished);
  });
});

test("copy rows: many rows go in and come out unchanged", async () => {
  await withQuietDb(async (db) => {
    await db.query("create temp table t (id int, name text, at timestamptz)");
    const at = new Date(1e12);
    const rows = function* () {
      for (let id = 0; id < 100_000; id++) yield [id, `name ${id}`, at];
    };
    let last = { bytes: 0, rows: 0 };
    const progress = (p: { bytes: number; rows: number }) => void (last = p);
    assert.equal(await db.copyRowsFrom("t", ["id", "name", "at"], rows(), { progress }), 100_000);
    assert.equal(last.rows, 100_000);
    let id = 0;
    for await (
      const row of db.copyRowsTo<[number, string]>("t", ["id", "name"], { rows: "array" })
    ) {
      assert.equal(row[0], id);
      assert.equal(row[1], `name ${id++}`);
    }
    assert.equal(id, 100_000);
    for await (const _ of db.copyRowsTo("t", ["id"])) break;
    await assertUsable(db);
  });
});
