import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { RepeatedText } from "../../src/query/repeated_text.ts";

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
const decode = (bytes: Uint8Array, start: number, end: number): string =>
  UTF8.decode(bytes.subarray(start, end));

/** A decoder that counts its calls. */
function counting(): { calls: number; decode: typeof decode } {
  const counted = {
    calls: 0,
    decode(bytes: Uint8Array, start: number, end: number): string {
      counted.calls++;
      return decode(bytes, start, end);
    },
  };
  return counted;
}

/** The bytes between others, as in a message. */
function read(column: RepeatedText, bytes: Uint8Array, by = decode): string {
  const buffer = new Uint8Array(bytes.length + 2).fill(0x41);
  buffer.set(bytes, 1);
  return column.read(buffer, 1, 1 + bytes.length, by);
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

test("texts are those that the decoder returns, whatever came before", () => {
  const words = ["", "a", "b", "ab", "ba", "new", "neu", "paid", "é", "漢字", "😀", "A".repeat(16)];
  const bytes = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...words, "\u0000", "A".repeat(17)).map(utf8) },
    fc.uint8Array({ maxLength: 18 }), // also invalid UTF-8
    fc.constantFrom(Uint8Array.of(0xff), Uint8Array.of(0xfe), Uint8Array.of(0xc3)),
  );
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 100, maxLength: 400 }), (values) => {
      const column = new RepeatedText();
      for (const value of values) {
        if (!column.isUseful) break;
        assert.equal(read(column, value), decode(value, 0, value.length));
      }
    }),
    { numRuns: 60 },
  );
});

test("a text that comes again is not decoded again", () => {
  const counted = counting();
  const column = new RepeatedText();
  for (let i = 0; i < 1000; i++) {
    read(column, utf8(["new", "paid", "shipped"][i % 3]!), counted.decode);
  }
  assert.equal(counted.calls, 3);
  assert.ok(column.isUseful);
});

test("a column whose texts do not come again is given up after 128 values", () => {
  const column = new RepeatedText();
  let values = 0;
  while (column.isUseful) assert.equal(read(column, utf8(`name ${values}`)), `name ${values++}`);
  assert.equal(values, 128);
});

test("a column whose texts stop coming again is given up, too", () => {
  const column = new RepeatedText();
  for (let i = 0; i < 128; i++) read(column, utf8("same"));
  assert.ok(column.isUseful);
  for (let i = 0; i < 128; i++) read(column, utf8(`name ${i}`));
  assert.ok(!column.isUseful);
});
