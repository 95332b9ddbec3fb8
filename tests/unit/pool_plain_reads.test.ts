import assert from "node:assert/strict";
import { test } from "node:test";
import { namesOf, PlainReads } from "../../src/pool/plain_reads.ts";

const READS: readonly [text: string, names: string, operators: string][] = [
  ["select 1", "select", ""],
  ["(SELECT Name FROM t)", "select name from t", ""],
  ["/* a */ values (1 + 2)", "values", "+"],
  [`table "Odd""Name"`, `table Odd"Name`, ""],
  [
    "with c as (select a->>'b' from t where x <= $1) select * from c",
    "with c as select a from t where x",
    "->> <= *",
  ],
  ["select 'insert; update'", "select", ""],
];

for (const [text, names, operators] of READS) {
  test(`plain reads: the names in ${text}`, () => {
    const found = namesOf(text)!;
    assert.deepEqual(found.names.join(" "), names);
    assert.deepEqual(found.operators.join(" "), operators);
  });
}

// deno-fmt-ignore
const OTHERS: readonly string[] = [
  "insert into t values (1)", "update t set a = 1", "delete from t", "merge into t using s on true when matched then delete",
  "with x as (insert into t values (1) returning *) select * from x", "select 1 into temp x", "select * from t for update",
  "select * from t for share", "call p()", "do $$ begin end $$", "explain select 1", "show all", "select 1; select 2",
  "execute s", "fetch c", `select U&"\\0061"()`, "", "   ", `select '${"x".repeat(10_000)}'`,
];

for (const text of OTHERS) {
  test(`plain reads: not among them is ${text.slice(0, 40)}`, () => {
    assert.equal(namesOf(text), undefined);
  });
}

test("plain reads: the catalogue is asked once, when a text repeats on a free session", async () => {
  const asked: string[] = [];
  const catalogue = {
    isFree: false,
    ownQuery: (text: string) => (asked.push(text), Promise.resolve([["t"]])),
  };
  const reads = new PlainReads();
  const isPlain = () => reads.isPlain("select a from t", catalogue);
  assert.deepEqual([isPlain(), isPlain()], [false, false]);
  assert.equal(asked.length, 0);
  catalogue.isFree = true;
  assert.deepEqual([isPlain(), isPlain()], [false, false]);
  assert.equal(asked.length, 1);
  await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual([isPlain(), isPlain()], [true, true]);
  assert.equal(asked.length, 1);
  reads.forget();
  assert.equal(isPlain(), false);
});

test("plain reads: a catalogue that cannot be read means a cleaning", async () => {
  const catalogue = { isFree: true, ownQuery: () => Promise.reject(new Error("denied")) };
  const reads = new PlainReads();
  const isPlain = () => reads.isPlain("select a from t", catalogue);
  assert.deepEqual([isPlain(), isPlain()], [false, false]);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(isPlain(), false);
});
