import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, DataError, InterfaceError, type PgError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { unseen } from "../_kit/unseen.ts";

const SERIES = "select i from generate_series(1, 10000) i";

async function portals(db: Connection): Promise<number> {
  return await db.query("select count(*)::int from pg_cursors where name like 'cornac%'").scalar();
}

test("stream: every row once and in order, whatever their number", () =>
  withDatabase(async (db) => {
    for (const count of [0, 1, 63, 64, 65, 128, 20_000]) {
      let last = 0;
      for await (const row of db.query("select i from generate_series(1, $1::int) i", [count])) {
        assert.equal(row.i, ++last);
      }
      assert.equal(last, count);
    }
    await assertUsable(db);
  }));

test("stream: batches have their size, the last what is left", () =>
  withDatabase(async (db) => {
    const sizes: number[] = [];
    for await (const rows of db.query<{ i: number }>(SERIES).batches(3000)) {
      assert.equal(rows[0]!.i, sizes.length * 3000 + 1);
      sizes.push(rows.length);
    }
    assert.deepEqual(sizes, [3000, 3000, 3000, 1000]);
    sizes.length = 0;
    for await (const rows of db.query(SERIES).batches(5000)) sizes.push(rows.length);
    assert.deepEqual(sizes, [5000, 5000]);
    for (const size of [0, -1, 1.5, 2 ** 31, NaN]) {
      assert.throws(() => db.query("select 1").batches(size), InterfaceError);
    }
  }));

/** Statements with what a stream of each says at its end. */
const FACTS: readonly [text: string, command: string, rowCount: number, columns: string[]][] = [
  ["select generate_series(1, 1000) n", "SELECT", 1000, ["n"]],
  ["select 1 as a, 2 as b where false", "SELECT", 0, ["a", "b"]],
  ["values (1), (2)", "SELECT", 2, ["column1"]],
  ["insert into facts select generate_series(1, 300) returning n", "INSERT", 300, ["n"]],
  ["update facts set n = n", "UPDATE", 300, []],
  ["with gone as (delete from facts returning n) select n from gone", "SELECT", 300, ["n"]],
  ["create temp table made ()", "CREATE TABLE", -1, []],
  ["show work_mem", "SHOW", -1, ["work_mem"]],
  ["", "", -1, []],
];

test("stream: the columns, the command and the number of all rows, in and outside of transactions", () =>
  withDatabase(async (db) => {
    for (const around of ["none", "transaction"]) {
      await db.query("create temp table facts (n int)");
      if (around === "transaction") await db.query("begin");
      for (const [text, command, rowCount, columns] of FACTS) {
        const rows = db.query(text).stream();
        assert.deepEqual([rows.columns, rows.command, rows.rowCount], [[], "", -1]);
        for await (const _ of rows) assert.equal(rows.columns.length, columns.length);
        const facts = [rows.command, rows.rowCount, rows.columns.map(({ name }) => name)];
        assert.deepEqual(facts, [command, rowCount, columns], `${text}, ${around}`);
      }
      if (around === "transaction") await db.query("rollback");
      else await db.query("drop table made, facts");
    }
    const batches = db.query(SERIES).batches(4000);
    for await (const _ of batches);
    assert.deepEqual([batches.command, batches.rowCount], ["SELECT", 10_000]);
    assert.equal(batches.columns[0]!.name, "i");
    const left = db.query(SERIES).stream();
    for await (const _ of left) break;
    assert.deepEqual([left.command, left.rowCount, left.columns.length], ["", -1, 1]);
    const prepared = await db.prepare(SERIES);
    const again = prepared.query().stream();
    for await (const _ of again);
    assert.equal(again.rowCount, 10_000);
    await assertUsable(db);
  }));

test("stream: stream() takes no callback", () =>
  withDatabase((db) => {
    const stream = db.query("select 1").stream as (callback: () => void) => unknown;
    assert.throws(() => stream.call(db.query("select 1"), () => {}), InterfaceError);
    return Promise.resolve();
  }));

