import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { pg8000Examples } from "./found.ts";
import { Playground } from "./playground.ts";
import { cleanUp, runBlock } from "./run_block.ts";

const examples = pg8000Examples();

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
    assert.ok(examples.length > 35);
  });

  for (const { block } of examples) {
    it(block.place, () => runBlock(block, playground));
  }
});
