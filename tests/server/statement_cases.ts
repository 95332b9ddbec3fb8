/** Changes of what a statement depends on, and the ways of running a text and a change. */
import type { Connection, Queryable } from "../../mod.ts";

/** One text, before and after a change. */
export interface Case {
  readonly setup: readonly string[];
  readonly text: string;
  readonly value?: unknown;
  readonly change: string;
  /** Commands after the change, for what ends a transaction. */
  readonly then?: readonly string[];
}

const table = (type: string) => [`create temp table n (a ${type})`];
export const INSERT = "insert into n values ($1) returning a::text";

function retyped(from: string, to: string, value: unknown, using = "null"): Case {
  const change = `alter table n alter a type ${to} using ${using}`;
  return { setup: table(from), text: INSERT, value, change };
}

export const CASES: Readonly<Record<string, Case>> = {
  "another cursor of the same name": {
    setup: ["declare page cursor with hold for select 1 as x"],
    text: "fetch 1 from page",
    change: "close page",
    then: ["declare page cursor with hold for select 'abcd'::text as x, 2 as y"],
  },
  "another statement of the same name": {
    setup: ["prepare s as select 1 as x"],
    text: "execute s",
    change: "deallocate s",
    then: ["prepare s as select 'abcd'::text as x, 2 as y"],
  },
  "date to timestamptz": retyped("date", "timestamptz", "2026-03-04 05:06:07+00"),
  "timestamp to timestamptz": retyped("timestamp", "timestamptz", "2026-03-04 05:06:07+05"),
  "float4 to float8": retyped("float4", "float8", "0.1"),
  "char to text": retyped("char(3)", "text", "a  "),
  "int to text": retyped("int", "text", "1x"),
  "uuid to text": retyped("uuid", "text", "x"),
  "int[] to text[]": retyped("int[]", "text[]", "{x}"),
  "int to numeric": retyped("int", "numeric", "1.5"),
  "a table made again": {
    setup: table("int"),
    text: INSERT,
    value: "0.5",
    change: "drop table n",
    then: ["create temp table n (a numeric)"],
  },
  "a temporary table over a permanent one": {
    setup: [],
    text: "select relname from pg_class where relname = 'n' limit 0",
    change: "create temp table pg_class as select 'mine'::text as relname where false",
  },
  "a better overload": {
    setup: [
      "create schema if not exists pg_temp",
      "create function pg_temp.f(anyelement) returns text language sql as 'select ''any'''",
    ].slice(1),
    text: "select pg_temp.f(1)",
    change: "create function pg_temp.f(int) returns text language sql as 'select ''int'''",
  },
  "a time zone": {
    setup: [],
    text: "select timestamptz '2026-01-01 00:00' = '2026-01-01 00:00+09' as is",
    change: "set timezone = 'Asia/Tokyo'",
  },
  "a date style": {
    setup: [],
    text: "select extract(month from date '01/02/2026')::int as m",
    change: "set datestyle = 'ISO, DMY'",
  },
  "an interval style": {
    setup: [],
    text: "select extract(epoch from interval '-1 2:00:00')::int as s",
    change: "set intervalstyle = 'sql_standard'",
  },
  "standard_conforming_strings": {
    setup: ["set escape_string_warning = off"],
    text: "select length('a\\nb') as n",
    change: "set standard_conforming_strings = off",
  },
  "a type made again, in the text": {
    setup: ["create type pg_temp.mood as enum ('a')"],
    text: "select enum_range(null::pg_temp.mood)::text as r, 'a'::pg_temp.mood as m",
    change: "drop type pg_temp.mood",
    then: ["create type pg_temp.mood as enum ('a', 'b')"],
  },
  "an attribute renamed": {
    setup: ["create type pg_temp.pair as (a int)"],
    text: "select row(1)::pg_temp.pair as p",
    change: "alter type pg_temp.pair rename attribute a to z",
  },
};

export type Run = (db: Connection, text: string, values: readonly unknown[]) => Promise<unknown>;

/** Ways of running a text; each answers its rows. */
export const READS: Readonly<Record<string, Run>> = {
  query: async (db, text, values) => [...await db.query(text, values)],
  template: async (db, text, values) => {
    const parts = text.split("$1");
    return [...await db.sql(Object.assign(parts, { raw: parts }), ...values as string[])];
  },
  named: async (db, text, values) =>
    values.length === 0
      ? [...await db.query(text)]
      : [...await db.query(text.replace("$1", ":v"), { v: values[0] })],
  rows: async (db, text, values) => {
    const rows: unknown[] = [];
    for await (const row of db.query(text, values)) rows.push(row);
    return rows;
  },
  batches: async (db, text, values) => {
    const rows: unknown[] = [];
    for await (const batch of db.query(text, values).batches(5)) rows.push(...batch);
    return rows;
  },
  batch: async (db, text, values) => [...(await db.batch([{ text, parameters: values }]))[0]!],
  executeMany: async (db, text, values) => [...await db.executeMany(text, [values])],
  transaction: async (db, text, values) =>
    await db.transaction(async (tx) => [...await tx.query(text, values)]),
  cursor: async (db, text, values) => {
    const cursor = db.cursor({ paramstyle: "numeric" });
    await cursor.execute(text.replace("$1", ":1"), [...values]);
    const names = cursor.description!.map(([name]) => name);
    const rows = await cursor.fetchall();
    return rows.map((row) => Object.fromEntries(row.map((value, i) => [names[i], value])));
  },
};

/** Ways of running a change. */
export const WRITES: Readonly<
  Record<string, (db: Queryable, text: string) => PromiseLike<unknown>>
> = {
  query: (db, text) => db.query(text),
  "not prepared": (db, text) => db.query(text, [], { prepare: false }),
  simple: (db, text) => db.query(text).simple(),
  "simple, of several": (db, text) => db.query(`select 1; ${text}`).simple(),
  batch: (db, text) => db.batch([{ text: "select 1" }, { text }]),
  executeMany: (db, text) => db.executeMany(text, [[]]),
  rows: async (db, text) => {
    for await (const _ of db.query(text));
  },
  batches: async (db, text) => {
    for await (const _ of db.query(text).batches(1));
  },
  prepared: async (db, text) => {
    const statement = await db.prepare(text);
    await statement.query();
    await statement.close();
  },
  transaction: (db, text) => db.transaction((tx) => tx.query(text).then(() => {})),
};
