import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError } from "../../mod.ts";
import type { Arguments, ParamStyle } from "../../src/dbapi/arguments.ts";
import { convertParamstyle, scanText } from "../../src/dbapi/paramstyle.ts";
import { statementWords } from "../../src/dbapi/statement_words.ts";

type Case = readonly [
  style: ParamStyle,
  text: string,
  args: Arguments,
  sql: string,
  values: unknown[],
];

const CASES: readonly Case[] = [
  // pg8000's own tests
  [
    "qmark",
    `SELECT ?, ?, "field_?" FROM t WHERE a='say ''what?''' AND b=? AND c=E'?\\'test\\'?'`,
    [1, 2, 3],
    `SELECT $1, $2, "field_?" FROM t WHERE a='say ''what?''' AND b=$3 AND c=E'?\\'test\\'?'`,
    [1, 2, 3],
  ],
  [
    "qmark",
    "SELECT ?, ?, * FROM t WHERE a=? AND b='are you ''sure?'",
    [1, 2, 3],
    "SELECT $1, $2, * FROM t WHERE a=$3 AND b='are you ''sure?'",
    [1, 2, 3],
  ],
  [
    "numeric",
    `SELECT :2, :1, * FROM t WHERE a=:3`,
    ["a", "b", "c"],
    `SELECT $1, $2, * FROM t WHERE a=$3`,
    ["b", "a", "c"],
  ],
  [
    "numeric",
    "make_interval(days := 10, hours := :1)",
    [1],
    "make_interval(days := 10, hours := $1)",
    [1],
  ],
  [
    "named",
    `SELECT :f_2, :f1 FROM t WHERE a=:f_2`,
    { f_2: 1, f1: 2 },
    `SELECT $1, $2 FROM t WHERE a=$1`,
    [1, 2],
  ],
  ["named", "SELECT $$'$$ = :v", { v: "'" }, "SELECT $$'$$ = $1", ["'"]],
  [
    "format",
    `SELECT %s, %s, "f1_%%", E'txt_%%' FROM t WHERE a=%s AND b='75%%' AND c = '%' -- Comment with %`,
    [1, 2, 3],
    `SELECT $1, $2, "f1_%%", E'txt_%%' FROM t WHERE a=$3 AND b='75%%' AND c = '%' -- Comment with %`,
    [1, 2, 3],
  ],
  ["format", "SELECT -- Comment\n%s FROM t", [1], "SELECT -- Comment\n$1 FROM t", [1]],
  [
    "pyformat",
    `SELECT %(f2)s, %(f1)s, "f1_%%" FROM t WHERE a=%(f2)s AND b='75%%'`,
    { f2: 1, f1: 2 },
    `SELECT $1, $2, "f1_%%" FROM t WHERE a=$1 AND b='75%%'`,
    [1, 2],
  ],
  ["pyformat", "SELECT %s, %s", [1, 2], "SELECT $1, $2", [1, 2]],
  // What pg8000's scanner missed
  ["named", "select /* :no /* :no */ :no */ :a", { a: 1 }, "select /* :no /* :no */ :no */ $1", [
    1,
  ]],
  ["named", "select a[y :no], a[y : :x]", { x: 1 }, "select a[y :no], a[y : $1]", [1]],
  [
    "named",
    "select json_object('k':no, 'l' : :x)",
    { x: 1 },
    "select json_object('k':no, 'l' : $1)",
    [1],
  ],
  [
    "numeric",
    "select json_object('k':1), a[n :1], :1",
    [5],
    "select json_object('k':1), a[n :1], $1",
    [5],
  ],
  ["named", "select $t$ :no $$ :no $t$, :a", { a: 1 }, "select $t$ :no $$ :no $t$, $1", [1]],
  ["named", "select e'\\':no', :a", { a: 1 }, "select e'\\':no', $1", [1]],
  ["named", "select E'\\\\', :a, ':no'", { a: 1 }, "select E'\\\\', $1, ':no'", [1]],
  ["named", "select U&'d\\0061\\', :a", { a: 1 }, "select U&'d\\0061\\', $1", [1]],
  [
    "named",
    'select U&":no\\0061", ":no"":no", :a',
    { a: 1 },
    'select U&":no\\0061", ":no"":no", $1',
    [1],
  ],
  ["named", "select 1 - -:a, 2 --:no\n", { a: 1 }, "select 1 - -$1, 2 --:no\n", [1]],
  ["named", "select E'a' -- '\n 'b\\':no', :a", { a: 1 }, "select E'a' -- '\n 'b\\':no', $1", [1]],
  ["named", "select :été, :été", { "été": 1 }, "select $1, $1", [1]],
  // Casts, assignments, slices
  ["named", "select :a::int, now()::text::name", { a: 1 }, "select $1::int, now()::text::name", [
    1,
  ]],
  ["named", "select f(x := :a, y:=:b)", { a: 1, b: 2 }, "select f(x := $1, y:=$2)", [1, 2]],
  [
    "named",
    "select a[1:n], a[i:n], a[(1):n], a[b[1]:n], a[1 :n], a[1:n+:k]",
    { k: 1 },
    "select a[1:n], a[i:n], a[(1):n], a[b[1]:n], a[1 :n], a[1:n+$1]",
    [1],
  ],
  [
    "named",
    "select a[:i], array[:i, :j], a[:i: :j], a[1: :j]",
    { i: 1, j: 2 },
    "select a[$1], array[$1, $2], a[$1: $2], a[1: $2]",
    [1, 2],
  ],
  [
    "named",
    "select a[case when :i then 1 else :j end]",
    { i: 1, j: 2 },
    "select a[case when $1 then 1 else $2 end]",
    [1, 2],
  ],
  ["numeric", "select a[1:2], a[:1]", [7], "select a[1:2], a[$1]", [7]],
  ["named", "select a[:2]", {}, "select a[:2]", []],
  // Doubled marks
  ["format", "select 7 %% %s", [4], "select 7 % $1", [4]],
  [
    "qmark",
    "select j ?? 'a' and j ??| ? and j ??& ?",
    [1, 2],
    "select j ? 'a' and j ?| $1 and j ?& $2",
    [1, 2],
  ],
  // Repeated keys
  ["numeric", "select :1, :1, :2", ["a", "b"], "select $1, $1, $2", ["a", "b"]],
  ["numeric", "select :2", ["a", "b"], "select $1", ["b"]],
  ["pyformat", "select %(a b)s", { "a b": 1 }, "select $1", [1]],
  // PostgreSQL's own
  ["format", "select $1, $2, $1", ["a", "b"], "select $1, $2, $1", ["a", "b"]],
  ["named", "select $1::int", [5], "select $1::int", [5]],
  ["named", "select :a", Object.create({ b: 1 }, { a: { value: 2 } }), "select $1", [2]],
];

