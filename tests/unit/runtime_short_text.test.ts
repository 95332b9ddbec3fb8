import assert from "node:assert/strict";
import { test } from "node:test";
import { withShortText } from "../../src/runtime/short_text.ts";

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

test("short strings are decoded as TextDecoder does, whatever their length and bytes", () => {
  let calls = 0;
  const decode = withShortText((bytes, start, end) => {
    calls++;
    return UTF8.decode(bytes.subarray(start, end));
  });
  const ascii = Uint8Array.from({ length: 40 }, (_, i) => i * 3 + 1);
  const others = new TextEncoder().encode("aé€😀\ufeffz and more");
  for (const bytes of [ascii, others, others.subarray(2)]) {
    for (let start = 0; start < 4; start++) {
      for (let end = start; end <= bytes.length; end++) {
        assert.equal(decode(bytes, start, end), UTF8.decode(bytes.subarray(start, end)));
      }
    }
  }
  calls = 0;
  assert.equal(decode(ascii, 0, 16).length, 16);
  assert.equal(calls, 0, "sixteen characters of ASCII need no call");
});
