import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Cursor } from "../../mod.ts";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import { serverOptions, withDbapi } from "./dbapi_server.ts";

test("cursor: the five paramstyles, as an option of connection and cursor and as an attribute", async () => {
  await withDbapi(async (con) => {
    const run = async (
      paramstyle: dbapi.ParamStyle | undefined,
      text: string,
      args: dbapi.Arguments,
    ): Promise<unknown> => {
      const cursor = con.cursor(paramstyle === undefined ? {} : { paramstyle });
      return (await (await cursor.execute(text, args)).fetchone())?.[0];
    };
    assert.equal(await run(undefined, "select :1 || :2 || :1", ["a", "b"]), "aba");
    assert.equal(await run("qmark", "select ? || ?", ["a", "b"]), "ab");
    assert.equal(await run("named", "select :b || :a", { a: "a", b: "b" }), "ba");
    assert.equal(await run("format", "select %s || '%%' || %s", ["a", "b"]), "a%%b");
    assert.equal(await run("pyformat", "select 7 %% %(n)s::int", { n: 4 }), 3);
    const cursor = con.cursor();
    cursor.paramstyle = "qmark";
    await cursor.execute(`select '{"a": 1}'::jsonb ?? ?`, ["a"]);
    assert.deepEqual(await cursor.fetchone(), [true]);
  }, { paramstyle: "numeric" });
});

test("cursor: a text without arguments is not scanned, and may hold several statements", async () => {
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    await cursor.execute("select 7 % 4, '%s'; select 8 % 5, ':a'");
    assert.deepEqual(await cursor.fetchall(), [[3, "%s"], [3, ":a"]]);
    assert.equal(cursor.rowcount, 2);
    await cursor.execute(
      "create temporary table t (n int); insert into t select 1; select n from t",
    );
    assert.equal(cursor.rowcount, 2);
    assert.equal(cursor.description?.[0]?.[0], "n");
  });
});

test("cursor: an empty query has no result set", async () => {
  await withDbapi(async (con) => {
    const cursor = await con.cursor().execute("");
    assert.deepEqual([cursor.rowcount, cursor.description], [-1, null]);
    await assert.rejects(cursor.fetchall(), /no result set/);
  });
});

test("cursor: a select of no columns has rows, CREATE TABLE AS has none", async () => {
  await withDbapi(async (con) => {
    const cursor = await con.cursor().execute("select from generate_series(1, 2)");
    assert.deepEqual(await cursor.fetchall(), [[], []]);
    await cursor.execute("create temporary table t as select 1 as n");
    assert.deepEqual([cursor.rowcount, cursor.description], [1, null]);
  });
});

test("cursor: fetching without a result is a ProgrammingError", async () => {
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    const unexecuted = { name: "ProgrammingError", message: /unexecuted cursor/ };
    await assert.rejects(cursor.fetchone(), unexecuted);
    await assert.rejects(cursor.fetchmany(), unexecuted);
    await assert.rejects(cursor.fetchall(), unexecuted);
    await cursor.execute("create temporary table t (n int)");
    await assert.rejects(cursor.fetchone(), { name: "ProgrammingError", message: "no result set" });
    await cursor.execute("select 1");
    await assert.rejects(cursor.execute("select 1/0"), dbapi.DataError);
    await assert.rejects(cursor.fetchone(), unexecuted);
    assert.deepEqual([cursor.rowcount, cursor.description], [-1, null]);
    await assert.rejects(cursor.fetchmany(-1), dbapi.InterfaceError);
  });
});

test("cursor: close() leaves the cursor unusable and the connection usable", async () => {
  await withDbapi(async (con) => {
    const cursor = await con.cursor().execute("select 1");
    await cursor.close();
    await cursor.close();
    const closed = { name: "InterfaceError", message: "Cursor closed" };
    await assert.rejects(cursor.execute("select 1"), closed);
    await assert.rejects(cursor.executemany("select 1", []), closed);
    await assert.rejects(cursor.callproc("p"), closed);
    await assert.rejects(cursor.fetchone(), closed);
    assert.equal(cursor.connection, con);
    await con.cursor().execute("select 1");
  });
});

