/** The Kysely dialect: queries, values, errors, transactions, migrations, introspection. */
import { type ColumnType, type Generated, Kysely, type LogEvent, sql } from "kysely";
import { type Migration, type MigrationProvider, Migrator } from "kysely/migration";
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { connect, createPool, DatabaseError, IntegrityError, InterfaceError } from "../../mod.ts";
import { CornacDialect } from "../../src/kysely/kysely.ts";
import { failure } from "../_kit/outcomes.ts";
import { defaultMajor } from "../_kit/servers.ts";
import { OwnDatabase } from "./orm_database.ts";

interface Schema {
  people: {
    id: Generated<number>;
    name: string;
    born: string | null;
    tags: Generated<string[]>;
    profile: ColumnType<unknown, string | null | undefined, string | null>;
  };
  pets: { id: Generated<number>; owner_id: number; name: string };
}

describe("Kysely over CornacDialect", () => {
  let own: OwnDatabase;
  let db: Kysely<Schema>;
  const events: LogEvent[] = [];

  before(async () => {
    own = await OwnDatabase.create();
    db = new Kysely<Schema>({
      dialect: new CornacDialect(own.options, { max: 4 }),
      log: (event) => void events.push(event),
    });
    await sql`
      create table people (id int generated always as identity primary key, name text not null,
        born date, tags text[] not null default '{}', profile jsonb);
      create table pets (id int generated always as identity primary key,
        owner_id int not null references people, name text not null unique);
    `.execute(db);
  });

  after(async () => {
    await db.destroy();
    await own.drop();
  });

  beforeEach(async () => {
    await sql`truncate people, pets restart identity`.execute(db);
    await db.insertInto("people").values([{ name: "Ada" }, { name: "Grace" }]).execute();
    events.length = 0;
  });

  const names = async (): Promise<string[]> =>
    (await db.selectFrom("people").select("name").orderBy("id").execute()).map(({ name }) => name);

  it("selects, joins and counts", async () => {
    await db.insertInto("pets").values({ owner_id: 1, name: "Rex" }).execute();
    const rows = await db.selectFrom("people as p").leftJoin("pets", "pets.owner_id", "p.id")
      .select(["p.name as owner", "pets.name as pet"]).orderBy("p.id").execute();
    assert.deepEqual(rows, [{ owner: "Ada", pet: "Rex" }, { owner: "Grace", pet: null }]);
    const counted = await db.selectFrom("people").select(({ fn }) => fn.countAll().as("n"))
      .executeTakeFirstOrThrow();
    assert.deepEqual(counted, { n: 2n });
  });

  it("returns plain arrays", async () => {
    const rows = await db.selectFrom("people").select("id").execute();
    assert.equal(Object.getPrototypeOf(rows), Array.prototype);
    assert.deepStrictEqual(rows, [{ id: 1 }, { id: 2 }]);
  });

  it("reports the counts of insert, update and delete", async () => {
    const inserted = await db.insertInto("people").values({ name: "Alan" }).executeTakeFirst();
    assert.equal(inserted.numInsertedOrUpdatedRows, 1n);
    const updated = await db.updateTable("people").set({ born: "1815-12-10" })
      .where("id", "<", 3).executeTakeFirst();
    assert.equal(updated.numUpdatedRows, 2n);
    const deleted = await db.deleteFrom("people").where("id", "=", 99).executeTakeFirst();
    assert.equal(deleted.numDeletedRows, 0n);
  });

  const old = defaultMajor() < 15 && "MERGE needs PostgreSQL 15";
  it("reports the count of merge", { skip: old }, async () => {
    const merged = await db.mergeInto("people as t")
      .using(
        sql<{ name: string }>`(values ('Grace'), ('Barbara'))`.as<"s">(sql`s(name)`),
        (join) => join.onRef("t.name", "=", "s.name"),
      )
      .whenMatched().thenDelete()
      .whenNotMatched().thenInsertValues(({ ref }) => ({ name: ref("s.name") }))
      .executeTakeFirstOrThrow();
    assert.equal(merged.numChangedRows, 2n);
  });

  it("returns the rows of a changing statement with returning", async () => {
    const rows = await db.insertInto("people").values({ name: "Alan", tags: ["a", 'b"c'] })
      .returning(["id", "tags"]).execute();
    assert.deepEqual(rows, [{ id: 3, tags: ["a", 'b"c'] }]);
  });

  it("reads and writes values as the driver does", async () => {
    const profile = { likes: [1, "two"] };
    await db.insertInto("people")
      .values({ name: "Edsger", born: "1930-05-11", profile: JSON.stringify(profile) }).execute();
    const row = await db.selectFrom("people").select(["born", "profile"])
      .where("name", "=", "Edsger").executeTakeFirstOrThrow();
    assert.deepEqual(row, { born: "1930-05-11", profile });
    const others = await sql<Record<string, unknown>>`select ${9007199254740993n}::int8 as big,
      1.10::numeric as exact, ${new Uint8Array([0, 255])}::bytea as bytes,
      ${new Date(0)}::timestamptz as at, ${null}::text as none`.execute(db);
    assert.deepEqual(others.rows, [{
      ...{ big: 9007199254740993n, exact: "1.10", bytes: new Uint8Array([0, 255]) },
      ...{ at: new Date(0), none: null },
    }]);
  });

  it("reads values as the options of the connection say", async () => {
    const types = { int8: "number", numeric: "number" } as const;
    const other = new Kysely({ dialect: new CornacDialect({ ...own.options, types }) });
    try {
      const { rows } = await sql`select 1::int8 as a, 1.5::numeric as b`.execute(other);
      assert.deepEqual(rows, [{ a: 1, b: 1.5 }]);
    } finally {
      await other.destroy();
    }
  });

  it("runs a text of several statements, and answers with the last", async () => {
    const { rows } = await sql`insert into people (name) values ('x; y'); select 3 as n`
      .execute(db);
    assert.deepEqual(rows, [{ n: 3 }]);
    assert.deepEqual(await names(), ["Ada", "Grace", "x; y"]);
  });

  it("reports the server's errors with their fields, and goes on", async () => {
    const error = await failure(
      db.insertInto("pets").values({ owner_id: 99, name: "Rex" }).execute(),
      IntegrityError,
    );
    assert.equal(error.code, "23503");
    assert.equal(error.constraint, "pets_owner_id_fkey");
    assert.deepEqual(await names(), ["Ada", "Grace"]);
  });

  it("commits a transaction with its isolation level and access mode", async () => {
    const level = await db.transaction().setIsolationLevel("serializable")
      .setAccessMode("read only")
      .execute(async (trx) => {
        const { rows } = await sql<{ a: string; b: string }>`select
          current_setting('transaction_isolation') as a, current_setting('transaction_read_only') as b`
          .execute(trx);
        return rows[0];
      });
    assert.deepEqual(level, { a: "serializable", b: "on" });
    await db.transaction().execute((trx) =>
      trx.insertInto("people").values({ name: "Alan" }).execute()
    );
    assert.deepEqual(await names(), ["Ada", "Grace", "Alan"]);
  });

  it("logs begin and commit as Kysely's own dialect does", async () => {
    await db.transaction().setIsolationLevel("repeatable read").execute(async (trx) => {
      await trx.selectFrom("people").select("id").execute();
    });
    assert.deepEqual(events.map(({ query }) => query.sql), [
      "start transaction isolation level repeatable read",
      'select "id" from "people"',
      "commit",
    ]);
  });

  it("rolls a transaction back when its callback rejects", async () => {
    const error = await failure(
      db.transaction().execute(async (trx) => {
        await trx.insertInto("people").values({ name: "Alan" }).execute();
        throw new RangeError("no");
      }),
    );
    assert.ok(error instanceof RangeError);
    assert.deepEqual(await names(), ["Ada", "Grace"]);
  });

  it("rejects when a statement had failed and the callback fulfilled", async () => {
    const error = await failure(
      db.transaction().execute(async (trx) => {
        await trx.insertInto("people").values({ name: "Alan" }).execute();
        await failure(sql`select 1 / 0`.execute(trx));
      }),
    );
    assert.match(error.message, /rolled back instead of committed/);
    assert.ok(error.cause instanceof DatabaseError && error.cause.code === "22012");
    assert.deepEqual(await names(), ["Ada", "Grace"]);
  });

  it("reports a constraint that COMMIT checks", async () => {
    await sql`alter table pets add constraint later unique (owner_id) deferrable initially deferred`
      .execute(db);
    const error = await failure(
      db.transaction().execute((trx) =>
        trx.insertInto("pets")
          .values([{ owner_id: 1, name: "Rex" }, { owner_id: 1, name: "Tom" }]).execute()
      ),
    );
    assert.equal(error.code, "23505");
    await sql`alter table pets drop constraint later`.execute(db);
  });

  it("runs queries of one transaction at the same time", async () => {
    const sums = await db.transaction().execute((trx) =>
      Promise.all([1, 2, 3].map((n) => sql<{ n: number }>`select ${n}::int as n`.execute(trx)))
    );
    assert.deepEqual(sums.map(({ rows }) => rows[0]!.n), [1, 2, 3]);
  });

  it("sets, undoes and releases savepoints in a controlled transaction", async () => {
    const trx = await db.startTransaction().execute();
    await trx.insertInto("people").values({ name: "Alan" }).execute();
    const saved = await trx.savepoint('a "b"').execute();
    await failure(sql`select 1 / 0`.execute(saved));
    const undone = await saved.rollbackToSavepoint('a "b"').execute();
    const next = await undone.savepoint("c").execute();
    await next.insertInto("people").values({ name: "Barbara" }).execute();
    const released = await next.releaseSavepoint("c").execute();
    await released.commit().execute();
    assert.deepEqual(await names(), ["Ada", "Grace", "Alan", "Barbara"]);
    const other = await db.startTransaction().execute();
    await other.deleteFrom("pets").execute();
    await other.rollback().execute();
  });

  it("refuses an isolation level that PostgreSQL does not have", async () => {
    const work = db.transaction().setIsolationLevel("snapshot")
      .execute((trx) => sql`select 1`.execute(trx));
    assert.match((await failure(work, InterfaceError)).message, /isolation must be one of/);
    assert.deepEqual(await names(), ["Ada", "Grace"]);
  });

  it("keeps a session for the callback of connection()", async () => {
    await db.connection().execute(async (one) => {
      await sql`set work_mem = '9MB'`.execute(one);
      await sql`create temp table notes (n int)`.execute(one);
      const { rows } = await sql`select current_setting('work_mem') as m, count(*) from notes`
        .execute(one);
      assert.deepEqual(rows, [{ m: "9MB", count: 0n }]);
    });
    const { rows } = await sql<{ t: unknown }>`select to_regclass('notes') as t`.execute(db);
    assert.equal(rows[0]!.t, null);
  });

  it("migrates up and down under a lock, and describes the tables", async () => {
    const up = (name: string, columns: string): Migration => ({
      up: async (to) => void await sql.raw(`create table ${name} (${columns})`).execute(to),
      down: async (to) => void await sql.raw(`drop table ${name}`).execute(to),
    });
    const provider: MigrationProvider = {
      getMigrations: () =>
        Promise.resolve({
          "1": up("m1", "id int primary key, note text default 'x'"),
          "2": up("m2", "id bigserial"),
        }),
    };
    const migrator = () => new Migrator({ db, provider });
    const both = await Promise.all([migrator().migrateToLatest(), migrator().migrateToLatest()]);
    assert.deepEqual(both.map(({ error }) => error), [undefined, undefined]);
    assert.equal(both.flatMap(({ results }) => results ?? []).length, 2);
    const tables = await db.introspection.getTables();
    assert.deepEqual(tables.map(({ name }) => name), ["m1", "m2", "people", "pets"]);
    const [id, note] = tables[0]!.columns;
    assert.deepEqual([id!.dataType, id!.isNullable], ["int4", false]);
    assert.deepEqual([note!.hasDefaultValue, note!.isNullable], [true, true]);
    assert.equal(tables[1]!.columns[0]!.isAutoIncrementing, true);
    await migrator().migrateTo("1");
    assert.equal((await db.introspection.getTables()).length, 3);
    await migrator().migrateDown();
    await sql`drop table kysely_migration, kysely_migration_lock`.execute(db);
  });
});

