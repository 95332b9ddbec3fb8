/** The entry point in the shape of postgres.js gives what postgres.js gives, call by call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import real from "postgres";
import ours, { type Options, type Sql } from "../../src/compat/postgres/postgres.ts";
import { CALLS } from "./compat_postgres_calls.ts";
import { type Call, outcomeOf, type Pair, seen, withPair } from "./compat_postgres_pair.ts";

async function compare({ real, ours }: Pair, name: string, call: Call): Promise<void> {
  const wanted = await outcomeOf(real, call);
  assert.deepEqual(await outcomeOf(ours, call), wanted, name);
}

const VALUES: Readonly<Record<string, unknown>> = {
  ...{ number: 1, fraction: 1.5, nan: NaN, bigint: 10n, string: "s", digits: "12" },
  ...{ true: true, false: false, null: null, date: new Date(0), bytes: new Uint8Array([1, 2]) },
  ...{ object: { a: 1 }, map: new Map(), numbers: [1, 2], strings: ["a", 'b"\\,{}'], empty: [] },
  ...{ nested: [[1], [2]], dates: [new Date(0)], booleans: [true, false], view: new Int16Array(2) },
  ...{ moment: "2026-01-02 03:04:05Z", json: '{"a":1}' },
};

const CASTS: readonly string[] = [
  "",
  "::text",
  "::int",
  "::int8",
  "::float8",
  "::numeric",
  "::bool",
]
  .concat("::jsonb", "::timestamptz", "::timestamp", "::date", "::bytea", "::text[]", "::int[]")
  .concat("::uuid", "::jsonb[]");

/** Values without a text of these types. */
const IMPROPER = /^(number|fraction|nan|object|map|view)::(bytea|.*\[\])$/;
/** Types whose serializer throws. After such an error postgres.js answers no more queries. */
const THROWING = /::(timestamp|timestamptz|date)$/;

test("compat postgres: each value for each type is what it is in postgres.js", () =>
  withPair(async (pair) => {
    let count = 0;
    for (const [name, value] of Object.entries(VALUES)) {
      for (const cast of CASTS) {
        const what = `${name}${cast}`;
        const call: Call = (sql) => sql.unsafe(`select $1${cast} as x`, [value], { prepare: true });
        if (IMPROPER.test(what)) {
          await outcomeOf(pair.ours, call);
          assert.deepEqual([...await pair.ours`select 1 as a`], [{ a: 1 }], what);
          continue;
        }
        if (THROWING.test(what)) await withPair((fresh) => compareValue(fresh, what, call));
        else await compareValue(pair, what, call);
        count++;
      }
    }
    assert.ok(count > 250, `${count} calls were compared`);
  }));

async function compareValue({ real, ours }: Pair, what: string, call: Call): Promise<void> {
  const wanted = withoutTypes(await outcomeOf(real, call));
  assert.deepEqual(withoutTypes(await outcomeOf(ours, call)), wanted, what);
}

/** Errors of postgres.js have the types that it has inferred, or those of the description. */
function withoutTypes(outcome: unknown): unknown {
  const { types: _, ...rest } = outcome as Record<string, unknown>;
  return rest;
}

