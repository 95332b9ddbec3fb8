import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { readmeExamples } from "./found.ts";
import { Playground } from "./playground.ts";
import { cleanUp, runBlock } from "./run_block.ts";

const examples = readmeExamples();

describe("the examples of README.md do what they say", () => {
  let playground: Playground;

  before(async () => {
    playground = await Playground.start();
  });

  after(async () => {
    await playground.stop();
    cleanUp();
  });

  it("there are some", () => assert.ok(examples.length > 0));

  for (const { block } of examples) {
    it(block.place, () => runBlock(block, playground));
  }
});
