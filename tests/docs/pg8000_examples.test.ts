import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { blocksOf } from "./blocks.ts";
import { Playground } from "./playground.ts";
import { cleanUp, ROOT, runBlock } from "./run_block.ts";

const blocks = blocksOf(readFileSync(join(ROOT, "PG8000.md"), "utf8"), "PG8000.md");

describe("the examples of PG8000.md do what they say", () => {
  let playground: Playground;

  before(async () => {
    playground = await Playground.start();
  });

  after(async () => {
    await playground.stop();
    cleanUp();
  });

  it("there are as many as in pg8000's README, some of them two in one", () => {
    assert.ok(blocks.length > 35);
  });

  for (const block of blocks) {
    it(block.place, () => runBlock(block, playground));
  }
});