const READ: readonly string[] = [
  ...["1::int2", "1::oid", "1.5::float4", "0.1::float4", "1e300::float8", "'NaN'::float8"],
  ...["'-0'::float8", "'Infinity'::float8", "9007199254740993::int8", "-1.50::numeric", "true"],
  ...["null::int", "'text'", "''", "'a'::char(3)", "'n'::name", "'a'::\"char\"", "1::money"],
  ...[
    "'2026-01-01 10:00:00.123456+00'::timestamptz",
    "'1969-12-31 23:59:59.999999+00'::timestamptz",
  ],
  ...["'infinity'::timestamptz", "'-infinity'::timestamptz", "'9999-12-31 23:59:59Z'::timestamptz"],
  ...["'2026-01-01 10:00:00.5'::timestamp", "'2026-01-01'::date", "'1800-02-03'::date"],
  ...["'infinity'::date", "'10:00:01.5'::time", "'10:00+02'::timetz", "'1 mon 2 days'::interval"],
  ...["'{\"a\":[1,null]}'::json", "'null'::jsonb", "'\"x\"'::jsonb", "'\\xdeadbeef'::bytea"],
  ...["''::bytea", "'(1,2)'::point", "'[1,5)'::int4range", "B'101'", "'<a/>'::xml", "row(1,'a')"],
  ...["'00000000-0000-0000-0000-000000000001'::uuid", "'127.0.0.1'::inet", "'a'::tsvector"],
  ...["array[1,2]", "array['a','b c','d\"e',E'f\\\\g','']", "array[[1,2],[3,4]]", "'{}'::int[]"],
  ...[
    "array[1.5,2]::numeric[]",
    "array[true,false]",
    "array['{\"a\":1}'::jsonb]",
    "array[1::int8]",
  ],
  ...["array['2026-01-01'::date]", "array[now() - now()]", "'{(1,2),(3,4);(4,5),(6,7)}'::box[]"],
  ...["'[0:1]={5,6}'::text[]", "array[row(1,2)]", "array['\\x01'::bytea]", "pg_typeof(1)"],
];

test("compat postgres: each type is read as in postgres.js, in each protocol and shape", () =>
  withPair(async (pair) => {
    for (const expression of READ) {
      // With bounds of its own, an array gets one level more in postgres.js.
      if (expression.startsWith("'[0:1]")) continue;
      const text = `select ${expression} as x`;
      const calls: readonly (readonly [string, Call])[] = [
        ["simple", (sql) => sql.unsafe(text)],
        ["first", (sql) => sql.unsafe(`${text}, $1::int as n`, [1], { prepare: true })],
        ["again", (sql) => sql.unsafe(`${text}, $1::int as n`, [1], { prepare: true })],
        ["values", (sql) => sql.unsafe(`${text}, $1::int as n`, [1]).values()],
        ["raw", (sql) => sql.unsafe(`${text}, $1::int as n`, [1], { prepare: true }).raw()],
        ["describe", (sql) => sql.unsafe(text).describe()],
      ];
      for (const [how, call] of calls) await compare(pair, `${text} (${how})`, call);
    }
  }));

const COMMANDS: readonly string[] = [
  ...["create temp table cmd (a int, b text)", "insert into cmd values (1), (2)", ""],
  ...["insert into cmd values (3) returning a", "update cmd set a = 1", "delete from cmd"],
  ...["select * from cmd", "select 1 as a, 2 as a, null as b", "values (1), (2)", "show timezone"],
  ...["explain (costs off) select 1", "set application_name = 'x'", "begin", "commit"],
  ...[
    "select 1; select 2 as b",
    "create temp table if not exists cmd2 as select 1 as b",
    "drop table cmd2",
  ],
  ...["do $$ begin end $$", "select 1 where false", "listen x", "fetch 1 from nowhere"],
  ...["selec 1", "select 1/0", "select * from nowhere", "select 1; select 1/0"],
  ...["insert into cmd values ('x')", "drop table cmd"],
];

test("compat postgres: commands have the same results and errors", () =>
  withPair(async (pair) => {
    for (const text of COMMANDS) {
      await compare(pair, `unsafe ${text}`, (sql) => sql.unsafe(text));
    }
    for (const text of COMMANDS.filter((one) => !one.includes(";"))) {
      const strings = Object.assign([text], { raw: [text] });
      await compare(pair, `tag ${text}`, (sql) => sql(strings as unknown as TemplateStringsArray));
    }
  }));

const ROW = { a: 1, b: "x" };