test("stream: a function decides on the size of each batch, and nothing is read ahead", () =>
  withDatabase(async (db) => {
    for (const run of [(work: () => Promise<void>) => work(), inTransaction(db)]) {
      await run(async () => {
        const sizes: number[] = [];
        let size = 1;
        const batches = db.query(SERIES).batches(() => size);
        for await (const rows of batches) {
          sizes.push(rows.length);
          size = rows.length * 10;
        }
        assert.deepEqual(sizes, [1, 10, 100, 1000, 8889]);
        const wrong = db.query(SERIES).batches(() => size--);
        size = 1;
        assert.equal((await wrong.next()).value?.length, 1);
        await assert.rejects(wrong.next(), InterfaceError);
        const error = await failure(db.query(SERIES).batches(() => NaN).next());
        assert.match(String(error), /InterfaceError: batches\(\): the size must be/);
      });
      await assertUsable(db);
    }
  }));

function inTransaction(db: Connection): (work: () => Promise<void>) => Promise<void> {
  return async (work) => {
    await db.query("begin");
    await work();
    await db.query("commit");
  };
}

test("stream: rows as arrays, by sql, by simple names, without prepare, and without a cache", async () => {
  const collect = async (db: Connection): Promise<void> => {
    const rows: unknown[] = [];
    for await (
      const row of db.query("select :a::int, i from generate_series(1, 2) i", { a: 7 }).values()
    ) {
      rows.push(row);
    }
    for await (const row of db.sql`select ${[1, 2]}::int[] as a`) rows.push(row);
    const once = db.query("select $1::json as j", [{ a: 1 }], { prepare: false });
    for await (const row of once) rows.push(row);
    assert.deepEqual(rows, [[7, 1], [7, 2], { a: [1, 2] }, { j: { a: 1 } }]);
    await assertUsable(db);
  };
  await withDatabase(collect);
  await withDatabase(collect, { statementCacheSize: 0 });
  await withDatabase(async (db) => {
    await db.query("begin");
    await collect(db);
  }, { statementCacheSize: 0 });
});

test("stream: unknown types are decoded from the first row on", () =>
  withDatabase(async (db) => {
    await db.query(`drop type if exists stream_pair; create type stream_pair as (a int, b text)`)
      .simple();
    try {
      const rows: unknown[] = [];
      const query = db.query("select (i, 'x')::stream_pair as p from generate_series(1, 2) i");
      for await (const row of query) rows.push(row);
      assert.deepEqual(rows, [{ p: { a: 1, b: "x" } }, { p: { a: 2, b: "x" } }]);
      for await (const row of db.query("select $1::stream_pair as p", [{ a: 3, b: "y" }])) {
        assert.deepEqual(row, { p: { a: 3, b: "y" } });
      }
    } finally {
      await db.query("drop type stream_pair");
    }
  }));

test("stream: statements that return nothing, changes that return rows, and the empty query", () =>
  withDatabase(async (db) => {
    for (const text of ["create temp table streamed (i int)", "", "select 1 where false"]) {
      for await (const _ of db.query(text)) assert.fail("there is no row");
    }
    let sum = 0;
    const add = db.query<{ i: number }>(
      "insert into streamed select * from generate_series(1, 1000) returning i",
    );
    for await (const { i } of add) sum += i;
    assert.equal(sum, 500_500);
    assert.equal(await db.query("select count(*)::int from streamed").scalar(), 1000);
  }));

test("stream: leaving the loop early, and throwing in it, leave a usable connection", () =>
  withDatabase(async (db) => {
    for (let i = 0; i < 20; i++) {
      for await (const row of db.query(SERIES)) if (row.i === i * 20 + 1) break;
      await assertUsable(db);
      const mine = new Error("mine");
      const thrown = async (): Promise<void> => {
        for await (const row of db.query(SERIES)) if (row.i === i + 1) throw mine;
      };
      await assert.rejects(thrown(), (error) => error === mine);
      await assertUsable(db);
    }
  }));

