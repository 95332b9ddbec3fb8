import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueryConfig } from "../../src/compat/pg/pg.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { login, ours, outcome, peer, type PgModule } from "./compat_pg_pair.ts";

/** How often a call is made: once by the simple protocol, once in text, once prepared. */
const TIMES = 3;

/** A call of `query()`: its arguments. */
type Call = readonly [config: string | QueryConfig, values?: unknown[]];

const TYPES: readonly string[] = [
  ...["1::int2", "-1::int2", "2147483647::int4", "-5::int4", "4294967295::oid"],
  ...["1::int8", "-9223372036854775808::int8", "1.50::numeric", "'NaN'::numeric", "-0.1::float4"],
  ...["1.1::float4", "1e300::float8", "'-0'::float8", "'Infinity'::float8", "'NaN'::float8"],
  ...["true", "false", "null::int", "'text'::text", "'a'::char(3)", "'n'::name", "''::text"],
  ...[
    "'\\x00ff'::bytea",
    "''::bytea",
    "'12.34'::money",
    "'{\"a\":[1]}'::json",
    "'[1,null]'::jsonb",
  ],
  ...["'null'::jsonb", "'2024-02-29'::date", "'0044-03-15 BC'::date", "'0050-01-01'::date"],
  ...["'infinity'::date", "'-infinity'::timestamp", "'infinity'::timestamptz"],
  ...["'2024-01-02 03:04:05.678901'::timestamp", "'1883-11-18 12:00:00'::timestamp"],
  ...["'0001-01-01 00:00:00'::timestamp", "'0099-12-31 23:59:59.999999'::timestamptz"],
  ...["'2024-07-02 03:04:05.000001+02'::timestamptz", "'1890-01-01 BC'::timestamptz"],
  ...["'1969-12-31 23:59:59.999999+00'::timestamptz", "'-4000-01-01'::date"],
  ...[
    "'12:34:56.7'::time",
    "'12:34:56+02'::timetz",
    "'1 year 2 mons 3 days 04:05:06.789'::interval",
  ],
  ...["'-1 day -00:00:01.5'::interval", "'0'::interval", "'1 mon -3 days +04:05:06'::interval"],
  ...["'(1,2.5)'::point", "'<(1,2),3>'::circle", "'((0,0),(1,1))'::box", "'{1,2,3}'::line"],
  ...["'1.2.3.4/8'::inet", "'10.0.0.0/8'::cidr", "'08:00:2b:01:02:03'::macaddr", "'101'::varbit"],
  ...["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "'a b'::tsvector", "'[1,3)'::int4range"],
  ...["'<a/>'::xml", "'16/B374D848'::pg_lsn", "'pg_class'::regclass", "row(1,'x')"],
  ...["array[1,null,3]", "'{}'::int[]", "array[[1,2],[3,4]]", "'[0:1]={5,6}'::int[]"],
  ...["array[1,-2]::int2[]", "array[1,-9007199254740993]::int8[]", "array[1.5,null]::numeric[]"],
  ...["array[1.5,'NaN']::float8[]", "array[0.1]::float4[]", "array[true,null]"],
  ...["array['a','b c','\"q\"','\\\\',null,'NULL','','{','a,b']", "array['x']::varchar[]"],
  ...["array['\\x01'::bytea]", "array['{\"a\":1}'::json]", "array['[1]'::jsonb,null]"],
  ...["array['2024-01-02'::date,'infinity'::date]", "array['2024-01-02 03:04:05'::timestamp]"],
  ...["array['2024-01-02 03:04:05+00'::timestamptz]", "array['1 day'::interval]"],
  ...["array['(1,2)'::point]", "array['((0,0),(1,1))'::box]", "array['12:00'::time]"],
  ...["array['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid]", "array['1.2.3.4'::inet]"],
  ...["array['[1,2]'::int4range]", "array[1::oid]", "array['1.0'::money]", "array['n'::name]"],
];

const VALUES: readonly (readonly [type: string, values: readonly unknown[]])[] = [
  ["text", [
    ...["a", "", "ä€😀", 1, 1.5, -0, NaN, Infinity, 12n, true, false, null, undefined],
    ...[{ a: 1 }, [], [1, "b"], new Map(), () => 1, new Date(0), new Date(-1e13)],
    ...[{ toPostgres: () => "own" }, { toPostgres: () => [1, 2] }, { toJSON: () => "j" }],
    ...[{ toPostgres: (prepare: (value: unknown) => unknown) => prepare(new Date(0)) }],
  ]],
  ["int4", [1, "2", 1.5, true, "x", 2 ** 31, null]],
  ["int8", [9007199254740993n, "1", 1]],
  ["float8", [0.1, -0, "NaN", 1e21, 5e-324]],
  ["numeric", [1.10, "1.10", 1e21]],
  ["bool", [true, "t", 0, "yes", "maybe"]],
  ["bytea", [new Uint8Array([0, 255]), new Uint16Array([1]), "\\x01", "text"]],
  ["json", [{ a: [1, null] }, "1", [1, 2], 1, null]],
  ["jsonb", [{ a: "ä" }, '"s"', [{ a: 1 }], true]],
  ["date", [new Date(2024, 1, 29), "2024-02-29"]],
  ["timestamptz", [new Date(1e12), new Date(-6e13), new Date(-63e12), "2024-01-01"]],
  ["timestamp", [new Date(1e12 + 1)]],
  // deno-lint-ignore no-sparse-arrays
  ["int4[]", [[1, null, 2], [1, , 3], [], [[1, 2], [3, 4]], "{1,2}", ["x"]]],
  ["text[]", [["a", 'b"c', "d\\e", "", null, undefined, "NULL", 1, true, { a: 1 }], [["x"], [
    "y",
  ]]]],
  ["bytea[]", [[new Uint8Array([1, 2]), null]]],
  ["timestamptz[]", [[new Date(0)]]],
  ["uuid", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "nonsense"]],
  ["interval", ["1 day", { toPostgres: () => "2 days" }]],
];

