/** The table of docs/pool.md: complete, and as the options are declared. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { between } from "../../scripts/generate_parameter_table.ts";
import { declaredOptions, poolTable } from "../../scripts/generate_pool_table.ts";
import { isConnectOption, POOL_OPTIONS } from "../../src/config/validate.ts";
import { isPoolOption, poolSettings } from "../../src/pool/options.ts";

/** Options whose default is no constant. */
const DYNAMIC: ReadonlySet<string> = new Set(["name", "onLeak"]);

test("docs/pool.md has the table that the options give", () => {
  const text = readFileSync(fileURLToPath(new URL("../../docs/pool.md", import.meta.url)), "utf8");
  assert.ok(between(text, "pool", poolTable()) === text, "run scripts/generate_pool_table.ts");
});

test("each option of a pool is declared, checked and described in a sentence", () => {
  const options = declaredOptions();
  const settings = poolSettings({}) as unknown as Record<string, unknown>;
  for (const { name, meaning, fallback } of options) {
    assert.ok(isPoolOption(name), name);
    assert.match(meaning, /^[A-Z].*\.$/, name);
    assert.doesNotMatch(meaning, /[Dd]efault/, name);
    const stated = fallback.replaceAll("`", "");
    if (DYNAMIC.has(name)) continue;
    const value = name === "connection" ? undefined : settings[name];
    assert.equal(stated, value === undefined ? "" : JSON.stringify(value), name);
  }
  const declared = new Set(options.map(({ name }) => name));
  for (const name of Object.keys(poolSettings({}))) assert.ok(declared.has(name), name);
});

test("connect() knows each option that only a pool has", () => {
  const names = declaredOptions().map(({ name }) => name).filter((name) => !isConnectOption(name));
  assert.deepEqual(POOL_OPTIONS, names.sort());
});
