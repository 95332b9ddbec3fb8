/** A role that may create objects in a schema on the search path gets none of them called. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, createPool, sql } from "../../mod.ts";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import * as native from "../../src/dbapi/native.ts";
import { ownTexts } from "../_kit/own_sql.ts";
import { plainQuery } from "../_kit/plain_client.ts";
import { majors, sharedServer } from "../_kit/servers.ts";
import { setTrap, touches } from "../_kit/trap.ts";
import { textOf } from "../_kit/outcomes.ts";

/** The database in which the trap is laid. */
interface Place {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

const TYPES = `
  create schema mine;
  create type mine.mood as enum ('sad', 'ok');
  create type mine.part as (m mine.mood, n pg_catalog.int4);
  create type mine.moods as range (subtype = mine.mood);
  create domain mine.small as pg_catalog.int4;
  create table mine.t (m mine.mood, p mine.part, s mine.small);
  create procedure mine.nothing() language plpgsql as $$ begin end $$`;

const SELECT = `select 'ok'::mine.mood as m, array['ok'::mine.mood] as a,
  row('ok', 1)::mine.part as p, '[sad,ok)'::mine.moods as r, '7'::mine.small as s`;

/** The ways of running a query that make the driver ask the catalogue, each on its own connection. */
const QUERIES: Readonly<Record<string, (db: Connection) => Promise<unknown>>> = {
  query: async (db) => {
    const row = await db.query(SELECT).one();
    assert.deepEqual({ ...row }.a, ["ok"]);
    assert.deepEqual({ ...row }.p, { m: "ok", n: 1 });
  },
  "a query in a transaction": (db) => db.transaction((tx) => tx.query(SELECT).one()),
  "a named statement": async (db) => {
    await using statement = await db.prepare(SELECT);
    await statement.query([]);
  },
  "simple()": async (db) => void await db.query(SELECT).simple().all(),
  "a stream": async (db) => {
    for await (const row of db.query(SELECT)) assert.ok(row);
  },
  batches: async (db) => {
    for await (const rows of db.query(SELECT).batches(1)) assert.ok(rows);
  },
  "batch()": (db) => db.batch([sql`select ${null}::mine.mood`, sql.raw(SELECT)]),
  "executeMany()": (db) =>
    db.executeMany("insert into mine.t (m, p) values ($1, $2)", [["ok", { m: "sad", n: 1 }]]),
  "a parameter": (db) => db.query("select $1::mine.part", [{ m: "ok", n: 1 }]).execute(),
  parameterTypes: (db) =>
    db.query("select $1", ["ok"], { parameterTypes: ["mine.mood"] }).execute(),
  copyRowsFrom: (db) => db.copyRowsFrom("mine.t", ["m", "p", "s"], [["ok", { m: "ok", n: 1 }, 5]]),
  copyRowsTo: async (db) => {
    for await (const row of db.copyRowsTo("mine.t", ["m", "p", "s"])) assert.ok(row);
  },
  copyTo: (db) => textOf(db.copyTo("copy mine.t to stdout")),
  "a literal": (db) =>
    db.sql`select ${sql.literal(new Date(0))}, ${sql.literal(Uint8Array.of(1))}, ${
      sql.literal(NaN)
    }`.execute(),
};

/** Other features that send the driver's own texts. */
const OTHERS: Readonly<Record<string, (place: Place) => Promise<unknown>>> = {
  transactions: (place) =>
    withConnection(place, async (db) => {
      await db.transaction(async (tx) => {
        await tx.transaction((inner) => inner.query("select null").execute());
        await tx.transaction(() => Promise.reject(new Error("undone"))).catch(() => {});
      });
      await db.transaction(() => Promise.reject(new Error("undone"))).catch(() => {});
    }),
  "two-phase commit": (place) =>
    withConnection(place, async (db) => {
      for (const end of [db.commitPrepared.bind(db), db.rollbackPrepared.bind(db)]) {
        const gid = `own_sql_${place.database}`;
        await db.transaction((tx) => tx.prepareTransaction(gid));
        assert.ok((await db.recoverPrepared()).some((one) => one.gid === gid));
        await end(gid);
      }
    }),
  "large objects": (place) =>
    withConnection(place, (db) =>
      db.transaction(async (tx) => {
        const oid = await tx.largeObjects.create();
        const object = await tx.largeObjects.open(oid, "rw");
        await object.write("hello");
        assert.equal(await object.tell(), 5n);
        assert.equal(await object.seek(1), 1n);
        await object.truncate(4);
        assert.equal(await textOf(object.readable()), "ell");
        await object.close();
        await tx.largeObjects.unlink(oid);
      })),
  notifications: (place) =>
    withConnection(place, async (db) => {
      await using subscription = await db.listen("own_sql");
      await db.notify("own_sql", "payload");
      await subscription.next();
    }),
  "a pool": async (place) => {
    for (const reset of ["auto", "discard"] as const) {
      const pool = createPool(place, { max: 1, reset });
      await using db = await pool.connect();
      for (const text of CHANGES) await db.query(text).simple();
      await db[Symbol.asyncDispose]();
      assert.equal(await pool.query(HELD).scalar(), 0n);
      await using subscription = await pool.listen("own_sql_pool");
      await pool.notify("own_sql_pool", "payload");
      await subscription.next();
      await pool.close();
    }
  },
  "roles of servers": async (place) => {
    for (const targetSessionAttrs of ["read-write", "primary", "prefer-standby"] as const) {
      await using db = await connect({ ...place, targetSessionAttrs });
      assert.ok(db.processId > 0);
    }
  },
  "DB-API": async (place) => {
    const con = await dbapi.connect(place);
    const cursor = con.cursor();
    await cursor.execute(SELECT);
    await cursor.callproc("mine.nothing");
    await con.commit();
    const xid = con.xid(1, "own_sql", place.database);
    for (const end of [con.tpc_commit.bind(con), con.tpc_rollback.bind(con)]) {
      await con.tpc_begin(xid);
      await cursor.execute("select null");
      await con.tpc_prepare();
      assert.deepEqual(await con.tpc_recover(), [xid]);
      await con.rollback().catch(() => {});
      await end(xid);
    }
    await con.close();
  },
  native: async (place) => {
    const con = await native.connect(place);
    await con.run("start transaction");
    await con.run(SELECT);
    await con.run("select :a::mine.part", { a: native.literal("(ok,1)").slice(1, -1) });
    await con.run("commit");
    await con.close();
  },
};

const CHANGES = [
  "select pg_catalog.pg_advisory_lock(1)",
  "set extra_float_digits = 0",
  "listen somewhere",
  "prepare something as select null",
  "create temp table something ()",
  "declare something cursor with hold for select null",
];

const HELD = `select pg_catalog.count(*) from pg_catalog.pg_locks l
  where l.locktype operator(pg_catalog.=) 'advisory'::pg_catalog.text
    and l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()`;

/** Texts as the driver once had them: the trap is one for these. */
const OPEN: readonly string[] = [
  "select pg_advisory_unlock_all()",
  "select current_database()",
  "select oid from pg_type limit 1",
  "select null::text, '7'::oid",
  "select a.attname from pg_catalog.pg_attribute a where a.attnum > 0 limit 1",
  "select t.oid from pg_catalog.pg_type t where t.oid <> 0 limit 1",
  "select pg_catalog.date_part('epoch', now()) * 1000",
];

for (const major of majors()) {
  test(`PostgreSQL ${major}: objects of another role on the search path are not called by the driver`, async () => {
    await withTrap(major, async (place, touched) => {
      await withConnection(place, (db) => db.query(TYPES).simple());
      for (const [name, run] of Object.entries(QUERIES)) {
        await withConnection(place, run);
        assert.equal(await touched(), 0, name);
      }
      for (const [name, run] of Object.entries(OTHERS)) {
        await run(place);
        assert.equal(await touched(), 0, name);
      }
    });
  });

  test(`PostgreSQL ${major}: those objects are called by texts that leave a name open`, async () => {
    await withTrap(major, async (place, touched) => {
      let before = 0;
      for (const text of OPEN) {
        await withConnection(place, (db) => db.query(text).simple().catch(() => {}));
        const now = await touched();
        assert.ok(now > before, text);
        before = now;
      }
    });
  });

  test(`PostgreSQL ${major}: the driver's own queries convert no operand and call only what is built in`, async () => {
    await withTrap(major, async ({ database }, touched) => {
      const server = await sharedServer(major);
      const multiranges = major >= 14;
      for (const [name, text] of ownTexts()) {
        if (!/^(?:select|with)/.test(text) || text.includes('"s"')) continue;
        if (text.includes("multirange") && !multiranges) continue;
        if (name === "catalogQuery(true)" && !multiranges) continue;
        const columns = text.replaceAll(/\$\d+::/g, "null::");
        const view = `create schema if not exists views; drop view if exists views.v;
          create view views.v as with q as (${columns}) select from q;
          select ev_action from pg_catalog.pg_rewrite
          where ev_class operator(pg_catalog.=) 'views.v'::pg_catalog.regclass::pg_catalog.oid`;
        const [[tree = ""] = []] = await plainQuery(server.socketPath, view, database);
        assert.match(tree!, /:rtable/, name);
        assert.doesNotMatch(tree!, /:(?:func|relabel|coerce)format 2/, `${name}: implicit cast`);
        for (const [all, oid] of tree!.matchAll(/:(?:opno|opfuncid|funcid) (\d+)/g)) {
          assert.ok(Number(oid) < FIRST_NORMAL_OID, `${name}: ${all}`);
        }
      }
      assert.equal(await touched(), 0);
    });
  });
}

/** transam.h: objects of `initdb` lie below it. */
const FIRST_NORMAL_OID = 16384;

/** Runs `work` with a database in which the trap is laid, and with what counts its touches. */
async function withTrap(
  major: number,
  work: (place: Place, touched: () => Promise<number>) => Promise<void>,
): Promise<void> {
  const server = await sharedServer(major);
  const name = `trap_${crypto.randomUUID().replaceAll("-", "")}`;
  await plainQuery(server.socketPath, `create database ${name}`);
  try {
    await setTrap(server, name, name);
    const { host, port } = server;
    const place = { host, port, user: "postgres", database: name };
    await work(place, () => touches(server, name));
  } finally {
    await plainQuery(server.socketPath, `drop database ${name} with (force)`);
    await plainQuery(server.socketPath, `drop role ${name}`);
  }
}

/** Runs `work` with a connection of its own. */
async function withConnection(
  place: Place,
  work: (db: Connection) => PromiseLike<unknown>,
): Promise<void> {
  const db = await connect(place);
  try {
    await work(db);
  } finally {
    await db.close();
  }
}
