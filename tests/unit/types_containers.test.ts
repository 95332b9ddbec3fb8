import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DataError, InterfaceError } from "../../src/errors/errors.ts";
import { arrayOf, BoundedArray } from "../../src/types/array.ts";
import type { Codec } from "../../src/types/codec.ts";
import { compositeOf, parseRecord } from "../../src/types/composite.ts";
import { Range, type RangeBounds } from "../../src/types/range.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import { decodeBytes, decodeHex, encodeBytes, encodeHex } from "./types_bytes.ts";
import { CONTAINERS, printedTests } from "./types_printed.ts";

const registry = completeRegistry();

function codec(name: string): Codec {
  return registry.lookup(registry.oidOf(name)!)!;
}

/** Checks that both formats read the value that was written. */
function roundTrips(of: Codec, value: unknown): void {
  assert.ok(of.accepts(value));
  assert.deepEqual(of.decodeText(of.encodeText(value)), value);
  if (of.encodesBinary!(value)) assert.deepEqual(decodeBytes(of, encodeBytes(of, value)), value);
}

printedTests(CONTAINERS, codec);

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(...'{}",\\ NUL()[]') }),
)
  .map((text) => text.replaceAll("\0", "0").toWellFormed());

describe("arrays", () => {
  test("the binary form is the one that the server sends", () => {
    for (const type of ["int4[]", "text[]", "bool[]", "int8[]"]) {
      for (const [text, hex, value] of CONTAINERS[type]!) {
        assert.equal(encodeHex(codec(type), value), hex, text);
      }
    }
  });

  test("any texts and NULLs survive in up to six dimensions, in both formats", () => {
    const items = fc.array(fc.option(anyText), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(items, fc.integer({ min: 0, max: 5 }), (leaf, depth) => {
        let value: unknown = leaf;
        for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value, value] : [value];
        roundTrips(codec("text[]"), value);
      }),
      { numRuns: 1000 },
    );
  });

  test("numbers survive in both formats", () => {
    fc.assert(fc.property(fc.array(fc.option(fc.double())), (value) => {
      roundTrips(codec("float8[]"), value);
    }));
    fc.assert(fc.property(fc.array(fc.option(fc.maxSafeInteger())), (value) => {
      const bigints = value.map((item) => item === null ? null : BigInt(item));
      assert.deepEqual(codec("int8[]").decodeText(codec("int8[]").encodeText(value)), bigints);
      assert.deepEqual(decodeBytes(codec("int8[]"), encodeBytes(codec("int8[]"), value)), bigints);
    }));
  });

  test("typed arrays are arrays, a Uint8Array is bytes", () => {
    assert.equal(codec("int4[]").encodeText(new Int32Array([1, -2])), "{1,-2}");
    assert.equal(codec("int8[]").encodeText(new BigInt64Array([1n])), "{1}");
    assert.deepEqual(
      decodeBytes(codec("float4[]"), encodeBytes(codec("float4[]"), new Float32Array([1.1, 2]))),
      [1.1, 2],
    );
    assert.ok(!codec("bytea[]").accepts(new Uint8Array(1)));
    assert.ok(!codec("int4[]").accepts(new DataView(new ArrayBuffer(1))));
    assert.ok(!codec("int4[]").accepts({ length: 1 }));
  });

  test("an array of empty arrays is empty", () => {
    for (const value of [[], [[]], [[], []], [[[]]]]) {
      assert.equal(codec("int4[]").encodeText(value), "{}");
      assert.equal(encodeHex(codec("int4[]"), value), "000000000000000000000017");
    }
  });

  test("sub-arrays of different lengths or depths are refused", () => {
    for (const value of [[[1], [1, 2]], [[1], 2], [1, [2]], [[1], []], [[], [1]], [[[1]], [1]]]) {
      assert.throws(() => codec("int4[]").encodeText(value), InterfaceError, JSON.stringify(value));
      assert.throws(() => encodeBytes(codec("int4[]"), value), InterfaceError);
    }
    assert.throws(() => codec("int4[]").encodeText([[[[[[[1]]]]]]]), /more than 6 dimensions/);
    const endless: unknown[] = [];
    endless.push(endless);
    assert.throws(() => codec("int4[]").encodeText(endless), InterfaceError);
  });

  test("a string is an element's text, which only the server reads: the array is sent as text", () => {
    const dates = codec("date[]");
    assert.equal(dates.encodesBinary!(["today", null]), false);
    assert.equal(dates.encodeText(["today", null]), "{today,NULL}");
    assert.equal(codec("int4[]").encodesBinary!([1, "2"]), false);
    assert.equal(codec("text[]").encodesBinary!(["a", null]), true);
    assert.equal(codec("jsonb[]").encodesBinary!(['{"a":1}', { b: 2 }]), true);
  });

  test("a primitive that the element does not take is its text", () => {
    assert.equal(codec("text[]").encodeText([1, true, 2n, -0]), "{1,true,2,-0}");
    assert.deepEqual(decodeBytes(codec("text[]"), encodeBytes(codec("text[]"), [1, true, -0])), [
      "1",
      "true",
      "-0",
    ]);
    assert.equal(codec("bool[]").encodeText([1]), "{1}");
    assert.equal(codec("bool[]").encodesBinary!([1]), false);
  });

  test("undefined and values that the element cannot hold are refused, and not quoted", () => {
    const refused: [string, unknown[], RegExp][] = [
      ["int4[]", [undefined], /^int4 cannot hold undefined; write null for NULL$/],
      ["int4[]", [{ secret: 1 }], /^int4 cannot hold this value$/],
      ["text[]", [new Date()], /^text cannot hold this value$/],
      ["int4[]", [1.5], /^not an integer/],
    ];
    for (const [type, value, message] of refused) {
      assert.throws(() => codec(type).encodeText(value), { name: "InterfaceError", message });
      assert.throws(() => encodeBytes(codec(type), value), { name: "InterfaceError", message });
    }
  });

  test("an array that the element accepts is an element: json, multiranges", () => {
    assert.equal(codec("jsonb[]").encodeText([[1, 2], { a: [] }]), '{"[1,2]","{\\"a\\":[]}"}');
    assert.equal(codec("int4multirange[]").encodeText([[new Range(1, 2)], []]), '{"{[1,2)}","{}"}');
  });

  test("the delimiter of box is a semicolon", () => {
    const box = { high: { x: 1, y: 1 }, low: { x: 0, y: 0 } };
    assert.equal(codec("box[]").encodeText([box, box]), "{(1,1),(0,0);(1,1),(0,0)}");
  });

  test("lower bounds are read under the option bounds, and dropped without", () => {
    const bounded = completeRegistry({ arrays: "bounded" });
    const of = bounded.lookup(bounded.oidOf("int4[]")!)!;
    const printed: [text: string, hex: string, elements: unknown[], lowerBounds: number[]][] = [
      ["[0:1]={1,2}", "000000010000000000000017000000020000000000000004000000010000000400000002", [
        1,
        2,
      ], [0]],
      [
        "[-1:0][2:3]={{1,2},{3,4}}",
        "00000002000000000000001700000002ffffffff00000002000000020000000400000001000000040000000200000004000000030000000400000004",
        [[1, 2], [3, 4]],
        [-1, 2],
      ],
      ["{5}", "0000000100000000000000170000000100000001" + "0000000400000005", [5], [1]],
      ["{}", "000000000000000000000017", [], []],
    ];
    for (const [text, hex, elements, lowerBounds] of printed) {
      const value = new BoundedArray(elements, lowerBounds);
      assert.deepEqual(of.decodeText(text), value);
      assert.deepEqual(decodeHex(of, hex), value);
      assert.equal(of.encodeText(value), text);
      assert.equal(encodeHex(of, value), hex);
      assert.equal(codec("int4[]").encodeText(value), text);
      assert.deepEqual(codec("int4[]").decodeText(text), elements);
      assert.deepEqual(decodeHex(codec("int4[]"), hex), elements);
    }
    assert.throws(() => of.encodeText(new BoundedArray([1], [1, 1])), InterfaceError);
    assert.throws(() => of.encodeText(new BoundedArray([1], [0.5])), InterfaceError);
  });

  test("an element type without a binary form makes an array without one", () => {
    assert.equal(codec("money[]").decodeBinary, undefined);
    assert.equal(codec("money[]").encodeBinary, undefined);
    assert.deepEqual(codec("money[]").decodeText('{$1.00,"$1,000.00"}'), ["$1.00", "$1,000.00"]);
  });
});

