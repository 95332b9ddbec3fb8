/**
 * Writes src/typed/never_null.ts: the built-in functions that never return NULL to arguments that are
 * not NULL. A function is listed when it is written in C and its C code returns no NULL
 * (typed/return_null.ts), or is one of a few in SQL, and when every call over the samples of
 * typed/samples.ts has a value, on PostgreSQL 14, 16 and 18.
 *
 *     deno run -A scripts/generate_never_null.ts            # writes the file
 *     deno run -A scripts/generate_never_null.ts --check    # fails when the file is not up to date
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { connect, type Connection } from "../mod.ts";
import { startCluster } from "../tests/_kit/cluster.ts";
import { RETURN_NULL } from "./typed/return_null.ts";
import { SAMPLES } from "./typed/samples.ts";

const MAJORS = [14, 16, 18];
/** Calls tried for one function; the samples of its arguments are combined up to here. */
const MAX_CALLS = 400;

/** Functions written in SQL that are plain expressions over functions of the list. */
const IN_SQL: ReadonlySet<string> = new Set([
  ...["age", "bit_length", "ceiling", "date_part", "lpad", "log", "log10", "overlay", "polygon"],
  ...["round", "rpad", "path_contain_pt", "integer_pl_date", "timedate_pl", "timetzdate_pl"],
  ...["interval_pl_time", "interval_pl_date", "interval_pl_timetz", "interval_pl_timestamp"],
  ...["interval_pl_timestamptz", "translate", "trunc", "int8pl_inet"],
]);

/** Functions that hold PG_RETURN_NULL for arguments that are NULL: they are not strict. */
const OF_NULL_ONLY: ReadonlySet<string> = new Set([
  ...["array_cat", "array_remove", "array_replace", "text_to_array", "text_to_array_null"],
]);

/** Functions that have a value whatever they are given. */
const ALWAYS = ["concat", "json_build_array", "json_build_object", "jsonb_build_array"]
  .concat("jsonb_build_object", "num_nonnulls", "num_nulls", "quote_nullable");

/** Set-returning functions of one column none of whose rows is NULL. */
const SETS = ["generate_series", "generate_subscripts", "json_array_elements", "json_object_keys"]
  .concat("jsonb_array_elements", "jsonb_object_keys", "jsonb_path_query", "regexp_matches")
  .concat("regexp_split_to_table");

/** Set-returning functions of several columns: the numbers of those that are never NULL. */
const COLUMNS: Readonly<Record<string, readonly number[]>> = {
  json_each: [1, 2],
  jsonb_each: [1, 2],
  json_each_text: [1],
  jsonb_each_text: [1],
};

/** Aggregates that have a value over no rows. */
const COUNTS = ["count", "regr_count"];
/** Aggregates that have a value over any row, NULL or not. */
const OF_ROWS = ["array_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg"]
  .concat(
    "json_agg_strict",
    "jsonb_agg_strict",
    "json_object_agg_strict",
    "jsonb_object_agg_strict",
  )
  .concat("json_object_agg_unique", "jsonb_object_agg_unique", "json_object_agg_unique_strict")
  .concat("jsonb_object_agg_unique_strict");
/** Aggregates that have a value over values. */
const OF_VALUES = [
  "any_value",
  "avg",
  "bit_and",
  "bit_or",
  "bit_xor",
  "bool_and",
  "bool_or",
  "every",
  "max",
]
  .concat("min", "mode", "percentile_cont", "percentile_disc", "stddev_pop", "string_agg", "sum")
  .concat("var_pop", "range_agg", "range_intersect_agg", "xmlagg");

interface Candidate {
  readonly oid: number;
  readonly name: string;
  readonly types: readonly string[];
}

async function main(check: boolean): Promise<number> {
  const path = fileURLToPath(new URL("../src/typed/never_null.ts", import.meta.url));
  const after = await neverNullFile();
  if (readFileSync(path, "utf8") === after) return 0;
  if (!check) writeFileSync(path, after);
  else process.stderr.write("src/typed/never_null.ts is not up to date: run this script\n");
  return check ? 1 : 0;
}

