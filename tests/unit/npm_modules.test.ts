import assert from "node:assert/strict";
import { test } from "node:test";
import { publishedModule } from "../../scripts/npm_modules.ts";

const PACKED = `/** About it. */ var _computedKey, _computedKey1;
import { a } from "./a.js";
_computedKey = Symbol.asyncIterator, _computedKey1 = Symbol.asyncDispose;
/** A class. */ export class A {
  #a = a;
  /** Reads. */ async *[_computedKey]() {}
  [_computedKey1]() {}
}
`;

test("npm modules: well-known symbols stand in their classes, and the rest is unchanged", () => {
  assert.equal(
    publishedModule(PACKED),
    `/** About it. */ import { a } from "./a.js";
/** A class. */ export class A {
  #a = a;
  /** Reads. */ async *[Symbol.asyncIterator]() {}
  [Symbol.asyncDispose]() {}
}
`,
  );
  const plain = "export class B { [Symbol.iterator]() {} }\n";
  assert.equal(publishedModule(plain), plain);
});

test("npm modules: any other computed name is an error", () => {
  const packed = "var _computedKey;\n_computedKey = nameOf(1);\nclass A { [_computedKey]() {} }\n";
  assert.throws(() => publishedModule(packed), /no well-known symbol/);
});