test("cursor: async iteration goes on where fetching stopped", async () => {
  await withDbapi(async (con) => {
    const cursor = await con.cursor().execute("select generate_series(1, 5)");
    await cursor.fetchmany(2);
    const rest: unknown[] = [];
    for await (const [n] of cursor) rest.push(n);
    assert.deepEqual(rest, [3, 4, 5]);
    await assert.rejects(con.cursor()[Symbol.asyncIterator]().next(), dbapi.ProgrammingError);
  });
});

test("cursor: executemany sums the counts, and -1 stays -1", async () => {
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    await cursor.execute("create temporary table t (a int, b text)");
    await cursor.executemany("insert into t values (%s, %s)", [[1, "a"], [2, "b"], [3, null]]);
    assert.equal(cursor.rowcount, 3);
    await cursor.executemany("update t set b = %s where a >= %s", [["x", 2], ["y", 3]]);
    assert.equal(cursor.rowcount, 3);
    await cursor.executemany("insert into t values (%s, %s)", []);
    assert.equal(cursor.rowcount, -1);
    const sets = Array.from({ length: 1500 }, (_, i) => [i, `row ${i}`]);
    await cursor.executemany("insert into t values (%s, %s)", sets);
    assert.equal(cursor.rowcount, 1500);
    await cursor.execute("select count(*)::int, sum(a)::int from t where b like 'row %'");
    assert.deepEqual(await cursor.fetchone(), [1500, 1500 * 1499 / 2]);
    cursor.paramstyle = "named";
    await cursor.executemany("select :a::int", new Set([{ a: 1 }, { a: 2 }]));
    assert.deepEqual(await cursor.fetchall(), [[1], [2]]);
  });
});

test("cursor: executemany is one transaction with autocommit on, too, and names the set that failed", async () => {
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    await cursor.execute("create temporary table t (n int primary key)");
    await assert.rejects(
      cursor.executemany("insert into t values (%s)", [[1], [2], [1]]),
      { name: "IntegrityError", index: 2 },
    );
    await cursor.execute("select * from t");
    assert.deepEqual(await cursor.fetchall(), []);
  }, { autocommit: true });
});

test("cursor: setinputsizes fixes the types of the next execution only", async () => {
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    const typed = async (style: dbapi.ParamStyle, text: string, args: dbapi.Arguments) => {
      cursor.paramstyle = style;
      await cursor.execute(text, args);
      return await cursor.fetchone();
    };
    cursor.setinputsizes(20, String);
    const types = "pg_typeof(%s)::text, pg_typeof(%s)::text";
    assert.deepEqual(await typed("format", `select ${types}`, [1, "a"]), ["bigint", "text"]);
    cursor.setinputsizes([dbapi.NUMERIC]);
    assert.deepEqual(await typed("named", "select pg_typeof(:a)::text", { a: 1 }), ["numeric"]);
    cursor.setinputsizes(20, 700);
    assert.deepEqual(
      await typed("numeric", "select pg_typeof(:2)::text, pg_typeof(:1)::text", [1, 2]),
      ["real", "bigint"],
    );
    await assert.rejects(typed("format", "select pg_typeof(%s)::text", ["1"]), { code: "42P18" });
  });
});

test("cursor: setinputsizes holds for every set of executemany", async () => {
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    await cursor.execute("create temporary table t (v text)");
    cursor.setinputsizes(dbapi.JSONB);
    await cursor.executemany("insert into t select pg_typeof(%s)::text", [["1"], ["2"]]);
    await cursor.execute("select distinct v from t");
    assert.deepEqual(await cursor.fetchall(), [["jsonb"]]);
  });
});

