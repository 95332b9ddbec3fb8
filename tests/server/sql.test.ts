import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, InterfaceError, type Queryable, type Sql, sql } from "../../mod.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";

test("sql: insert, update, select and delete with every form", () =>
  withDatabase(async ({ sql: own }) => {
    await own`create temp table people (id int primary key, name text, at timestamptz, tags text[])`;
    const people = [
      { id: 1, name: "Ann", tags: ["a", "b"] },
      { id: 2, name: "it's; drop table people --", tags: [] },
      { id: 3, name: null, tags: null },
    ];
    await own`insert into ${own("people")} ${own(people)}`;
    await own`insert into people ${own({ id: 4, name: "Dee", at: own`now()` }, "id", "at")}`;
    const found = await own`select ${own(["id", "name", "tags"])} from people
      where id in ${own([1, 2, 3])} order by id`;
    assert.deepEqual([...found], people);
    await own`update people set ${own({ name: "Bob", tags: ["x"] })} where id = ${2}`;
    const isBob = own`name = ${"Bob"} and id = ${2}`;
    const [bob] = await own<{ name: string }>`select * from people where ${isBob}`;
    assert.equal(bob!.name, "Bob");
    const gone = await own`delete from people where ${own.join([isBob, own`id = ${1}`], " or ")}
      returning id`.values();
    assert.deepEqual(gone.flat().sort(), [1, 2]);
    const [row] = await own`select ${own.json("text")}::jsonb as a, ${
      own.json({ b: 1 })
    }::jsonb as b,
      ${own.typed("5", "int")} as c, ${own.array([1, 2], "int8")} as d, ${own.typed("7", 20)} as e`;
    assert.deepEqual(row, { a: "text", b: { b: 1 }, c: 5, d: [1n, 2n], e: 7n });
  }));

test("sql: json() writes as the connection does, alone, in an array and in a transaction", async () => {
  const stringify = (value: unknown) =>
    JSON.stringify(value, (_, inner) => typeof inner === "bigint" ? Number(inner) : inner);
  const options = { types: { json: { stringify } } };
  const use = async ({ sql: own }: { readonly sql: Sql }) => {
    const big = own.json({ n: 1n });
    const [row] = await own`select ${big}::jsonb as one, ${
      own.array([big, own.json(2n)], "jsonb")
    } as all`;
    assert.deepEqual(row, { one: { n: 1 }, all: [{ n: 1 }, 2] });
  };
  await withDatabase(async (db) => {
    await use(db);
    await db.transaction(use, { retries: 5 }); // behind a pooler its statement may be lost
    assert.throws(() => sql.json(1n), InterfaceError);
    assert.throws(() => db.sql.json(undefined), InterfaceError);
  }, options);
  await using pool = createPool(await shared(options));
  await use(pool);
});

test("sql: literals keep their values for both standard_conforming_strings", () =>
  withDatabase(async (db) => {
    const values = ["it's", "a\\b'c", "", -5, 1.5, 2n ** 60n, true, null, "$1 :a ?"];
    for (const conforming of ["on", "off"]) {
      await db.query(`set standard_conforming_strings = ${conforming}`);
      const row = await db.query(sql`select ${sql.join(values.map((v) => sql.literal(v)))}`)
        .values();
      assert.deepEqual(row[0], [...values.slice(0, 4), "1.5", ...values.slice(5)]);
    }
    const date = new Date(Date.UTC(-43, 2, 15, 1, 2, 3));
    const bytes = new Uint8Array([0, 92, 255]);
    const query = sql`select ${sql.literal(date)} as date, ${sql.literal(bytes)} as bytes,
      10 -${sql.literal(-5)} as minus`;
    assert.deepEqual([...await db.query(query)], [{ date, bytes, minus: 15 }]);
  }));

test("sql: a query made by the tag is a part of another, and was not sent", () =>
  withDatabase(async (db) => {
    const inner = db.sql`select i from generate_series(1, ${3}) i`;
    assert.deepEqual(await db.sql`select sum(i)::int from (${inner}) x`.scalar(), 6);
    assert.deepEqual((await inner).length, 3);
    const text = db.query("select 1");
    assert.throws(() => db.sql`select * from (${text}) x`, InterfaceError);
    assert.equal(await text.scalar(), 1);
  }));

test("sql: the unbound tag makes fragments, and query() runs them", () =>
  withDatabase(async (db) => {
    const where = sql`where i > ${2}`;
    const query = sql`select i from generate_series(1, 4) i ${where}`;
    assert.deepEqual((await db.query(query).values()).flat(), [3, 4]);
    assert.throws(() => db.query(query, [1]), InterfaceError);
    assert.throws(() => db.query(5 as unknown as string), InterfaceError);
    assert.throws(() => db.query("select 1", 5 as unknown as unknown[]), InterfaceError);
    await assertUsable(db);
  }));