test("stream: leaving a loop while the server works on the next rows stops the server", () =>
  withDatabase(async (db) => {
    const slow = "select i, case when i > 10 then pg_sleep(300) end from generate_series(1, 20) i";
    for await (const _ of db.query(slow).batches(10)) break;
    await assertUsable(db);
  }));

test("stream: what a loop runs on its own connection is refused outside of a transaction", () =>
  withDatabase(async (db) => {
    let rows = 0;
    for await (const _ of db.query(SERIES)) {
      if (rows++ > 0) continue;
      await assert.rejects(
        db.query("select 1").then(),
        (error: PgError) =>
          error instanceof InterfaceError && error.safeToRetry &&
          /a stream is open/.test(error.message),
      );
      await assert.rejects(db.transaction(() => Promise.resolve()), /a stream is open/);
    }
    assert.equal(rows, 10_000);
    await assertUsable(db);
  }));

test("stream: inside a transaction a loop may run what it likes, streams too", () =>
  withDatabase(async (db) => {
    await db.transaction(async (tx) => {
      await tx.query("create temp table seen (i int)");
      let inner = 0;
      for await (
        const { i } of tx.query<{ i: number }>("select i from generate_series(1, 200) i")
      ) {
        await tx.query("insert into seen values ($1)", [i]);
        if (i % 50 !== 0) continue;
        for await (const rows of tx.query("select * from seen order by i").batches(7)) {
          inner += rows.length;
          break;
        }
        const failed = tx.savepoint((sp) => sp.query("select 1/0").then());
        await assert.rejects(failed, { code: "22012" });
      }
      assert.equal(inner, 28);
      assert.equal(await tx.query("select count(*)::int from seen").scalar(), 200);
      assert.equal(await portals(db).catch(() => -1), -1);
      const left = tx.query("select count(*)::int from pg_cursors where name like 'cornac%'");
      assert.equal(await left.scalar(), 0);
    });
  }));

test("stream: a transaction that a query has begun is one, too", () =>
  withDatabase(async (db) => {
    await db.query("begin");
    let rows = 0;
    for await (const _ of db.query(SERIES)) {
      if (++rows % 1000 === 0) await assertUsable(db);
    }
    assert.equal(rows, 10_000);
    await db.query("commit");
  }));

test("stream: the server's error in the middle reaches the loop, and the connection is usable", () =>
  withDatabase(async (db) => {
    const text = "select 1 / (500 - i) as x from generate_series(1, 1000) i";
    const read = async (): Promise<number> => {
      let rows = 0;
      for await (const _ of db.query(text)) rows++;
      return rows;
    };
    await assert.rejects(read(), { code: "22012" });
    await assertUsable(db);
    await assert.rejects(
      db.transaction(async (tx) => {
        for await (const _ of tx.query(text)) continue;
      }),
      { code: "22012" },
    );
    await assert.rejects(db.query("select nonsense").batches(1).next(), { code: "42703" });
    await assert.rejects(db.query("copy (select 1) to stdout").batches(1).next(), InterfaceError);
    await assert.rejects(
      db.query("/* */ copy (select 1) to stdout").batches(1).next(),
      InterfaceError,
    );
    await assert.rejects(db.query("select $1::int", ["x"]).batches(1).next(), DataError);
    await assert.rejects(db.query("select $1::int", [{}]).batches(1).next(), InterfaceError);
    await assert.rejects(db.query("select $1::int", [undefined]).batches(1).next(), InterfaceError);
    await assertUsable(db);
  }));

test("stream: a value its codec refuses fails the stream, and the connection is usable", () =>
  withDatabase(async (db) => {
    const refusing = {
      name: "int4",
      oid: 23,
      decodeText: () => {
        throw new DataError("no");
      },
    };
    const text = "select case when i = 90 then i end as n, i::text from generate_series(1, 200) i";
    db.types.register(refusing);
    for (const run of [db.query(text), undefined]) {
      let seen = 0;
      const read = async (source: AsyncIterable<unknown>): Promise<void> => {
        for await (const _ of source) seen++;
      };
      const done = run ? read(run) : db.transaction((tx) => read(tx.query(text)));
      await assert.rejects(
        done,
        (error) => error instanceof DataError && /column "n"/.test(error.message),
      );
      assert.equal(seen, 89, "the rows before it were given");
    }
    assert.equal(await db.query("select 'ok'").scalar(), "ok");
  }));

