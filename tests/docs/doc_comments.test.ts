import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { docCommentExamples } from "./found.ts";
import { Playground } from "./playground.ts";
import { cleanUp, runBlock } from "./run_block.ts";

const examples = docCommentExamples();

describe("the examples of doc comments do what they say", () => {
  let playground: Playground;

  before(async () => {
    playground = await Playground.start();
  });

  after(async () => {
    await playground.stop();
    cleanUp();
  });

  it("there are some", () => assert.ok(examples.length > 10, `${examples.length}`));

  for (const { block, module } of examples) {
    it(block.place, () => runBlock(block, playground, module));
  }
});