describe("ranges", () => {
  const bounds = fc.constantFrom<RangeBounds>("[)", "[]", "(]", "()");

  test("the binary form is the one that the server sends", () => {
    for (const type of ["int4range", "numrange", "int4multirange"]) {
      for (const [text, hex, value] of CONTAINERS[type]!) {
        if (codec(type).encodesBinary!(value)) {
          assert.equal(encodeHex(codec(type), value), hex, text);
        }
      }
    }
  });

  test("any bounds survive in both formats", () => {
    const textRange = registryWith("textrange", "text");
    fc.assert(
      fc.property(anyText, anyText, bounds, (lower, upper, how) => {
        roundTrips(textRange, new Range(lower, upper, how));
      }),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), bounds, (lower, how) => {
      roundTrips(
        codec("int8range"),
        new Range<bigint | null>(lower, null, how[0] + ")" as RangeBounds),
      );
    }));
  });

  test("a string is a bound's text, which only the server reads: the range is sent as text", () => {
    const range = new Range("today", "tomorrow");
    assert.equal(codec("daterange").encodesBinary!(range), false);
    assert.equal(codec("daterange").encodeText(range), "[today,tomorrow)");
    assert.equal(codec("datemultirange").encodesBinary!([range]), false);
  });

  test("toString is what the server prints, equals compares by value", () => {
    assert.equal(new Range(5, 6).toString(), "[5,6)");
    assert.equal(new Range(null, 6, "(]").toString(), "(,6]");
    assert.equal(Range.empty().toString(), "empty");
    assert.ok(new Range(5, 6).equals(new Range(5, 6)));
    assert.ok(!new Range(5, 6).equals(new Range(5, 6, "[]")));
    assert.ok(!new Range(5, 6).equals(Range.empty()));
    assert.ok(Range.empty().equals(new Range(1, 2, "[]", true)));
    assert.ok(new Range(new Date(0), null).equals(new Range(new Date(0), null)));
    assert.ok(!new Range(new Date(0), null).equals(new Range(new Date(1), null)));
    assert.ok(!new Range({ a: 1 }, null).equals(new Range({ a: 2 }, null)));
    assert.ok(!new Range(1, 2).equals("[1,2)"));
  });

  test("invalid bounds are refused", () => {
    for (const how of ["", "[", "][", "[)x", "{}"]) {
      assert.throws(() => new Range(1, 2, how as RangeBounds), InterfaceError, how);
    }
  });

  test("text that is no range is a DataError", () => {
    for (const text of ["", "[", "[1", "[1,2", "[1,2)x", "1,2", "[1,2,3)", "emptyx", '["1,2)']) {
      assert.throws(() => codec("int4range").decodeText(text), DataError, text);
    }
    for (const text of ["", "{", "{[1,2)", "{[1,2),}", "{}x", "[1,2)", "{[1,2)[3,4)}"]) {
      assert.throws(() => codec("int4multirange").decodeText(text), DataError, text);
    }
  });

  test("only ranges are taken", () => {
    for (const value of [[1, 2], { lower: 1 }, 5]) assert.ok(!codec("int4range").accepts(value));
    assert.ok(!codec("int4multirange").accepts([new Range(1, 2), 5]));
    assert.throws(() => codec("int4range").encodeText(new Range({}, null)), InterfaceError);
  });

  function registryWith(name: string, subtype: string): Codec {
    const own = completeRegistry();
    const rangeSubtypeOid = own.oidOf(subtype)!;
    own.define({ oid: 50000, name, schema: "public", kind: "range", rangeSubtypeOid });
    return own.lookup(50000)!;
  }
});