for (const [style, text, args, sql, values] of CASES) {
  test(`paramstyle ${style}: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(convertParamstyle(style, text, args), [sql, values]);
  });
}

const REFUSED: readonly [style: ParamStyle, text: string, args: Arguments, message: RegExp][] = [
  ["format", "select %d", [1], /Only %s and %% are supported/],
  ["format", "select 100%", [1], /Only %s and %% are supported/],
  ["pyformat", "select %(a)d", { a: 1 }, /Only %s, %\(name\)s and %% are supported/],
  ["format", "select %s, %s", [1], /1 arguments given, the statement takes 2/],
  ["qmark", "select ?", [1, 2], /2 arguments given, the statement takes 1/],
  ["numeric", "select :3", [1, 2], /2 arguments given, the statement takes 3/],
  ["named", "select :a", { b: 1 }, /no argument for the placeholder "a"/],
  ["named", "select :toString", {}, /no argument for the placeholder "toString"/],
  ["named", "select :a", [1], /by name/],
  ["format", "select %s", { a: 1 }, /by position/],
  ["named", "select :a, $1", { a: 1 }, /cannot have \$1 as well/],
  ["pyformat", "select %(a)s, %s", { a: 1 }, /by position/],
  ["percent" as ParamStyle, "select 1", [1], /paramstyle must be one of "qmark"/],
  ["toString" as ParamStyle, "select 1", [1], /paramstyle must be one of "qmark"/],
];

for (const [style, text, args, message] of REFUSED) {
  test(`paramstyle ${style} refuses ${JSON.stringify(text)} with ${JSON.stringify(args)}`, () => {
    assert.throws(() => convertParamstyle(style, text, args), (error) => {
      assert.ok(error instanceof InterfaceError);
      assert.match(error.message, message);
      return true;
    });
  });
}

test("paramstyle: with standard_conforming_strings off a backslash escapes in every string", () => {
  assert.equal(scanText("named", "select '\\':a', :b", true).text, "select '\\':a', $1");
  assert.equal(scanText("named", "select '\\', :b", false).text, "select '\\', $1");
});

test("statement words: the first word of each statement, past comments and quotes", () => {
  assert.deepEqual(statementWords("commit"), ["COMMIT"]);
  assert.deepEqual(statementWords("/* a; */ -- b;\n Rollback ; ;; select ';' ; (select 1;)"), [
    "ROLLBACK",
    "SELECT",
    "",
  ]);
  assert.deepEqual(statementWords(" ; -- nothing"), []);
});

test("paramstyle: $n beyond what a statement can have is refused", () => {
  assert.equal(scanText("qmark", "select $65535").keys.length, 65_535);
  for (const text of ["select $65536", "select $999999999", `select $${"9".repeat(30)}`]) {
    assert.throws(() => scanText("qmark", text), {
      name: "InterfaceError",
      message: "a statement can have at most 65535 parameters",
    });
  }
});
