import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJunit } from "../../scripts/testing/junit.ts";

const outcomes = (xml: string): string[][] =>
  parseJunit(xml).map(({ name, outcome, detail }) => [name, outcome, detail]);

test("junit: Node nests subtests in suites, gives reasons and lists empty files", () => {
  const xml = `<testsuites>
    <testcase name="a &lt;b> &amp;quot;c&amp;quot;" file="/x.test.ts"/>
    <testcase name="s" file="/x.test.ts"><skipped type="skipped" message="no &quot;x&quot; > y"/></testcase>
    <testsuite name="outer" failures="1">
      <testcase name="inner" file="/x.test.ts" failure="1 !== 2">
        <failure type="testCodeFailure" message="1 !== 2">Error: 1 !== 2\n at x</failure>
      </testcase>
    </testsuite>
    <testcase name="last" file="/x.test.ts"/>
    <testcase name="tests/unit/empty.test.ts" file="/r/tests/unit/empty.test.ts"/>
  </testsuites>`;
  assert.deepEqual(outcomes(xml), [
    ['a <b> "c"', "passed", ""],
    ["s", "skipped", 'no "x" > y'],
    ["outer > inner", "failed", "Error: 1 !== 2\n at x"],
    ["last", "passed", ""],
  ]);
});

test("junit: a quote in a failure's text hides no test behind it", () => {
  const xml = `<testsuites>
    <testcase name="a" file="/x.test.ts" failure="odd">
      <failure type="testCodeFailure" message="odd">a " b</failure>
    </testcase>
    <testcase name="b" file="/x.test.ts"/>
    <testcase name="c" file="/x.test.ts" failure="1 > 2">
      <failure type="testCodeFailure" message="1 > 2">Error: 1 > 2</failure>
    </testcase>
  </testsuites>`;
  assert.deepEqual(outcomes(xml), [
    ["a", "failed", 'a " b'],
    ["b", "passed", ""],
    ["c", "failed", "Error: 1 > 2"],
  ]);
});

test("junit: Deno lists parents, which do not count unless they failed alone", () => {
  const xml = `<testsuites name="deno test">
    <testsuite name="./x.test.ts" tests="4">
      <testcase name="parent" classname="./x.test.ts"><failure message="1 test step failed">1 test step failed.</failure></testcase>
      <testcase name="hook" classname="./x.test.ts"><failure message="after failed">after failed</failure></testcase>
      <testcase name="skipped" classname="./x.test.ts"><skipped/></testcase>
      <testcase name="parent &gt; child" classname="./x.test.ts"><failure message="bad">Error: bad</failure></testcase>
      <testcase name="hook &gt; child" classname="./x.test.ts"></testcase>
    </testsuite>
    <testsuite name="ext:deno_node/testing.ts">
      <testcase name="suite &gt; inside" classname="ext:deno_node/testing.ts"></testcase>
    </testsuite>
  </testsuites>`;
  assert.deepEqual(outcomes(xml), [
    ["hook", "failed", "after failed"],
    ["skipped", "skipped", ""],
    ["parent > child", "failed", "Error: bad"],
    ["hook > child", "passed", ""],
    ["suite > inside", "passed", ""],
  ]);
});

test("junit: Bun's suites inside a file are names, the file's is not", () => {
  const xml = `<testsuites name="bun test">
    <testsuite name="x.test.ts" file="x.test.ts">
      <testcase name="plain" classname="" file="x.test.ts" />
      <testsuite name="suite" file="x.test.ts" line="6">
        <testcase name="inside" classname="suite" file="x.test.ts" line="6" />
        <testcase name="bad" classname="suite" file="x.test.ts"><failure type="Error" message="m" /></testcase>
      </testsuite>
      <testcase name="after" classname="" file="x.test.ts"><skipped /></testcase>
    </testsuite>
  </testsuites>`;
  assert.deepEqual(outcomes(xml), [
    ["plain", "passed", ""],
    ["suite > inside", "passed", ""],
    ["suite > bad", "failed", "m"],
    ["after", "skipped", ""],
  ]);
});