test("stream: close() while a stream is suspended is bounded by closeTimeout", () =>
  withDatabase(async (db) => {
    const stream = db.query(SERIES)[Symbol.asyncIterator]();
    await stream.next();
    await db.close();
    await db.closed;
  }, { closeTimeout: 0.2 }));

test("stream: what was asked before is answered before, and what is asked after comes after", () =>
  withDatabase(async (db) => {
    const before = db.query("select 'before' as w from pg_sleep(0.1)").execute();
    const rows: unknown[] = [];
    for await (const row of db.query("select 1 as n")) rows.push(row);
    assert.deepEqual(rows, [{ n: 1 }]);
    assert.equal(await before.then((result) => result[0]!.w), "before");
    await assertUsable(db);
  }));

test("stream: a statement is prepared again after its table has changed", () =>
  withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query("create temp table changed as select 1 as a");
    const read = async (): Promise<unknown[]> => {
      const rows: unknown[] = [];
      for await (const row of db.query("select * from changed").values()) rows.push(row);
      return rows;
    };
    assert.deepEqual([await read(), await read()], [[[1]], [[1]]]);
    await run("alter table changed add b int default 2");
    assert.deepEqual(await read(), [[1, 2]]);
    await run("deallocate all");
    assert.deepEqual(await read(), [[1, 2]]);
  }));

test("stream: next() called several times at once gives the rows in order", () =>
  withDatabase(async (db) => {
    const stream = db.query<{ i: number }>("select i from generate_series(1, 3) i")
      [Symbol.asyncIterator]();
    const results = await Promise.all([1, 2, 3, 4, 5].map(() => stream.next()));
    assert.deepEqual(results.map(({ value }) => value?.i), [1, 2, 3, undefined, undefined]);
    await assertUsable(db);
  }));

test("stream: a next() that is made when a row arrives does not overtake earlier ones", () =>
  withDatabase(async (db) => {
    const rows = db.query<{ i: number }>(SERIES)[Symbol.asyncIterator]();
    const first = rows.next();
    const second = rows.next();
    const third = first.then(() => rows.next());
    assert.deepEqual((await second).value, { i: 2 });
    assert.deepEqual((await third).value, { i: 3 });
    await rows.return?.();
    await assertUsable(db);
  }));

test("stream: rows of a megabyte come a few at a time", () =>
  withDatabase(async (db) => {
    let bytes = 0;
    const big = "select repeat('x', 1000000) as x from generate_series(1, 100)";
    for await (const { x } of db.query<{ x: string }>(big)) bytes += x.length;
    assert.equal(bytes, 100_000_000);
  }));

test("stream, batch: an altered composite fails once, and is looked up again after that", () =>
  withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query("create type pg_temp.altered as (a int)");
    await db.query("create temp table holds (p pg_temp.altered)");
    await db.query("insert into holds values (row(1))");
    const text = "select p from holds";
    const stream = async (): Promise<unknown> =>
      (await db.query(text).batches(9).next()).value?.[0]?.p;
    const batch = async (): Promise<unknown> => (await db.batch([{ text }]))[0]![0]!.p;
    const many = async (): Promise<unknown> => (await db.executeMany(text, [[]]))[0]!.p;
    const wanted: Record<string, unknown> = { a: 1 };
    for (const read of [stream, batch, many]) {
      assert.deepEqual(await read(), wanted);
      const alter = `alter type pg_temp.altered add attribute ${read.name} text cascade`;
      await run(alter);
      wanted[read.name] = null;
      await assert.rejects(read(), DataError);
      assert.deepEqual(await read(), wanted);
    }
  }));
