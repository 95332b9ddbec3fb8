import assert from "node:assert/strict";
import { test } from "node:test";
import { copyDirection } from "../../src/dbapi/copy_stream.ts";

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
];

for (const [text, direction] of TEXTS) {
  test(`copy direction: ${JSON.stringify(text)} is ${direction}`, () => {
    assert.equal(copyDirection(text), direction);
  });
}
