/**
 * A shop's orders with Drizzle: migrations, relations, a transaction with a savepoint, a batch, a
 * stream, and an error.
 *
 * Prints:
 *
 * ```
 * migrated
 * refused: 23514 stock_check
 * Ada has ordered tea (2), coffee (1)
 * Ada has ordered tea (2), coffee (1), sugar (5)
 * in stock: coffee 9, sugar 15, tea 8
 * tea, coffee, sugar
 * ```
 */
import { asc, eq, relations, sql } from "drizzle-orm";
import { integer, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { createPool, DatabaseError } from "../../mod.ts";
import { drizzle } from "../../src/drizzle/drizzle.ts";
import { migrate } from "../../src/drizzle/migrator.ts";

const articles = pgTable("articles", {
  name: text().primaryKey(),
  stock: integer().notNull(),
});
const customers = pgTable("customers", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  name: text().notNull(),
});
const orders = pgTable("orders", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  customerId: integer("customer_id").notNull().references(() => customers.id),
  article: text().notNull().references(() => articles.name),
  amount: integer().notNull(),
  placed: timestamp({ withTimezone: true }).notNull().defaultNow(),
});
const schema = {
  articles,
  customers,
  orders,
  ordersOfCustomer: relations(customers, ({ many }) => ({ orders: many(orders) })),
  customerOfOrder: relations(orders, ({ one }) => ({
    customer: one(customers, { fields: [orders.customerId], references: [customers.id] }),
  })),
};

const pool = createPool();
const db = drizzle(pool, { schema });
try {
  // Programs that start at the same time wait for each other here.
  const migrationsFolder = decodeURIComponent(new URL("./migrations", import.meta.url).pathname);
  await Promise.all([migrate(db, { migrationsFolder }), migrate(db, { migrationsFolder })]);
  say("migrated");
  const [, [ada]] = await db.batch([
    db.insert(articles).values(["tea", "coffee", "sugar"].map((name) => ({ name, stock: 10 }))),
    db.insert(customers).values({ name: "Ada" }).returning(),
  ]);
  await order(ada!.id, [["tea", 2], ["coffee", 1], ["sugar", 99]]);
  await report();
  await db.update(articles).set({ stock: 20 }).where(eq(articles.name, "sugar"));
  await order(ada!.id, [["sugar", 5]]);
  await report();
  const stock = await db.select().from(articles).orderBy(asc(articles.name));
  say(`in stock: ${stock.map(({ name, stock }) => `${name} ${stock}`).join(", ")}`);
  const names: string[] = [];
  const all = db.select({ article: orders.article }).from(orders).orderBy(asc(orders.id));
  for await (const { article } of db.stream(all)) names.push(article);
  say(names.join(", "));
} finally {
  await pool.close();
}

/** Orders articles in one transaction. An article that is not in stock is left out. */
async function order(customerId: number, wanted: readonly [string, number][]): Promise<void> {
  await db.transaction(async (tx) => {
    for (const [article, amount] of wanted) {
      try {
        await tx.transaction(async (savepoint) => {
          await savepoint.insert(orders).values({ customerId, article, amount });
          await savepoint.update(articles).set({ stock: sql`${articles.stock} - ${amount}` })
            .where(eq(articles.name, article));
        });
      } catch (error) {
        // Drizzle's error has the driver's as its cause.
        const { cause } = error as Error;
        if (!(cause instanceof DatabaseError)) throw error;
        say(`refused: ${cause.code} ${cause.constraint}`);
      }
    }
  }, { isolationLevel: "repeatable read" });
}

async function report(): Promise<void> {
  const found = await db.query.customers.findMany({
    with: { orders: { orderBy: asc(orders.id) } },
  });
  for (const { name, orders } of found) {
    const list = orders.map(({ article, amount }) => `${article} (${amount})`);
    say(`${name} has ordered ${list.join(", ")}`);
  }
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
