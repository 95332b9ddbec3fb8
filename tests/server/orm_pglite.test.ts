/** Kysely and Drizzle over a connection to PGlite, without a server. */
import { sql } from "drizzle-orm";
import { integer, pgTable } from "drizzle-orm/pg-core";
import { Kysely } from "kysely";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Connection } from "../../mod.ts";
import { drizzle } from "../../src/drizzle/drizzle.ts";
import { CornacDialect } from "../../src/kysely/kysely.ts";
import { connect } from "../../src/pglite/pglite.ts";
import { failure } from "../_kit/outcomes.ts";

const numbers = pgTable("numbers", { n: integer().notNull() });

describe("over PGlite", () => {
  let connection: Connection;

  before(async () => {
    connection = await connect();
    await connection.query("create table numbers (n int)");
  });

  after(() => connection.close());

  it("Drizzle inserts, streams and rolls back", async () => {
    const db = drizzle(connection);
    await db.insert(numbers).values([{ n: 1 }, { n: 2 }]);
    await failure(db.transaction(async (tx) => {
      await tx.delete(numbers);
      await tx.execute(sql`select 1 / 0`);
    }));
    const found: number[] = [];
    for await (const { n } of db.stream(db.select().from(numbers))) found.push(n);
    assert.deepEqual(found, [1, 2]);
  });

  it("Kysely serves callers one after another, and closes the connection", async () => {
    const db = new Kysely<{ numbers: { n: number } }>({ dialect: new CornacDialect(connection) });
    const insert = (n: number) =>
      db.transaction().execute((trx) => trx.insertInto("numbers").values({ n }).execute());
    await Promise.all([insert(10), insert(20)]);
    const rows = await db.selectFrom("numbers").select("n").where("n", ">", 5).orderBy("n")
      .execute();
    assert.deepEqual(rows, [{ n: 10 }, { n: 20 }]);
    await db.destroy();
    await connection.closed;
  });
});
