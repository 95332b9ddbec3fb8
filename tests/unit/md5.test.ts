import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { md5 } from "../../src/runtime/md5.ts";

test("md5: digests of every length up to three blocks are those of the platform", () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7 + length);
    const expected = createHash("md5").update(bytes).digest("hex");
    assert.equal(Buffer.from(md5(bytes)).toString("hex"), expected, `${length} bytes`);
  }
});
