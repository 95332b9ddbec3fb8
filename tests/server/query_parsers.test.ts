import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  createPool,
  DatabaseError,
  DataError,
  InterfaceError,
  type Parsers,
  type Queryable,
  type QueryOptions,
  type ResultDescription,
} from "../../mod.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";

const TEXTS: Parsers = (oid) => (text) => `${oid}:${text}`;

const SELECT = "select 1::int4 as i, 1.50 as n, null::text as e, true as b";
const ROW = { i: "23:1", n: "1700:1.50", e: null, b: "16:t" };

const WAYS: readonly [
  way: string,
  run: (on: Queryable, options: QueryOptions) => Promise<unknown[]>,
][] = [
  ["query", async (on, options) => [...await on.query(SELECT, [], options)]],
  [
    "query, unprepared",
    async (on, options) => [...await on.query(SELECT, [], { ...options, prepare: false })],
  ],
  [
    "parameters",
    async (on, options) => [
      ...await on.query(
        "select $1::int4 as i, 1.50 as n, null::text as e, $2::bool as b",
        [1, true],
        options,
      ),
    ],
  ],
  [
    "names",
    async (on, options) => [
      ...await on.query(
        "select :i::int4 as i, 1.50 as n, null::text as e, true as b",
        { i: 1 },
        options,
      ),
    ],
  ],
  ["stream", async (on, options) => {
    const rows: unknown[] = [];
    for await (const row of on.query(SELECT, [], options)) rows.push(row);
    return rows;
  }],
  ["batches", async (on, options) => {
    const rows: unknown[] = [];
    for await (const batch of on.query(SELECT, [], options).batches(2)) rows.push(...batch);
    return rows;
  }],
  ["batch", async (on, options) => [...(await on.batch([{ text: SELECT }], options))[0]!]],
  [
    "executeMany",
    async (on, options) => [
      ...await on.executeMany(
        "select $1::int4 as i, 1.50 as n, null::text as e, true as b",
        [[1]],
        options,
      ),
    ],
  ],
  ["prepared", async (on, options) => {
    await using statement = await on.prepare(SELECT);
    return [...await statement.query([], options)];
  }],
  ["simple", async (on, options) => [...await on.query(SELECT, [], options).simple()]],
  [
    "transaction",
    (on, options) => on.transaction(async (tx) => [...await tx.query(SELECT, [], options)]),
  ],
];

test("parsers: each way of running a query gives the server's text to the parsers, every time", async () => {
  await using pool = createPool(await shared());
  await withDatabase(async (db) => {
    const places: readonly (readonly [string, Queryable])[] = [["db", db], ["pool", pool]];
    for (const [place, on] of places) {
      for (const [way, run] of WAYS) {
        for (let i = 0; i < 3; i++) {
          assert.deepEqual(await run(on, { parsers: TEXTS }), [ROW], `${place}: ${way}, run ${i}`);
        }
      }
    }
  });
});

test("parsers: queries with and without them share one prepared statement", () =>
  withDatabase(async (db) => {
    const mine = "select 40 + $1::int as n, 'kept' as mark";
    for (let i = 0; i < 3; i++) {
      assert.deepEqual([...await db.query(mine, [2])], [{ n: 42, mark: "kept" }]);
      const texts = await db.query(mine, [2], { parsers: TEXTS });
      assert.deepEqual([...texts], [{ n: "23:42", mark: "25:kept" }]);
    }
    const [kept] = await db.query(
      "select count(*)::int as n from pg_prepared_statements where statement = $1",
      [mine],
    );
    assert.deepEqual(kept, { n: 1 });
  }));

test("parsers: other parsers of the next run take effect", () =>
  withDatabase(async (db) => {
    for (const mark of ["a", "b", "a", "c"]) {
      const parsers: Parsers = () => (text) => mark + text;
      for (let i = 0; i < 2; i++) {
        assert.deepEqual([...await db.query("select 1 as x", [], { parsers })], [{
          x: `${mark}1`,
        }]);
      }
    }
  }));

