/** `drizzle()` with caches and replicas, and all that it takes for a client. */
import { sql } from "drizzle-orm";
import { Cache, type MutationOption } from "drizzle-orm/cache/core";
import * as pg from "drizzle-orm/pg-core";
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { connect, createPool, InterfaceError, type Pool } from "../../mod.ts";
import { type CornacDatabase, drizzle } from "../../src/drizzle/drizzle.ts";
import { migrate } from "../../src/drizzle/migrator.ts";
import { failure } from "../_kit/outcomes.ts";
import { OwnDatabase } from "./orm_database.ts";

const people = pg.pgTable("people", {
  id: pg.integer().primaryKey().generatedAlwaysAsIdentity(),
  name: pg.text().notNull(),
});
const schema = { people };

describe("drizzle(), its clients", () => {
  let own: OwnDatabase;
  let pool: Pool;
  let db: CornacDatabase<typeof schema> & { $client: Pool };

  before(async () => {
    own = await OwnDatabase.create();
    pool = createPool(own.options, { max: 3 });
    db = drizzle(pool, { schema });
    await db.execute(
      "create table people (id int generated always as identity primary key, name text not null)",
    );
  });

  after(async () => {
    await pool.close();
    await own.drop();
  });

  beforeEach(async () => {
    await db.execute(sql`truncate people restart identity`);
    await db.insert(people).values([{ name: "Ada" }, { name: "Grace" }]);
  });

  const names = async (): Promise<string[]> =>
    (await db.select().from(people).orderBy(people.id)).map(({ name }) => name);

  it("keeps results in a cache, and reports changed tables to the cache", async () => {
    const cache = new MemoryCache();
    const cached = drizzle(pool, { cache });
    const all = () => cached.select({ name: people.name }).from(people).orderBy(people.id);
    await all();
    await db.insert(people).values({ name: "unseen" });
    assert.equal((await all()).length, 2);
    await cached.insert(people).values({ name: "seen" });
    assert.deepEqual((await all()).map(({ name }) => name), ["Ada", "Grace", "unseen", "seen"]);
    await cached.$cache.invalidate({ tables: people });
    assert.equal(cache.changed.length, 2);
  });

  it("reads from replicas", async () => {
    const replica = drizzle(pool, { schema });
    const both = pg.withReplicas(db as CornacDatabase<typeof schema>, [replica]);
    assert.equal((await both.select().from(people)).length, 2);
    await both.insert(people).values({ name: "Alan" });
    assert.deepEqual(await names(), ["Ada", "Grace", "Alan"]);
  });

  it("takes a connection, a transaction, a connection string, or a configuration", async () => {
    const { host, port, user, database } = own.options;
    const url = `postgres://${user}@${host}:${port}/${database}?sslmode=disable`;
    const connection = await connect(own.options);
    assert.equal(await drizzle(connection).$count(people), 2);
    await drizzle(connection).transaction(async (tx) => {
      await tx.transaction((inner) => inner.insert(people).values({ name: "Alan" }));
    });
    await connection.transaction(async (tx) => {
      assert.equal(await drizzle(tx).$count(people), 3);
      await failure(drizzle(tx).transaction((inner) => inner.execute(sql`select 1 / 0`)));
      assert.equal(await drizzle({ client: tx }).$count(people), 3);
      const configured = drizzle(tx).transaction(() => Promise.resolve(), {
        accessMode: "read only",
      });
      assert.match(
        (await failure(configured, InterfaceError)).message,
        /a savepoint has no options/,
      );
    });
    await connection.close();
    for (
      const made of [
        drizzle(url),
        drizzle({ connection: url }),
        drizzle({ connection: own.options }),
      ]
    ) {
      assert.equal(await made.$count(people), 3);
      await made.$client.close();
    }
    assert.equal(db.$client, pool);
    assert.throws(() => drizzle({} as never), InterfaceError);
    assert.throws(() => drizzle({ client: { query() {} } } as never), InterfaceError);
    await failure(migrate({} as never, { migrationsFolder: "x" }), InterfaceError);
  });
});

/** A cache in memory, which forgets everything when any table changes. */
class MemoryCache extends Cache {
  readonly changed: unknown[] = [];
  readonly #kept = new Map<string, unknown[]>();

  override strategy(): "all" {
    return "all";
  }

  override get(key: string): Promise<unknown[] | undefined> {
    return Promise.resolve(this.#kept.get(key));
  }

  override put(key: string, response: unknown): Promise<void> {
    this.#kept.set(key, response as unknown[]);
    return Promise.resolve();
  }

  override onMutate({ tables }: MutationOption): Promise<void> {
    this.changed.push(tables);
    this.#kept.clear();
    return Promise.resolve();
  }
}