describe("CornacDialect takes", () => {
  let own: OwnDatabase;

  before(async () => {
    own = await OwnDatabase.create();
  });

  after(() => own.drop());

  const one = async (dialect: CornacDialect): Promise<void> => {
    const db = new Kysely({ dialect });
    try {
      const all = [1, 2, 3].map((n) => sql<{ n: number }>`select ${n}::int as n`.execute(db));
      const rows = (await Promise.all(all)).map((result) => result.rows[0]!.n);
      assert.deepEqual(rows, [1, 2, 3]);
    } finally {
      await db.destroy();
    }
  };

  it("a pool, which destroy() closes", async () => {
    const pool = createPool(own.options);
    await one(new CornacDialect(pool));
    await failure(pool.query("select 1"), InterfaceError);
  });

  it("a function that returns a pool, called once", async () => {
    let calls = 0;
    await one(
      new CornacDialect(() => {
        calls++;
        return Promise.resolve(createPool(own.options));
      }),
    );
    assert.equal(calls, 1);
  });

  it("a connection string with options of the pool", async () => {
    const { host, port, user, database } = own.options;
    await one(
      new CornacDialect(`postgres://${user}@${host}:${port}/${database}?sslmode=disable`, {
        max: 1,
      }),
    );
  });

  it("one connection, used by one caller after another", async () => {
    const connection = await connect(own.options);
    const db = new Kysely({ dialect: new CornacDialect(connection) });
    const works = [1, 2].map((n) =>
      db.transaction().execute(async (trx) => {
        const { rows } = await sql<{ n: number }>`select ${n}::int as n`.execute(trx);
        return rows[0]!.n;
      })
    );
    assert.deepEqual(await Promise.all(works), [1, 2]);
    await one(new CornacDialect(connection));
    await failure(connection.query("select 1"), InterfaceError);
  });

  it("no wrong option: the constructor reports its name", () => {
    assert.throws(() => new CornacDialect({ hots: "x" } as object), /hots/);
    assert.throws(() => new CornacDialect({}, { max: 0 }), /max/);
  });
});
