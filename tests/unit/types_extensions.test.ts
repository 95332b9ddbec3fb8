import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DataError, InterfaceError } from "../../src/errors/errors.ts";
import type { Codec } from "../../src/types/codec.ts";
import { EXTENSION_CODECS } from "../../src/types/extensions.ts";
import { decodeBytes, decodeHex, encodeBytes, encodeHex } from "./types_bytes.ts";
import { EXTENSIONS, printedTests } from "./types_printed.ts";

function codec(name: string): Codec {
  return EXTENSION_CODECS.get(name)!;
}

printedTests(EXTENSIONS, codec);

test("hstore: any keys and values survive in both formats", () => {
  const text = fc.string({ unit: "binary" }).map((value) => value.toWellFormed());
  const stores = fc.dictionary(text, fc.option(text), { noNullPrototype: true, maxKeys: 8 });
  fc.assert(fc.property(stores, (store) => {
    assert.deepEqual(codec("hstore").decodeText(codec("hstore").encodeText(store)), store);
    assert.deepEqual(decodeBytes(codec("hstore"), encodeBytes(codec("hstore"), store)), store);
  }));
});

test("hstore takes maps, numbers and booleans, and nothing nested", () => {
  const hstore = codec("hstore");
  assert.equal(hstore.encodeText(new Map([["a", 1]])), '"a"=>"1"');
  assert.equal(hstore.encodeText({ a: true, b: null }), '"a"=>"true", "b"=>NULL');
  assert.throws(() => hstore.encodeText({ a: {} }), InterfaceError);
  assert.throws(() => hstore.encodeText({ a: undefined }), InterfaceError);
  for (const value of [[1], new Date(), new Uint8Array(1)]) assert.ok(!hstore.accepts(value));
  for (const text of ["a", '"a"', '"a"=>', '"a"=>"b",', '"a"=>"b" "c"=>"d"', 'x"a"=>"b"']) {
    assert.throws(() => hstore.decodeText(text), DataError, text);
  }
});

test("vector: numbers in both formats, Float32Array too", () => {
  const vector = codec("vector");
  assert.deepEqual(vector.decodeText("[1,-2.5,1e-05]"), [1, -2.5, 1e-5]);
  assert.deepEqual(decodeHex(vector, "000200003f8ccccd40000000"), [1.1, 2]);
  assert.equal(encodeHex(vector, [1.1, 2]), "000200003f8ccccd40000000");
  assert.equal(encodeHex(vector, new Float32Array([1.1, 2])), "000200003f8ccccd40000000");
  assert.equal(vector.encodeText([1, 2.5, -0]), "[1,2.5,-0]");
  assert.throws(() => vector.encodeText([NaN]), InterfaceError);
  assert.throws(() => encodeBytes(vector, [1e39]), InterfaceError);
  assert.throws(() => encodeBytes(vector, new Float64Array(65536)), InterfaceError);
  assert.ok(!vector.accepts(["1"]) && !vector.accepts({}));
  for (const text of ["", "[]", "1,2", "[a]", "[1,]", "[0x1]"]) {
    assert.throws(() => vector.decodeText(text), DataError, text);
  }
});

test("halfvec: every finite half survives its own binary form", () => {
  const halves: string[] = [];
  for (let bits = 0; bits < 65536; bits++) {
    if ((bits >> 10 & 0x1f) !== 31) halves.push(bits.toString(16).padStart(4, "0"));
  }
  const hex = `${halves.length.toString(16)}0000${halves.join("")}`;
  const values = decodeHex(codec("halfvec"), hex) as number[];
  assert.equal(values.length, 63488);
  assert.equal(encodeHex(codec("halfvec"), values), hex);
});

test("halfvec: a number is rounded to the nearest half, ties to the even one", () => {
  const rounded: [number, string][] = [
    [1 + 1 / 2048, "3c00"],
    [1 + 3 / 2048, "3c02"],
    [1 + 1.5 / 2048, "3c01"],
    [0.1, "2e66"],
    [2 ** -25, "0000"],
    [2 ** -25 * 1.5, "0001"],
    [65519, "7bff"],
    [-0, "8000"],
  ];
  for (const [value, hex] of rounded) {
    assert.equal(encodeHex(codec("halfvec"), [value]), "00010000" + hex, String(value));
  }
  assert.throws(() => encodeHex(codec("halfvec"), [65520]), InterfaceError);
});

