/**
 * A library's loans with Kysely: migrations, a transaction with a savepoint, a stream, and an error.
 *
 * Prints:
 *
 * ```
 * migrated: 1 books, 2 loans
 * migrated: nothing
 * lent: Emma to Ada
 * refused: 23505 loans_book_id_key
 * overdue: Emma, since 10 days
 * overdue: Ulysses, since 3 days
 * cancelled: enough
 * ```
 */
import { type Generated, Kysely, type RawBuilder, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { DatabaseError } from "../../mod.ts";
import { CornacDialect } from "../../src/kysely/kysely.ts";

interface Library {
  books: { id: Generated<number>; title: string };
  loans: { id: Generated<number>; book_id: number; reader: string; due: string };
}

const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "1 books": {
    up: (db) =>
      db.schema.createTable("books")
        .addColumn("id", "integer", (column) => column.primaryKey().generatedAlwaysAsIdentity())
        .addColumn("title", "text", (column) => column.notNull())
        .execute(),
  },
  "2 loans": {
    // Without parameters a text may have several statements.
    up: async (db) =>
      void await sql`
        create table loans (
          id int generated always as identity primary key,
          book_id int not null unique references books,
          reader text not null,
          due date not null
        );
        create index on loans (due)`.execute(db),
  },
};

// The connection's options come from the environment, as in all examples.
const db = new Kysely<Library>({ dialect: new CornacDialect({}, { max: 5 }) });
try {
  await migrate();
  await migrate();
  await db.insertInto("books").values([{ title: "Emma" }, { title: "Ulysses" }]).execute();
  await lend("Emma", "Ada", 10);
  await lend("Emma", "Grace", 1);
  await db.insertInto("loans").values({ book_id: 2, reader: "Edsger", due: daysAgo(3) }).execute();
  await listOverdue();
  await giveUp();
} finally {
  // This closes the pool.
  await db.destroy();
}

async function migrate(): Promise<void> {
  const provider = { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) };
  const { error, results = [] } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) throw error;
  say(`migrated: ${results.map(({ migrationName }) => migrationName).join(", ") || "nothing"}`);
}

/** Lends a book in a serializable transaction. A book that is lent already is refused. */
async function lend(title: string, reader: string, days: number): Promise<void> {
  try {
    await db.transaction().setIsolationLevel("serializable").execute(async (trx) => {
      const book = await trx.selectFrom("books").select("id").where("title", "=", title)
        .executeTakeFirstOrThrow();
      await trx.insertInto("loans").values({ book_id: book.id, reader, due: daysAgo(days) })
        .execute();
    });
    say(`lent: ${title} to ${reader}`);
  } catch (error) {
    // The driver's errors arrive as they are.
    if (!(error instanceof DatabaseError)) throw error;
    say(`refused: ${error.code} ${error.constraint}`);
  }
}

/** Reads the overdue loans row by row, 100 at a time, however many there are. */
async function listOverdue(): Promise<void> {
  const overdue = db.selectFrom("loans").innerJoin("books", "books.id", "loans.book_id")
    .select(["title", sql<number>`current_date - due`.as("days")])
    .where("due", "<", sql<string>`current_date`)
    .orderBy("due");
  for await (const { title, days } of overdue.stream(100)) {
    say(`overdue: ${title}, since ${days} days`);
  }
}

/** Aborts a stream, which cancels its query on the server. */
async function giveUp(): Promise<void> {
  const stop = new AbortController();
  const slow = db.selectFrom("books").select(sql`pg_sleep(60)`.as("slept"));
  setTimeout(() => stop.abort("enough"), 100);
  try {
    for await (const _ of slow.stream({ signal: stop.signal })) say("never");
  } catch (reason) {
    say(`cancelled: ${reason}`);
  }
}

function daysAgo(days: number): RawBuilder<string> {
  return sql`current_date - ${days}::int`;
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