test("parsers: a codec reads binary from the second run on, and the values are those of its text", () =>
  withDatabase(async (db) => {
    const formats: string[] = [];
    const parsers: Parsers = () => ({
      decodeText: (text) => (formats.push("text"), Number(text)),
      decodeBinary: (reader) => (formats.push("binary"), reader.int32()),
    });
    for (let i = 0; i < 3; i++) {
      assert.deepEqual([...await db.query("select 7 as n", [], { parsers })], [{ n: 7 }]);
    }
    assert.deepEqual(formats, ["text", "binary", "binary"]);
  }));

test("parsers: settings that round text keep results in text, so that runs agree", () =>
  withDatabase(async (db) => {
    await db.query("set extra_float_digits = -10");
    const parsers: Parsers = () => ({
      decodeText: Number,
      decodeBinary: (reader) => reader.float64(),
    });
    for (let i = 0; i < 3; i++) {
      const rows = await db.query("select 0.1234567890123::float8 as f", [], { parsers });
      assert.deepEqual([...rows], [{ f: 0.12346 }]);
    }
  }));

test("parsers: values can be had as bytes, in text or in binary", () =>
  withDatabase(async (db) => {
    const bytes = { bytes: (value: Uint8Array, format: number) => [format, ...value] };
    const parsers: Parsers = () => bytes;
    for (let i = 0; i < 3; i++) {
      const text = await db.query("select 258::int4 as n", [], { parsers, rows: "array" });
      assert.deepEqual([...text], [[[0, 50, 53, 56]]]);
      const binary = await db.query("select 258::int4 as n", [], {
        ...{ parsers, rows: "array", binary: true },
      });
      assert.deepEqual([...binary], [[[1, 0, 0, 1, 2]]]);
    }
  }));

test("parsers: an unknown type is given as text, and the catalogue is not asked", () =>
  withDatabase(async (db) => {
    await db.query("create type pg_temp.mood as enum ('sad', 'ok')");
    const before = await db.query("select 'ok'::pg_temp.mood as m", [], {
      ...{ parsers: () => (text) => text, rows: "array" },
    });
    assert.deepEqual([...before], [["ok"]]);
    assert.equal(db.types.lookup(before.columns[0]!.typeOid), undefined);
  }));

test("parsers: an error of a parser fails its query and names the column", () =>
  withDatabase(async (db) => {
    const thrown = new Error("boom");
    const parsers: Parsers = () => () => {
      throw thrown;
    };
    for (const [way, run] of WAYS) {
      const error = await failure(run(db, { parsers }), DataError);
      assert.match(error.message, /column "i" \(type 23\): boom/, way);
      assert.equal(error.cause, thrown, way);
      await assertUsable(db);
    }
  }));

test("parsers: an error in the choice of parsers fails its query", () =>
  withDatabase(async (db) => {
    const parsers: Parsers = () => {
      throw new RangeError("no parser");
    };
    for (const [way, run] of WAYS) {
      const error = await failure(run(db, { parsers }));
      assert.equal(error.message, "no parser", way);
      await assertUsable(db);
    }
  }));

test("raw parameters: strings are text, bytes are binary, and nothing is described first", () =>
  withDatabase(async (db) => {
    const raw: QueryOptions = { rawParameters: true, rows: "array" };
    const bytes = new Uint8Array([0, 0, 1, 2]);
    for (let i = 0; i < 3; i++) {
      const rows = await db.query(
        "select $1::int4, $2::int4[], $3::text, $4::jsonb",
        [bytes, "{1,2}", null, "[1]"],
        raw,
      );
      assert.deepEqual([...rows], [[258, [1, 2], null, [1]]]);
      assert.deepEqual([...await db.query("select $1 || 'x'", ["a"], raw)], [["ax"]]);
      const typed = { ...raw, parameterTypes: [20] };
      assert.deepEqual([...await db.query("select pg_typeof($1)::text", ["1"], typed)], [[
        "bigint",
      ]]);
    }
    const many = await db.executeMany("select $1::int4", [[bytes], ["3"]], raw);
    assert.deepEqual([...many], [[258], [3]]);
    const batch = await db.batch([{ text: "select $1::int4", parameters: [bytes] }], {
      ...{ rawParameters: true, rows: "array" },
    });
    assert.deepEqual([...batch[0]!], [[258]]);
    const streamed: unknown[] = [];
    for await (const row of db.query("select $1::int4", [bytes], raw)) streamed.push(row);
    assert.deepEqual(streamed, [[258]]);
    await using statement = await db.prepare("select $1::int4");
    assert.deepEqual([...await statement.query([bytes], raw)], [[258]]);
  }));