const SELECTS: readonly Call[] = TYPES.map((type) => [`select ${type} as v, 1 as n`] as const);
const PARAMETERS: readonly Call[] = VALUES.flatMap(([type, values]) =>
  values.map((value) => [`select $1::${type} as v`, [value]] as const)
);

const COMMANDS: readonly Call[] = [
  ["begin"],
  ["create temp table if not exists t (id int primary key, b text not null, c int check (c < 9))"],
  ["create temp table if not exists t (id int primary key, b text not null, c int check (c < 9))"],
  ["insert into t values (1, 'a', 1)"],
  ["insert into t values ($1, $2, $3) returning *", [2, "b", 2]],
  ["update t set b = b"],
  ["update t set b = $1 where false", ["x"]],
  ["delete from t where false"],
  ["merge into t using (select 1 as id) s on t.id = s.id when matched then do nothing"],
  ["select * from t order by id"],
  ["select id from t where false"],
  ["commit"],
  ["insert into t values (1, 'a', 1)"],
  ["insert into t values ($1, $2)", [3, null]],
  ["insert into t values (4, 'd', 100)"],
  ["select * from t where id = $1", ["x"]],
  ["select 1/0"],
  ["select $1::int / 0", [1]],
  ["selec 1"],
  ["select * from missing"],
  ["select missing from t"],
  ["select 'ab'::varchar(1), 'x'::int"],
  ["select $1", []],
  ["select $1::int"],
  ["select $1::int + $2::int", [1]],
  ["select 1", [1]],
  [""],
  ["   "],
  ["-- nothing"],
  [";"],
  ["select 1;"],
  ["select ';' as semicolon"],
  ["select 1 as a; select 2 as b, 3 as c"],
  ["select 1 as a; select 1/0; select 3"],
  ["create temp table u (i int); insert into u values (1), (2); select * from u; drop table u"],
  ["select"],
  ["select from generate_series(1, 2)"],
  ["select from generate_series(1, $1::int)", [2]],
  [{ text: "select from generate_series(1, 2)", rowMode: "array" }],
  ["select from generate_series(1, 2); select 1 as x"],
  ["select 1 as a, 2 as a, 3 as b"],
  [{ text: "select 1 as a, 2 as a", rowMode: "array" }],
  [{ text: "select $1::int as x", values: [1], rowMode: "array" }],
  [{ text: "select $1::int as x", values: [1] }, [2]],
  [{ text: "select $1::text as x", values: ["n"], name: "named" }],
  [{ name: "named", values: ["again"] }],
  [{ text: "select 'other'", name: "named" }],
  [{ text: "selec", name: "broken" }],
  [{ text: "select 1 as mended", name: "broken" }],
  [{ text: "select generate_series(1, 5) as g", rows: 9 }],
  [{ text: "select 1 as q", queryMode: "extended" }],
  [{ text: "select 1 as q; select 2", queryMode: "extended" }],
  [{ text: "select $1::int as b, 2::int8 as i, 1.25 as n, true as t", values: [5], binary: true }],
  [{ text: "select array[1,2] as a, 'x'::text as t, null as z", values: [], binary: true }],
  [{} as QueryConfig],
  [{ text: 5 } as unknown as QueryConfig],
  ["select 1", "x" as unknown as unknown[]],
  [{ text: "select 1 as x", values: null } as unknown as QueryConfig],
  ["set work_mem = 1000"],
  ["show work_mem"],
  ["reset work_mem"],
  ["explain (costs off) select 1"],
  ["declare c cursor for select 1"],
  ["begin; declare c cursor for select 1 as one; fetch all from c; close c; commit"],
  ["prepare p as select 1 as p"],
  ["execute p"],
  ["deallocate p"],
  ["listen x"],
  ["unlisten x"],
  ["do $$ begin raise exception 'custom' using errcode = 'P0001', detail = 'd', hint = 'h'; end $$"],
  ["create function pg_temp.f() returns int language sql as 'select 7'"],
  ["select pg_temp.f() as f"],
  ["call missing()"],
  ["values (1, 'a'), (2, 'b')"],
  ["table t"],
  ["with w as (select 1 as x) select * from w"],
  ['select 1 as "ä", 2 as "a b", 3 as "constructor"'],
  ["rollback"],
  ["begin"],
  ["select 1/0"],
  ["select 1"],
  ["rollback"],
];

/** Runs the calls one after the other on a client of its own; returns the outcome of each. */
async function run(pg: PgModule, calls: readonly Call[]): Promise<string[]> {
  const client = new pg.Client(await login());
  client.on("error", () => {});
  await client.connect();
  const outcomes: string[] = [];
  try {
    for (const [config, values] of calls) {
      for (let i = 0; i < TIMES; i++) outcomes.push(await outcome(client.query(config, values)));
    }
  } finally {
    await client.end();
  }
  return outcomes;
}

const TABLES: readonly (readonly [what: string, calls: readonly Call[]])[] = [
  ["values of types", SELECTS],
  ["parameters", PARAMETERS],
  ["commands and errors", COMMANDS],
];

for (const [what, calls] of TABLES) {
  test(`compat/pg: ${calls.length} calls: ${what} are as with pg, each time`, () =>
    withoutUnhandled(async () => {
      const [theirs, mine] = [await run(peer, calls), await run(ours, calls)];
      const different = theirs.flatMap((one, i) =>
        one === mine[i]
          ? []
          : [{ call: calls[Math.floor(i / TIMES)], time: i % TIMES + 1, pg: one, ours: mine[i] }]
      );
      assert.deepEqual(different, []);
    }));
}
