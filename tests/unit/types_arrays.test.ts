// Arrays of every element type, in both formats, from bytes and texts that this file makes by the rules
// of arrayfuncs.c (`array_send`, `array_out`).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Reader } from "../../src/bytes/reader.ts";
import { DataError, ProtocolError } from "../../src/errors/errors.ts";
import { BoundedArray } from "../../src/types/array.ts";
import type { Codec } from "../../src/types/codec.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import { decodeBytes } from "./types_bytes.ts";
import { type Printed, SCALARS } from "./types_printed.ts";

const plain = completeRegistry();
const bounded = completeRegistry({ arrays: "bounded" });

/** An element, or NULL. */
type Item = Printed | null;

/** An array: its sizes and lower bounds, and the elements in row-major order. */
interface Sample {
  readonly sizes: readonly number[];
  readonly lowerBounds: readonly number[];
  readonly items: readonly Item[];
}

const NULLS: Readonly<Record<string, (index: number, count: number) => boolean>> = {
  "no NULL": () => false,
  "the first element NULL": (index) => index === 0,
  "the last element NULL": (index, count) => index === count - 1,
  "each second element NULL": (index) => index % 2 === 1,
  "only NULL": () => true,
};

const SHAPES: readonly (readonly [sizes: readonly number[], lowerBounds: readonly number[]])[] = [
  [[], []],
  [[1], [1]],
  [[7], [1]],
  [[7], [-3]],
  [[2, 3], [1, 1]],
  [[1, 4], [0, 5]],
  [[2, 1, 3], [1, -1, 2]],
  [[1, 1, 2, 1, 1, 2], [1, 1, 1, 1, 1, 1]],
];

function samples(
  values: readonly Printed[],
  isNull: (i: number, count: number) => boolean,
): Sample[] {
  return SHAPES.map(([sizes, lowerBounds]) => {
    const count = sizes.length === 0 ? 0 : sizes.reduce((product, size) => product * size, 1);
    const items = Array.from(
      { length: count },
      (_, i) => isNull(i, count) ? null : values[i % values.length]!,
    );
    return { sizes, lowerBounds, items };
  });
}

function bytesOf({ sizes, lowerBounds, items }: Sample, elementOid: number): Uint8Array {
  const parts = [int32(sizes.length), int32(items.includes(null) ? 1 : 0), int32(elementOid)];
  sizes.forEach((size, d) => parts.push(int32(size), int32(lowerBounds[d]!)));
  for (const item of items) {
    if (item === null) parts.push(int32(-1));
    else parts.push(int32(item[1].length / 2), fromHex(item[1]));
  }
  return joined(parts);
}

function textOf({ sizes, lowerBounds, items }: Sample, delimiter: string): string {
  const quoted = items.map((item) =>
    item === null ? "NULL" : `"${item[0].replace(/["\\]/g, "\\$&")}"`
  );
  const body = nested(sizes, quoted, (list) => `{${list.join(delimiter)}}`) ?? "{}";
  const ranges = sizes.map((size, d) => `[${lowerBounds[d]}:${lowerBounds[d]! + size - 1}]`);
  return lowerBounds.every((bound) => bound === 1) ? body : `${ranges.join("")}=${body}`;
}

function elementsOf({ sizes, items }: Sample): unknown[] {
  const values = items.map((item) => item === null ? null : item[2]);
  return nested<unknown>(sizes, values, (list) => [...list]) as unknown[] ?? [];
}

