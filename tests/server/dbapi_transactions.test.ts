import assert from "node:assert/strict";
import { test } from "node:test";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { withDbapi, withNative } from "./dbapi_server.ts";

/** A table that other connections see, gone again whatever happens. */
async function withTable(
  work: (table: string, count: () => Promise<string | null>) => Promise<void>,
): Promise<void> {
  const server = await sharedServer();
  const table = `dbapi_${crypto.randomUUID().replaceAll("-", "")}`;
  const run = (sql: string): Promise<(string | null)[][]> => serverQuery(server, sql);
  await run(`create table ${table} (n int primary key)`);
  try {
    await work(table, async () => (await run(`select count(*) from ${table}`))[0]![0]!);
  } finally {
    await run(`drop table ${table}`);
  }
}

test("dbapi: other connections see changes after commit only, and rollback undoes them", async () => {
  await withTable(async (table, count) => {
    await withDbapi(async (con) => {
      const cursor = con.cursor();
      await cursor.execute(`insert into ${table} values (%s)`, [1]);
      assert.equal(await count(), "0");
      await con.rollback();
      await cursor.execute(`insert into ${table} values (%s)`, [2]);
      await con.commit();
      assert.equal(await count(), "1");
      await cursor.execute(`insert into ${table} values (%s)`, [3]);
      assert.equal(await count(), "1");
    });
    assert.equal(await count(), "1", "close() without commit rolls back");
  });
});

test("dbapi: with autocommit, other connections see each statement at once", async () => {
  await withTable(async (table, count) => {
    await withDbapi(async (con) => {
      assert.equal(con.autocommit, true);
      await con.cursor().execute(`insert into ${table} values (%s)`, [1]);
      assert.equal(await count(), "1");
      await con.cursor().execute("vacuum");
      con.autocommit = false;
      await con.cursor().execute(`insert into ${table} values (%s)`, [2]);
      assert.equal(await count(), "1");
    }, { autocommit: true });
  });
});

test("dbapi: transactions that a text begins or ends are respected", async () => {
  await withTable(async (table, count) => {
    await withDbapi(async (con) => {
      const cursor = con.cursor();
      await cursor.execute(`insert into ${table} values (1)`);
      await cursor.execute("commit");
      assert.equal(await count(), "1");
      await cursor.execute(`insert into ${table} values (2)`);
      assert.equal(await count(), "1");
      await con.commit();
      assert.equal(await count(), "2");
      assert.deepEqual(con.notices, []);
    });
  });
});

const COMMITS: readonly [title: string, commit: (con: dbapi.Connection) => Promise<unknown>][] = [
  ["commit()", (con) => con.commit()],
  ["COMMIT", (con) => con.cursor().execute("COMMIT")],
  ["a commented commit", (con) => con.cursor().execute("-- done\n/* rollback */ commit;")],
  ["END", (con) => con.cursor().execute("end transaction")],
  ["PREPARE TRANSACTION", (con) => con.cursor().execute("prepare transaction 'dbapi_never'")],
  ["COMMIT among others", (con) => con.cursor().execute("commit; select 1")],
  ["run()", (con) => con.run("commit")],
];

for (const [title, commit] of COMMITS) {
  test(`dbapi: in a failed transaction ${title} raises, with the first failure as its cause`, async () => {
    await withDbapi(async (con) => {
      const cursor = con.cursor();
      await assert.rejects(cursor.execute("select * from no_such_table"), { code: "42P01" });
      await assert.rejects(cursor.execute("select 1"), { code: "25P02" });
      await assert.rejects(commit(con), (error) => {
        assert.ok(error instanceof dbapi.InterfaceError);
        assert.match(error.message, /in failed transaction block/);
        assert.equal((error.cause as dbapi.DatabaseError).code, "42P01");
        return true;
      });
      await cursor.execute("select 1");
      assert.deepEqual(await cursor.fetchone(), [1]);
      await con.commit();
    });
  });
}

for (const rollback of ["rollback", "ROLLBACK ;", "abort", "/* commit */ rollback; select 1"]) {
  test(`dbapi: in a failed transaction ${JSON.stringify(rollback)} does not raise`, async () => {
    await withDbapi(async (con) => {
      const cursor = con.cursor();
      await cursor.execute("savepoint s");
      await assert.rejects(cursor.execute("select 1/0"), dbapi.DataError);
      await cursor.execute("rollback to s");
      await assert.rejects(cursor.execute("select 1/0"), dbapi.DataError);
      await cursor.execute(rollback);
      await con.commit();
    });
  });
}