test("cursor: callproc returns OUT parameters, commits within, and takes no SQL for a name", async () => {
  await withDbapi(async (con) => {
    const cursor = con.cursor();
    await cursor.execute(`create or replace procedure pg_temp."add One"(inout n int, out twice int)
      language plpgsql as $$ begin n := n + 1; twice := 2 * n; commit; end $$`);
    await con.commit();
    await cursor.callproc('pg_temp."add One"', [3, null]);
    assert.deepEqual(await cursor.fetchone(), [4, 8]);
    assert.equal(cursor.description?.[1]?.[0], "twice");
    for (const name of ["p(); drop table t", "", "1p", "p q", 'a"b']) {
      await assert.rejects(cursor.callproc(name), { name: "InterfaceError" }, name);
    }
  });
});

test("cursor: a parameter that cannot be sent fails the call, and the connection goes on", async () => {
  await withDbapi(async (con) => {
    class Fahrenheit {}
    con.registerOutAdapter(Fahrenheit, () => {
      throw new RangeError("too hot");
    });
    const cursor = con.cursor();
    await assert.rejects(cursor.execute("select %s::int", [new Fahrenheit()]), /too hot/);
    await assert.rejects(cursor.execute("select %s::int", [undefined]), dbapi.InterfaceError);
    await assert.rejects(cursor.execute("select %s, %s", [1]), dbapi.InterfaceError);
    await assert.rejects(cursor.execute("select %s", 5 as unknown as unknown[]), /arguments/);
    await assert.rejects(cursor.execute(5 as unknown as string), /must be a string/);
    await cursor.execute("select 1");
    assert.deepEqual(await cursor.fetchone(), [1]);
  });
});

test("cursor: on the driver's own connection each statement commits by itself", async () => {
  const db = await connect(await serverOptions());
  try {
    const cursor = db.cursor({ paramstyle: "named" });
    assert.equal(cursor.connection, db);
    await cursor.execute("create temporary table t (n int)");
    await cursor.executemany("insert into t values (:n)", [{ n: 1 }, { n: 2 }]);
    assert.equal(db.transactionStatus, "idle");
    await cursor.execute("select n from t where n > :n", { n: 1 });
    assert.deepEqual(await cursor.fetchall(), [[2]]);
    await cursor.execute("begin");
    await assert.rejects(cursor.execute("select 1/0"), { code: "22012" });
    await assert.rejects(cursor.execute("commit"), { name: "InterfaceError", code: "25P02" });
    assert.throws(() => db.cursor({ paramstyle: "percent" as "format" }), /paramstyle must be/);
  } finally {
    await db.close();
  }
});

