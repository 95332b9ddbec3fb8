/** Queries of a library, with the types that the tool has written at them. */
import { type Connection, sql } from "../../../mod.ts";

/** Books with the member who has each, if one has. */
export async function books(db: Connection): Promise<string[]> {
  const rows = await db.sql<
    { title: string; genre: "novel" | "poetry" | "science"; reader: string | null }
  >`
    select b.title, b.genre, m.name as reader
    from books b
    left join loans l on l.book_id = b.id and l.returned_on is null
    left join members m on m.id = l.member_id
    order by b.id`;
  return rows.map(({ title, genre, reader }) =>
    `${title} (${genre}): ${reader === null ? "here" : `lent to ${reader.toUpperCase()}`}`
  );
}

/** The loans of a member; those of books that are back only where `all` are wanted. */
export async function loansOf(db: Connection, member: number, all: boolean): Promise<string[]> {
  const rows = await db.sql<
    { title: string; returned_on: string | null },
    [number, import("../../../mod.ts").Fragment]
  >`
    select b.title, l.returned_on
    from loans l join books b on b.id = l.book_id
    where l.member_id = ${member} ${all ? sql`` : sql`and l.returned_on is null`}
    order by l.id`;
  return rows.map(({ title, returned_on }) => `${title}, back: ${returned_on ?? "not yet"}`);
}

/** Members with their loans as JSON. */
export async function readers(db: Connection): Promise<string[]> {
  const rows = await db.sql<
    { name: string; loans: number; list: { book: number; back: string | null }[] }
  >`
    select m.name, count(l.id) as loans,
      coalesce(json_agg(json_build_object('book', l.book_id, 'back', l.returned_on))
        filter (where l.id is not null), '[]') as list
    from members m left join loans l on l.member_id = m.id
    group by m.id
    order by m.id`;
  return rows.map(({ name, loans, list }) =>
    `${name}: ${loans}, open: ${list.filter(({ back }) => back === null).length}`
  );
}

/** Lends a book, and returns the number of the loan. */
export async function lend(db: Connection, book: number, member: number): Promise<number> {
  const { id } = await db.sql<{ id: number }, [number, number]>`
    insert into loans (book_id, member_id) values (${book}, ${member}) returning id`.one();
  return id;
}

/** A member as this program knows one. */
export interface Member {
  id: number;
  name: string;
  email: string | null;
}

/** The members, with a row type of the program's own: the tool leaves and verifies it. */
export async function members(db: Connection): Promise<Member[]> {
  return [...await db.sql<Member>`select id, name, email from members order by id`];
}
