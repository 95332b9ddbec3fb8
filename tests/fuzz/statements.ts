/**
 * Texts that depend on more than their letters, and the ways in which each can be run. A step is chosen
 * by a seed before it is run, so that it can be run on two connections and its outcomes compared.
 */
import { type Connection, PgError, type Queryable } from "../../mod.ts";
import type { Random } from "../wire/model.ts";

/** One connection with what belongs to it. */
export interface Side {
  readonly db: Connection;
  /** Statements of `prepare()` by their texts; `undefined`: they are run as queries. */
  readonly prepared: Map<string, Awaited<ReturnType<Connection["prepare"]>>> | undefined;
}

/** Something that can be run on either side. */
export interface Step {
  readonly name: string;
  run(side: Side, on: Queryable): Promise<unknown>;
}

/** A text and its parameters. */
interface Text {
  readonly text: string;
  readonly values: readonly unknown[];
}

const TYPES = [
  "date",
  "timestamp",
  "timestamptz",
  "int4",
  "int8",
  "numeric",
  "float4",
  "float8",
  "text",
  "char(3)",
  "text[]",
  "int4[]",
  "mood",
  "interval",
];

/** Values that several of these types take, each in its own manner. */
const VALUES = ["2026-03-04 05:06:07", "1", "0.1", "ab ", "ok", "{1,2}", "01/02/2026", "1 day", 7];

/** Queries; `$1` once, where there is a parameter. */
const QUERIES = [
  "insert into t (a) values ($1) returning *",
  "insert into t values ($1) returning a",
  "update t set a = $1 returning *",
  "select * from t order by a::text",
  "select a from t where a = $1",
  "table t",
  "select (select t::text from t limit 1)",
  "select f($1)",
  "select f(1), f('1')",
  "select timestamptz '2026-01-01 00:00' = timestamptz '2026-01-01 00:00+00'",
  "select (date '01/02/2026' - date '2026-01-01')::text",
  "select extract(epoch from interval '-1 2:00')::text",
  "select 'now'::timestamptz = now()",
  "select length('a\\nb')",
  "select enum_range(null::mood)::text",
  "select 'ok'::mood",
  "select $1::mood",
  "select array[$1::mood, null]",
  "select current_schemas(true)::text[] <> '{}', current_user = session_user",
  "select count(*) from pg_class where relname = $1",
  "fetch 2 from page",
  "execute s",
  "show timezone",
  "with x as (select a from t) select * from x",
  "values (timestamptz '2026-06-01 00:00'::text)",
  "merge into t using (select 1) s(x) on a::text = $1 when matched then delete",
];

/** Changes of objects, of settings, of cursors and of statements. */
const CHANGES: readonly ((random: Random) => string)[] = [
  (random) => `alter table t alter a type ${one(random, TYPES)} using null`,
  (random) => `drop table t; create table t (a ${one(random, TYPES)})`,
  (random) => `create temp table t (a ${one(random, TYPES)}, b int default 5)`,
  (random) => `create temp table t (a ${one(random, TYPES)}) on commit drop`,
  () => "drop table pg_temp.t",
  () => "select 1 as a into temp t",
  () => "create temp table t as select '2026-01-01'::date as a",
  () => "alter table t add b int default 3",
  () => "alter table t drop b",
  () => "alter table t rename a to z",
  () => "alter table t rename z to a",
  (random) => `create table ${one(random, ["s1", "s2"])}.t (a ${one(random, TYPES)})`,
  () => "create function s1.f(text) returns text language sql as 'select ''s1 text'''",
  () => "create function s1.f(int) returns text language sql as 'select ''s1 int'''",
  () => "create function s2.f(anyelement) returns text language sql as 'select ''s2 any'''",
  () => "create function pg_temp.f(text) returns text language sql as 'select ''temp'''",
  () => "drop function f",
  () => "drop function s1.f(int)",
  () => "drop type if exists s1.mood cascade; create type s1.mood as enum ('ok', 'sad')",
  () => "create type s2.mood as enum ('sad', 'ok', 'ab ')",
  () => "alter type mood add value if not exists 'more'",
  () => "do $$begin alter table t alter a type text; end$$",
  () => "do $$begin create temp table t (a int8); end$$",
  () => "call s0.change()",
  (random) => `set search_path to ${one(random, PATHS)}`,
  (random) => `set local search_path to ${one(random, PATHS)}`,
  (random) => `select set_config('search_path', '${one(random, PATHS)}', false)`,
  (random) => `select set_config('search_path', '${one(random, PATHS)}', true)`,
  (random) => `set timezone to '${one(random, ZONES)}'`,
  (random) => `set local time zone '${one(random, ZONES)}'`,
  (random) => `set datestyle to '${one(random, ["ISO, MDY", "ISO, DMY", "SQL, DMY"])}'`,
  (random) => `set local datestyle to '${one(random, ["ISO, DMY", "German"])}'`,
  (random) => `set intervalstyle to ${one(random, ["postgres", "sql_standard"])}`,
  (random) => `set standard_conforming_strings to ${one(random, ["on", "off"])}`,
  (random) => `set role ${one(random, ["fuzz_a", "none"])}`,
  (random) => `set local role ${one(random, ["fuzz_a", "fuzz_b", "none"])}`,
  () => "reset all",
  () => "discard temp",
  () => "deallocate all",
  (random) => `declare page cursor with hold for ${one(random, SOURCES)}`,
  () => "close page",
  (random) => `prepare s as ${one(random, SOURCES)}`,
  () => "deallocate s",
];

