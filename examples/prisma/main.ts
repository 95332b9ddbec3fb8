/**
 * A blog with Prisma: a migration, nested records, transactions, a stream, and an error.
 *
 * Prints:
 *
 * ```
 * Ada wrote Notes [a, b], Engines []
 * refused: P2002 Unique constraint failed on the fields: (`email`)
 * rolled back: too dear
 * conflict: P2034
 * Grace has 1 post for 12.50
 * 3 titles: Notes, Engines, Compilers
 * ```
 */
import { readFileSync } from "node:fs";
import { createPool } from "@cornac/pg";
import { PrismaCornac } from "@cornac/pg/prisma";
import { Prisma, PrismaClient } from "./generated/client.ts";

const pool = createPool();
const prisma = new PrismaClient({ adapter: new PrismaCornac(pool) });
try {
  await pool.query(readFileSync(new URL("./migrations/0001_blog/migration.sql", import.meta.url), "utf8"))
    .simple();
  const ada = await prisma.author.create({
    data: {
      email: "ada@example.com",
      name: "Ada",
      joined: new Date("1815-12-10T00:00:00Z"),
      posts: { create: [{ title: "Notes", tags: ["a", "b"], meta: { pages: [1, 2] } }, { title: "Engines" }] },
    },
    include: { posts: true },
  });
  const posts = ada.posts.map(({ title, tags }) => `${title} [${tags.join(", ")}]`);
  console.log(`${ada.name} wrote ${posts.join(", ")}`);
  await duplicate();
  await tooDear();
  await conflict();
  const grace = await prisma.author.findUniqueOrThrow({
    where: { email: "grace@example.com" },
    include: { posts: { where: { price: { gt: 10 } } } },
  });
  console.log(`${grace.name} has ${grace.posts.length} post for ${grace.posts[0]?.price.toFixed(2)}`);
  // Prisma has no streams; the pool below it does.
  const titles: string[] = [];
  for await (const { title } of pool.query<{ title: string }>('select title from "Post" order by id')) {
    titles.push(title);
  }
  console.log(`${titles.length} titles: ${titles.join(", ")}`);
} finally {
  await prisma.$disconnect();
  await pool.close();
}

/** Breaks a unique constraint. */
async function duplicate(): Promise<void> {
  try {
    await prisma.author.create({ data: { email: "ada@example.com", name: "Another" } });
  } catch (error) {
    if (!(error instanceof Prisma.PrismaClientKnownRequestError)) throw error;
    console.log(`refused: ${error.code} ${error.message.split("\n").at(-1)}`);
  }
}

/** Rolls a transaction back, and commits the next. */
async function tooDear(): Promise<void> {
  const publish = (price: string) =>
    prisma.$transaction(async (tx) => {
      const author = await tx.author.create({ data: { email: "grace@example.com", name: "Grace" } });
      await tx.post.create({ data: { title: "Compilers", price, authorId: author.id } });
      const { _sum: { price: sum } } = await tx.post.aggregate({ _sum: { price: true } });
      if (sum !== null && sum.gt(100)) throw new Error("too dear");
    });
  await publish("99999.99").catch((error: Error) => console.log(`rolled back: ${error.message}`));
  await publish("12.50");
}

/** Lets two serializable transactions read what the other writes. One of them fails. */
async function conflict(): Promise<void> {
  let arrived = 0;
  const both: (() => void)[] = [];
  const meet = () =>
    new Promise<void>((resolve) => {
      both.push(resolve);
      if (++arrived === 2) for (const go of both) go();
    });
  const raise = () =>
    prisma.$transaction(async (tx) => {
      const { _sum } = await tx.post.aggregate({ _sum: { price: true } });
      await meet();
      await tx.post.updateMany({ where: { title: "Notes" }, data: { price: _sum.price?.plus(1) ?? 1 } });
    }, { isolationLevel: "Serializable" });
  for (const outcome of await Promise.allSettled([raise(), raise()])) {
    if (outcome.status === "rejected") console.log(`conflict: ${outcome.reason.code}`);
  }
}
