import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DataError, InterfaceError, ProtocolError } from "../../src/errors/errors.ts";
import { geometricCodecs } from "../../src/types/geometric.ts";
import { decodeBytes, decodeHex, encodeBytes, encodeHex, named } from "./types_bytes.ts";

const p = (x: number, y: number): { x: number; y: number } => ({ x, y });

// What PostgreSQL 18 prints and what point_send … circle_send return.
// deno-fmt-ignore
const PRINTED: Readonly<Record<string, readonly (readonly [value: unknown, text: string, hex: string])[]>> = {
  point: [
    [p(1, 2), "(1,2)", "3ff00000000000004000000000000000"],
    [p(-0, 0.1), "(-0,0.1)", "80000000000000003fb999999999999a"],
    [p(1e300, -1e-300), "(1e+300,-1e-300)", "7e37e43c8800759c81a56e1fc2f8f359"],
    [p(Infinity, NaN), "(Infinity,NaN)", "7ff00000000000007ff8000000000000"],
    [p(-Infinity, 1e15), "(-Infinity,1e+15)", "fff0000000000000430c6bf526340000"],
    [p(5e-324, 123456789012345680), "(5e-324,1.2345678901234568e+17)", "0000000000000001437b69b4ba630f35"],
  ],
  line: [
    [{ a: 1, b: -1.5, c: 0 }, "{1,-1.5,0}", "3ff0000000000000bff80000000000000000000000000000"],
    [{ a: 0, b: 1e20, c: NaN }, "{0,1e+20,NaN}", "00000000000000004415af1d78b58c407ff8000000000000"],
  ],
  lseg: [
    [{ start: p(1, 2), end: p(3, 4.5) }, "[(1,2),(3,4.5)]", "3ff0000000000000400000000000000040080000000000004012000000000000"],
  ],
  box: [
    [{ high: p(3, 4.5), low: p(1, 2) }, "(3,4.5),(1,2)", "400800000000000040120000000000003ff00000000000004000000000000000"],
    [{ high: p(0, 5), low: p(-1, -0) }, "(0,5),(-1,-0)", "00000000000000004014000000000000bff00000000000008000000000000000"],
  ],
  path: [
    [{ closed: false, points: [p(1, 2), p(3, 4.5)] }, "[(1,2),(3,4.5)]", "00000000023ff0000000000000400000000000000040080000000000004012000000000000"],
    [{ closed: true, points: [p(1, 2), p(3, 4.5), p(0, 0)] }, "((1,2),(3,4.5),(0,0))", "01000000033ff000000000000040000000000000004008000000000000401200000000000000000000000000000000000000000000"],
    [{ closed: false, points: [p(1, 2)] }, "[(1,2)]", "00000000013ff00000000000004000000000000000"],
    [{ closed: true, points: [p(1, 2)] }, "((1,2))", "01000000013ff00000000000004000000000000000"],
  ],
  polygon: [
    [{ points: [p(1, 2), p(3, 4.5), p(0, 0)] }, "((1,2),(3,4.5),(0,0))", "000000033ff000000000000040000000000000004008000000000000401200000000000000000000000000000000000000000000"],
    [{ points: [p(1, 2)] }, "((1,2))", "000000013ff00000000000004000000000000000"],
  ],
  circle: [
    [{ center: p(1, 2), radius: 3 }, "<(1,2),3>", "3ff000000000000040000000000000004008000000000000"],
    [{ center: p(0, -0), radius: Infinity }, "<(0,-0),Infinity>", "000000000000000080000000000000007ff0000000000000"],
    [{ center: p(1, 2), radius: 0 }, "<(1,2),0>", "3ff000000000000040000000000000000000000000000000"],
  ],
};

const float = fc.double();
const point = fc.record({ x: float, y: float }, { noNullPrototype: true });
const points = fc.array(point, { minLength: 1, maxLength: 20 });
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<unknown> =>
  fc.record(model, { noNullPrototype: true });
const ANY: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  point,
  line: record({ a: float, b: float, c: float }),
  lseg: record({ start: point, end: point }),
  box: record({ high: point, low: point }),
  path: record({ closed: fc.boolean(), points }),
  polygon: record({ points }),
  circle: record({ center: point, radius: float }),
};

