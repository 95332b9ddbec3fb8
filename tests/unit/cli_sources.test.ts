import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { readSource } from "../../src/cli/sources.ts";
import { tokensOf } from "../../src/cli/source_tokens.ts";
import { isType, membersOf } from "../../src/cli/type_text.ts";

/** The statements of a source's templates, or why they are not known. */
function statements(text: string): (string[] | string)[] {
  return readSource("a.ts", text).templates.map(({ statements }) =>
    "unknown" in statements ? statements.unknown : statements.variants.map((one) => one.text)
  );
}

// deno-fmt-ignore
const SOURCES: readonly [source: string, statements: (string[] | string)[]][] = [
  ["db.sql`select 1`", [["select 1"]]],
  ["await tx.sql<{ a: number }>`select ${a} as a`", [["select $1 as a"]]],
  ["db?.sql<A<B<C>>, [D]>`select 1`", [["select 1"]]],
  ["sql`select 1`; sql`where a = 1`; css`select 1`", [["select 1"]]],
  ["db.sql`select ${a} ${f(`x${b}`)} ${{ c: `}` }}`", [["select $1 $2 $3"]]],
  ["'db.sql`select 1`'; \"`\"; /`/.test(x); // `\n/* ` */ db.sql`select 2`", [["select 2"]]],
  ["a / b; db.sql`select 1`; c / d", [["select 1"]]],
  ["const a = <p>don't {db.sql`select 1`} </p>;", [["select 1"]]],
  ["x = y ? /[`/]/ : 1; db.sql`select 1`", [["select 1"]]],
  ["db.sql`select '\\\\d', '\\u0041', '\\``", [["select '\\d', 'A', '`"]]],
  ["db.sql`select 1 where ${c ? sql`a = ${1}` : sql`true`}`", [["select 1 where a = $1", "select 1 where true"]]],
  ["db.sql`a ${c ? sql`b` : sql``} ${c ? sql`d` : sql``}`", [["a b d", "a  "]]],
  ["db.sql`a ${c ? sql`b` : sql``} ${d ? sql`e` : sql``}`", [["a b e", "a  e", "a b ", "a  "]]],
  ["db.sql`a ${c ? (d ? sql`1` : sql`2`) : sql`3`}`", [["a 1", "a 3", "a 2"]]],
  ["const w = c ? sql`where a = ${x}` : sql``;\ndb.sql`select ${y} ${w} ${w}`", [["select $1 where a = $2 where a = $3", "select $1  "]]],
  ["const w = sql`a`; const v = sql`${w} b`; db.sql`${v} c`", [["a b c"]]],
  ["const rows = await db.sql`select 1`; db.sql`select ${rows}`", [["select 1"], ["select $1"]]],
  ["const w = sql`a`; { const w = sql`b`; } db.sql`select ${w}`", ['"w" is set more than once']],
  ["db.sql`select ${c ? 1 : 2}`", [["select $1"]]],
  ["db.sql`select ${sql(\"a.b\")}, ${sql.identifier('c.d', 'e')}`", [['select "a"."b", "c.d"."e"']]],
  ["db.sql`select 1 where a in ${sql([1, 2])}`", [["select 1 where a in ($1)"]]],
  ["db.sql`insert into t ${sql({ a, 'b c': 1 })}`", [['insert into t ("a", "b c") values ($1, $2)']]],
  ["db.sql`update t set ${sql(row, 'a', 'b')}`", [['update t set "a" = $1, "b" = $2']]],
  ["db.sql`update t set ${sql(row)}`", ["the columns or names of sql() are not in the source"]],
  ["db.sql`select ${sql.typed(a, 'int4')}, ${sql.array(b, 'text')}, ${sql.json(c)}`", [["select $1::int4, $2::text[], $3"]]],
  ["db.sql`select ${sql.raw('now()')}`", [["select now()"]]],
  ["db.sql`select ${sql.join(a)}`", ["sql.join() is not followed"]],
  ["db.sql`select 1 ${[sql`+ ${a}`, sql`- ${b}`, c]}`", [["select 1 + $1 - $2 $3"]]],
  ["db.sql`select 1 ${ids.map((id) => sql`+ ${id}`)}`", ["a list by map() is not followed"]],
  ["db.sql`select ${[1, 2]}`", [["select $1"]]],
  ["db.sql`select ${(await db.sql`select 1`).map(first)}`", [["select $1"]]],
  ["// cornac-ignore\ndb.sql`select 1`; \ndb.sql`select 2`", [["select 2"]]],
  ["type A = Promise<void>; const f = (a: Array<string>) => db.sql`select 1`", [["select 1"]]],
  ["#!/usr/bin/env node `\ndb.sql`select 1`", [["select 1"]]],
];

test("templates are found in sources, and expanded to the statements that they become", () => {
  for (const [source, expected] of SOURCES) deepEqual(statements(source), expected, source);
});

test("a template becomes at most 64 statements", () => {
  const choice = (i: number): string => `\${c${i} ? sql\`a\` : sql\`b\`}`;
  const holes = (count: number): string =>
    Array.from({ length: count }, (_, i) => choice(i)).join("");
  equal(statements(`db.sql\`${holes(6)}\``)[0]!.length, 64);
  deepEqual(statements(`db.sql\`${holes(7)}\``), ["its conditions make more than 64 statements"]);
});

test("a source that cannot be read says where", () => {
  const { error, templates } = readSource("a.ts", "db.sql`select 1`;\nconst a = `b ${c");
  deepEqual([error?.message, error?.offset, templates], ["a template has no end", 34, []]);
  equal(readSource("a.ts", "sql`1` /* x").error?.message, "a comment has no end");
});

test("holes hold values or fragments, and parameters know their hole", () => {
  const source = "db.sql`select ${a}, ${sql('b')}, ${c ? sql`${d}` : sql``}, ${sql.json(e)}`";
  const [template] = readSource("a.ts", source).templates;
  deepEqual(template!.fragments, [false, true, true, false]);
  const { statements } = template!;
  deepEqual("variants" in statements && statements.variants[0]!.holes, [0, undefined, 3]);
});

test("each character of a statement knows its place in the source", () => {
  const source = "db.sql`select '\\n' ${a} x`";
  const [{ statements }] = readSource("a.ts", source).templates as [never];
  const [{ text, offsets }] = (statements as { variants: { text: string; offsets: number[] }[] })
    .variants as [never];
  equal(source[offsets[(text as string).indexOf("x")]!], "x");
  equal(offsets[(text as string).indexOf("$")], -1);
});

const SAME: readonly [written: string, type: string, isSame: boolean][] = [
  ["{ a: number; b: string | null }", "{ a: number; b: string | null }", true],
  ["{\n  a: number;\n  b:\n    | string\n    | null;\n}", "{ a: number; b: string | null }", true],
  ["{ a: number, b: string | null, }", "{ a: number; b: string | null }", true],
  ["[number, 'sad' | 'ok',]", '[number, "sad" | "ok"]', true],
  ["{ a: number }", "{ a: number | null }", false],
  ["{ a: number; b: number }", "{ b: number; a: number }", false],
];

test("types are compared without their layout", () => {
  for (const [written, type, isSame] of SAME) {
    equal(isType(tokensOf(written), type), isSame, written);
  }
  const members = membersOf(tokensOf('{ a: { b: number }; "c d": string[] | null }'))!;
  deepEqual([...members.keys()], ["a", "c d"]);
});
