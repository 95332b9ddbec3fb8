import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { docCommentBlocks } from "./blocks.ts";
import { Playground } from "./playground.ts";
import { cleanUp, ROOT, runBlock } from "./run_block.ts";

/** The modules' sources; of the npm package the declarations, which hold the comments. */
const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join("src", name))
  .concat(readdirSync(ROOT).filter((name) => /^mod\.(d\.)?ts$/.test(name)))
  .sort();

describe("the examples of doc comments do what they say", () => {
  let playground: Playground;
  let found = 0;

  before(async () => {
    playground = await Playground.start();
  });

  after(async () => {
    await playground.stop();
    cleanUp();
  });

  for (const file of files) {
    const module = join(ROOT, file.replace(/\.d\.ts$/, ".js"));
    for (const block of docCommentBlocks(readFileSync(join(ROOT, file), "utf8"), file)) {
      found++;
      it(block.place, () => runBlock(block, playground, module));
    }
  }

  it("there are some", () => assert.ok(found > 10, `${found}`));
});