test("names: query() takes an object, also for a text that has none", () =>
  withDatabase(async (db) => {
    const text = "select :a::int + :b::int, ':a', :a::text, array[:a, :b]";
    const row = await db.query(text, { a: 1, b: 2 }).values().one();
    assert.deepEqual(row, [3, ":a", "1", [1, 2]]);
    assert.equal(await db.query("select 1", {}).scalar(), 1);
    assert.throws(() => db.query("select :a", { b: 1 }), { message: /:a$/ });
    await db.query("set standard_conforming_strings = off");
    await db.query("set escape_string_warning = off");
    assert.deepEqual(await db.query("select '\\':a', :b::int", { b: 4 }).values().one(), [
      "':a",
      4,
    ]);
  }));

test("sql: a template is assembled once, and its statement is prepared once", () =>
  withDatabase(async (db) => {
    const add = (a: number, b: number) => db.sql`select ${a}::int + ${b}::int as sum`.scalar();
    for (let i = 0; i < 5; i++) assert.equal(await add(i, 1), i + 1);
    const prepared = await db.query(
      "select 1 from pg_prepared_statements where statement like " +
        "'%$1::int + $2::int as sum'",
    );
    assert.equal(prepared.length, 1);
  }));

test("sql: text that is not what it seems is refused before anything is sent", async () => {
  await withDatabase(async (db) => {
    await db.query("create temp table files as select 'a' as path, 1 as size");
    const refused: readonly (readonly [what: string, run: (on: Queryable) => unknown])[] = [
      ["an unknown escape", ({ sql }) => sql`delete from files where path like 'C:\users'`],
      ["a dropped backslash", ({ sql }) => sql`delete from files where path ~ '\d'`],
      ["a fragment", ({ sql: own }) => own`delete from files ${sql`where path like 'C:\users'`}`],
      ["an own fragment", ({ sql: own }) => own`delete from files ${own`where path = '\x'`}`],
      ["query()", (on) => on.query(sql`delete from files ${sql`where path = '\x'`}`)],
      ["a batch", (on) => on.batch([sql`delete from files ${sql`where path = '\x'`}`])],
      ["undefined as raw SQL", ({ sql }) => sql`delete from files ${sql.raw(undefined as never)}`],
      ["numbers beside values", ({ sql }) => sql`delete from files where size = $1 or 1 = ${2}`],
      ["a text in a batch", (on) => on.batch(["delete from files" as never])],
      ["a number in a batch", (on) => on.batch([{ text: 5 as never }])],
      ["no batch", (on) => on.batch(undefined as never)],
      ["no text", (on) => on.query(undefined as never)],
      ["no text to prepare", (on) => on.prepare(undefined as never)],
      ["no text to run often", (on) => on.executeMany(undefined as never, [[1]])],
      ["no rows", (on) => on.executeMany("delete from files where size = $1", undefined as never)],
      ["one row for many", (on) => on.executeMany("select $1", [5] as never)],
    ];
    const ways: readonly (readonly [way: string, use: (work: Work) => Promise<unknown>])[] = [
      ["connection", (work) => work(db)],
      ["transaction", (work) => db.transaction(work)],
      ["pool", async (work) => {
        await using pool = createPool(await shared());
        await work(pool);
      }],
    ];
    for (const [way, use] of ways) {
      await use(async (on) => {
        for (const [what, run] of refused) {
          await assert.rejects(async () => await run(on), InterfaceError, `${way}: ${what}`);
        }
      });
    }
    assert.equal(await db.query("select count(*) from files").scalar(), 1n);
    await assertUsable(db);
  });
});

test("sql: a list within parentheses is hinted at, by every way", () =>
  withDatabase(async (db) => {
    const { sql: own } = db;
    const wrong = () => own`select 1 where 1 in (${own([1, 2])})`;
    const ways: readonly (readonly [way: string, run: () => PromiseLike<unknown>])[] = [
      ["await", wrong],
      ["stream", () => wrong()[Symbol.asyncIterator]().next()],
      ["batch", () => db.batch([wrong()])],
      ["describe", () => wrong().describe()],
      ["transaction", () => db.transaction((tx) => tx.query(wrong()))],
      ["pool", async () => {
        await using pool = createPool(await shared());
        await pool.query(wrong());
      }],
    ];
    for (const [way, run] of ways) {
      const hint = /\. A list made by sql\(\[…\]\) has its own parentheses: write in \$\{/;
      await assert.rejects(async () => await run(), { code: "42883", hint }, way);
    }
    assert.deepEqual(await own`select 1 as a where 1 in ${own([1, 2])}`.one(), { a: 1 });
    const noHint = { code: "42883", hint: /^(?!.*A list)/ };
    await assert.rejects(db.query("select 1 = 'a'::text"), noHint);
  }));

test("names: a colon of SQL's own takes no column for a parameter", () =>
  withDatabase(async (db) => {
    const from = "from (select array[1, 2, 3] as a, 2 as x, 1 as y) as t";
    const slice = await db.query(`select a[y :x] as s, a[y : :x] as p ${from}`, { x: 3 });
    assert.deepEqual([...slice], [{ s: [1, 2], p: [1, 2, 3] }]);
    if (db.serverVersion.major < 16) return;
    const pair = await db.query(`select json_object('k':x, 'p' : :x) as o ${from}`, { x: "3" });
    assert.deepEqual([...pair], [{ o: { k: 2, p: "3" } }]);
  }));

type Work = (on: Queryable) => Promise<void>;
