import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJunit } from "../../scripts/testing/junit.ts";
import { slowestSection } from "../../scripts/testing/slowest.ts";
import type { Result } from "../../scripts/testing/run.ts";

const FILES = ["tests/unit/x.test.ts", "tests/unit/y.test.ts"];

/** A result of one runtime, from the report that it writes. */
function result(runtime: string, xml: string): Result {
  return { job: { runtime, files: FILES }, cases: parseJunit(xml) } as unknown as Result;
}

test("slowest: the times of a file and of a test are added over the runtimes", () => {
  const deno = `<testsuites><testsuite name="./tests/unit/x.test.ts">
    <testcase name="a" classname="./tests/unit/x.test.ts" time="1.500"/>
    <testcase name="b" classname="./tests/unit/x.test.ts" time="0.250"/>
  </testsuite></testsuites>`;
  const node = `<testsuites>
    <testcase name="a" time="2.000" file="/r/.cache/npm-tests/tests/unit/x.test.js"/>
    <testcase name="c" time="3.000" file="file:///r/tests/unit/y.test.ts"/>
  </testsuites>`;
  const results = [result("deno", deno), result("node", node)];
  assert.equal(
    slowestSection("/r", results, 2),
    `Slowest files (seconds over all runtimes):
     3.8  tests/unit/x.test.ts [deno 1.8, node 2.0]
     3.0  tests/unit/y.test.ts [node 3.0]
Slowest tests (likewise):
     3.5  a [deno 1.5, node 2.0]
     3.0  c [node 3.0]`,
  );
  assert.equal(slowestSection("/r", results, 0), "");
});
