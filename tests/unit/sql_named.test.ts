import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError } from "../../mod.ts";
import { bindNames, NamedTexts, scanNames } from "../../src/query/named.ts";

const TEXTS: readonly (readonly [text: string, numbered: string, ...names: string[]])[] = [
  ["select :a, :b, :a", "select $1, $2, $1", "a", "b"],
  ["select :a::int", "select $1::int", "a"],
  [
    "select ':a', \":a\", E'\\':a', U&':a', $$:a$$, $x$:a$x$",
    "select ':a', \":a\", E'\\':a', U&':a', $$:a$$, $x$:a$x$",
  ],
  ["-- :a\n/* :b /* :c */ :d */ :e", "-- :a\n/* :b /* :c */ :d */ $1", "e"],
  ["select a[1:n], a[:n]", "select a[1:n], a[$1]", "n"],
  ["select a[lo:hi], a[1: :n]", "select a[lo:hi], a[1: $1]", "n"],
  ["select a[(1):n], a[b[1]:n], a[:x:n]", "select a[(1):n], a[b[1]:n], a[$1:n]", "x"],
  ["select array[:a, :b], a[f(1, :c)]", "select array[$1, $2], a[f(1, $3)]", "a", "b", "c"],
  [
    "select array[case when true then :a else :b end]",
    "select array[case when true then $1 else $2 end]",
    "a",
    "b",
  ],
  ["select a[y :x], a[y:x], a[y\n--\n:x]", "select a[y :x], a[y:x], a[y\n--\n:x]"],
  ["select a[y : :x], a[: x], a[:x :y]", "select a[y : $1], a[: x], a[$1 :y]", "x"],
  ["select a['1'::int :x], a[:x::int :y]", "select a['1'::int :x], a[$1::int :y]", "x"],
  ["select a[case when b then:x end :y]", "select a[case when b then$1 end :y]", "x"],
  ["select a[1+:x], a[f(:x) :y]", "select a[1+$1], a[f($1) :y]", "x"],
  ["select json_object('k':v, \"q\": :w)", "select json_object('k':v, \"q\": $1)", "w"],
  ["select json_object('k' value :v)", "select json_object('k' value $1)", "v"],
  ["select json_object (:k : :v, f(:w):x)", "select json_object ($1 : $2, f($3):x)", ...[
    "k",
    "v",
    "w",
  ]],
  ["select JSON_OBJECTAGG(k:v, value:v)", "select JSON_OBJECTAGG(k:v, value:v)"],
  [
    "select jsonb_build_object(:k, :v), f(a :b)",
    "select jsonb_build_object($1, $2), f(a $3)",
    "k",
    "v",
    "b",
  ],
  [
    "select a[value :y], a[1 operator(pg_catalog.+) :y]",
    "select a[value :y], a[1 operator(pg_catalog.+) $1]",
    "y",
  ],
  ["call f(a := :a, b => :b)", "call f(a := $1, b => $2)", "a", "b"],
  ["select 1 : 2, x :y", "select 1 : 2, x $1", "y"],
  ["select :größe, :a_1", "select $1, $2", "größe", "a_1"],
  ["select :a-:b, :a||:b, (:a)", "select $1-$2, $1||$2, ($1)", "a", "b"],
  ["select '10:30'::time, 5", "select '10:30'::time, 5"],
  ["select $1", "select $1"],
];

for (const [text, numbered, ...names] of TEXTS) {
  test(`names: ${text}`, () => {
    const { text: found, names: order } = scanNames(text);
    assert.deepEqual([found, order], [numbered, names]);
  });
}

test("names: with standard_conforming_strings off a backslash hides a quote", () => {
  assert.deepEqual(scanNames("select '\\':a', :b", true).names, ["b"]);
  assert.deepEqual(scanNames("select '\\':a, :b", false).names, ["a", "b"]);
});

test("names: a text that contains $1 as well is refused", () => {
  assert.throws(() => scanNames("select :a, $1"), InterfaceError);
  assert.throws(() => bindNames(scanNames("select $1"), { a: 1 }), InterfaceError);
});

test("names: values are in order; extra ones are ignored, missing and undefined ones refused", () => {
  const scanned = scanNames("select :b, :a, :b");
  assert.deepEqual(bindNames(scanned, { a: 1, b: null, c: 3 }), [null, 1]);
  assert.throws(() => bindNames(scanned, { a: 1 }), { name: "InterfaceError", message: /:b$/ });
  assert.throws(() => bindNames(scanned, { a: 1, b: undefined }), InterfaceError);
  assert.throws(() => bindNames(scanNames(":toString"), {}), InterfaceError);
});

test("names: the cache of texts is bounded and does not change the result", () => {
  const texts = new NamedTexts();
  const first = texts.scan("select :a", false);
  assert.equal(texts.scan("select :a", false), first);
  for (let i = 0; i < 3000; i++) texts.scan(`select :a${i}`, false);
  assert.notEqual(texts.scan("select :a", false), first);
  assert.deepEqual(texts.scan("select :a", false), first);
});
