/** PGlite in this process: the driver's whole interface over `pgliteStream()`, without a server. */
import { PGlite } from "@electric-sql/pglite";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, type Connection, InterfaceError } from "../../mod.ts";
import { connect as connectPGlite, pgliteStream } from "../../src/pglite/pglite.ts";
import type { PGliteInstance } from "../../src/pglite/pglite.ts";
import { assertUsable, failure, textOf } from "../_kit/outcomes.ts";

describe("PGlite", () => {
  let pglite: PGliteInstance;

  before(async () => {
    pglite = await PGlite.create() as unknown as PGliteInstance;
  });

  after(async () => {
    await pglite.close();
  });

  const over = async (work: (db: Connection) => Promise<void>): Promise<void> => {
    const db = await connectPGlite(pglite);
    try {
      await work(db);
      await assertUsable(db);
    } finally {
      await db.close();
    }
  };

  const withTable = (work: (db: Connection) => Promise<void>): Promise<void> =>
    over(async (db) => {
      await db.query("create temporary table t (a int, b text)");
      await work(db);
    });

  it("runs queries, by parameters of several types and in a pipeline", () =>
    over(async (db) => {
      const row = await db.query("select $1::int + 1 as n, $2::jsonb as j", [41, { a: [1] }]).one();
      assert.deepEqual(row, { n: 42, j: { a: [1] } });
      const all = Array.from({ length: 100 }, (_, i) =>
        db.query("select $1::int as n", [i]).scalar());
      assert.deepEqual(
        await Promise.all(all),
        Array.from({ length: 100 }, (_, i) =>
          i),
      );
      assert.equal((await db.batch([{ text: "select 1" }, { text: "select 2" }])).length, 2);
      assert.equal((await db.query("select 1; select 2").simple().all()).length, 2);
    }));

  it("reports errors, and goes on", () =>
    over(async (db) => {
      assert.equal((await failure(db.query("selct 1"))).code, "42601");
      assert.equal((await failure(db.query("select 1 / $1::int", [0]))).code, "22012");
      assert.equal((await failure(db.query("selct 1").simple())).code, "42601");
    }));

  it("commits, rolls back, and sets savepoints", () =>
    withTable(async (db) => {
      await db.transaction(async (tx) => {
        await tx.query("insert into t values (1, 'a')");
        await failure(tx.savepoint((inner) => inner.query("insert into t values ('x', 'b')")));
      });
      await failure(db.transaction(async (tx) => {
        await tx.query("insert into t values (2, 'b')");
        throw new Error("no");
      }));
      assert.deepEqual([...await db.query("select a from t").values()], [[1]]);
    }));

  it("streams rows, and leaves a stream early", () =>
    over(async (db) => {
      let sum = 0;
      for await (
        const { n } of db.query<{ n: number }>("select n from generate_series(1, 5000) n")
      ) {
        if (n > 3000) break;
        sum += n;
      }
      assert.equal(sum, 3000 * 3001 / 2);
    }));

  it("copies in and out, as text, CSV and typed rows", () =>
    withTable(async (db) => {
      assert.equal(await db.copyFrom("copy t from stdin", ["1\ta\n", "2\t\\N\n"]), 2);
      assert.equal(await db.copyFrom("/* x */ copy t from stdin (format csv)", ["3,c\n"]), 1);
      assert.equal(await db.copyRowsFrom("t", ["a", "b"], [[4, "d"], [5, null]]), 2);
      assert.equal(
        await textOf(db.copyTo("copy t to stdout (format csv)")),
        "1,a\n2,\n3,c\n4,d\n5,\n",
      );
      const rows = [];
      for await (const row of db.copyRowsTo("t", ["a"])) rows.push(row.a);
      assert.deepEqual(rows, [1, 2, 3, 4, 5]);
    }));

  it("copies in within a transaction, and behind a query that is not answered", () =>
    withTable(async (db) => {
      await db.transaction(async (tx) => {
        const before = tx.query("insert into t values (0, 'z')").execute();
        await tx.copyFrom("copy t from stdin", ["1\ta\n"]);
        await before;
        assert.equal(await tx.query("select count(*)::int from t").scalar(), 2);
      });
      const before = db.query("insert into t values (2, 'b')").execute();
      assert.equal(await db.copyFrom("copy t from stdin", ["3\tc\n"]), 1);
      await before;
      assert.equal(await db.query("select count(*)::int from t").scalar(), 4);
    }));

  it("ends a copy that fails, and the instance lives", () =>
    withTable(async (db) => {
      const bad = await failure(db.copyFrom("copy t from stdin", ["1\ta\n", "x\tb\n"]));
      assert.equal(bad.code, "22P02");
      assert.equal((await failure(db.copyFrom("copy nothing from stdin", ["1\n"]))).code, "42P01");
      const source = (function* () {
        yield "7\tg\n";
        throw new RangeError("the disk is gone");
      })();
      assert.ok(await failure(db.copyFrom("copy t from stdin", source)) instanceof RangeError);
      assert.equal(await db.query("select count(*)::int from t").scalar(), 0);
    }));

  it("delivers notices and its own notifications", () =>
    over(async (db) => {
      await db.query("drop table if exists nothing");
      assert.match(db.notices.at(-1)!.message, /does not exist/);
      const heard = await db.listen("c");
      await db.notify("c", "hello");
      for await (const { payload } of heard) {
        assert.equal(payload, "hello");
        break;
      }
    }));

  it("reads and writes large objects", () =>
    over((db) =>
      db.transaction(async (tx) => {
        const oid = await tx.largeObjects.create();
        const object = await tx.largeObjects.open(oid, "rw");
        await object.write("a large thing");
        await object.seek(2);
        assert.equal(new TextDecoder().decode(await object.read(5)), "large");
        await object.close();
        await tx.largeObjects.unlink(oid);
      })
    ));

  it("takes and returns megabytes", () =>
    over(async (db) => {
      const large = "x".repeat(3_000_000);
      assert.equal(await db.query("select $1::text", [large]).scalar(), large);
    }));

  it("applies run-time parameters, and forgets them with the session", async () => {
    const startupParams = { timezone: "Asia/Tokyo", search_path: "pg_catalog" };
    const db = await connectPGlite(pglite, { applicationName: "it's", startupParams });
    const name = "select current_setting('application_name')";
    assert.equal(await db.query(name).scalar(), "it's");
    assert.equal(db.parameterStatuses.get("TimeZone"), "Asia/Tokyo");
    await db.query("begin");
    await db.query("select 'first'");
    await db.query("create table left_open (n int)");
    await db.close();
    await over(async (next) => {
      assert.equal(await next.query(name).scalar(), "");
      assert.equal(next.parameterStatuses.get("TimeZone"), "UTC");
      const there = "select to_regclass('public.left_open') is not null";
      assert.equal(await next.query(there).scalar(), false);
      const kept = "select count(*)::int from pg_prepared_statements where statement = $1";
      assert.equal(await next.query(kept, ["select 'first'"]).scalar(), 0);
    });
  });

  it("serves one connection at a time", () =>
    over(async () => {
      const refused = await failure(connectPGlite(pglite));
      assert.match(refused.message, /one session/);
      assert.equal(refused.code, "53300");
    }));

  it("refuses replication, which would make every later session one of replication", async () => {
    for (const replication of ["database", true] as const) {
      const refused = await failure(connectPGlite(pglite, { replication }));
      assert.match(refused.message, /PGlite has no replication/);
      assert.equal(refused.code, "0A000");
    }
    await over((db) => assertUsable(db));
  });

  it("is free again after an option was refused", async () => {
    const wrong = await failure(connectPGlite(pglite, { startupParams: { user: "u" } }));
    assert.ok(wrong instanceof InterfaceError, String(wrong));
    await over((db) => assertUsable(db));
  });

  it("works as the sock of connect(), whose default asks for TLS", async () => {
    const db = await connect({ sock: pgliteStream(pglite), user: "postgres" });
    await assertUsable(db);
    await db.close();
    assert.equal(pglite.closed, false);
  });

  it("reports that PGlite was closed", async () => {
    const own = await PGlite.create() as unknown as PGliteInstance;
    const db = await connectPGlite(own);
    await own.close();
    const error = await failure(db.query("select 1"));
    assert.match(error.message, /PGlite was closed|connection/);
    assert.ok(await failure(db.query("select 2")) instanceof InterfaceError);
    await db.close();
  });

  it("closes an instance of its own with the connection", async () => {
    const db = await connectPGlite("pglite:memory://");
    assert.equal(await db.query("select 1").scalar(), 1);
    await db.close();
    await assert.rejects(async () => await db.query("select 1"), InterfaceError);
  });
});
