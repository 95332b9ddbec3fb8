// deno-lint-ignore-file no-console
/**
 * Knex on this driver: migrations, a transaction, a stream and an error.
 *
 * Prints:
 *
 * ```
 * migrated: 1 file
 * Ada 60, Grace 40
 * refused: 23514 accounts_balance_check
 * streamed: Ada, Grace
 * left: 0 tables
 * ```
 */
import knex from "knex";

const db = knex({
  client: "pg",
  connection: process.env.DATABASE_URL,
  searchPath: ["public"],
  pool: { min: 0, max: 3 },
  migrations: {
    migrationSource: {
      getMigrations: () => Promise.resolve(["001_accounts"]),
      getMigrationName: (name) => name,
      getMigration: () =>
        Promise.resolve({
          up: (db) =>
            db.schema.createTable("accounts", (table) => {
              table.increments("id");
              table.string("owner").notNullable().unique();
              table.integer("balance").notNullable();
              table.jsonb("tags");
              table.check("balance >= 0", [], "accounts_balance_check");
            }),
          down: (db) => db.schema.dropTable("accounts"),
        }),
    },
  },
});

const [, migrated] = await db.migrate.latest();
console.log(`migrated: ${migrated.length} file`);

await db("accounts").insert([
  { owner: "Ada", balance: 100, tags: JSON.stringify(["first"]) },
  { owner: "Grace", balance: 0, tags: null },
]);

async function transfer(amount) {
  await db.transaction(async (trx) => {
    await trx("accounts").where({ owner: "Grace" }).increment("balance", amount);
    await trx("accounts").where({ owner: "Ada" }).decrement("balance", amount);
  });
}

await transfer(40);
const rows = await db("accounts").select("owner", "balance").orderBy("owner");
console.log(rows.map(({ owner, balance }) => `${owner} ${balance}`).join(", "));

try {
  await transfer(1000);
} catch (error) {
  console.log(`refused: ${error.code} ${error.constraint}`);
}

const owners = [];
for await (const { owner } of db("accounts").select("owner").orderBy("owner").stream()) {
  owners.push(owner);
}
console.log(`streamed: ${owners.join(", ")}`);

await db.migrate.rollback();
await db.schema.dropTable("knex_migrations").dropTable("knex_migrations_lock");
const { rows: [left] } = await db.raw(
  "select count(*)::int as n from pg_tables where schemaname = 'public'",
);
console.log(`left: ${left.n} tables`);
await db.destroy();
