/** The import table of ARCHITECTURE.md is the one that the layer check enforces. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { LAWS, ROOTS } from "../../scripts/layers/imports.ts";

const ROOT = new URL("../../", import.meta.url);

/** The table's rows by part: the parts of `src/` that it may import, and those of which only types. */
function tableRows(): Map<string, readonly [any: string[], types: string[]]> {
  const text = readFileSync(new URL("ARCHITECTURE.md", ROOT), "utf8");
  const section = text.slice(text.indexOf("## Who may import whom")).split("\n## ")[0]!;
  const lines = section.split("\n").filter((line) => line.startsWith("| `"));
  return new Map(lines.map((line) => {
    const [part, any, types] = line.split("|").slice(1, 4).map((cell) => cell.trim());
    return [part!, [names(any!), names(types!)]];
  }));
}

/** Returns the names in a cell, sorted: `nothing` is none, and a remark stands behind a semicolon. */
function names(cell: string): string[] {
  const list = cell.split(";")[0]!.split(",").map((name) => bare(name.trim()));
  return list.filter((name) => name !== "" && name !== "nothing").sort();
}

/** Returns a name of `src/` as the table writes it: without the quotes, a file of the top without `.ts`. */
function bare(name: string): string {
  const plain = name.replaceAll("`", "");
  return plain.includes("/") ? plain : plain.replace(/\.ts$/, "");
}

const rows = tableRows();

for (const [part, { any, types = [] }] of Object.entries(LAWS)) {
  test(`imports: ARCHITECTURE.md and the layer check agree on ${part}`, () => {
    const row = rows.get(`\`${bare(part)}\``);
    assert.ok(row !== undefined, "the table has no such row");
    assert.deepEqual(row[0], any.map(bare).sort());
    assert.deepEqual(row[1], types.map(bare).sort());
  });
}

test("imports: ARCHITECTURE.md has a row for each part of src, and for the entry points", () => {
  const listed = [...rows.keys()].flatMap((cell) =>
    cell.split(",").map((name) => bare(name.trim()))
  );
  // The built package has JavaScript and declarations in place of the sources.
  const entries = readdirSync(new URL("src/", ROOT))
    .map((name) => bare(name).replace(/\.(?:d|js)$/, ""));
  // The folder and the file of the pool have one name.
  assert.deepEqual([...new Set(listed)].sort(), [...new Set([...entries, "mod"])].sort());
  for (const root of ROOTS) assert.ok(listed.includes(bare(root)), root);
});
