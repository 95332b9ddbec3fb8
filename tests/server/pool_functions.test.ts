/** The effects of server functions on a pooled session, which the next borrower must not find. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, type Pool, type PoolOptions } from "../../mod.ts";
import { behind, withOwnDatabase } from "../_kit/databases.ts";
import { sharedServer } from "../_kit/servers.ts";
import { pause, until } from "../_kit/waiting.ts";
import { as } from "./pool_server.ts";

/** `leave()` changes all of a session's state that a function can change. */
const SCHEMA = `
  create sequence counter;
  create function leave() returns int language plpgsql as $$
  begin
    perform set_config('app.who', 'ann', false), set_config('search_path', 'pg_catalog', false);
    perform pg_advisory_lock(4712), nextval('public.counter');
    create temp table if not exists left_behind (n int);
    execute 'listen left_behind';
    execute 'declare left_behind cursor with hold for select 1';
    set role u_trust;
    return 1;
  end $$;
  create table events (n int);
  create function on_event() returns trigger language plpgsql as
    $$ begin perform leave(); return new; end $$;
  create trigger leave before insert on events for each statement execute function on_event();
  create view viewed as select leave() as n;
`;

const LEFT = `select concat_ws(' ',
    nullif(current_setting('app.who', true), ''),
    case when current_setting('search_path') = 'pg_catalog' then 'path' end,
    (select 'lock' from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
    to_regclass('pg_temp.left_behind'),
    (select 'listens' from pg_listening_channels()),
    (select 'cursor' from pg_cursors where name = 'left_behind'),
    (select 'role' where current_user <> 'postgres')) as left`;

const WAYS: readonly (readonly [string, (pool: Pool) => PromiseLike<unknown>])[] = [
  ["query()", (pool) => pool.query("select leave()")],
  ["query() with parameters", (pool) => pool.query("select leave() + $1", [1])],
  ["sql", (pool) => pool.sql`select leave() + ${1}`],
  ["named parameters", (pool) => pool.query("select leave() + :n", { n: 1 })],
  ["simple()", (pool) => pool.query("select leave()").simple()],
  ["a stream", async (pool) => {
    for await (const row of pool.query("select leave()")) assert.ok(row);
  }],
  ["batches()", async (pool) => {
    for await (const rows of pool.query("select leave()").batches(1)) assert.ok(rows);
  }],
  ["batch()", (pool) => pool.batch([{ text: "select leave()" }])],
  ["executeMany()", (pool) => pool.executeMany("insert into events values ($1)", [[1]])],
  ["prepare()", async (pool) => await (await pool.prepare("select leave()")).query()],
  ["transaction()", (pool) => pool.transaction((tx) => tx.query("select leave()"))],
  ["connect()", async (pool) => {
    await using db = await pool.connect();
    await db.query("select leave()");
  }],
  ["COPY in", (pool) => pool.copyFrom("copy events from stdin", "1\n")],
  ["COPY out", async (pool) => {
    for await (const bytes of pool.copyTo("copy (select leave()) to stdout")) assert.ok(bytes);
  }],
  ["copyRowsFrom()", (pool) => pool.copyRowsFrom("events", ["n"], [[1]])],
  ["a trigger", (pool) => pool.query("insert into events values (1)")],
  ["a view", (pool) => pool.query("select * from viewed")],
  ["a query that fails afterwards", (pool) =>
    pool.connect().then(async (db) => {
      await db.query("select leave()");
      await db.query("select 1/0").catch(() => {});
      await db.close();
    })],
];

async function withFunctions(
  options: PoolOptions,
  work: (pool: Pool, database: string) => Promise<void>,
): Promise<void> {
  await withOwnDatabase(async (db, database) => {
    await db.query(SCHEMA).simple();
    const pool = createPool({ ...as(await sharedServer()), database }, { max: 1, ...options });
    try {
      await work(pool, database);
    } finally {
      await pool.close({ timeout: 2 });
    }
  });
}

test("pool: what a function has changed is undone before the next borrower's query, by every way", () =>
  withFunctions({}, async (pool) => {
    const pid = await pool.query("select pg_backend_pid()").scalar();
    for (const [way, leave] of WAYS) {
      await leave(pool);
      assert.equal(await pool.query(LEFT).scalar(), "", `${way}, then query()`);
      await leave(pool);
      assert.equal(await pool.transaction((tx) => tx.query(LEFT).scalar()), "", `${way}, tx`);
      await leave(pool);
      const db = await pool.connect();
      assert.equal(await db.query(LEFT).scalar(), "", `${way}, then connect()`);
      await db.close();
      await leave(pool);
      for await (const { left } of pool.query(LEFT)) assert.equal(left, "", `${way}, stream`);
    }
    await pause(0.01);
    assert.equal(await pool.query("select pg_backend_pid()").scalar(), pid);
  }));

