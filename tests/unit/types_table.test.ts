import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { between } from "../../scripts/generate_parameter_table.ts";
import { typeTable } from "../../scripts/generate_type_table.ts";

test("docs/types.md has the table that the registry gives", () => {
  const text = readFileSync(fileURLToPath(new URL("../../docs/types.md", import.meta.url)), "utf8");
  assert.ok(between(text, "types", typeTable()) === text, "run scripts/generate_type_table.ts");
});

test("the table of types has defaults and policies of scalars and containers", () => {
  const rows = typeTable().split("\n").map((row) => row.split(/ *(?<!\\)\| */).slice(1, -1));
  const found = new Map(
    rows.flatMap(([types = "", ...cells]) => types.split(", ").map((type) => [type, cells])),
  );
  assert.deepEqual(found.get("`int8`"), [
    "`bigint`",
    '`int8: "number"`: `number`; `int8: "string"`: `string`',
  ]);
  assert.deepEqual(found.get("`timestamptz`"), [
    "`Date`, `±Infinity`",
    '`datetime: "temporal"`: `Temporal.Instant`, `±Infinity`; `datetime: "string"`: `string`',
  ]);
  assert.deepEqual(found.get("`money`"), ["`string`", ""]);
  assert.deepEqual(found.get("arrays of `int4`"), [
    "`(number \\| null)[]`",
    '`arrays: "bounded"`: `BoundedArray`',
  ]);
  assert.ok(rows.length > 40, `${rows.length} rows`);
});