/** Joins items from the innermost dimension to the outermost; `undefined` if there is none. */
function nested<T>(
  sizes: readonly number[],
  items: readonly T[],
  join: (list: readonly T[]) => T,
): T | undefined {
  let list = [...items];
  for (const size of [...sizes].reverse()) {
    list = Array.from(
      { length: list.length / size },
      (_, i) => join(list.slice(i * size, (i + 1) * size)),
    );
  }
  return list[0];
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function codecOf(registry: typeof plain, name: string): Codec {
  return registry.lookup(registry.oidOf(name)!)!;
}

const TYPES = Object.keys(SCALARS).filter((type) => plain.oidOf(`${type}[]`) !== undefined);

describe("an array of each element type, of any shape, with NULLs anywhere", () => {
  for (const type of TYPES) {
    test(type, () => {
      const element = codecOf(plain, type);
      const values = SCALARS[type]!;
      for (const [where, isNull] of Object.entries(NULLS)) {
        for (const sample of samples(values, isNull)) checkReads(type, element, sample, where);
      }
    });
  }

  test("these are the types of the table, the four that are read by loops among them", () => {
    assert.ok(TYPES.length >= 25, `${TYPES.length} types`);
    for (const type of ["int4", "int8", "float8", "text"]) assert.ok(TYPES.includes(type), type);
  });
});

function checkReads(type: string, element: Codec, sample: Sample, where: string): void {
  const what = `${type}[${sample.sizes}] from [${sample.lowerBounds}], ${where}`;
  const elements = elementsOf(sample);
  const whole = new BoundedArray(elements, sample.lowerBounds);
  const isAmbiguous = sample.sizes.length > 1 && element.accepts([]);
  const expected = isAmbiguous ? whole : elements;
  const [array, withBounds] = [codecOf(plain, `${type}[]`), codecOf(bounded, `${type}[]`)];
  const text = textOf(sample, element.delimiter ?? ",");
  assert.deepEqual(array.decodeText(text), expected, `${what}: text`);
  assert.deepEqual(withBounds.decodeText(text), whole, `${what}: text, bounded`);
  if (element.decodeBinary === undefined) return;
  const bytes = bytesOf(sample, element.oid);
  assert.deepEqual(decodeBytes(array, bytes), expected, `${what}: binary`);
  assert.deepEqual(decodeBytes(withBounds, bytes), whole, `${what}: binary, bounded`);
}

describe("malformed arrays are refused", () => {
  /** Types that are read by loops, and some that are not. */
  const types = ["int4", "int8", "float8", "text", "bool", "int2", "numeric", "bytea"];
  const isRefusal = (error: unknown): boolean =>
    error instanceof DataError || error instanceof ProtocolError;

  for (const type of types) {
    const array = codecOf(plain, `${type}[]`);
    const element = codecOf(plain, type);
    const [, hex] = SCALARS[type]!.find(([, hex]) => hex !== "")!;
    const size = hex.length / 2;
    const header = (dimensions: number, oid: number, ...rest: number[]): Uint8Array =>
      joined([dimensions, 0, oid, ...rest].map(int32));
    const refuses = (what: string, bytes: Uint8Array): void =>
      assert.throws(() => decodeBytes(array, bytes), isRefusal, `${type}[]: ${what}`);

    test(`${type}[] that ends at any byte, or has one more`, () => {
      const sample = samples(SCALARS[type]!, (i) => i === 1)[4]!;
      const bytes = bytesOf(sample, element.oid);
      for (let end = 0; end < bytes.length; end++) refuses(`${end} bytes`, bytes.slice(0, end));
      refuses("a byte left over", joined([bytes, Uint8Array.of(0)]));
      assert.deepEqual(decodeBytes(array, bytes), elementsOf(sample));
    });

    test(`${type}[] whose header or lengths are impossible`, () => {
      const { oid } = element;
      const one = joined([int32(size), fromHex(hex)]);
      refuses("seven dimensions", header(7, oid, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1));
      refuses("-1 dimensions", header(-1, oid));
      refuses("another element type", joined([header(1, oid + 1, 1, 1), one]));
      refuses("a dimension of size 0", header(1, oid, 0, 1));
      refuses("a dimension of size -1", header(1, oid, -1, 1));
      refuses("more elements than bytes", joined([header(1, oid, 2, 1), one]));
      refuses("2^27 elements", joined([header(1, oid, 1 << 27, 1), one]));
      refuses("2^32 elements", joined([header(2, oid, 1 << 16, 1, 1 << 16, 1), one]));
      refuses("a length of -2", joined([header(1, oid, 1, 1), int32(-2), fromHex(hex)]));
      refuses(
        "a length beyond the end",
        joined([header(1, oid, 1, 1), int32(size + 1), fromHex(hex)]),
      );
      if (type === "text" || type === "bytea") return;
      const short = fromHex(hex).slice(1);
      refuses("a short element", joined([header(1, oid, 1, 1), int32(size - 1), short]));
      const long = joined([fromHex(hex), Uint8Array.of(0)]);
      refuses("a long element", joined([header(1, oid, 1, 1), int32(size + 1), long]));
    });

    test(`${type}[] of which the text is no array`, () => {
      for (const text of ["", "{", "}", "1", "{1", "{1,}", "{,1}", '{"1}', "{1}}", "{{1},{1,1}}"]) {
        assert.throws(() => array.decodeText(text), isRefusal, text);
      }
      for (const text of ["[1:2]={1}", "[1:1]", "[1:1]={1}{", "[2:1]={1}", "[x:1]={1}"]) {
        assert.throws(() => array.decodeText(text), isRefusal, text);
      }
    });
  }

  test("an array at the end of a buffer is not read beyond it", () => {
    for (const type of ["int4", "int8", "float8", "text"]) {
      const array = codecOf(plain, `${type}[]`);
      const sample = samples(SCALARS[type]!, () => false)[2]!;
      const bytes = bytesOf(sample, codecOf(plain, type).oid);
      for (let end = 0; end < bytes.length; end++) {
        const reader = new Reader(bytes.slice(0, end));
        assert.throws(() => array.decodeBinary!(reader, end), isRefusal, `${type}[]: ${end} bytes`);
      }
    }
  });
});
