/** Drizzle's and Kysely's needs of postgres.js, on the entry point in its shape. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eq, sql as raw } from "drizzle-orm";
import {
  bigint,
  date,
  integer,
  jsonb,
  numeric,
  pgTable,
  text,
  timestamp,
} from "drizzle-orm/pg-core";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres, { type Sql } from "../../src/compat/postgres/postgres.ts";
import { failure } from "../_kit/outcomes.ts";
import { sharedServer } from "../_kit/servers.ts";

const things = pgTable("compat_things", {
  id: integer("id").primaryKey(),
  name: text("name").notNull(),
  data: jsonb("data"),
  tags: text("tags").array(),
  made: timestamp("made", { withTimezone: true }),
  local: timestamp("local"),
  day: date("day"),
  amount: numeric("amount"),
  big: bigint("big", { mode: "bigint" }),
});

async function withClient(work: (sql: Sql) => Promise<void>): Promise<void> {
  const { host, port } = await sharedServer();
  const sql = postgres({ host, port, user: "postgres", database: "postgres", max: 1 });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

test("compat postgres: drizzle-orm/postgres-js takes the client", () =>
  withClient(async (sql) => {
    const db = drizzle(sql as never);
    await db.execute(raw`create temp table compat_things (id int primary key, name text not null,
      data jsonb, tags text[], made timestamptz, local timestamp, day date, amount numeric, big int8)`);
    const row = {
      ...{ id: 1, name: "one", data: { a: [1, "x"] }, tags: ["a b", 'c"d'] },
      ...{
        made: new Date("2026-01-02T03:04:05.678Z"),
        local: new Date("2026-05-06T07:08:09.000Z"),
      },
      ...{ day: "2026-02-03", amount: "12.30", big: 9007199254740993n },
    };
    const inserted = await db.insert(things).values(row).returning();
    assert.deepEqual(inserted, [row]);
    assert.deepEqual(await db.select().from(things).where(eq(things.name, "one")), [row]);
    await db.update(things).set({ data: "a string" as never, tags: null }).where(eq(things.id, 1));
    const [changed] = await db.select({ data: things.data, tags: things.tags }).from(things);
    assert.deepEqual(changed, { data: "a string", tags: null });
    const prepared = db.select({ id: things.id }).from(things)
      .where(eq(things.id, raw.placeholder("id"))).prepare("compat_by_id");
    for (let i = 0; i < 3; i++) assert.deepEqual(await prepared.execute({ id: 1 }), [{ id: 1 }]);
  }));

test("compat postgres: transactions and savepoints of drizzle-orm/postgres-js", () =>
  withClient(async (sql) => {
    const db = drizzle(sql as never);
    await db.execute(raw`create temp table compat_things (id int primary key, name text not null,
      data jsonb, tags text[], made timestamptz, local timestamp, day date, amount numeric, big int8)`);
    await db.transaction(async (tx) => {
      await tx.insert(things).values({ id: 1, name: "kept" });
      const undone = tx.transaction(async (inner) => {
        await inner.insert(things).values({ id: 2, name: "undone" });
        inner.rollback();
      });
      await assert.rejects(undone);
    }, { isolationLevel: "serializable" });
    const names = await db.select({ name: things.name }).from(things);
    assert.deepEqual(names, [{ name: "kept" }]);
    const error = await failure(db.insert(things).values({ id: 1, name: "again" })) as Error;
    assert.equal((error.cause as { code?: string }).code, "23505");
  }));

test("compat postgres: what kysely-postgres-js asks of a client and its result", () =>
  withClient(async (sql) => {
    assert.ok(typeof sql === "function" && "reserve" in sql);
    const reserved = await sql.reserve();
    const result = await reserved.unsafe("insert into pg_temp.nothing select 1", [])
      .catch(() => reserved.unsafe("select $1::int as a", [1] as never));
    assert.deepEqual([result.command, BigInt(result.count!)], ["SELECT", 1n]);
    const batches: unknown[] = [];
    for await (const rows of reserved.unsafe("select generate_series(1, 3) as a", []).cursor(2)) {
      batches.push([...rows]);
    }
    assert.deepEqual(batches, [[{ a: 1 }, { a: 2 }], [{ a: 3 }]]);
    reserved.release();
  }));
