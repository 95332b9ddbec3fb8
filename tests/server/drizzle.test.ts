/** `drizzle()` over this driver: queries, values, errors, transactions, streams, batches, migrations. */
import {
  asc,
  count,
  DrizzleQueryError,
  eq,
  inArray,
  placeholder,
  relations,
  sql,
} from "drizzle-orm";
import * as pg from "drizzle-orm/pg-core";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { createPool, DatabaseError, InterfaceError, type Pool } from "../../mod.ts";
import { type CornacDatabase, drizzle } from "../../src/drizzle/drizzle.ts";
import { migrate } from "../../src/drizzle/migrator.ts";
import { failure } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { OwnDatabase } from "./orm_database.ts";

const people = pg.pgTable("people", {
  id: pg.integer().primaryKey().generatedAlwaysAsIdentity(),
  name: pg.text().notNull(),
  born: pg.date(),
});
const pets = pg.pgTable("pets", {
  id: pg.integer().primaryKey().generatedAlwaysAsIdentity(),
  ownerId: pg.integer("owner_id").notNull().references(() => people.id),
  name: pg.text().notNull().unique(),
});
const schema = {
  people,
  pets,
  peopleRelations: relations(people, ({ many }) => ({ pets: many(pets) })),
  petsRelations: relations(pets, ({ one }) => ({
    owner: one(people, { fields: [pets.ownerId], references: [people.id] }),
  })),
};

const TABLES = `
  create table people (id int generated always as identity primary key, name text not null, born date);
  create table pets (id int generated always as identity primary key,
    owner_id int not null references people, name text not null unique);
`;

