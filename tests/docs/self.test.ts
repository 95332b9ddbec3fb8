import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blocksOf, docCommentBlocks } from "./blocks.ts";
import { instrument } from "./instrument.ts";
import { matches, show } from "./show.ts";

const block = (code: string) => ({ place: "here:1", code, first: "" });

describe("what examples state", () => {
  it("a block is found with its line and its hidden part, and an ignored one is not", () => {
    const markdown = "x\n<!-- first:\na();\n-->\n\n```ts\nb();\n```\n\n```ts ignore\nc();\n```\n";
    assert.deepEqual(blocksOf(markdown, "f.md"), [
      { place: "f.md:6", code: "b();\n", first: "a();" },
    ]);
  });

  it("a hidden part belongs to the block behind it only", () => {
    const markdown = "<!-- first: a(); -->\n```ts\nb();\n```\n```ts\nc();\n```\n";
    assert.deepEqual(blocksOf(markdown, "f.md").map(({ first }) => first), ["a();", ""]);
  });

  it("a block in a doc comment loses its stars", () => {
    const source =
      "let x;\n/**\n * Text.\n *\n * ```ts\n * if (a) {\n *   b();\n * }\n * ```\n */\n";
    assert.deepEqual(docCommentBlocks(source, "f.ts"), [
      { place: "f.ts:5", code: "if (a) {\n  b();\n}\n", first: "" },
    ]);
  });

  it("every statement with a stated output reports", () => {
    const { expectations } = instrument(block(`
      f(); // → 1
      const [a] = g(); // → { b: 2,
      //     c: 3 }
      for (const x of y) console.log(x); // → 4, 5
      await h(); // throws InterfaceError: no
    `));
    assert.deepEqual(expectations, [
      { line: 2, text: "1", throws: false },
      { line: 3, text: "{ b: 2, c: 3 }", throws: false },
      { line: 5, text: "4, 5", throws: false },
      { line: 6, text: "InterfaceError: no", throws: true },
    ]);
  });

  it("an output stated behind nothing is refused", () => {
    assert.throws(() => instrument(block("// → 1\nf();\n")), /here:1/);
    assert.throws(() => instrument(block("if (a) { // → 1\n}\n")), /here:1/);
  });

  it("names that are imported or declared are not looked for", () => {
    const { free } = instrument(block('import { a } from "a";\nconst [b] = a(c);\nd(b);'));
    assert.deepEqual([...free].sort(), ["c", "d"]);
  });

  it("values are shown as they would be written", () => {
    const value = {
      text: 'a "b"',
      big: 7n,
      date: new Date(0),
      bytes: new Uint8Array([1, 2]),
      list: [null, undefined, -0],
      map: new Map([["k", 1]]),
      "a-b": class C {},
    };
    assert.equal(
      show(value),
      '{ text: "a \\"b\\"", big: 7n, date: 1970-01-01T00:00:00.000Z, bytes: Uint8Array [1, 2], ' +
        'list: [null, undefined, 0], map: Map { "k" => 1 }, "a-b": [Function C] }',
    );
  });

  it("a wrong output does not match, and an ellipsis matches anything", () => {
    assert.equal(matches("{ a: 1, b: 2 }", "{ a: 1, … }"), true);
    assert.equal(matches("[1,2]", "[1, 2]"), true);
    assert.equal(matches("[1, 2]", "[1, 2, 3]"), false);
    assert.equal(matches("12", "1"), false);
    assert.equal(matches("1.5", "1+5"), false);
  });
});
