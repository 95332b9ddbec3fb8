/** The suite that runs examples: one test for each, all on one server. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Example } from "./found.ts";
import { Playground } from "./playground.ts";
import { cleanUp, runBlock } from "./run_block.ts";

/** Runs the examples that a source has; there must be `least` of them. */
export function describeExamples(
  source: string,
  examples: readonly Example[],
  least: number,
): void {
  describe(`the examples of ${source} do what they say`, () => {
    let playground: Playground;

    before(async () => {
      playground = await Playground.start();
    });

    after(async () => {
      await playground.stop();
      cleanUp();
    });

    it(`there are ${least} or more`, () =>
      assert.ok(examples.length >= least, `${examples.length}`));

    for (const { block, module } of examples) {
      it(block.place, () => runBlock(block, playground, module));
    }
  });
}
