import assert from "node:assert/strict";
import { test } from "node:test";
import { clientCopies, copyDirection } from "../../src/query/copy_grammar.ts";

const TEXTS: readonly (readonly [text: string, direction: "in" | "out" | undefined])[] = [
  ["copy t from stdin", "in"],
  ["COPY t (a, b) FROM STDIN WITH (FORMAT CSV)", "in"],
  ["copy t to stdout", "out"],
  ["/* from stdin */ copy t -- from stdin\n to /* x */ stdout csv", "out"],
  ["copy (select * from stdin) to stdout", "out"],
  ["copy (select 'from stdin') to stdout", "out"],
  ['copy "from stdin" to stdout', "out"],
  ["copy binary t from stdin", "in"],
  // PostgreSQL takes either name for both ways
  ["copy t to stdin", "out"],
  ["copy t from stdout", "in"],
  ["copy t from '/tmp/file'", undefined],
  ["copy t to program 'cat'", undefined],
  ["select 1 from stdin", undefined],
  ["", undefined],
  ["copy job (id, stdout) to program 'cat'", undefined],
  ["copy job (id, stdin) from '/data/stdin.csv'", undefined],
  ["copy t from '/data/stdin.csv'", undefined],
  ["copy t from E'\\'' /* stdin */", undefined],
  ["copy stdin from '/data/x'", undefined],
  ["copy stdout to stdout", "out"],
  ["copy s.from to stdout", "out"],
  ['copy s."to" from stdin', "in"],
  ["copy t (a) from program 'x' where b = 'from stdin'", undefined],
  ["copy (select 1 union select (2)) to stdin (format csv)", "out"],
  ["-- first\n/* /* nested */ */ copy t from stdin;", "in"],
  ["; copy t from stdin", "in"],
  ["copy t from stdin; copy u from stdin", undefined],
  ["prepare x as select 'copy t from stdin'", undefined],
  ["select $$; copy t from stdin;$$", undefined],
  ["create table copy (stdin int); select * from copy", undefined],
];

const ALL: readonly (readonly [text: string, directions: string])[] = [
  ["select 1; copy t from stdin; copy (table t) to stdout", "in out"],
  ["copy t from '/x'; copy t to stdout", "out"],
  ["select ';copy t from stdin;'", ""],
];

test("copy grammar: every COPY of a text with several statements is found", () => {
  for (const [text, directions] of ALL) {
    assert.equal(clientCopies(text).map(({ direction }) => direction).join(" "), directions, text);
  }
});

test("copy grammar: backslashes are read as the session reads them", () => {
  const text = "select '\\'; copy t from stdin; --'";
  assert.equal(clientCopies(text, false).length, 1);
  assert.equal(clientCopies(text, true).length, 0);
});

test("copy grammar: a COPY is of CSV by its options alone", () => {
  const csv = [
    "copy t from stdin csv",
    "copy t from stdin (format csv)",
    "copy t to stdout with csv header",
    "copy t from stdin (format 'csv', header)",
  ];
  for (const text of csv) assert.equal(clientCopies(text)[0]!.isCsv, true, text);
  const others = [
    "copy csv from stdin",
    "copy t (csv) from stdin",
    "copy t from stdin where csv",
    "copy t from stdin (format text)",
    "copy (select 'csv') to stdout",
  ];
  for (const text of others) assert.equal(clientCopies(text)[0]!.isCsv, false, text);
});

for (const [text, direction] of TEXTS) {
  test(`copy grammar: ${JSON.stringify(text)} is ${direction}`, () => {
    assert.equal(copyDirection(text), direction);
  });
}