test("pool: queries that share a connection do not see what each other's functions have changed", () =>
  withFunctions({ maxPipelined: 8 }, async (pool) => {
    const calls = Array.from(
      { length: 40 },
      (_, i) => i % 2 === 0 ? pool.query("select leave()").scalar() : pool.query(LEFT).scalar(),
    );
    const expected = Array.from({ length: 40 }, (_, i) => i % 2 === 0 ? 1 : "");
    assert.deepEqual(await Promise.all(calls), expected);
    assert.equal(pool.stats().created, 1);
  }));

test("pool: an idle connection holds no lock that a function has taken", () =>
  withFunctions({}, async (pool, database) => {
    await pool.query("select leave()");
    const sql = `select 1 from pg_locks join pg_database d on d.oid = database
      where locktype = 'advisory' and datname = '${database}'`;
    await until(async () => (await behind(sql)).length === 0);
    assert.equal(pool.stats().idle, 1);
  }));

test("pool: a session in read only or serializable deferrable mode is cleaned at once", () =>
  withFunctions({}, async (pool) => {
    for (const name of ["read_only", "deferrable", "isolation"]) {
      const value = name === "isolation" ? "serializable" : "on";
      await pool.query(`create function f_${name}() returns text language sql as
        $$ select set_config('default_transaction_${name}', '${value}', false) $$`);
    }
    await pool.query("select f_read_only(), f_deferrable(), f_isolation()");
    await pool.query("insert into events values (1)");
    const modes = "select current_setting('transaction_isolation')";
    assert.equal(await pool.query(modes).scalar(), "read committed");
  }));

test("pool: prepared statements outlive the cleaning", () =>
  withFunctions({}, async (pool) => {
    await pool.query(
      "create function quiet() returns int language sql as " +
        "$$ select pg_advisory_lock(1); select set_config('app.x', 'y', false); select 1 $$",
    );
    const text = "select quiet(), (select generic_plans + custom_plans as runs " +
      "from pg_prepared_statements where statement like 'select quiet(), (select generic%')";
    for (let i = 0; i < 3; i++) await pool.query(text);
    const [row] = await pool.query(text);
    assert.equal(Number(row!.runs) > 1, true);
  }));

test("pool: what the connection was opened with, and what onConnect has set, outlives the cleaning", () =>
  withFunctions({
    connection: {
      applicationName: "opened",
      options: "-c role=u_trust -c search_path=public,pg_catalog -c app.opened=yes",
    },
    onConnect: async (db) =>
      void await db.query(
        "select set_config('app.set', 'a\\b''c', false)," +
          " set_config('statement_timeout', '61s', false)",
      ),
  }, async (pool) => {
    await pool.query("reset role").catch(() => {});
    const settings = `select current_user || ',' || current_setting('application_name') || ',' ||
      current_setting('search_path') || ',' || current_setting('app.opened') || ',' ||
      current_setting('app.set') || ',' || current_setting('statement_timeout')`;
    const expected = "u_trust,opened,public,pg_catalog,yes,a\\b'c,61s".replace(
      "public,",
      "public, ",
    );
    const actual = async () => await pool.query(settings).scalar<string>();
    const before = await actual();
    await pool.query("select set_config('app.set', 'x', false)").catch(() => {});
    await pool.query("do $$ begin perform set_config('app.set', 'y', false); end $$");
    assert.equal(before.replace("public,pg", "public, pg"), expected);
    assert.equal(await actual(), before);
  }));

test("pool: onConnect is called again after each use only where it has left more than settings", async () => {
  for (
    const [text, calls] of [["set app.x = 'y'", 1], ["create temp table mine (n int)", 4]] as const
  ) {
    let called = 0;
    await withFunctions({
      onConnect: async (db) => {
        called++;
        await db.query(text);
      },
    }, async (pool) => {
      // Not a plain read, after which a session needs no cleaning.
      for (let i = 0; i < 3; i++) await pool.query("select pg_sleep(0)");
      assert.equal(called, calls, text);
    });
  }
});

test('pool: with reset "text" only what the texts show is undone', () =>
  withFunctions({ reset: "text" }, async (pool) => {
    await pool.query("select leave()");
    assert.match(await pool.query(LEFT).scalar<string>(), /^ann path lock/);
  }));

test("pool: DISCARD ALL and a function of the user's undo what functions have changed", async () => {
  const discard = async (db: { query(text: string): PromiseLike<unknown> }) =>
    void await db.query("discard all");
  for (const reset of ["discard", discard] as const) {
    await withFunctions({ reset }, async (pool) => {
      for (const [way, leave] of WAYS) {
        await leave(pool);
        assert.equal(await pool.query(LEFT).scalar(), "", way);
      }
    });
  }
});