/** Helpers in texts that are no SQL: the error shows the text. */
const HELPERS: readonly ((sql: Sql) => PromiseLike<unknown>)[] = [
  (sql) => sql`zz ${sql(["a", "b"])}`,
  (sql) => sql`zz in ${sql(["a", "b"])}`,
  (sql) => sql`zz IN ${sql([1])} and b`,
  (sql) => sql`zz in(${sql(["a"])})`,
  (sql) => sql`zz values ${sql([["a", 1], ["b", 2]])}`,
  (sql) => sql`zz values ${sql(["a", 1])}`,
  (sql) => sql`zz values ${sql(ROW)}`,
  (sql) => sql`zz select ${sql(ROW)}`,
  (sql) => sql`zz select ${sql(ROW, "a")}`,
  (sql) => sql`zz select ${sql("a", "b")} from ${sql("s.t")}`,
  (sql) => sql`zz update ${sql("t")} set ${sql(ROW)}`,
  (sql) => sql`zz update t set ${sql(ROW, "a")} where x in ${sql([1, 2])}`,
  (sql) => sql`zz update t set ${sql(ROW, ["b", "a"])}`,
  (sql) => sql`zz insert into t ${sql([ROW, ROW], ["a"])}`,
  (sql) => sql`zz insert into t ${sql([ROW, ROW], "b")}`,
  (sql) => sql`zz insert into t ${sql(ROW)} returning ${sql(["a"])}`,
  (sql) => sql`zz insert into t ${sql({ a: sql`now()`, b: sql.json({ c: 1 }) })}`,
  (sql) => sql`zz returning ${sql("a", "b")}`,
  (sql) => sql`zz as x (${sql(["a", "b"])})`,
  (sql) => sql`zz ( ${sql(ROW)} )`,
  (sql) => sql`zz ${sql("a.b.c")} ${sql('q"r')} ${sql("!x y")}`,
  (sql) => sql`zz ${[sql`a`, sql`b ${1}`]} ${sql`c ${2}`}`,
  (sql) => sql`zz ${sql`in ${sql([1, 2])}`} ${sql([3])}`,
  (sql) => sql`zz ${sql.unsafe("x; y")} ${sql.typed(1, 23)} ${sql.array([1, 2])} ${sql.json([1])}`,
  (sql) => sql`zz ${sql.array(["a"], 1009)} ${sql.array([])} ${[1, 2]} ${{ a: 1 }} ${true} ${5n}`,
  (sql) => sql`zz select * from (values ${sql([[1, "a"]])}) where a = ${sql`x`}`,
  (sql) => sql`zz on conflict (a) do update set ${sql(ROW)}`,
  (sql) => sql`zz where (a, b) in ${sql([[1, 2], [3, 4]])}`,
];

/** Helpers with values that are refused. Afterwards postgres.js answers no more queries. */
const REFUSED: typeof HELPERS = [
  (sql) => sql`zz in ${sql([undefined])}`,
  (sql) => sql`zz insert into t ${sql({ a: undefined })}`,
  (sql) => sql`zz ${undefined}`,
  (sql) => sql`zz values ${sql([ROW, ROW], "a")}`,
];

for (
  const [name, transform] of [["none", {}], ["camel", ours.camel], ["to", {
    column: { to: upper },
  }]] as const
) {
  test(`compat postgres: helpers write the same texts and parameters (transform: ${name})`, () =>
    withPair(async (pair) => {
      // The array types are known once a connection is open.
      await compare(pair, "first", (sql) => sql`select 1 as a_b`);
      for (const [i, call] of HELPERS.entries()) await compare(pair, `helper ${i}`, call);
    }, { transform } as Options));
}

test("compat postgres: helpers refuse undefined values", async () => {
  for (const [i, call] of REFUSED.entries()) {
    await withPair((fresh) => compare(fresh, `helper ${i}`, call));
  }
});

function upper(name: string): string {
  return name.toUpperCase();
}

const TRANSFORMED: readonly Call[] = [
  (sql) => sql`select 1 as a_b, '{"c_d":{"e_f":[{"g_h":null}]}}'::jsonb as i_j, null as k_l`,
  (sql) => sql`select 1 as a_b, '[{"c_d":1}]'::json as i_j`.values(),
  (sql) => sql`select 1 as a_b, '[{"c_d":1}]'::json as i_j`.raw(),
  (sql) => sql`select 1 as a_b`.describe(),
  (sql) => sql.unsafe("select 1 as a_b; select '1'::jsonb as c_d"),
  async (sql) => {
    const rows: unknown[] = [];
    await sql`select generate_series(1, 2) as a_b`.forEach((row) => rows.push(row));
    return rows;
  },
  async (sql) => {
    const rows: unknown[] = [];
    await sql`select generate_series(1, 3) as a_b`.cursor(2, (batch) => void rows.push([...batch]));
    return rows;
  },
];

