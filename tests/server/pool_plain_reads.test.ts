/** The sessions of a pool that are cleaned between two borrowers, and those that need no cleaning. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withOwnDatabase } from "../_kit/databases.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { until } from "../_kit/waiting.ts";
import { createPool, type Pool } from "../../mod.ts";

const OBJECTS = `
  create table plain (id int primary key, name text);
  insert into plain values (1, 'a');
  create function login(who text) returns text language sql
    as $$ select set_config('app.who', who, false) $$;
  create view logging as select login('view') as who;
  create view builtin_logging as select set_config('app.who', 'view', false) as who;
  create function leaves(int, text) returns boolean language sql
    as $$ select login($2) is not null $$;
  create operator ~~~ (leftarg = int, rightarg = text, function = leaves);
  create table guarded (id int);
  insert into guarded values (1);
  create domain logged as text check (login(value) is not null);
  create table parent (id int);
  create table child () inherits (parent)`;

/** Whether a text leaves the session as it is, as far as the pool can know. */
const CASES: readonly [text: string, isPlain: boolean][] = [
  ["select 1", true],
  ["select id, upper(name), count(*) over () from plain where id = 1", true],
  ["with c as (select random() as r, now()) select * from c join plain on true", true],
  ["select name || 'x', id + 1, id::text, '{}'::jsonb -> 'a' from plain", true],
  ["select current_setting('app.who', true)", true],
  ["select login('ann')", false],
  ["select public.login('ann')", false],
  [`select "login"('ann')`, false],
  ["select set_config('app.who', 'ann', false)", false],
  ["select pg_try_advisory_lock(5)", false],
  ["select * from logging", false],
  ["select * from builtin_logging", false],
  ["select 1 ~~~ 'ann'", false],
  ["select 'ann'::logged", false],
  ["select * from guarded", false],
  ["select * from parent", false],
  ["insert into plain values (2, 'b') on conflict do nothing", false],
  ["select * from plain for update", false],
];

/** The text that a backend ran last, as the server sees it. */
async function lastText(pid: number): Promise<string> {
  const sql = `select query from pg_stat_activity where pid = ${pid} and state = 'idle'`;
  return (await serverQuery(await sharedServer(), sql)).flat().join();
}

/** Runs a text on a connection of the pool, and returns the connection. */
async function borrow(pool: Pool, text: string): Promise<void> {
  const db = await pool.connect();
  try {
    await db.query(text);
  } finally {
    await db.close();
  }
}

test("pool: sessions are cleaned after all but plain reads", () =>
  withOwnDatabase(async (db, database) => {
    await db.query(OBJECTS).simple();
    await db.query("alter table guarded enable row level security").simple();
    const { host, port } = await sharedServer();
    const login = { host, port, user: "postgres", database, sslMode: "disable" } as const;
    const pool = createPool(login, { max: 1 });
    try {
      const pid = await pool.query("select pg_backend_pid()").scalar<number>();
      for (const [text, isPlain] of CASES) {
        // The catalogue is asked when a text repeats.
        for (let i = 0; i < 4; i++) await borrow(pool, text);
        const cleaned = async () => /discard temp/.test(await lastText(pid));
        if (isPlain) assert.equal(await lastText(pid), text);
        else await until(cleaned);
        assert.equal(
          await pool.query("select current_setting('app.who', true) as who").scalar() || "",
          "",
          text,
        );
        const locks = "select count(*)::int from pg_locks where locktype = 'advisory'";
        assert.equal(await pool.query(locks).scalar(), 0, text);
      }
    } finally {
      await pool.close();
    }
  }));

test("pool: DDL of a borrower ends what was known about reads", () =>
  withOwnDatabase(async (db, database) => {
    await db.query(OBJECTS).simple();
    const { host, port } = await sharedServer();
    const login = { host, port, user: "postgres", database, sslMode: "disable" } as const;
    const pool = createPool(login, { max: 1 });
    try {
      for (let i = 0; i < 4; i++) await pool.query("select * from plain");
      await pool.query("alter table plain rename to old");
      await pool.query("create view plain as select login('ann')");
      for (let i = 0; i < 4; i++) {
        await pool.query("select * from plain");
        const who = await pool.query("select current_setting('app.who', true)").scalar();
        assert.equal(who || "", "");
      }
    } finally {
      await pool.close();
    }
  }));
