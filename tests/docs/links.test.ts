import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { ROOT } from "./run_block.ts";

const PAGES = [
  ...readdirSync(ROOT),
  ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`),
]
  .filter((name) => name.endsWith(".md"))
  .sort();

/** Pages that the npm package leaves out. */
const LEFT_OUT = /(?:^|\/)(?:ARCHITECTURE|CONTRIBUTING|RELEASING)\.md$/;

test("the pages of the repository are found", () => {
  assert.ok(PAGES.includes("README.md") && PAGES.includes("docs/pool.md"), String(PAGES));
});

for (const page of PAGES) {
  test(`the links of ${page} lead somewhere`, () => {
    const text = withoutCode(read(page));
    for (const [, link = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, target)) && LEFT_OUT.test(target)) continue;
      assert.ok(existsSync(join(ROOT, target)), `${link}: no such file`);
      if (anchor !== undefined) {
        assert.ok(anchorsOf(target).has(anchor), `${link}: no such heading`);
      }
    }
  });
}

function read(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}

function withoutCode(text: string): string {
  return text.replace(/```[^]*?```/g, "").replace(/`[^`]*`/g, "code");
}

/** The anchors that GitHub makes of headings. */
function anchorsOf(page: string): Set<string> {
  const headings = read(page).replace(/```[^]*?```/g, "").matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-")
    ),
  );
}