const TRANSFORMS: Readonly<Record<string, object>> = {
  none: {},
  ...{ camel: ours.camel, pascal: ours.pascal, kebab: ours.kebab, toCamel: ours.toCamel },
  row: { row: (row: object) => ({ ...row, more: true }) },
  value: { value: (value: unknown) => [value] },
  column: { column: upper },
  all: {
    row: { from: (row: object) => Object.entries(row) },
    value: { from: (value: unknown, column: { name: string }) => [column?.name, value] },
    column: { from: upper },
  },
};

for (const [name, transform] of Object.entries(TRANSFORMS)) {
  test(`compat postgres: rows are transformed as in postgres.js: ${name}`, () =>
    withPair(async (pair) => {
      for (const [i, call] of TRANSFORMED.entries()) await compare(pair, `call ${i}`, call);
    }, { transform } as Options));
}

test("compat postgres: transactions, cursors, copies and errors come out alike", async () => {
  for (const [name, call] of Object.entries(CALLS)) {
    // After some errors postgres.js answers no more queries, or has rows of the query before.
    await withPair((fresh) => compare(fresh, name, call));
  }
});

test("compat postgres: the order of results and events is that of postgres.js", () =>
  withPair(async ({ real, ours }) => {
    const [wanted, got] = await Promise.all([real, ours].map(async (sql) => {
      const order: string[] = [];
      const note = (what: string) => (): number => order.push(what);
      await Promise.all([
        sql`select 1`.then(note("one")),
        sql`select 1/0`.catch(note("failed")),
        sql.begin(async (tx) => {
          order.push("begun");
          await tx`select 1`.then(note("in transaction"));
        }).then(note("committed")),
        sql`select 2`.then(note("two")),
        sql`select 3`.then(note("three")),
      ]);
      return order;
    }));
    assert.deepEqual(got, wanted);
  }));

const ADDRESSES: readonly (readonly [string | undefined, object])[] = [
  ["postgres://u%40:p%20w@h1:1,h2:2/db?sslmode=require&application_name=app&foo=bar", {}],
  ["postgres://localhost", { user: "u" }],
  ["postgres://u@h:99/d?idle_timeout=3&connect_timeout=4", { max: 3, idle_timeout: 5 }],
  [undefined, { hostname: "hh", username: "uu", db: "dd", pass: "pp", no_prepare: true }],
  [undefined, { host: "/tmp", port: 99, user: "u", onnotice: false }],
  [undefined, { host: ["a", "b"], port: [1, 2], user: "u", transform: { undefined: null } }],
  [undefined, { user: "öla", pass: "pass^word", types: { bigint: ours.BigInt }, debug: true }],
  [undefined, { user: "u", connection: { "a.b": "c" }, ssl: "prefer", max_lifetime: null }],
];

test("compat postgres: options are parsed to the same", () => {
  for (const [url, options] of ADDRESSES) {
    const [wanted, got] = [real, ours].map((make) => {
      const given = url === undefined ? [options] : [url, options];
      const { options: parsed } = (make as unknown as (...all: unknown[]) => Sql)(...given);
      const { parameters: _, ...rest } = parsed as unknown as Record<string, unknown>;
      return seen(rest) as Record<string, unknown>;
    });
    assert.deepEqual(Object.keys(got!).sort(), Object.keys(wanted!).sort());
    assert.deepEqual(got, wanted, `${url} ${JSON.stringify(options)}`);
  }
});

test("compat postgres: names are converted as in postgres.js", () => {
  const names = ["a_b", "a__b", "_a_b", "A_B", "aB", "ABC", "a-b", "a_1", "x", "a_B_c", "aBC"]
    .concat("AbC1", "a-b-c", "snake_case_9x", "helloWorld2", "__a");
  for (
    const way of ["toCamel", "toPascal", "toKebab", "fromCamel", "fromPascal", "fromKebab"] as const
  ) {
    for (const name of names) assert.equal(ours[way](name), real[way](name), `${way}("${name}")`);
  }
});