for (const codec of geometricCodecs) {
  describe(codec.name, () => {
    for (const [value, text, hex] of PRINTED[codec.name]!) {
      test(`${text} is read and written in both formats`, () => {
        assert.deepEqual(codec.decodeText(text), value);
        assert.deepEqual(decodeHex(codec, hex), value);
        assert.ok(codec.accepts(value));
        assert.deepEqual(codec.decodeText(codec.encodeText(value)), value);
        assert.equal(encodeHex(codec, value), hex);
      });
    }

    test("every double survives text and binary", () => {
      fc.assert(
        fc.property(ANY[codec.name]!, (value) => {
          assert.ok(codec.accepts(value));
          assert.deepEqual(codec.decodeText(codec.encodeText(value)), value);
          assert.deepEqual(decodeBytes(codec, encodeBytes(codec, value)), value);
        }),
        { numRuns: 1000 },
      );
    });

    test("other shapes are not accepted", () => {
      // deno-fmt-ignore
      const wrong: readonly unknown[] = [
        0, 1n, true, {}, [], [1, 2], { x: 1 }, { x: 1, y: "2" }, { a: 1, b: 2 }, { points: [] , closed: 1 },
        { points: [p(1, 2), 3], closed: true }, { points: p(1, 2) }, { center: p(1, 2) }, { high: p(1, 2), low: 3 },
        { start: p(1, 2), end: null }, new Date(), { radius: 1 },
      ];
      const taken = wrong.filter((value) => codec.accepts(value));
      assert.deepEqual(taken, codec.name === "polygon" ? [{ points: [], closed: 1 }] : []);
    });

    test("a value cut off at any byte, or too long, is a ProtocolError", () => {
      for (const [, , hex] of PRINTED[codec.name]!) {
        for (let end = 0; end < hex.length; end += 2) {
          assert.throws(() => decodeHex(codec, hex.slice(0, end)), ProtocolError);
        }
        assert.throws(() => decodeHex(codec, `${hex}00`), ProtocolError);
      }
    });

    test("a text cut off or with something added is a DataError", () => {
      for (const [, text] of PRINTED[codec.name]!) {
        for (let end = 0; end < text.length; end++) {
          assert.throws(() => codec.decodeText(text.slice(0, end)), DataError, text.slice(0, end));
        }
        for (const wrong of [`${text},`, `${text}0`, ` ${text}`, `${text},${text},${text}`]) {
          assert.throws(() => codec.decodeText(wrong), DataError, wrong);
        }
        if (!/\d/.test(text)) continue;
        assert.throws(() => codec.decodeText(text.replace(/\d/, "0x1")), DataError);
        assert.throws(() => codec.decodeText(text.replace(/\d/, "e")), DataError);
      }
    });

    test("any bytes are a value or a typed error", () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          const value = decodeBytes(codec, bytes);
          assert.deepEqual(codec.decodeText(codec.encodeText(value)), value);
        } catch (error) {
          assert.ok(error instanceof DataError || error instanceof ProtocolError, String(error));
        }
      }));
    });
  });
}

test("an absurd count of points is a ProtocolError before anything is allocated", () => {
  for (const count of ["7fffffff", "80000000", "ffffffff", "00000003"]) {
    const polygon = `${count}3ff00000000000004000000000000000`;
    assert.throws(() => decodeHex(named(geometricCodecs, "polygon"), polygon), ProtocolError);
    assert.throws(() => decodeHex(named(geometricCodecs, "path"), `01${polygon}`), ProtocolError);
  }
});

test("no point at all, and a path that is neither open nor closed, are DataErrors", () => {
  assert.throws(() => decodeHex(named(geometricCodecs, "polygon"), "00000000"), DataError);
  assert.throws(() => decodeHex(named(geometricCodecs, "path"), "0000000000"), DataError);
  const neither = "02000000013ff00000000000004000000000000000";
  assert.throws(() => decodeHex(named(geometricCodecs, "path"), neither), DataError);
});

test("a path or polygon without points cannot be written", () => {
  const polygon = named(geometricCodecs, "polygon");
  const path = named(geometricCodecs, "path");
  for (
    const [codec, value] of [[polygon, { points: [] }], [path, {
      closed: true,
      points: [],
    }]] as const
  ) {
    assert.throws(() => codec.encodeText(value), InterfaceError);
    assert.throws(() => encodeBytes(codec, value), InterfaceError);
  }
});

test("the codecs are frozen and have the OIDs of pg_type; boxes are separated by semicolons", () => {
  const rows = geometricCodecs.map((
    { name, oid, arrayOid, delimiter },
  ) => [name, oid, arrayOid, delimiter]);
  assert.deepEqual(rows, [
    ["point", 600, 1017, undefined],
    ["line", 628, 629, undefined],
    ["lseg", 601, 1018, undefined],
    ["box", 603, 1020, ";"],
    ["path", 602, 1019, undefined],
    ["polygon", 604, 1027, undefined],
    ["circle", 718, 719, undefined],
  ]);
  assert.ok(geometricCodecs.every((codec) => Object.isFrozen(codec)));
});