test("native: a COMMIT in a failed transaction raises", async () => {
  await withNative(async (con) => {
    await con.run("start transaction");
    await assert.rejects(con.run("select 1/0"), { code: "22012" });
    await assert.rejects(con.run("commit"), /in failed transaction block/);
    assert.deepEqual(await con.run("select 1"), [[1]]);
  });
});

test("dbapi: rollback() without a transaction sends nothing, commit() leaves a notice", async () => {
  await withDbapi(async (con) => {
    await con.rollback();
    assert.deepEqual(con.notices, []);
    await con.commit();
    assert.deepEqual(con.notices.map(({ code }) => code), ["25P01"]);
  });
});

test("dbapi: statements made at once on two cursors share one transaction", async () => {
  await withTable(async (table, count) => {
    await withDbapi(async (con) => {
      const statements = [1, 2, 3, 4].map((n) =>
        con.cursor().execute(`insert into ${table} values (%s)`, [n])
      );
      await Promise.all([...statements, con.commit()]);
      assert.equal(await count(), "4");
      assert.deepEqual(con.notices, []);
    });
  });
});

test("dbapi: executemany fails as a whole, and names nothing secret", async () => {
  await withTable(async (table, count) => {
    await withDbapi(async (con) => {
      const sets = Array.from({ length: 1200 }, (_, i) => [i === 700 ? 0 : i]);
      const inserting = con.cursor().executemany(`insert into ${table} values (%s)`, sets);
      await assert.rejects(inserting, dbapi.IntegrityError);
      await assert.rejects(con.commit(), /in failed transaction block/);
      assert.equal(await count(), "0");
    });
  });
});

test("dbapi: a lost connection rejects the statement, commit and rollback with an OperationalError", async () => {
  await withDbapi(async (con) => {
    const pid = (await con.run("select pg_backend_pid()"))![0]![0];
    await serverQuery(await sharedServer(), `select pg_terminate_backend(${pid})`);
    await assert.rejects(con.cursor().execute("select %s", [1]), dbapi.Error);
    await assert.rejects(con.commit(), dbapi.InterfaceError);
    await assert.rejects(con.rollback(), dbapi.InterfaceError);
  });
});

test("dbapi: the stack of an error has the caller's line, also after a wait", async () => {
  await withDbapi(async (con) => {
    const failing = (): Promise<unknown>[] => [
      con.cursor().execute("select 1/0"),
      con.cursor().execute("select 1/%s::int", [0]),
      con.cursor().executemany("select 1/%s::int", [[0]]),
      con.run("select 1/:n::int", { n: 0 }),
    ];
    for (const settled of await Promise.allSettled(failing())) {
      assert.equal(settled.status, "rejected");
      assert.match((settled as PromiseRejectedResult).reason.stack, /dbapi_transactions\.test/);
    }
  });
});

test("dbapi: the cause of a COMMIT that raises is this transaction's failure, not an earlier one's", async () => {
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    await assert.rejects(cursor.execute("select 1/0"), { code: "22012" });
    await con.rollback();
    await assert.rejects(cursor.execute("select * from no_such_table"), { code: "42P01" });
    await assert.rejects(con.commit(), (error: dbapi.InterfaceError) => {
      assert.equal((error.cause as dbapi.DatabaseError).code, "42P01");
      return true;
    });
  });
});

test("dbapi: cursors fetch side by side, and execute while others are read", async () => {
  await withDbapi(async (con) => {
    const outer = await con.cursor().execute("select generate_series(1, 100)");
    const seen: unknown[] = [];
    for await (const [n] of outer) {
      const inner = await con.cursor().execute("select %s::int * 2", [n]);
      seen.push(...await inner.fetchone() ?? []);
    }
    assert.deepEqual(seen, Array.from({ length: 100 }, (_, i) => 2 * (i + 1)));
  });
});

test("dbapi: an error has all fields of the server's, by letters and by names", async () => {
  await withDbapi(async (con) => {
    await con.run("create temporary table t (n int constraint positive check (n > 0))");
    await assert.rejects(
      con.cursor().execute("insert into t values (%s)", [-7]),
      (error: dbapi.IntegrityError) => {
        assert.ok(error instanceof con.IntegrityError && error instanceof con.Error);
        const { S, C, n, t, F, L, R } = error.fields;
        assert.deepEqual([S, C, n, t], ["ERROR", "23514", "positive", "t"]);
        assert.ok(F && L && R);
        assert.equal(error.constraint, "positive");
        assert.equal(error.condition, "check_violation");
        return true;
      },
    );
  });
});