/** Returns the text of the file, from servers of the three majors. */
export async function neverNullFile(): Promise<string> {
  const found = await Promise.all(MAJORS.map((major) => onServer(major, read)));
  const functions = new Map<number, boolean>();
  for (const { tried } of found) {
    for (const [oid, holds] of tried) functions.set(oid, (functions.get(oid) ?? true) && holds);
  }
  const holding = [...functions].filter(([, holds]) => holds).map(([oid]) => oid);
  return fileText(holding.sort((a, b) => a - b), found.map(({ named }) => named));
}

async function onServer<T>(major: number, work: (db: Connection) => Promise<T>): Promise<T> {
  const { host, port, stop } = await started(major);
  const db = await connect({ host, port, user: "postgres", database: "postgres" });
  try {
    return await work(db);
  } finally {
    await db.close();
    await stop();
  }
}

async function started(
  major: number,
): Promise<{ host: string; port: number; stop(): Promise<void> }> {
  const given: { major: number; host: string; port: number }[] = JSON.parse(
    process.env.CORNAC_SERVERS ?? "[]",
  );
  const server = given.find((one) => one.major === major);
  if (server) return { ...server, stop: () => Promise.resolve() };
  const cluster = await startCluster({ major });
  return { host: cluster.host, port: cluster.port, stop: () => cluster.stop() };
}

type Named = ReadonlyMap<string, readonly number[]>;

async function read(db: Connection): Promise<{ tried: Map<number, boolean>; named: Named }> {
  await db.query(PROBE).simple();
  const tried = new Map<number, boolean>();
  for (const candidate of await candidates(db)) {
    tried.set(candidate.oid, await holds(db, candidate));
  }
  return { tried, named: await namedFunctions(db) };
}

/** Counts the calls that have a value, and those that are NULL; errors are neither. */
const PROBE = `create type pg_temp.mood as enum ('a', 'b');
create function pg_temp.probe(calls text[]) returns int[] language plpgsql as $$
declare call text; is_null bool; nulls int := 0; filled int := 0;
begin
  foreach call in array calls loop
    begin
      execute 'select (' || call || ') is null' into is_null;
      if is_null then nulls := nulls + 1; else filled := filled + 1; end if;
    exception when others then null;
    end;
  end loop;
  return array[filled, nulls];
end $$`;

async function candidates(db: Connection): Promise<Candidate[]> {
  const rows = await db.query<[number, string, string, boolean, string[]]>(
    `select p.oid, p.proname,
      p.prosrc, l.lanname = 'internal', array(select t::regtype::text from unnest(p.proargtypes) t)
    from pg_proc p join pg_language l on l.oid = p.prolang
    where p.oid < 10000 and p.prokind = 'f' and not p.proretset and p.provariadic = 0
      and p.prorettype not in (select oid from pg_type where typtype = 'p'
        and typname not in ('anyelement', 'anyarray', 'anynonarray', 'anyenum', 'anycompatible',
          'anycompatiblearray', 'anyrange', 'anymultirange', 'anycompatiblerange'))
      and l.lanname in ('internal', 'sql')
    order by p.oid`,
    [],
    { rows: "array" },
  );
  return [...rows].flatMap(([oid, name, source, isC, types]) => {
    const isEligible = isC
      ? !RETURN_NULL.has(source) || OF_NULL_ONLY.has(source)
      : IN_SQL.has(name);
    const isSampled = types.every((type) => Object.hasOwn(SAMPLES, type));
    return isEligible && isSampled && !SIDE_EFFECTS.test(name) ? [{ oid, name, types }] : [];
  });
}

