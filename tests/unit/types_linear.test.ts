/** No parser takes more than linear work: patterns are run by a matcher that counts its steps. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { CountedPattern, patternsIn } from "../_kit/pattern_steps.ts";

/** Patterns that read the program's own SQL, in quadratic time at worst. `cli/` reads its sources. */
const OWN_TEXT: ReadonlySet<string> = new Set([
  String(/\bcreate\s[^;]*?\bpg_temp\s*\./i),
  String(/\bdeclare\b[^;]*\bwith\s+hold\b/i),
]);

/** The npm package has its modules in joined files. */
const JOINED = new URL("../../lib/chunks/", import.meta.url);
const SRC = existsSync(JOINED) ? JOINED : new URL("../../src/", import.meta.url);

test("the matcher finds patterns that take more than linear time, and no others", () => {
  const slow = [
    /0+$/,
    /^(a+)+$/,
    /^ +| +$/g,
    /\s*\([^)]*\)/,
    /(?:[ \t]+|--[^\n]*[\n]?)*'/y,
    /^(?:a|aa)*$/,
    /(\d+)$/,
    /create\s[^;]*?temp/,
  ];
  const fast = [
    /^0+/,
    /^(?:ab)+$/,
    /"[^"]*(?:""[^"]*)*(?:"|$)/y,
    / (\d+)$/,
    /^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/,
    /["\\]/g,
    /[^'\\]*(?:(?:''|\\[^])[^'\\]*)*(?:'|\\?$)/y,
  ];
  for (const pattern of slow) {
    assert.ok(new CountedPattern(pattern).superlinear() !== undefined, String(pattern));
  }
  for (const pattern of fast) {
    assert.equal(new CountedPattern(pattern).superlinear(), undefined, String(pattern));
  }
});

test("each pattern of the source takes steps in proportion to the text", async () => {
  const files = (await readdir(SRC, { recursive: true })).filter((file) =>
    /(?<!\.d)\.[jt]s$/.test(file) && !file.startsWith("cli")
  );
  let count = 0;
  const slow: string[] = [];
  for (const file of files) {
    for (const pattern of patternsIn(await readFile(new URL(file, SRC), "utf8"))) {
      count++;
      if (OWN_TEXT.has(String(pattern))) continue;
      const text = new CountedPattern(pattern).superlinear();
      if (text !== undefined) slow.push(`${file} ${pattern}: ${text}`);
    }
  }
  assert.ok(count > 100, `${count} patterns`);
  assert.deepEqual(slow, []);
});