const PATHS = ["s1", "s2", "s1, s2", "s2, s1", "s1, pg_temp, s2"];
const ZONES = ["UTC", "Asia/Tokyo", "America/New_York"];
const SOURCES = [
  "select 'abcd'::text as x",
  "select 1 as x",
  "select 1::int8 as x, 2 as y",
  "select * from t",
];

/** Commands that begin and end transactions, so often that most of them fit. */
const CONTROLS = [
  "begin",
  "begin",
  "commit",
  "rollback",
  "savepoint a",
  "rollback to a",
  "release a",
  "set local timezone to 'Asia/Tokyo'",
];

type Way = (side: Side, on: Queryable, text: Text) => Promise<unknown>;

/** Each answers rows as arrays, or results of them. */
const WAYS: Readonly<Record<string, Way>> = {
  query: async (_side, on, { text, values }) => [...await on.query(text, values).values()],
  objects: async (_side, on, { text, values }) => [...await on.query(text, values)],
  template: async (_side, on, { text, values }) => {
    const parts = text.split("$1");
    const strings = Object.assign(parts, { raw: parts });
    return [...await on.sql(strings, ...values as string[])];
  },
  named: async (_side, on, { text, values }) => {
    if (values.length === 0) return [...await on.query(text).values()];
    return [...await on.query(text.replace("$1", ":p"), { p: values[0] }).values()];
  },
  rows: async (_side, on, { text, values }) => {
    const rows: unknown[] = [];
    for await (const row of on.query(text, values).values()) rows.push(row);
    return rows;
  },
  batches: async (_side, on, { text, values }) => {
    const rows: unknown[] = [];
    for await (const batch of on.query(text, values).values().batches(2)) rows.push(...batch);
    return rows;
  },
  batch: async (_side, on, { text, values }) => {
    const query = { text, parameters: values };
    return (await on.batch([query, query], { rows: "array" })).map((rows) => [...rows]);
  },
  executeMany: async (
    _side,
    on,
    { text, values },
  ) => [...await on.executeMany(text, [values, values], { rows: "array" })],
  prepared: async ({ db, prepared }, on, { text, values }) => {
    if (prepared === undefined) return [...await on.query(text, values).values()];
    if (on !== db) {
      const statement = await on.prepare(text);
      const rows = await statement.query(values).values();
      await statement.close();
      return [...rows];
    }
    let statement = prepared.get(text);
    if (statement === undefined) prepared.set(text, statement = await on.prepare(text));
    return [...await statement.query(values).values()];
  },
  simple: async (_side, on, { text, values }) => {
    if (values.length > 0) return [...await on.query(text, values).values()];
    return (await on.query(text).values().simple().all()).map((rows) => [...rows]);
  },
  cursor: async ({ db }, on, { text, values }) => {
    if (on !== db) return [...await on.query(text, values).values()];
    const cursor = db.cursor({ paramstyle: "numeric" });
    await cursor.execute(text.replace("$1", ":1"), [...values]);
    return cursor.description === null ? [] : await cursor.fetchall();
  },
};

/** The ways that have the connection to themselves outside of transactions, or take several requests. */
const ALONE = ["rows", "batches", "prepared", "cursor"];

/** Chooses one query, one change or one command of a transaction, and a way to run it. */
export function stepOf(random: Random, isPipelined: boolean, mayControl: boolean): Step {
  const kind = random.below(10);
  if (kind < 6) return queryStep(random, isPipelined);
  if (kind < 9 || !mayControl) return changeStep(random, isPipelined);
  const text = one(random, CONTROLS);
  return { name: text, run: (side, on) => WAYS.query!(side, on, { text, values: [] }) };
}

function queryStep(random: Random, isPipelined: boolean): Step {
  const text = one(random, QUERIES);
  const query = { text, values: text.includes("$1") ? [one(random, VALUES)] : [] };
  const [how, run] = wayOf(random, isPipelined);
  return { name: `${how}: ${text} ${query.values}`, run: (side, on) => run(side, on, query) };
}

/** A change alone, or in a batch with a query behind it. */
function changeStep(random: Random, isPipelined: boolean): Step {
  const text = one(random, CHANGES)(random);
  if (text.includes(";") && !text.startsWith("do")) {
    return {
      name: `simple: ${text}`,
      run: (side, on) => WAYS.simple!(side, on, { text, values: [] }),
    };
  }
  if (random.below(6) === 0) {
    const query = one(random, QUERIES);
    const parameters = query.includes("$1") ? [one(random, VALUES)] : [];
    const items = [{ text }, { text: query, parameters }];
    const run = async (_side: Side, on: Queryable) =>
      (await on.batch(items, { rows: "array" })).map((rows) => [...rows]);
    return { name: `batch: ${text}; ${query} ${parameters}`, run };
  }
  const [how, run] = wayOf(random, isPipelined, ["prepared", "batch", "executeMany"]);
  return { name: `${how}: ${text}`, run: (side, on) => run(side, on, { text, values: [] }) };
}

function wayOf(
  random: Random,
  isPipelined: boolean,
  without: readonly string[] = [],
): [string, Way] {
  const ways = Object.entries(WAYS).filter(([name]) =>
    !without.includes(name) && !(isPipelined && ALONE.includes(name))
  );
  return one(random, ways);
}

/** The outcome of a step, to be compared with another's. */
export async function outcomeOf(running: Promise<unknown>): Promise<unknown> {
  try {
    return await running;
  } catch (error) {
    if (error instanceof PgError && error.code !== undefined) return `error ${error.code}`;
    return `${error}`;
  }
}

export function one<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}