/** Functions that must not be called to see what comes, or that no statement calls by name. */
const SIDE_EFFECTS =
  /^(pg_(?!backend_pid|column_size|size_|client_encoding|jit|is_in|typeof)|lo_|setval|nextval|currval|lastval|txid|binary_upgrade|set_(?!bit|byte|masklen)|cursor_|query_to|table_to|database_to|schema_to|.*_(in|out|recv|send|typmodin|typmodout|sortsupport|support|handler|trans|accum|inv|combine|serialize|deserialize|final|finalfn)$|inet_(?!same|merge)|to_reg|current_|has_|row_security|brin|gin|gist|spg|bt(?!rim)|hash|hypothetical|ts_debug|amvalidate|suppress|unique_key|RI_|icu_|getdatabaseencoding|dblink|max_|be_|loread|lowrite|array_to_tsv)/;

async function holds(db: Connection, { name, types }: Candidate): Promise<boolean> {
  const calls = combinations(types.map((type) => SAMPLES[type]!))
    .map((parts) => `pg_catalog."${name}"(${parts.join(", ")})`);
  const [filled, nulls] = await db.query("select pg_temp.probe($1)", [calls]).scalar<number[]>();
  return filled! > 0 && nulls === 0;
}

function combinations(lists: readonly (readonly string[])[]): string[][] {
  let all: string[][] = [[]];
  for (const list of lists) {
    all = all.flatMap((some) => list.map((one) => [...some, one]));
    if (all.length > MAX_CALLS) {
      const step = all.length / MAX_CALLS;
      all = Array.from({ length: MAX_CALLS }, (_, i) => all[Math.floor(i * step)]!);
    }
  }
  return all;
}

async function namedFunctions(db: Connection): Promise<Named> {
  const rows = await db.query<[string, number[]]>(
    "select proname, array_agg(oid order by oid) from pg_proc where oid < 10000 group by 1",
    [],
    { rows: "array" },
  );
  return new Map([...rows]);
}

function fileText(functions: readonly number[], named: readonly Named[]): string {
  const oids = (names: readonly string[]): number[] =>
    [...new Set(names.flatMap((name) => named.flatMap((one) => one.get(name) ?? [])))]
      .sort((a, b) => a - b);
  const columns = Object.entries(COLUMNS)
    .flatMap(([name, list]) => oids([name]).map((oid) => `  [${oid}, [${list.join(", ")}]],`));
  const filled = [
    ...oids(OF_ROWS).map((oid) => [oid, "rows"]),
    ...oids(OF_VALUES).map((oid) => [oid, "values"]),
  ];
  return `// Generated by scripts/generate_never_null.ts from PostgreSQL ${MAJORS.join(", ")}.
// deno-fmt-ignore-file

/** Functions that never return NULL to arguments that are not NULL. */
export const NEVER_NULL: ReadonlySet<number> = new Set([
${lines(functions)}
]);

/** Functions that never return NULL. */
export const ALWAYS_A_VALUE: ReadonlySet<number> = new Set([
${lines(oids(ALWAYS))}
]);

/** Set-returning functions of one column that is never NULL. */
export const SETS_NEVER_NULL: ReadonlySet<number> = new Set([
${lines(oids(SETS))}
]);

/** Set-returning functions of several columns: those that are never NULL, from 1. */
export const SET_COLUMNS: ReadonlyMap<number, readonly number[]> = new Map([
${columns.join("\n")}
]);

/** Aggregates that have a value over no rows. */
export const NEVER_NULL_AGGREGATES: ReadonlySet<number> = new Set([
${lines(oids(COUNTS))}
]);

/** Aggregates that have a value over any \`rows\`, or over rows that have \`values\`. */
export const FILLED_AGGREGATES: ReadonlyMap<number, "rows" | "values"> = new Map([
${filled.map(([oid, of]) => `  [${oid}, "${of}"],`).join("\n")}
]);
`;
}

function lines(numbers: readonly number[]): string {
  const out: string[] = [];
  for (let i = 0; i < numbers.length; i += 14) {
    out.push(numbers.slice(i, i + 14).map((one) => `  ${one},`).join("").replace(/^ +/, "  "));
  }
  return out.map((line) => line.replaceAll(",  ", ", ")).join("\n");
}

if (import.meta.main) process.exitCode = await main(process.argv.includes("--check"));