describe("drizzle()", () => {
  let own: OwnDatabase;
  let pool: Pool;
  let db: CornacDatabase<typeof schema> & { $client: Pool };
  const logged: string[] = [];

  before(async () => {
    own = await OwnDatabase.create();
    pool = createPool({ ...own.options, startupParams: { timezone: "UTC" } }, { max: 3 });
    const logger = { logQuery: (text: string) => void logged.push(text) };
    db = drizzle(pool, { schema, logger });
    await db.execute(TABLES);
  });

  after(async () => {
    await pool.close();
    await own.drop();
  });

  beforeEach(async () => {
    await db.execute(sql`truncate people, pets restart identity`);
    await db.insert(people).values([{ name: "Ada", born: "1815-12-10" }, { name: "Grace" }]);
    await db.insert(pets).values([{ ownerId: 1, name: "Rex" }, { ownerId: 1, name: "Tom" }]);
    logged.length = 0;
  });

  const names = async (): Promise<string[]> =>
    (await db.select().from(people).orderBy(people.id)).map(({ name }) => name);
  const returned = (): Promise<void> => until(() => pool.stats().leased === 0);

  it("selects, joins and groups", async () => {
    const rows = await db.select({ person: people, pet: pets.name }).from(people)
      .leftJoin(pets, eq(pets.ownerId, people.id)).orderBy(people.id, pets.name);
    assert.deepEqual(rows, [
      { person: { id: 1, name: "Ada", born: "1815-12-10" }, pet: "Rex" },
      { person: { id: 1, name: "Ada", born: "1815-12-10" }, pet: "Tom" },
      { person: { id: 2, name: "Grace", born: null }, pet: null },
    ]);
    const joined = await db.select().from(people).leftJoin(pets, eq(pets.ownerId, people.id))
      .where(eq(people.id, 2));
    assert.deepEqual(joined, [{ people: { id: 2, name: "Grace", born: null }, pets: null }]);
    const grouped = await db.select({ owner: pets.ownerId, n: count() }).from(pets)
      .groupBy(pets.ownerId);
    assert.deepEqual(grouped, [{ owner: 1, n: 2 }]);
    assert.equal(await db.$count(people, eq(people.name, "Ada")), 1);
    assert.deepEqual(await db.selectDistinct({ o: pets.ownerId }).from(pets), [{ o: 1 }]);
  });

  it("answers the same when a statement runs by its kept form", async () => {
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await db.select().from(people).where(inArray(people.id, [1, 2])), [
        { id: 1, name: "Ada", born: "1815-12-10" },
        { id: 2, name: "Grace", born: null },
      ]);
    }
  });

  it("inserts, updates and deletes, with and without returning", async () => {
    const inserted = await db.insert(people).values({ name: "Alan" }).returning();
    assert.deepEqual(inserted, [{ id: 3, name: "Alan", born: null }]);
    const updated = await db.update(people).set({ born: "1906-12-09" }).where(eq(people.id, 2));
    assert.deepEqual([updated.command, updated.rowCount, updated.rows.length], ["UPDATE", 1, 0]);
    const deleted = await db.delete(pets).where(eq(pets.name, "Rex")).returning({ n: pets.name });
    assert.deepEqual(deleted, [{ n: "Rex" }]);
    const kept = await db.insert(pets).values({ ownerId: 2, name: "Tom" })
      .onConflictDoUpdate({ target: pets.name, set: { ownerId: 2 } }).returning();
    assert.deepEqual(kept.map(({ ownerId }) => ownerId), [2]);
  });

  it("reads relations", async () => {
    const found = await db.query.people.findMany({
      with: { pets: { columns: { name: true }, orderBy: asc(pets.name) } },
      orderBy: asc(people.id),
    });
    assert.deepEqual(found.map(({ name, pets }) => [name, pets]), [
      ["Ada", [{ name: "Rex" }, { name: "Tom" }]],
      ["Grace", []],
    ]);
    const first = await db.query.pets.findFirst({ with: { owner: true } });
    assert.equal(first!.owner.name, "Ada");
    const none = await db.query.pets.findFirst({ where: eq(pets.id, 99) });
    assert.equal(none, undefined);
  });

  it("runs prepared queries with other values for their placeholders", async () => {
    const byId = db.select({ name: people.name }).from(people)
      .where(eq(people.id, placeholder("id"))).prepare("by_id");
    assert.deepEqual(await byId.execute({ id: 1 }), [{ name: "Ada" }]);
    assert.deepEqual(await byId.execute({ id: 2 }), [{ name: "Grace" }]);
    const relational = db.query.people.findMany({
      where: eq(people.id, placeholder("id")),
      with: { pets: true },
    }).prepare("relational");
    assert.equal((await relational.execute({ id: 1 }))[0]!.pets.length, 2);
  });

  it("returns the driver's result of execute(), which has the rows twice", async () => {
    const result = await db.execute<{ n: number }>(sql`select ${1}::int as n, now() as t`);
    assert.equal(result[0]!.n, 1);
    assert.equal(result.rows, result);
    assert.deepEqual([result.command, result.rowCount], ["SELECT", 1]);
    assert.match(String(result[0]!["t" as never]), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
    const several = await db.execute("select 1 as a; select 2 as b");
    assert.deepEqual([...several], [{ b: 2 }]);
  });

  it("rejects with Drizzle's error, whose cause is the driver's, and goes on", async () => {
    const insert = db.insert(pets).values({ ownerId: 1, name: "Rex" });
    const { cause, query } = await failure(insert, DrizzleQueryError);
    assert.ok(cause instanceof DatabaseError);
    assert.deepEqual([cause.code, cause.constraint], ["23505", "pets_name_key"]);
    assert.match(query, /^insert into "pets"/);
    assert.deepEqual(await names(), ["Ada", "Grace"]);
  });

  it("logs each query", async () => {
    await names();
    await db.transaction((tx) => tx.select().from(pets));
    assert.equal(logged.length, 2);
    assert.match(logged[1]!, /from "pets"/);
  });

  it("commits transactions with their configuration, and rolls back", async () => {
    const config = { isolationLevel: "serializable", accessMode: "read only", deferrable: true };
    const settings = await db.transaction(async (tx) => {
      const [row] = await tx.execute<Record<string, string>>(sql`select
        current_setting('transaction_isolation') as a, current_setting('transaction_read_only') as b,
        current_setting('transaction_deferrable') as c`);
      return { ...row };
    }, config as pg.PgTransactionConfig);
    assert.deepEqual(settings, { a: "serializable", b: "on", c: "on" });
    await db.transaction(async (tx) => {
      await tx.setTransaction({ isolationLevel: "repeatable read" });
      await tx.insert(people).values({ name: "Alan" });
    });
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.insert(people).values({ name: "no" });
        throw new RangeError("no");
      }),
      RangeError,
    );
    const undone = db.transaction(async (tx) => {
      await tx.insert(people).values({ name: "no" });
      tx.rollback();
    });
    assert.equal((await failure(undone)).constructor.name, "TransactionRollbackError");
    assert.deepEqual(await names(), ["Ada", "Grace", "Alan"]);
    await returned();
  });

  it("rejects when a statement had failed and the callback fulfilled", async () => {
    const work = db.transaction(async (tx) => {
      await tx.insert(people).values({ name: "no" });
      await failure(tx.execute(sql`select 1 / 0`));
    });
    assert.match((await failure(work)).message, /rolled back instead of committed/);
    assert.deepEqual(await names(), ["Ada", "Grace"]);
  });

  it("nests savepoints", async () => {
    await db.transaction(async (tx) => {
      await tx.insert(people).values({ name: "Alan" });
      await tx.transaction(async (inner) => {
        await failure(inner.transaction(async (innermost) => {
          await innermost.insert(people).values({ name: "no" });
          await innermost.execute(sql`select 1 / 0`);
        }));
        await inner.insert(people).values({ name: "Barbara" });
      });
      const found = await tx.query.people.findMany({ columns: { name: true } });
      assert.equal(found.length, 4);
    });
    assert.deepEqual(await names(), ["Ada", "Grace", "Alan", "Barbara"]);
  });

  it("runs the queries of a transaction at the same time", async () => {
    const found = await db.transaction((tx) =>
      Promise.all([1, 2].map((id) => tx.select().from(people).where(eq(people.id, id))))
    );
    assert.deepEqual(found.map(([row]) => row!.name), ["Ada", "Grace"]);
  });

  it("streams rows as execute() returns them, and may be left", async () => {
    await db.execute(sql`insert into people (name) select 'n' || n from generate_series(1, 500) n`);
    let last = 0;
    for await (const { id } of db.stream(db.select().from(people).orderBy(people.id))) last = id;
    assert.equal(last, 502);
    for await (const { name } of db.stream(db.select().from(people).orderBy(people.id))) {
      if (name === "n7") break;
    }
    const relational = db.query.people.findMany({ with: { pets: true }, limit: 1 });
    for await (const { name, pets } of db.stream(relational)) {
      assert.deepEqual([name, pets.length], ["Ada", 2]);
    }
    const byId = db.select().from(people).where(eq(people.id, placeholder("id"))).prepare("s");
    for await (const row of db.stream(db.execute<{ n: number }>(sql`select ${5}::int as n`))) {
      assert.deepEqual(row, { n: 5 });
    }
    for await (const row of db.stream(byId, { values: { id: 2 } })) assert.equal(row.name, "Grace");
    await returned();
  });

  it("runs other queries in the loop of a stream in a transaction", async () => {
    await db.transaction(async (tx) => {
      for await (const { id } of tx.stream(tx.select().from(people))) {
        await tx.insert(pets).values({ ownerId: id, name: `of ${id}` });
      }
    });
    assert.equal(await db.$count(pets), 4);
  });

  it("reports the error of a stream, and cancels an aborted one on the server", async () => {
    const failing = db.select({ q: sql<number>`1 / (${people.id} - 2)` }).from(people);
    const drain = async (): Promise<void> => {
      for await (const _ of db.stream(failing)) { /* read */ }
    };
    assert.equal(
      ((await failure(drain(), DrizzleQueryError)).cause as DatabaseError).code,
      "22012",
    );
    const stop = new AbortController();
    const slow = db.select({ s: sql`pg_sleep(600), 'slow stream'` }).from(people);
    const read = async (): Promise<void> => {
      for await (const _ of db.stream(slow, { signal: stop.signal })) { /* read */ }
    };
    const failed = failure(read());
    await until(async () => await own.active("slow stream") === 1);
    stop.abort(new RangeError("enough"));
    assert.ok((await failed).cause instanceof RangeError);
    await until(async () => await own.active("slow stream") === 0);
    await returned();
    assert.throws(() => db.stream({} as never), InterfaceError);
  });

  it("runs a batch in one transaction", async () => {
    const [inserted, all, related, raw] = await db.batch([
      db.insert(people).values({ name: "Alan" }).returning({ id: people.id }),
      db.select({ name: people.name }).from(people).orderBy(people.id),
      db.query.pets.findFirst({ with: { owner: true } }),
      db.execute<{ big: string }>(sql`select 5::int8 as big`),
    ]);
    assert.deepEqual(raw.rows, raw);
    assert.deepEqual([...raw], [{ big: "5" }]);
    assert.deepEqual(inserted, [{ id: 3 }]);
    assert.deepEqual(all, [{ name: "Ada" }, { name: "Grace" }, { name: "Alan" }]);
    assert.equal(related!.owner.name, "Ada");
    const failed = db.batch([
      db.insert(people).values({ name: "no" }),
      db.insert(pets).values({ ownerId: 99, name: "no" }),
    ]);
    assert.equal((await failure(failed)).code, "23503");
    assert.deepEqual(await names(), ["Ada", "Grace", "Alan"]);
    await failure(db.batch([{}] as never), InterfaceError);
  });

  it("applies migrations once, also when several programs do so", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cornac-drizzle-"));
    try {
      mkdirSync(join(folder, "meta"));
      const entries = ["0000_one", "0001_two"].map((tag, idx) => ({
        ...{ idx, tag, when: 1000 + idx, breakpoints: idx === 0 },
      }));
      writeFileSync(join(folder, "meta", "_journal.json"), JSON.stringify({ entries }));
      const first =
        "create table m1 (id int);\n--> statement-breakpoint\ncreate table m2 (id int);";
      writeFileSync(join(folder, "0000_one.sql"), first);
      writeFileSync(
        join(folder, "0001_two.sql"),
        "create table m3 (id int); insert into m3 values (7)",
      );
      const config = { migrationsFolder: folder, migrationsSchema: "kept" };
      await Promise.all([1, 2, 3].map(() => migrate(db, config)));
      const [row] = await db.execute(sql`select id from m3`);
      assert.deepEqual(row, { id: 7 });
      const [applied] = await db.execute(
        sql`select count(*)::int as n from kept.__drizzle_migrations`,
      );
      assert.deepEqual(applied, { n: 2 });
      writeFileSync(
        join(folder, "meta", "_journal.json"),
        JSON.stringify({ entries: [...entries, { idx: 2, tag: "0002_bad", when: 2000 }] }),
      );
      writeFileSync(join(folder, "0002_bad.sql"), "create table m4 (id int); selct 1");
      await failure(migrate(db, config), DrizzleQueryError);
      const [none] = await db.execute(sql`select to_regclass('m4') as m`);
      assert.deepEqual(none, { m: null });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
