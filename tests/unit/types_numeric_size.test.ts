/** Sizes: what a decoder makes and does is bounded by the bytes that came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader } from "../../src/bytes/reader.ts";
import { Writer } from "../../src/bytes/writer.ts";
import { DataError } from "../../src/errors/errors.ts";
import { compileRows, type RowColumn } from "../../src/query/rows.ts";
import { numericCodec, readNumeric, writeNumeric } from "../../src/types/numeric.ts";
import { decodeBytes } from "./types_bytes.ts";

const strings = numericCodec("string");
const numbers = numericCodec("number");

/** The binary form, from digits of base 10000. */
function numericBytes(weight: number, scale: number, digits: readonly number[], sign = 0) {
  const out = new Writer();
  for (const item of [digits.length, weight, sign, scale, ...digits]) out.int16(item);
  return out.peek().slice();
}

const long = "123456789".repeat(300);
// deno-fmt-ignore
const NUMERICS: readonly (readonly [sent: string, read: string])[] = [
  [`1${"0".repeat(1000)}`, `1${"0".repeat(1000)}`],
  [`1${"0".repeat(1001)}`, "1e1001"],
  [`-1${"0".repeat(131_071)}`, "-1e131071"],
  [`12.5e3000`, "125e2999"],
  [long, long],
  [`${long}${"0".repeat(1001)}`, `${long}e1001`],
  [`${long}${"0".repeat(1001)}.00`, `${long}e1001`],
  [`${long}${"0".repeat(2000)}.5`, `${long}${"0".repeat(2000)}.5`],
  [`0.${"0".repeat(1000)}1`, `0.${"0".repeat(1000)}1`],
  [`0.${"0".repeat(1001)}1`, "1e-1002"],
  [`-0.${"0".repeat(1001)}1250`, "-1250e-1005"],
  [`0.${"0".repeat(16_382)}1`, "1e-16383"],
  [`0.${"0".repeat(1000)}`, `0.${"0".repeat(1000)}`],
  [`0.${"0".repeat(16_383)}`, "0e-16383"],
  [`1.5${"0".repeat(999)}`, `1.5${"0".repeat(999)}`],
  [`1.5${"0".repeat(3000)}`, `1.5${"0".repeat(1000)}`],
  [`20.${"0".repeat(3000)}`, `20.${"0".repeat(1000)}`],
  [`1.${"0".repeat(3000)}5`, `1.${"0".repeat(3000)}5`],
];

for (const [sent, read] of NUMERICS) {
  const shown = sent.length > 40 ? `${sent.slice(0, 12)}… of ${sent.length}` : sent;
  test(`numeric: ${shown} is read as the same text from both formats`, () => {
    const out = new Writer();
    writeNumeric(sent, out);
    assert.equal(decodeBytes(strings, out.peek().slice()), read);
    if (!sent.includes("e")) assert.equal(strings.decodeText(sent), read);
    const again = new Writer();
    writeNumeric(read, again);
    const same = (bytes: Uint8Array): Uint8Array => bytes.slice(0, 6); // all but the scale
    assert.deepEqual(same(again.peek()), same(out.peek()));
    assert.deepEqual(again.peek().slice(8), out.peek().slice(8));
  });
}

test("numeric: a value's text is at most two thousand characters longer than its digits", () => {
  for (const weight of [-32767, -16384, -251, -250, -1, 0, 249, 250, 251, 16384, 32767]) {
    for (const scale of [0, 1, 1000, 1001, 16383]) {
      for (const digits of [[], [1], [0, 1], [9999, 0, 0], Array(300).fill(1000)]) {
        const bytes = numericBytes(weight, scale, digits, digits.length > 0 ? 0x4000 : 0);
        const text = decodeBytes(strings, bytes) as string;
        assert.ok(text.length <= 2020 + 4 * digits.length, `${weight} ${scale} ${text.length}`);
      }
    }
  }
});

test("numeric: the bytes of a value are read once, whatever its weight and scale say", () => {
  let reads = 0;
  class CountingView extends DataView<ArrayBuffer> {
    override getUint16(at: number): number {
      reads++;
      return super.getUint16(at);
    }
  }
  const cost = (size: number, weight: number, scale: number): number => {
    const bytes = numericBytes(weight, scale, Array(size).fill(1000));
    const reader = new Reader(bytes);
    reader.view = new CountingView(bytes.buffer);
    reads = 0;
    readNumeric(reader, bytes.length);
    return reads;
  };
  for (const [weight, scale] of [[32767, 0], [-32767, 16383], [0, 16383], [200, 16383]] as const) {
    for (let size = 100; size <= 6400; size *= 2) {
      assert.ok(cost(size, weight, scale) <= size + 10, `${size} digits`);
    }
  }
});

test("numeric as number: digits are compared once, however many zeros stand among them", () => {
  const digits = `1${"0".repeat(500)}`;
  for (const text of [digits.repeat(250) + "1", `0.${"10".repeat(60_000)}1`]) {
    assert.throws(() => numbers.decodeText(text), DataError);
  }
  assert.equal(numbers.decodeText(`1${"0".repeat(300)}`), 1e300);
  assert.equal(numbers.decodeText(`0.${"0".repeat(299)}1`), 1e-300);
  assert.equal(numbers.decodeText(`1.5${"0".repeat(16_000)}`), 1.5);
  assert.throws(() => numbers.decodeText(`1${"0".repeat(131_071)}`), DataError);
});

test("rows of more columns than PostgreSQL can send are decoded without code made for them", () => {
  const column = (i: number): RowColumn => ({
    name: `c${i}`,
    typeOid: 25,
    codec: undefined,
    format: 0,
  });
  const made: string[] = [];
  const { Function: original } = globalThis;
  // No class: Bun calls it without `new`.
  globalThis.Function = function (...parts: string[]) {
    made.push(parts.at(-1)!);
    return original(...parts);
  } as unknown as FunctionConstructor;
  try {
    for (const [count, sources] of [[1664, 1], [1665, 0], [65_535, 0]] as const) {
      const out = new Writer();
      out.int16(count);
      for (let i = 0; i < count; i++) out.int32(-1);
      made.length = 0;
      const decode = compileRows(Array.from({ length: count }, (_, i) => column(i)), "array");
      assert.equal(made.length, sources, `${count} columns`);
      assert.equal((decode(new Reader(out.peek().slice())) as unknown[]).length, count);
    }
  } finally {
    globalThis.Function = original;
  }
});
