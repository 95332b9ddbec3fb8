import assert from "node:assert/strict";
import { test } from "node:test";
import { type Fragment, InterfaceError, sql } from "../../mod.ts";
import { assemble } from "../../src/query/fragment.ts";

const TABLE: readonly (readonly [fragment: Fragment, text: string, ...values: unknown[]])[] = [
  [sql`select ${1}, ${"a"}`, "select $1, $2", 1, "a"],
  [sql`select ${null}, ${[1, 2]}`, "select $1, $2", null, [1, 2]],
  [sql`a ${sql`b ${1} ${sql`c ${2}`}`} d ${3}`, "a b $1 c $2 d $3", 1, 2, 3],
  [sql`select * from ${sql("t")}`, 'select * from "t"'],
  [sql`select ${sql("s.t")}`, 'select "s"."t"'],
  [sql`select ${sql("a", "s.b", "c")} from t`, 'select "a", "s"."b", "c" from t'],
  [sql`${sql('we"ird')}`, '"we""ird"'],
  [sql`${sql.identifier("a.b", "c")}`, '"a.b"."c"'],
  [sql`select ${sql(["a", "t.b"])} from t`, 'select "a", "t"."b" from t'],
  [sql`where id in ${sql([1, 2, 3])}`, "where id in ($1, $2, $3)", 1, 2, 3],
  [sql`where id not IN /* x */ ${sql(["a", "b"])}`, "where id not IN /* x */ ($1, $2)", "a", "b"],
  [sql`where id in ${sql([null])}`, "where id in ($1)", null],
  [sql`values ${sql([[1, "a"], [2, "b"]])}`, "values ($1, $2), ($3, $4)", 1, "a", 2, "b"],
  [sql`values ${sql(["a", "b"])}`, "values ($1, $2)", "a", "b"],
  // deno-fmt-ignore
  [
    sql`insert into t ${sql({ a: 1, b: "x" })}`,
    'insert into t ("a", "b") values ($1, $2)',
    1, "x",
  ],
  // deno-fmt-ignore
  [
    sql`insert into t ${sql({ a: 1, b: 2, c: 3 }, "c", "a")} returning *`,
    'insert into t ("c", "a") values ($1, $2) returning *',
    3, 1,
  ],
  // deno-fmt-ignore
  [
    sql`insert into t ${sql([{ a: 1 }, { a: 2 }])}`,
    'insert into t ("a") values ($1), ($2)',
    1, 2,
  ],
  // deno-fmt-ignore
  [
    sql`insert into t (a, b) values ${sql([{ a: 1, b: 2 }, { b: 4, a: 3 }])}`,
    "insert into t (a, b) values ($1, $2), ($3, $4)",
    1, 2, 3, 4,
  ],
  [
    sql`update t set ${sql({ a: 1, b: 2 })} where c`,
    'update t set "a" = $1, "b" = $2 where c',
    1,
    2,
  ],
  [sql`update t set x = 1, ${sql({ a: 1 })}`, 'update t set x = 1, "a" = $1', 1],
  // deno-fmt-ignore
  [
    sql`insert into "set" ${sql({ a: 1 })} on conflict (a) do update set ${sql({ a: 2 })}`,
    'insert into "set" ("a") values ($1) on conflict (a) do update set "a" = $2',
    1, 2,
  ],
  [
    sql`insert into t ${sql({ at: sql`now()`, n: 1 })}`,
    'insert into t ("at", "n") values (now(), $1)',
    1,
  ],
  [sql.join([1, sql`f(${2})`, 3]), "$1, f($2), $3", 1, 2, 3],
  [sql.join([sql`a = ${1}`, sql`b = ${2}`], " and "), "a = $1 and b = $2", 1, 2],
  [sql.join([1, 2], sql` + ${9} + `), "$1 + $2 + $3", 1, 9, 2],
  [sql`where ${sql.and([sql`a = ${1} or b`, true])}`, "where ((a = $1 or b) and ($2))", 1, true],
  [sql`where not ${sql.or([sql`a`])}`, "where not ((a))"],
  [sql`where ${sql.and([])} and ${sql.or([])}`, "where true and false"],
  [sql`where ${sql.or([sql.and([sql`a`, sql`b`]), sql`c`])}`, "where ((((a) and (b))) or (c))"],
  [sql`1 ${[sql`+ ${1}`, sql`- ${2}`]} * ${3}`, "1 + $1 - $2 * $3", 1, 2, 3],
  [sql`${[sql`a`, 5, [sql`b`, sql`c`]]}`, "a $1 b c", 5],
  [sql`${[]}, ${[1, 2]}, ${[[1]]}`, "$1, $2, $3", [], [1, 2], [[1]]],
  [sql`${sql.raw("now()")}`, "now()"],
  [sql`${sql.json({ a: [1] })}, ${sql.json("s")}`, "$1, $2", '{"a":[1]}', '"s"'],
  [sql`${sql.array([1, null], "int4")}`, "$1::int4[]", [1, null]],
  [sql`${sql.array([1])}`, "$1", [1]],
  [sql`${sql.typed("1", "numeric(10, 2)")}`, "$1::numeric(10, 2)", "1"],
  [sql`${sql.typed("a", 'my."Odd type"[]')}`, '$1::my."Odd type"[]', "a"],
  [sql`select ${sql.literal("it's")}, ${sql.literal("a\\b")}`, "select 'it''s',  E'a\\\\b'"],
  [sql`select '\\d\n\x41\u0041\u{1F600}\`\${}'`, "select '\\d\nAA\u{1F600}`${}'"],
  [
    sql`select 'costs $1', $$ $2 $$, "$3", a$4, ${1} -- $5`,
    `select 'costs $1', $$ $2 $$, "$3", a$4, $1 -- $5`,
    1,
  ],
  [
    sql`create function f(int) returns int return $1`,
    "create function f(int) returns int return $1",
  ],
  [sql`1 -${sql.literal(-5)}, ${sql.literal(-5n)}, ${sql.literal(-0)}`, "1 -(-5), (-5), (-0)"],
  [sql`${sql.literal(1.5)}, ${sql.literal(NaN)}`, "1.5, 'NaN'::pg_catalog.float8"],
  [sql`${sql.literal(true)}, ${sql.literal(null)}`, "true, null"],
  [sql`${sql.literal(new Uint8Array([0, 255]))}`, " E'\\\\x00ff'::pg_catalog.bytea"],
  [sql`${sql.literal(new Date(0))}`, "'1970-01-01T00:00:00.000Z'::pg_catalog.timestamptz"],
  [
    sql`${sql.literal(new Date(Date.UTC(-43, 2, 15)))}`,
    "'0044-03-15T00:00:00.000Z BC'::pg_catalog.timestamptz",
  ],
];

