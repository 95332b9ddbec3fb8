/** Calls of postgres.js' functions with an outcome that the differential test compares. */
import type { Result } from "../../src/compat/postgres/postgres.ts";
import type { Call } from "./compat_postgres_pair.ts";

/** The calls by name. */
export const CALLS: Readonly<Record<string, Call>> = {
  "notify": async (sql) => [...await sql.notify("differential", "x")],
  "begin: value": (sql) => sql.begin(() => 5),
  "begin: array": (sql) => sql.begin((tx) => [tx`select 1 as a`, tx`select 2 as b`]),
  "begin: query": (sql) => sql.begin((tx) => tx`select 1 as a`),
  "begin: error": (sql) => sql.begin((tx) => tx`select 1/0`),
  "begin: thrown": (sql) => sql.begin(() => Promise.reject(new RangeError("own"))),
  "begin: caught": (sql) => sql.begin(async (tx) => void await tx`select 1/0`.catch(() => {})),
  "begin: in vain": (sql) =>
    sql.begin(async (tx) => {
      await tx`select 1/0`.catch(() => {});
      await tx`select 1`;
    }),
  "begin: modes": (sql) => sql.begin("read only", (tx) => tx`create table never (a int)`),
  "begin: no modes": (sql) => sql.begin("foo", () => 1),
  "savepoint: value": (sql) => sql.begin((tx) => tx.savepoint("a name", () => 7)),
  "savepoint: undone": (sql) =>
    sql.begin(async (tx) => {
      await tx.savepoint((inner) => inner`select 1/0`).catch(() => {});
      return await tx`select 1 as a`;
    }),
  "savepoint: the transaction's own tag": async (sql) => {
    await sql`create temp table if not exists owned (a int)`;
    const inside = await sql.begin((tx) =>
      tx.savepoint(async (inner) => {
        await Promise.all([tx`insert into owned values (1)`, inner`insert into owned values (2)`]);
        return [...await tx`select a from owned order by a`];
      })
    );
    const undone = await sql.begin(async (tx) => {
      await tx.savepoint(async () => {
        await tx`insert into owned values (3)`;
        throw new RangeError("own");
      }).catch(() => {});
      return [...await tx`select count(*)::int as n from owned`];
    });
    const failed = await sql.begin((tx) =>
      tx.savepoint(() => tx`select 1/0`).catch(({ code }: { code: string }) => code)
    ).catch(({ code }: { code: string }) => `thrown ${code}`);
    const nested = await sql.begin((tx) =>
      tx.savepoint((one) => one.savepoint(() => tx.savepoint(() => one`select 4 as a`)))
    );
    return [inside, undone, failed, [...nested], [...await sql`select a from owned order by a`]];
  },
  "savepoint: error": (sql) => sql.begin((tx) => tx.savepoint((inner) => inner`select 1/0`)),
  "reserve": async (sql) => {
    const own = await sql.reserve();
    const rows = await own`select 1 as a`;
    own.release();
    return rows;
  },
  "forEach": async (sql) => {
    const all: unknown[] = [];
    const rest = await sql`select generate_series(1, 3) as a`.forEach((row) => all.push(row));
    return [all, rest.length, rest.count, rest.command];
  },
  "forEach: thrown": (sql) =>
    sql`select 1`.forEach(() => {
      throw new RangeError("own");
    }),
  "cursor": async (sql) => {
    const sizes: number[] = [];
    for await (const rows of sql`select generate_series(1, 5)`.cursor(2)) sizes.push(rows.length);
    return sizes;
  },
  "cursor: facts": async (sql) => {
    const facts: unknown[] = [];
    const note = ({ length, command, count }: Result): void =>
      void facts.push([length, command ?? null, count ?? null]);
    for await (const rows of sql`select generate_series(1, 5) as a`.cursor(2)) {
      note(rows as Result);
    }
    await sql`select generate_series(1, 4) as a`.cursor(2, note);
    return facts;
  },
  "cursor: closed": async (sql) => [
    ...await sql`select generate_series(1, 5) as a`.cursor(2, () => sql.CLOSE),
  ],
  "cursor: last": async (
    sql,
  ) => [...await sql`select generate_series(1, 5) as a`.cursor(2, () => {})],
  "cursor: error": (sql) => sql`select 1/(x - 2) from generate_series(1, 3) x`.cursor(1, () => {}),
  "cursor: thrown": (sql) => sql`select 1`.cursor(() => Promise.reject(new RangeError("own"))),
  "file: missing": async (sql) =>
    await sql.file("/nowhere.sql").then(() => "", ({ code }: { code: string }) => code),
  "copy out": async (sql) => {
    let text = "";
    for await (const part of await sql`copy (values (1), (2)) to stdout`.readable()) text += part;
    return text;
  },
  "copy: missing": (sql) => sql`copy nowhere from stdin`.writable(),
  "not a copy": (sql) => sql`select 1 as a`.readable(),
  "stream": (sql) => sql`select 1`.stream(),
  "no tag": (sql) => sql("select 1") as never,
  "no tag, then": (sql) => (sql({}) as unknown as Promise<unknown>).then(() => {}),
  "check": async (sql) => {
    await sql`create temp table if not exists checked (a int constraint positive check (a > 0))`;
    return await sql`insert into checked values (-1)`;
  },
  "raised": (sql) =>
    sql.unsafe(`do $$ begin raise exception 'm' using detail = 'd', hint = 'h', errcode = 'P1234',
      column = 'c', table = 't', schema = 's', datatype = 'dt', constraint = 'co'; end $$`),
  "large object": async (sql) => {
    const object = await sql.largeObject();
    const wrote = await object.write(Buffer.from("hello"));
    const all = [wrote, await object.tell(), await object.seek(1), await object.read(2)];
    const sizes = [...await object.size()];
    await object.truncate(0);
    await object.close();
    return [...all.map((rows) => [...rows]), sizes];
  },
};
