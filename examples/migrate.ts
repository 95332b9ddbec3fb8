/**
 * Brings a database's schema up to date: each migration runs once, in one transaction with its
 * note, and an advisory lock keeps a second instance of the program waiting.
 *
 * Prints:
 *
 * ```
 * 1 create orders: done
 * 2 add a status: done
 * up to date
 * 1 create orders: done before
 * 2 add a status: done before
 * up to date
 * ```
 */
import { connect, type Connection } from "../mod.ts";

const MIGRATIONS: readonly { readonly name: string; readonly sql: string }[] = [
  {
    name: "1 create orders",
    sql: `
      create table migrated.orders (id int generated always as identity primary key, placed timestamptz);
      create index on migrated.orders (placed);`,
  },
  {
    name: "2 add a status",
    sql: `
      create type migrated.status as enum ('open', 'paid');
      alter table migrated.orders add status migrated.status not null default 'open';`,
  },
];

/** Any number that no other program uses for a lock in this database. */
const LOCK = 20_260_102;

const db = await connect();
try {
  await migrate(db);
  await migrate(db);
} finally {
  await db.close();
}

async function migrate(db: Connection): Promise<void> {
  await db.query("select pg_advisory_lock($1)", [LOCK]);
  try {
    await db.query(`
      create schema if not exists migrated;
      create table if not exists migrated.migrations (name text primary key, at timestamptz)`)
      .simple();
    for (const { name, sql } of MIGRATIONS) {
      say(`${name}: ${await migrateOnce(db, name, sql) ? "done" : "done before"}`);
    }
  } finally {
    await db.query("select pg_advisory_unlock($1)", [LOCK]);
  }
  say("up to date");
}

function migrateOnce(db: Connection, name: string, sql: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    const done = await tx.sql`select from migrated.migrations where name = ${name}`;
    if (done.length > 0) return false;
    await tx.query(sql).simple();
    await tx.sql`insert into migrated.migrations values (${name}, now())`;
    return true;
  });
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