test("cursor: an unknown option is refused by its name, and nothing is sent", async () => {
  const unknown = { name: "InterfaceError", message: /^unknown option "/ };
  await withDbapi(async (con) => {
    assert.throws(() => con.cursor({ paramStyle: "named" } as never), unknown);
    const cursor = con.cursor({ paramstyle: undefined });
    assert.equal(cursor.paramstyle, "named");
    const execute = (options: object) => cursor.execute("select 1", [], options as never);
    await assert.rejects(execute({ steam: "1\n" }), unknown);
    await assert.rejects(execute(null as never), { name: "InterfaceError" });
    await assert.rejects(con.run("select 1", {}, { type: {} } as never), unknown);
    await assert.rejects(con.run("select 1", {}, { types: 1 } as never), /^InterfaceError: types/);
    await assert.rejects(con.prepare("select 1", { stream: "" } as never), unknown);
    await execute({ stream: undefined });
    assert.deepEqual(await cursor.fetchall(), [[1]]);
  }, { paramstyle: "named" });
});

test("dbapi: wrong options are refused before anything is dialled", async () => {
  const host = "192.0.2.1";
  await assert.rejects(dbapi.connect({ host, paramstyle: "x" as "format" }), /paramstyle must be/);
  await assert.rejects(dbapi.connect({ host, autocommit: 1 as unknown as boolean }), /autocommit/);
  await assert.rejects(dbapi.connect({ host, unixSock: "/x", sock: {} }), dbapi.InterfaceError);
});

test("dbapi: a connection string and options, the options over it", async () => {
  const { host, port } = await serverOptions();
  const con = await dbapi.connect(`postgres://postgres@${host}:${port}/template1`, {
    database: "postgres",
    applicationName: "cornac dbapi",
  });
  const cursor = await con.cursor().execute(
    "select current_database(), current_setting('application_name')",
  );
  assert.deepEqual(await cursor.fetchone(), ["postgres", "cornac dbapi"]);
  await con.close();
});

test("cursor: once one of connect()'s cursors has run, those made later send at once", async () => {
  await using db = await connect(await serverOptions());
  await db.cursor().execute("select 1");
  const made = [
    db.cursor().execute("create temporary table sent_first (n int)"),
    db.cursor().executemany("insert into sent_first values (%s)", [[1], [2]]),
    db.cursor().callproc("pg_temp.absent").catch(() => {}),
    db.query("select n from sent_first order by n", [], { rows: "array" }),
  ];
  assert.deepEqual([...(await Promise.all(made))[3] as unknown[]], [[1], [2]]);
});

test("cursor: while its code loads, a statement keeps the values it was made with", async () => {
  await using db = await connect(await serverOptions());
  const cursor = db.cursor();
  const args = ["a", "b"];
  cursor.setinputsizes(25);
  const first = cursor.execute("select pg_typeof(%s)::text, %s", args);
  cursor.paramstyle = "qmark";
  cursor.setinputsizes(23);
  args[1] = "c";
  await first;
  assert.deepEqual(await cursor.fetchone(), ["text", "b"]);
  await cursor.execute("select pg_typeof(?)::text", [1]);
  assert.deepEqual(await cursor.fetchone(), ["integer"]);

  await using other = await connect(await serverOptions());
  const many = other.cursor();
  await other.query("create temporary table kept (n int)");
  const set = [1];
  const inserted = many.executemany("insert into kept values (%s)", [set]);
  set[0] = 2;
  await inserted;
  assert.equal(await other.query("select n from kept").scalar(), 1);
});

test("cursor: statements made while their code loads are sent in order", async () => {
  await using db = await connect(await serverOptions());
  const cursors = Array.from({ length: 3 }, () => db.cursor());
  await Promise.all([
    cursors[0]!.execute("create temporary table in_order (n int)"),
    cursors[1]!.execute("insert into in_order values (%s)", [1]),
    cursors[2]!.execute("select n from in_order"),
  ]);
  assert.deepEqual(await cursors[2]!.fetchall(), [[1]]);
});

/** First statements of a connection's cursors. Each makes one row. */
const FIRST: Readonly<Record<string, (cursor: Cursor<unknown>) => Promise<unknown>>> = {
  "execute()": (cursor) => cursor.execute("insert into made values ('it')"),
  "execute() with arguments": (cursor) => cursor.execute("insert into made values (%s)", ["it"]),
  "executemany()": (cursor) => cursor.executemany("insert into made values (%s)", [["it"]]),
  "callproc()": (cursor) => cursor.callproc("pg_temp.make", ["it"]),
  "a COPY": (cursor) => cursor.execute("copy made from stdin", [], { stream: "it\n" }),
};

for (const [what, use] of Object.entries(FIRST)) {
  test(`cursor: ${what} of a connection's first cursor runs before what is made behind it`, async () => {
    const db = await connect(await serverOptions());
    await db.query(`create temporary table made (what text);
      create procedure pg_temp.make(what text) language sql as 'insert into made values ($1)'`)
      .simple().all();
    const before = db.query("select count(*)::int from made").scalar();
    const used = use(db.cursor());
    // A COPY has the connection for itself.
    const behind = what === "a COPY"
      ? used.then(() => db.query("select count(*)::int from made").scalar())
      : db.query("select count(*)::int from made").scalar();
    assert.deepEqual(await Promise.all([before, behind]), [0, 1]);
    await used;
    await db.close();
  });

  test(`cursor: close() waits for ${what} of a connection's first cursor`, async () => {
    const db = await connect(await serverOptions());
    await db.query(`create temporary table made (what text);
      create procedure pg_temp.make(what text) language sql as 'insert into made values ($1)'`)
      .simple().all();
    const used = use(db.cursor());
    const closed = db.close();
    await used;
    await closed;
  });
}
