import assert from "node:assert/strict";
import { test } from "node:test";
import { isScript } from "../../src/query/script.ts";

const SCRIPTS = [
  "select 1; select 2",
  "select 1;select 2;",
  "; select 1",
  "select ';'; -- x\n select 2",
  "create function f() returns int begin atomic select 1; end",
];

const SINGLE = [
  "",
  "select 1",
  "select 1;",
  "select 1 ; ;\n",
  "select 1; -- the end",
  "select 1; /* the; end */",
  "select 'a; b', \"c; d\", $x$ e; f $x$ -- g; h",
];

for (const text of SCRIPTS) {
  test(`something stands behind a semicolon: ${text}`, () => assert.equal(isScript(text), true));
}

for (const text of SINGLE) {
  test(`nothing stands behind a semicolon: ${text}`, () => assert.equal(isScript(text), false));
}
