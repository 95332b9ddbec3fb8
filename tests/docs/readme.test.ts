import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { blocksOf } from "./blocks.ts";
import { Playground } from "./playground.ts";
import { cleanUp, ROOT, runBlock } from "./run_block.ts";

const blocks = blocksOf(readFileSync(join(ROOT, "README.md"), "utf8"), "README.md");

describe("the examples of README.md do what they say", () => {
  let playground: Playground;

  before(async () => {
    playground = await Playground.start();
  });

  after(async () => {
    await playground.stop();
    cleanUp();
  });

  it("there are some", () => assert.ok(blocks.length > 0));

  for (const block of blocks) {
    it(block.place, () => runBlock(block, playground));
  }
});