for (const [fragment, text, ...values] of TABLE) {
  test(`sql: ${text}`, () => {
    const assembled = assemble(fragment);
    assert.equal(assembled.text, text);
    assert.deepEqual(assembled.values, values);
  });
}

test("sql: a fragment can be used twice, each time with numbers of its own", () => {
  const both = sql`x = ${1}`;
  const { text, values } = assemble(sql`${both} or ${2} or ${both}`);
  assert.equal(text, "x = $1 or $2 or x = $3");
  assert.deepEqual(values, [1, 2, 1]);
});

test("sql: a type given by OID is declared in Parse, not written in the text", () => {
  const { text, types, isTyped } = assemble(sql`${1}, ${sql.typed("2", 20)}`);
  assert.equal(text, "$1, $2");
  assert.deepEqual(types, [0, 20]);
  assert.equal(isTyped, true);
});

type Loose = (...args: unknown[]) => unknown;

const REFUSED: readonly (readonly [what: string, make: () => unknown])[] = [
  ["an empty list", () => sql([])],
  ["an empty list of rows", () => sql`insert into t ${sql([] as object[])}`],
  ["an object without columns", () => sql({})],
  ["a column the object does not have", () => sql({ a: 1 }, "b" as "a")],
  ["a column of a prototype", () => sql({ a: 1 }, "toString" as "a")],
  ["a row without the first one's column", () => sql([{ a: 1 }, { b: 1 } as unknown as { a: 1 }])],
  ["undefined in an object", () => sql({ a: undefined })],
  ["undefined in a list", () => sql([1, undefined as unknown as null])],
  ["undefined in a template", () => assemble(sql`${undefined as unknown as null}`)],
  [
    "an object elsewhere than after INSERT, SET or VALUES",
    () => assemble(sql`where ${sql({ a: 1 })}`),
  ],
  ["several objects after SET", () => assemble(sql`update t set ${sql([{ a: 1 }, { a: 2 }])}`)],
  ["an empty name", () => sql("")],
  ["a number as a second name", () => sql("a", 5 as never)],
  ["undefined as a second name", () => sql("a", undefined as never)],
  ["a fragment with more behind it", () => (sql as Loose)(sql`a`, "b")],
  ["a list with more behind it", () => (sql as Loose)([1, 2], 3)],
  ["a number as a column", () => (sql as Loose)({ a: 1 }, 5)],
  ["an empty part of a name", () => sql("a..b")],
  ["a zero byte in a name", () => sql("a\0b")],
  ["no name at all", () => sql.identifier()],
  ["nothing to join", () => sql.join([])],
  ["nothing as items to join", () => sql.join(undefined as never)],
  ["a string as items to join", () => sql.join("ab" as never)],
  ["undefined among items to join", () => sql.join([1, undefined as never])],
  ["undefined among conditions", () => sql.and([sql`a`, undefined as never])],
  ["a string as conditions", () => sql.or("ab" as never)],
  ["undefined in a list of fragments", () => assemble(sql`${[sql`a`, undefined]}`)],
  ["null as a separator", () => sql.join([1, 2], null as never)],
  ["undefined as raw SQL", () => sql.raw(undefined as never)],
  ["null as raw SQL", () => sql.raw(null as never)],
  ["a number as raw SQL", () => sql.raw(5 as never)],
  ["a string as an array", () => sql.array("ab" as never)],
  ["an escape that JavaScript does not know", () => sql`where path like 'C:\users%'`],
  ["an incomplete escape", () => sql`where path = '\x'`],
  ["an unknown escape behind a value", () => sql`where a = ${1} and path = '\u{110000}'`],
  ["an octal escape", () => sql`where path = '\1'`],
  ["a nested fragment with an unknown escape", () => sql`where ${sql`path = '\xg'`}`],
  ["an escape of which JavaScript drops the backslash", () => sql`where path ~ '\d+'`],
  ["an escaped wildcard without its backslash", () => sql`where path like '100\%'`],
  ["a $1 beside a value", () => assemble(sql`where a = $1 and b = ${2}`)],
  ["a $1 in a fragment beside a value", () => assemble(sql`where ${sql`a = $1`} and b = ${2}`)],
  ["a $1 in raw SQL beside a value", () => assemble(sql`where ${sql.raw("a = $1")} and b = ${2}`)],
  ["a digit directly behind a value", () => assemble(sql`limit ${1}0`)],
  ["a number as a name", () => (sql as unknown as (n: number) => unknown)(5)],
  ["a zero byte in a literal", () => sql.literal("\0")],
  ["an object as a literal", () => sql.literal({} as unknown as null)],
  ["an invalid date as a literal", () => sql.literal(new Date(NaN))],
  ["a function as JSON", () => sql.json(() => {})],
  ["a cycle as JSON", () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    return sql.json(cycle);
  }],
  ...[
    "",
    " ",
    "int; drop table t",
    "int--",
    "int/**/",
    "int'",
    "int)",
    "(int",
    '"open',
    '""',
    "a::b",
    "$1",
    "int $$x$$",
  ]
    .map((
      type,
    ): [string, () => unknown] => [`the type ${JSON.stringify(type)}`, () => sql.typed(1, type)]),
];

for (const [what, make] of REFUSED) {
  test(`sql refuses ${what}`, () => assert.throws(make, InterfaceError));
}