test("raw parameters: another value is refused by its position, and the server counts them", () =>
  withDatabase(async (db) => {
    for (const value of [1, undefined, {}, true]) {
      const query = db.query("select $1::text, $2::text", ["a", value], { rawParameters: true });
      const error = await failure(query, InterfaceError);
      assert.match(error.message, /^parameter \$2: a raw parameter is a string, a Uint8Array/);
    }
    const lone = db.query("select $1::text", ["a\ud800"], { rawParameters: true });
    assert.match((await failure(lone, InterfaceError)).message, /^parameter \$1: /);
    for (let i = 0; i < 2; i++) {
      const error = await failure(
        db.query("select $1::text, $2::text", ["a"], { rawParameters: true }),
        DatabaseError,
      );
      assert.equal(error.code, "08P01");
      await assertUsable(db);
      await db.query("select $1::text, $2::text", ["a", "b"], { rawParameters: true });
    }
  }));

test("binary: a parser that reads text is refused by its column", () =>
  withDatabase(async (db) => {
    const options: QueryOptions = { parsers: TEXTS, binary: true };
    const error = await failure(db.query("select 1 as n", [], options), InterfaceError);
    assert.match(error.message, /column "n" \(type 23\): its parser reads text/);
    await assertUsable(db);
    const alone = await failure(db.query("select 1", [], { binary: true }), InterfaceError);
    assert.equal(alone.message, "the option binary needs the option parsers");
  }));

test("observer: the description, the rows and the result arrive in order", () =>
  withDatabase(async (db) => {
    for (const name of ["", "kept", "kept"]) {
      const events: unknown[] = [];
      const described: ResultDescription[] = [];
      const result = await db.query("select $1::int4 as n union all select 2", ["1"], {
        parsers: TEXTS,
        prepare: name !== "",
        observer: {
          described: (description) => {
            described.push(description);
            events.push("described");
          },
          row: (row) => events.push(row),
          completed: ({ command, rowCount }) => events.push([command, rowCount]),
        },
      });
      assert.deepEqual([...result], []);
      assert.deepEqual(events, ["described", { n: "23:1" }, { n: "23:2" }, ["SELECT", 2]]);
      assert.deepEqual(described[0]!.parameterTypes, [23]);
      assert.deepEqual(described[0]!.columns.map(({ name }) => name), ["n"]);
      assert.equal(described[0]!.statementName === "", name === "");
    }
  }));

test("observer: a statement without rows has its description with its result", () =>
  withDatabase(async (db) => {
    await db.query("create temp table t (n int8)");
    const seen: unknown[] = [];
    const observer: QueryOptions["observer"] = {
      completed: ({ tag }, { columns, statementName, parameterTypes }) =>
        void seen.push([tag, columns.length, statementName !== "", parameterTypes]),
    };
    for (let i = 0; i < 2; i++) await db.query("insert into t values ($1)", [1], { observer });
    await db.query("select n from t limit $1", [1], { observer, prepare: false });
    await db.query("", [], { observer });
    await db.query("delete from t; ; table t", [], { observer }).simple().all();
    assert.deepEqual(seen, [
      ...[["INSERT 0 1", 0, true, [20]], ["INSERT 0 1", 0, true, [20]]],
      ...[["SELECT 1", 1, false, [20]], ["", 0, false, []]],
      ...[["DELETE 2", 0, false, []], ["SELECT 0", 1, false, []]],
    ]);
  }));