describe("composites", () => {
  const text = { name: "a b", oid: 25, codec: codec("text") };
  const number = { name: "n", oid: 23, codec: codec("int4") };
  const texts = { name: "__proto__", oid: 1009, codec: codec("text[]") };
  const type = { name: "thing", oid: 50001, arrayOid: 50002 };
  const thing = compositeOf([text, number, texts], type) as Codec;

  function value(a: unknown, n: unknown, list: unknown): unknown {
    return JSON.parse(`{"a b":${JSON.stringify(a)},"n":${n},"__proto__":${JSON.stringify(list)}}`);
  }

  test("any texts, numbers and NULLs survive in both formats", () => {
    const list = fc.option(fc.array(fc.option(anyText)));
    fc.assert(
      fc.property(fc.option(anyText), fc.option(fc.integer()), list, (a, n, items) => {
        roundTrips(thing, value(a, n, items));
        roundTrips(arrayOf(thing), [value(a, n, items), null]);
      }),
      { numRuns: 1000 },
    );
  });

  test("the text that the server prints is read: quotes doubled or escaped, an empty field for NULL", () => {
    assert.deepEqual(
      thing.decodeText('("q""\\\\ ,",,"{a,""b c""}")'),
      value('q"\\ ,', "null", ["a", "b c"]),
    );
    assert.deepEqual(thing.decodeText('("",5,)'), value("", 5, null));
    assert.deepEqual(parseRecord("(,,)", "record"), [null, null, null]);
    assert.deepEqual(parseRecord('(1,"",b)', "record"), ["1", "", "b"]);
    assert.deepEqual(codec("record").decodeText('(1,"(2,""x y"")",)'), ["1", '(2,"x y")', null]);
    assert.deepEqual(codec("record[]").decodeText('{"(1,)",NULL}'), [["1", null], null]);
  });

  test("a type without attributes is an empty object", () => {
    const empty = compositeOf([], type) as Codec;
    assert.deepEqual(empty.decodeText("()"), {});
    assert.deepEqual(decodeHex(empty, "00000000"), {});
    assert.equal(empty.encodeText({}), "()");
  });

  test("an attribute that is missing or unfit is refused by its name", () => {
    assert.throws(() => thing.encodeText({ "a b": "x" }), {
      name: "InterfaceError",
      message: 'thing needs the attribute "n"; null for NULL',
    });
    assert.throws(() => encodeBytes(thing, { "a b": "x", n: 1 }), /"__proto__"/);
    assert.throws(() => thing.encodeText(value("x", 1.5, null)), /not an integer/);
    for (const other of [[1], new Date(), new Uint8Array(1), 5]) assert.ok(!thing.accepts(other));
  });

  test("a string for an attribute that is no text sends the composite as text", () => {
    assert.equal(thing.encodesBinary!(value("x", 1, null)), true);
    assert.equal(thing.encodesBinary!(value("x", '"1"', null)), false);
    assert.equal(thing.encodeText(value("x", '"1"', null)), "(x,1,)");
  });

  test("other attributes than the catalogue's are a DataError, not a wrong value", () => {
    const wrong = [
      "00000002",
      "0000000300000017ffffffff",
      "00000003" + "00000019ffffffff" + "00000014ffffffff",
    ];
    for (const hex of wrong) assert.throws(() => decodeHex(thing, hex), DataError);
    for (const record of ["", "()", "(1,2)", "(1,2,3,4)", "(1,2,3", '("1,2,3)', "1,2,3"]) {
      assert.throws(() => thing.decodeText(record), DataError, record);
    }
  });
});
