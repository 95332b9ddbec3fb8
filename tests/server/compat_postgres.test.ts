/** The entry point in the shape of postgres.js: the facts of its documentation. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import postgres, {
  type Options,
  type Sql,
  type TransactionSql,
} from "../../src/compat/postgres/postgres.ts";
import { behind } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";
import { sharedServer } from "../_kit/servers.ts";
import { until } from "../_kit/waiting.ts";

/** Calls `work` with a client of the shared server, and ends the client. */
async function withSql(work: (sql: Sql) => Promise<void>, options: Options = {}): Promise<void> {
  const { host, port } = await sharedServer();
  const login = { host, port, user: "postgres", database: "postgres" };
  const sql = postgres({ ...login, onnotice: false, max: 1, ...options });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

test("compat postgres: the values of templates", () =>
  withSql(async (sql) => {
    const moment = new Date("2026-01-02T03:04:05.678Z");
    const cases: readonly (readonly [what: string, PromiseLike<unknown>, unknown])[] = [
      ["a number goes by the server's type", sql`select ${1} as x`, [{ x: "1" }]],
      ["a number for an int4", sql`select ${1}::int as x`, [{ x: 1 }]],
      ["a boolean", sql`select ${true} as x`, [{ x: true }]],
      ["a bigint is read as a string", sql`select ${10n} as x`, [{ x: "10" }]],
      ["a date", sql`select ${moment} as x`, [{ x: moment }]],
      ["bytes", sql`select ${new Uint8Array([1, 2])} as x`, [{ x: Buffer.from([1, 2]) }]],
      ["an object for json", sql`select ${{ a: [1] }}::jsonb as x`, [{ x: { a: [1] } }]],
      ["a string for json is a string of json", sql`select ${"1"}::jsonb as x`, [{ x: "1" }]],
      ["json()", sql`select ${sql.json({ a: 1 })} as x`, [{ x: { a: 1 } }]],
      ["array()", sql`select ${sql.array([1, 2])} as x`, [{ x: ["1", "2"] }]],
      ["array() with a type", sql`select ${sql.array([1, 2], 23)} as x`, [{ x: [1, 2] }]],
      ["an array for int[]", sql`select ${[1, null]}::int[] as x`, [{ x: [1, null] }]],
      ["typed()", sql`select ${sql.typed("5", 23)} as x`, [{ x: 5 }]],
      ["NULL", sql`select ${null} as x`, [{ x: null }]],
    ];
    for (const [what, query, wanted] of cases) {
      assert.deepEqual([...await query as []], wanted, what);
    }
  }));

test("compat postgres: 10,000 queries that cannot be written fail one by one, also those that wait", () =>
  withSql(async (sql) => {
    const text = "select $1::text as t";
    await sql.unsafe(text, ["a"], { prepare: true });
    const wrong = (): Promise<string> =>
      sql.unsafe(text, ["\ud800"], { prepare: true }).then(() => "no error", ({ name }) => name);
    const names = await Promise.all(Array.from({ length: 10_000 }, wrong));
    assert.deepEqual([...new Set(names)], ["InterfaceError"]);
    assert.equal((await sql.unsafe(text, ["b"], { prepare: true }))[0]!.t, "b");
  }, { max_pipeline: 2 }));

test("compat postgres: helpers write what the text before them demands", () =>
  withSql(async (sql) => {
    const row = { a: 1, b: "x" };
    const cases: readonly (readonly [PromiseLike<unknown>, string])[] = [
      [sql`zz insert into t ${sql(row)}`, 'zz insert into t ("a","b")values($1,$2)'],
      [sql`zz insert into t ${sql([row, row], "a")}`, 'zz insert into t ("a")values($1),($2)'],
      [sql`zz insert into t ${sql([row], ["b"])}`, 'zz insert into t ("b")values($1)'],
      [sql`zz update t set ${sql(row, "b")}`, 'zz update t set "b"=$1'],
      [sql`zz select ${sql(["a", "b"])}`, 'zz select "a","b"'],
      [sql`zz select ${sql("a", "b")}`, 'zz select "a","b"'],
      [sql`zz select ${sql(row)}`, 'zz select $1 as "a",$2 as "b"'],
      [sql`zz where a in ${sql([1, 2])}`, "zz where a in ($1,$2)"],
      [sql`zz where a in ${sql([])}`, "zz where a in (null)"],
      [sql`zz values ${sql([["a", 1], ["b", 2]])}`, "zz values ($1,$2),($3,$4)"],
      [sql`zz ${sql("s.t")} ${sql('q"r')}`, 'zz "s"."t" "q""r"'],
      [sql`zz ${sql`a ${1}`} ${sql`b ${2}`}`, "zz a $1 b $2"],
      [sql`zz ${[sql`a`, sql`b`]}`, "zz  a b"],
      [sql`zz ${sql.unsafe("a b")}`, "zz a b"],
      [sql`zz returning ${sql(["a"])}`, 'zz returning "a"'],
      [sql`zz insert into t ${sql({ a: sql`now()` })}`, 'zz insert into t ("a")values(now())'],
    ];
    for (const [query, wanted] of cases) {
      const error = await failure(query) as Error & { query?: string };
      assert.equal(error.query, wanted);
    }
  }));

test("compat postgres: a result has its facts beside the rows", () =>
  withSql(async (sql) => {
    const one = await sql`select 1 as a, 'x' as b`;
    assert.deepEqual(Object.keys(one), ["0"]);
    assert.deepEqual([one.count, one.command], [1, "SELECT"]);
    assert.deepEqual(one.columns?.map(({ name, type }) => [name, type]), [["a", 23], ["b", 25]]);
    assert.equal(one.statement?.string, "select 1 as a, 'x' as b");
    assert.equal(typeof one.state?.pid, "number");
    assert.ok(one.slice() instanceof Array && one.slice().constructor === Array);
    const created = await sql`create temp table facts (a int)`;
    assert.deepEqual([created.count, created.command, created.columns], [
      null,
      "CREATE TABLE",
      [],
    ]);
    const several = await sql.unsafe("select 1 as a; select 2 as b") as unknown as unknown[][];
    assert.deepEqual(several.map((rows) => [...rows]), [[{ a: 1 }], [{ b: 2 }]]);
  }));

test("compat postgres: rows in other shapes", () =>
  withSql(async (sql) => {
    assert.deepEqual([...await sql`select 1 as a, null as b`.values()], [[1, null]]);
    assert.deepEqual([...await sql`select 1 as a, null as b`.raw()], [[Buffer.from("1"), null]]);
    const rows: unknown[] = [];
    const rest = await sql`select generate_series(1, 3) as a`.forEach((row) => rows.push(row.a));
    assert.deepEqual([rows, rest.length, rest.count], [[1, 2, 3], 0, 3]);
    const described = await sql`select ${1}::int as a`.describe();
    assert.deepEqual([described.types, described.columns.map(({ name }) => name)], [[23], ["a"]]);
  }));

test("compat postgres: cursors by callback and by loop", () =>
  withSql(async (sql) => {
    const sizes: number[] = [];
    await sql`select * from generate_series(1, 5)`.cursor(
      2,
      (rows) => void sizes.push(rows.length),
    );
    for await (const rows of sql`select * from generate_series(1, 5)`.cursor(3)) {
      sizes.push(rows.length);
    }
    assert.deepEqual(sizes, [2, 2, 1, 3, 2]);
    let count = 0;
    await sql`select * from generate_series(1, 5)`.cursor(() => (count++, sql.CLOSE));
    for await (const _ of sql`select * from generate_series(1, 5)`.cursor()) if (++count > 2) break;
    assert.equal(count, 3);
    const inTransaction = await sql.begin(async (tx) => {
      const seen: unknown[] = [];
      for await (const [row] of tx`select generate_series(1, 2) as x`.cursor(1)) {
        seen.push(row.x, (await tx`select 7 as y`)[0]!.y);
      }
      return seen;
    });
    assert.deepEqual(inTransaction, [1, 7, 2, 7], "other queries run between the batches");
    const thrown = new Error("of the callback");
    const error = await failure(sql`select 1`.cursor(() => Promise.reject(thrown)));
    assert.equal(error, thrown);
    assert.deepEqual([...await sql`select 1 as a`], [{ a: 1 }]);
  }));

test("compat postgres: transactions", () =>
  withSql(async (sql) => {
    await sql`create temp table tx (a int)`;
    const count = async (): Promise<unknown> =>
      (await sql`select count(*)::int as n from tx`)[0]!.n;
    const value = await sql.begin(async (tx) => {
      await tx`insert into tx values (1)`;
      await tx.savepoint(async (inner) => {
        await inner`insert into tx values (2)`;
        throw new Error("undone");
      }).catch(() => {});
      return "value";
    });
    assert.deepEqual([value, await count()], ["value", 1]);
    const results = await sql.begin((tx) => [tx`select 1 as a`, tx`select 2 as b`] as const);
    assert.deepEqual(results.map((rows) => [...rows]), [[{ a: 1 }], [{ b: 2 }]]);
    const caught = await failure(sql.begin(async (tx) => {
      await tx`insert into tx values (3)`;
      await tx`select 1/0`.catch(() => {});
    }));
    assert.equal(
      (caught as { code?: string }).code,
      "22012",
      "a caught error fails it all the same",
    );
    assert.equal(await count(), 1);
    const modes = sql.begin("read only", (tx) => tx`create table never (a int)`);
    assert.equal((await failure(modes) as { code?: string }).code, "25006");
    const unknown = sql.begin("foo", () => 1);
    assert.equal((await failure(unknown) as { code?: string }).code, "42601");
  }));

test("compat postgres: a transaction that has ended refuses queries", () =>
  withSql(async (sql) => {
    let kept: TransactionSql | undefined;
    await sql.begin(async (tx) => {
      kept = tx;
      await tx`select 1`;
    });
    const error = await failure(kept!`select 1`);
    assert.equal((error as { code?: string }).code, "UNSAFE_TRANSACTION");
    const reserved = await sql.reserve();
    assert.deepEqual([...await reserved`select 1 as a`], [{ a: 1 }]);
    reserved.release();
    assert.equal(
      (await failure(reserved`select 1`) as { code?: string }).code,
      "UNSAFE_TRANSACTION",
    );
  }));

test("compat postgres: BEGIN as a query is refused where connections are shared", () =>
  withSql(async (sql) => {
    const error = await failure(sql`begin`) as { code?: string };
    assert.equal(error.code, "UNSAFE_TRANSACTION");
    await until(async () => {
      const open = `select 1 from pg_stat_activity
        where application_name = 'compat unsafe' and state like 'idle in%'`;
      return (await behind(open)).length === 0;
    });
  }, { max: 2, connection: { application_name: "compat unsafe" } }));

test("compat postgres: COPY by streams", () =>
  withSql(async (sql) => {
    await sql`create temp table copied (a int, b text)`;
    const into = await sql`copy copied from stdin`.writable();
    await pipeline(Readable.from(["1\tx\n", "2\ty\n"]), into);
    const chunks: string[] = [];
    for await (const chunk of await sql`copy copied to stdout`.readable()) {
      chunks.push(String(chunk));
    }
    assert.equal(chunks.join(""), "1\tx\n2\ty\n");
    const bad = await sql`copy copied from stdin`.writable();
    const failed = new Promise<Error>((resolve) => bad.once("error", resolve));
    bad.end("no number\n");
    assert.equal((await failed as Error & { code?: string }).code, "22P02");
    const open = await sql`copy copied from stdin`.writable();
    const refused = await failure(sql`select 1`) as { code?: string };
    assert.equal(refused.code, "COPY_IN_PROGRESS");
    open.end();
    assert.equal((await sql`select count(*)::int as n from copied`)[0]!.n, 2);
    const refusal = await failure(sql`copy nowhere from stdin`.writable()) as { code?: string };
    assert.equal(refusal.code, "42P01");
  }));

test("compat postgres: transformations of names, values and rows", async () => {
  await withSql(async (sql) => {
    const [row] = await sql`select 1 as a_b, '{"c_d":[{"e_f":1}]}'::jsonb as g_h, ${
      sql({ iJ: 2 })
    }`;
    assert.deepEqual(row, { aB: 1, gH: { cD: [{ eF: 1 }] }, iJ: "2" });
    const error = await failure(sql`zz insert into t ${sql({ aB: 1 })}`) as { query?: string };
    assert.equal(error.query, 'zz insert into t ("a_b")values($1)');
  }, { transform: postgres.camel });
  await withSql(async (sql) => {
    assert.deepEqual([...await sql`select ${undefined} as x`], [{ X: null, z: 1 }]);
  }, {
    transform: {
      undefined: null,
      column: (name) => name.toUpperCase(),
      row: (row) => ({ ...row, z: 1 }),
    },
  });
});

test("compat postgres: names in other spellings", () => {
  const cases: readonly (readonly [keyof typeof postgres, string, string])[] = [
    ["toCamel", "a_b_c", "aBC"],
    ["toCamel", "_a_b", "_aB"],
    ["toCamel", "a_", "a_"],
    ["toPascal", "a_b", "AB"],
    ["toKebab", "a_b", "a-b"],
    ["fromCamel", "aBC", "a_b_c"],
    ["fromPascal", "AbC1", "ab_c1"],
    ["fromKebab", "a-b", "a_b"],
  ];
  for (const [name, given, wanted] of cases) {
    assert.equal((postgres[name] as unknown as (text: string) => string)(given), wanted, name);
  }
});

test("compat postgres: types of a program, and conversions that it replaces later", () =>
  withSql(async (sql) => {
    const { point } = sql.typed as unknown as Record<string, (xy: number[]) => unknown>;
    assert.deepEqual((await sql`select ${point!([1, 2])} as p`)[0]!.p, [1, 2]);
    assert.equal((await sql`select 5::int8 as x`)[0]!.x, 5n);
    sql.options.parsers["1184"] = (text: string) => text;
    sql.options.serializers["1184"] = (value: unknown) => value;
    assert.match((await sql`select now() as x`)[0]!.x, /^\d{4}-/);
    assert.match((await sql`select ${"2026-01-01 00:00:00+00"}::timestamptz as y`)[0]!.y, /^2026/);
  }, {
    types: {
      bigint: postgres.BigInt,
      point: {
        to: 600,
        from: [600],
        serialize: ([x, y]: number[]) => `(${x},${y})`,
        parse: (text: string) => text.slice(1, -1).split(",").map(Number),
      },
    },
  }));

test("compat postgres: LISTEN comes back after its connection is lost", () =>
  withSql(async (sql) => {
    const got: string[] = [];
    let times = 0;
    const listening = await sql.listen("compat ch", (x) => got.push(x), () => times++);
    const { pid } = listening.state;
    await sql.notify("compat ch", "a");
    await until(() => got.length === 1);
    await sql`select pg_terminate_backend(${pid})`;
    await until(() => times === 2);
    await sql.notify("compat ch", "b");
    await until(() => got.length === 2);
    assert.notEqual(listening.state.pid, pid);
    await listening.unlisten();
    await sql.notify("compat ch", "c");
    await sql`select 1`;
    assert.deepEqual(got, ["a", "b"]);
  }));

test("compat postgres: a large object", () =>
  withSql(async (sql) => {
    const object = await sql.largeObject();
    await object.write(Buffer.from("hello"));
    assert.deepEqual(await object.size(), [{ position: "5", size: "5" }]);
    await object.seek(1);
    assert.deepEqual([...await object.read(3) as []], [{ data: Buffer.from("ell") }]);
    await object.seek(0);
    const chunks: string[] = [];
    for await (const chunk of await object.readable()) chunks.push(String(chunk));
    assert.equal(chunks.join(""), "hello");
    await object.close();
  }));

test("compat postgres: the end of a client", async () => {
  await withSql(async (sql) => {
    const query = sql`select pg_sleep(0.05)::text as x`.execute();
    await sql.end();
    assert.equal((await query).length, 1, "end() waits for queries");
    const late = await failure(sql`select 1`) as { code?: string };
    assert.equal(late.code, "CONNECTION_ENDED");
  });
  await withSql(async (sql) => {
    const slow = sql`select pg_sleep(60)`.catch((error: unknown) => error);
    await sql.end({ timeout: 0 });
    assert.equal((await slow as unknown as { code?: string }).code, "CONNECTION_DESTROYED");
  });
  const away = postgres({ host: "127.0.0.1", port: 1, user: "x", database: "x", backoff: 3600 });
  assert.equal((await failure(away`select 1`) as { code?: string }).code, "ECONNREFUSED");
  const paused = away`select 2`.catch((error: unknown) => error);
  await away.end({ timeout: 0 });
  assert.equal((await paused as unknown as { code?: string }).code, "CONNECTION_DESTROYED");
  await withSql(async (sql) => {
    await sql`select 1`;
    await sql.close();
    assert.deepEqual([...await sql`select 1 as a`], [{ a: 1 }], "after close() it connects again");
  });
});

test("compat postgres: errors of the server have the names of postgres.js", () =>
  withSql(async (sql) => {
    await sql`create temp table errors (a int constraint errors_a check (a > 0))`;
    const error = await failure(sql`insert into errors values (${-1})`);
    assert.ok(error instanceof sql.PostgresError);
    assert.deepEqual(
      [error.name, error.code, error.constraint_name, error.table_name, typeof error.line],
      ["PostgresError", "23514", "errors_a", "errors", "string"],
    );
    assert.deepEqual([error.query, error.parameters], ["insert into errors values ($1)", ["-1"]]);
    assert.ok(!Object.keys(error).includes("query"));
    const place = { host: "127.0.0.1", port: 1, database: "x", user: "x" };
    const refused = await failure(postgres(place)`select 1`) as { code?: string };
    assert.equal(refused.code, "ECONNREFUSED");
  }));

test("compat postgres: errors of the library have its codes", () =>
  withSql(async (sql) => {
    const many = Array.from({ length: 65_535 }, () => 1);
    const cases: readonly (readonly [string, PromiseLike<unknown>])[] = [
      ["UNDEFINED_VALUE", sql`select ${undefined}`],
      ["UNDEFINED_VALUE", sql.unsafe("select $1", [undefined])],
      ["MAX_PARAMETERS_EXCEEDED", sql`select 1 in ${sql(many)}`],
    ];
    for (const [code, query] of cases) {
      assert.equal((await failure(query) as { code?: string }).code, code);
    }
    assert.throws(() => (sql("a") as unknown as Promise<void>).then(() => {}), {
      code: "NOT_TAGGED_CALL",
    });
    assert.deepEqual([...await sql`select 1 as a`], [{ a: 1 }]);
  }));

test("compat postgres: cancelled queries reject with 57014, and the connection goes on", () =>
  withSql(async (sql) => {
    const early = sql`select 1`.execute();
    early.cancel();
    const error = await failure(early) as { code?: string };
    assert.equal(error.code, "57014", "a query that waits for its connection");
    const running = sql`select pg_sleep(60)`.execute();
    const queued = sql`select 1 as never`;
    setTimeout(() => running.cancel(), 50);
    queued.cancel();
    assert.equal((await failure(running) as { code?: string }).code, "57014");
    assert.equal((await failure(queued) as { code?: string }).code, "57014");
    assert.deepEqual([...await sql`select 1 as a`], [{ a: 1 }]);
  }));