test("observer: the results and rows before a failing statement arrive", () =>
  withDatabase(async (db) => {
    const events: unknown[] = [];
    const text = "select 1 as a; create temp table t (x int); select 1 / (2 - n) as b " +
      "from generate_series(1, 3) as s (n)";
    const query = db.query(text, [], {
      parsers: () => Number,
      observer: {
        described: ({ columns }) => void events.push(columns[0]!.name),
        row: (row) => events.push(row),
        completed: ({ command, rowCount }) => events.push([command, rowCount]),
      },
    }).simple();
    assert.equal((await failure(query, DatabaseError)).code, "22012");
    assert.deepEqual(events, [
      ...["a", { a: 1 }, ["SELECT", 1], ["CREATE TABLE", -1], "b", { b: 1 }],
    ]);
    await assertUsable(db);
  }));

test("observer: the description may return an array or a function that takes the rows", () =>
  withDatabase(async (db) => {
    for (let i = 0; i < 2; i++) {
      const rows: unknown[] = [];
      for (const receiver of [rows, (row: unknown) => void rows.push(row)]) {
        const options = { parsers: TEXTS, observer: { described: () => receiver } };
        assert.equal((await db.query("select 1 as n", [], options)).length, 0);
        assert.equal((await db.query("select 2 as n", [], options).simple()).length, 0);
      }
      assert.deepEqual(rows, [{ n: "23:1" }, { n: "23:2" }, { n: "23:1" }, { n: "23:2" }]);
    }
  }));

test("observer: an error that it throws fails the query", () =>
  withDatabase(async (db) => {
    for (const part of ["described", "row", "completed"] as const) {
      const thrown = new Error(part);
      const observer = {
        [part]: () => {
          throw thrown;
        },
      };
      const options: QueryOptions = { parsers: TEXTS, observer };
      assert.equal(await failure(db.query("select 1", [], options)), thrown);
      assert.equal(await failure(db.query("select 1", [], options).simple()), thrown);
      await assertUsable(db);
    }
  }));

test("observer: refused where it would not be called", () =>
  withDatabase(async (db) => {
    const options: QueryOptions = { observer: { completed: () => {} } };
    assert.throws(() => db.query("select 1", [], options)[Symbol.asyncIterator](), InterfaceError);
    await failure(db.executeMany("select $1::int", [[1]], options), InterfaceError);
    const rows = { observer: { row: () => {} } };
    await failure(db.query("select 1", [], rows), InterfaceError);
    await assertUsable(db);
  }));

test("a connection reports the parameters of the login, its TLS, and the reason of its end", async () => {
  const reported = new Map<string, string>();
  const db = await connect(
    await shared({ onParameterStatus: (name, value) => void reported.set(name, value) }),
  );
  assert.equal(reported.get("server_version"), db.serverVersion.text);
  assert.deepEqual(reported, new Map(db.parameterStatuses));
  assert.equal(db.tls, undefined);
  db.unref();
  db.ref();
  const reason = new Error("enough");
  db.destroy(reason);
  assert.equal((await db.closed)?.cause, reason);
  const other = await connect(await shared());
  await other.close();
  assert.equal(await other.closed, undefined);
});

test("result: tag is the command tag as the server sent it", () =>
  withDatabase(async (db) => {
    await db.query("create temp table tagged (n int)");
    assert.equal((await db.query("insert into tagged values (1), (2)")).tag, "INSERT 0 2");
    assert.equal((await db.query("select * from tagged").simple()).tag, "SELECT 2");
    assert.equal((await db.query("").simple()).tag, "");
  }));

test("observer: a receiver takes the rows of the simple protocol without parsers, too", () =>
  withDatabase(async (db) => {
    const receiver: unknown[] = [];
    const options: QueryOptions = { observer: { described: () => receiver } };
    await db.query("select 1 as a; select 2 as b", [], options).simple();
    assert.deepEqual(receiver, [{ a: 1 }, { b: 2 }]);
  }));
