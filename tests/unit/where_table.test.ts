/** README's table "where it runs" is the one that the recorded outcomes give. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { between } from "../../scripts/generate_parameter_table.ts";
import { whereTable } from "../../scripts/generate_where_table.ts";

test("README has the table that the outcomes recorded by deno task bundles give", () => {
  const text = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");
  const isCurrent = between(text, "where", whereTable()) === text;
  assert.ok(isCurrent, "run scripts/generate_where_table.ts");
});
