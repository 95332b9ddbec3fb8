// deno-lint-ignore-file no-console
/**
 * TypeORM on this driver: migrations, a transaction, a stream and an error.
 *
 * Prints:
 *
 * ```
 * migrated: CreateBooks1700000000000
 * saved: 1 Sketch of the Engine [notes, engine] 12.50 true
 * rolled back: 1 book
 * refused: 23505 Key (title)=(Sketch of the Engine) already exists.
 * streamed: Sketch of the Engine
 * ```
 */
import "reflect-metadata";
import { DataSource, EntitySchema, QueryFailedError } from "typeorm";

const Book = new EntitySchema({
  name: "Book",
  tableName: "books",
  columns: {
    id: { type: "int", primary: true, generated: true },
    title: { type: "text", unique: true },
    topics: { type: "text", array: true },
    price: { type: "numeric", precision: 10, scale: 2 },
    written: { type: "timestamptz" },
  },
});

class CreateBooks1700000000000 {
  name = "CreateBooks1700000000000";
  async up(runner) {
    await runner.query(
      `create table books (id serial primary key, title text not null unique,
        topics text[] not null, price numeric(10, 2) not null, written timestamptz not null)`,
    );
  }
  async down(runner) {
    await runner.query("drop table books");
  }
}

const source = new DataSource({
  type: "postgres",
  url: process.env.DATABASE_URL,
  entities: [Book],
  migrations: [CreateBooks1700000000000],
});
await source.initialize();

const migrations = await source.runMigrations({ transaction: "all" });
console.log(`migrated: ${migrations.map(({ name }) => name).join(", ")}`);

const books = source.getRepository("Book");
const written = new Date("1843-09-01T12:00:00Z");
await books.save({
  title: "Sketch of the Engine",
  topics: ["notes", "engine"],
  price: "12.5",
  written,
});
const book = await books.findOneByOrFail({ title: "Sketch of the Engine" });
const same = book.written.getTime() === written.getTime();
console.log(`saved: ${book.id} ${book.title} [${book.topics.join(", ")}] ${book.price} ${same}`);

await source.transaction(async (manager) => {
  await manager.save("Book", { title: "Lost", topics: [], price: "1", written });
  throw new Error("changed my mind");
}).catch(() => {});
console.log(`rolled back: ${await books.count()} book`);

try {
  await books.insert({ title: book.title, topics: [], price: "1", written });
} catch (error) {
  if (!(error instanceof QueryFailedError)) throw error;
  console.log(`refused: ${error.code} ${error.detail}`);
}

const titles = [];
for await (const row of await books.createQueryBuilder("book").stream()) {
  titles.push(row.book_title);
}
console.log(`streamed: ${titles.join(", ")}`);

await source.undoLastMigration();
await source.query("drop table migrations");
await source.destroy();
