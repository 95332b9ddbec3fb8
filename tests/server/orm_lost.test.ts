/** Connections that are lost in a transaction of Kysely, Drizzle and Prisma, and the call after that. */
import { sql as drizzleSql } from "drizzle-orm";
import { Kysely, sql } from "kysely";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import { drizzle } from "../../src/drizzle/drizzle.ts";
import { CornacDialect } from "../../src/kysely/kysely.ts";
import { PrismaCornac } from "../../src/prisma/prisma.ts";
import { behind } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { until } from "../_kit/waiting.ts";
import { OwnDatabase } from "./orm_database.ts";

describe("a connection that is lost in a transaction", () => {
  let own: OwnDatabase;
  let pool: Pool;

  before(async () => {
    own = await OwnDatabase.create();
    pool = createPool(own.options, { max: 1 });
    await pool.query("create table numbers (n int)");
  });

  after(async () => {
    await pool.close();
    await own.drop();
  });

  /** Ends all sessions of the database, as a restart does, and waits until they are gone. */
  const end = async (): Promise<void> => {
    const sessions = `from pg_stat_activity where datname = '${own.name}'`;
    await behind(`select pg_terminate_backend(pid) ${sessions}`);
    await until(async () => (await behind(`select 1 ${sessions}`)).length === 0);
  };
  const count = (): Promise<unknown> => pool.query("select count(*)::int from numbers").scalar();
  const returned = (): Promise<void> => until(() => pool.stats().leased === 0);

  it("rejects Kysely's transaction, and the next call has another", () =>
    withoutUnhandled(async () => {
      const db = new Kysely<{ numbers: { n: number } }>({ dialect: new CornacDialect(() => pool) });
      const lost = failure(
        db.transaction().execute(async (trx) => {
          await trx.insertInto("numbers").values({ n: 1 }).execute();
          await end();
          await sql`select 1`.execute(trx);
        }),
      );
      assert.match((await lost).message, /terminat|closed|lost/);
      const idle = failure(
        db.transaction().execute(async (trx) => {
          await trx.insertInto("numbers").values({ n: 1 }).execute();
          await end();
        }),
      );
      assert.match((await idle).message, /terminat|closed|lost/);
      const trx = await db.startTransaction().execute();
      await sql`select 1`.execute(trx);
      await end();
      // The server has rolled back already.
      await trx.rollback().execute();
      await returned();
      assert.equal(await count(), 0);
    }));

  it("rejects Drizzle's transaction, and the next call has another", () =>
    withoutUnhandled(async () => {
      const db = drizzle(pool);
      const insert = drizzleSql`insert into numbers values (1)`;
      await failure(db.transaction(async (tx) => {
        await tx.execute(insert);
        await end();
        await tx.execute(drizzleSql`select 1`);
      }));
      await failure(db.transaction(async (tx) => {
        await tx.execute(insert);
        await end();
      }));
      await returned();
      assert.equal(await count(), 0);
    }));

  it("rejects Prisma's transaction, and the next call has another", () =>
    withoutUnhandled(async () => {
      const adapter = await new PrismaCornac(pool).connect();
      const insert = { sql: "insert into numbers values (1)", args: [], argTypes: [] };
      const first = await adapter.startTransaction();
      await first.executeRaw(insert);
      await end();
      await failure(first.commit());
      const second = await adapter.startTransaction();
      await second.executeRaw(insert);
      await end();
      await failure(second.executeRaw(insert));
      await second.rollback();
      await returned();
      assert.equal(await count(), 0);
    }));
});