test("sparsevec: indices count from 0, in the text from 1", () => {
  const sparse = { dimensions: 5, indices: [0, 4], values: [1.5, -2] };
  const hex = "00000005000000020000000000000000000000043fc00000c0000000";
  assert.deepEqual(codec("sparsevec").decodeText("{1:1.5,5:-2}/5"), sparse);
  assert.deepEqual(decodeHex(codec("sparsevec"), hex), sparse);
  assert.equal(codec("sparsevec").encodeText(sparse), "{1:1.5,5:-2}/5");
  assert.equal(encodeHex(codec("sparsevec"), sparse), hex);
  const empty = { dimensions: 3, indices: [], values: [] };
  assert.deepEqual(codec("sparsevec").decodeText("{}/3"), empty);
  assert.throws(
    () => codec("sparsevec").encodeText({ ...empty, indices: [3], values: [1] }),
    InterfaceError,
  );
  assert.throws(() => codec("sparsevec").encodeText({ ...empty, indices: [1] }), InterfaceError);
});

test("cube needs corners of equal length", () => {
  assert.throws(() => codec("cube").encodeText({ lower: [1], upper: [1, 2] }), InterfaceError);
  assert.throws(() => codec("cube").decodeText("(1),(2,3)"), DataError);
  assert.throws(() => codec("cube").decodeText("(1,)"), DataError);
});

/** EWKB as PostGIS prints it, in little-endian hexadecimal. */
const GEOMETRIES: readonly [ewkb: string, geometry: object][] = [
  ["0101000000000000000000F03F0000000000000040", { type: "Point", coordinates: [1, 2] }],
  [
    "0101000020E6100000000000000000F03F0000000000000040",
    { type: "Point", coordinates: [1, 2], srid: 4326 },
  ],
  [
    "0101000080000000000000F03F00000000000000400000000000000840",
    { type: "Point", coordinates: [1, 2, 3] },
  ],
  [
    "0101000040000000000000F03F00000000000000400000000000000840",
    { type: "Point", coordinates: [1, 2, 3], layout: "XYM" },
  ],
  [
    "01010000C0000000000000F03F000000000000004000000000000008400000000000001040",
    { type: "Point", coordinates: [1, 2, 3, 4], layout: "XYZM" },
  ],
  ["0101000000000000000000F87F000000000000F87F", { type: "Point", coordinates: [] }],
  [
    "01020000000200000000000000000000000000000000000000000000000000F03F000000000000F03F",
    { type: "LineString", coordinates: [[0, 0], [1, 1]] },
  ],
  ["010300000000000000", { type: "Polygon", coordinates: [] }],
  [
    "0103000000010000000400000000000000000000000000000000000000000000000000F03F0000000000000000" +
    "000000000000F03F000000000000F03F00000000000000000000000000000000",
    { type: "Polygon", coordinates: [[[0, 0], [1, 0], [1, 1], [0, 0]]] },
  ],
  [
    "0104000000010000000101000000000000000000F03F0000000000000040",
    { type: "MultiPoint", coordinates: [[1, 2]] },
  ],
  [
    "010500000001000000010200000001000000000000000000F03F0000000000000040",
    { type: "MultiLineString", coordinates: [[[1, 2]]] },
  ],
  [
    "01060000000100000001030000000100000001000000000000000000F03F0000000000000040",
    { type: "MultiPolygon", coordinates: [[[[1, 2]]]] },
  ],
  [
    "0107000020E6100000010000000101000000000000000000F03F0000000000000040",
    {
      type: "GeometryCollection",
      geometries: [{ type: "Point", coordinates: [1, 2] }],
      srid: 4326,
    },
  ],
];

test("geometry: EWKB is GeoJSON and back, in both formats", () => {
  for (const [ewkb, geometry] of GEOMETRIES) {
    for (const name of ["geometry", "geography"]) {
      assert.deepEqual(codec(name).decodeText(ewkb), geometry);
      assert.deepEqual(decodeHex(codec(name), ewkb), geometry);
      assert.ok(codec(name).accepts(geometry));
      assert.equal(codec(name).encodeText(geometry), ewkb);
      assert.equal(encodeHex(codec(name), geometry).toUpperCase(), ewkb);
    }
  }
});

test("geometry: big-endian EWKB is read as well", () => {
  const point = "00000000013FF00000000000004000000000000000";
  assert.deepEqual(codec("geometry").decodeText(point), { type: "Point", coordinates: [1, 2] });
});

test("geometry: a kind that GeoJSON does not define is EWKB in hexadecimal", () => {
  const curve = "01080000000000000001";
  assert.equal(codec("geometry").decodeText(curve), curve);
  assert.equal(decodeHex(codec("geometry"), curve), curve);
});

test("geometry: coordinates that do not fit the type are refused", () => {
  for (
    const geometry of [
      { type: "Point", coordinates: ["1", 2] },
      { type: "Point", coordinates: [1] },
      { type: "LineString", coordinates: [1, 2] },
      { type: "Polygon", coordinates: [[1, 2]] },
      { type: "GeometryCollection", geometries: [{ type: "Nothing" }] },
    ]
  ) {
    assert.throws(() => codec("geometry").encodeText(geometry), InterfaceError);
  }
  for (const value of [{}, { type: "Circle" }, { type: "Point" }, [1, 2]]) {
    assert.ok(!codec("geometry").accepts(value));
  }
});
