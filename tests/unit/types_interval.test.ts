import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Temporal } from "temporal-polyfill/implementation";
import { DataError, InterfaceError, ProtocolError } from "../../src/errors/errors.ts";
import { Interval, intervalCodec as codec } from "../../src/types/interval.ts";
import { decodeBytes, decodeHex, encodeBytes, encodeHex } from "./types_bytes.ts";

/** Months, days and microseconds of each row of {@linkcode PRINTED}. */
const PARTS: readonly (readonly [months: number, days: number, micros: bigint])[] = [
  [0, 0, 0n],
  [14, 3, 14_706_789_000n],
  [-14, -3, -14_706_789_000n],
  [10, 3, -14_706_000_001n],
  [0, 0, -30_000_000n],
  [0, -1, 7_380_000_000n],
  [14, 0, 0n],
  [-14, 0, 0n],
  [0, 3, 0n],
  [0, -3, 0n],
  [0, -3, -14_706_000_000n],
  [-1, 0, 0n],
  [0, 0, 1n],
  [0, 0, -1n],
  [-12, 1, 0n],
  [1, 1, 0n],
  [2147483647, 2147483647, 9_223_372_036_854_775_806n],
  [-2147483648, -2147483648, -9_223_372_036_854_775_807n],
  [0, 0, 360_000_000_000n],
  [1, 0, -500_000n],
  [0, 1, -60_000_000n],
  [0, 0, 59_999_999n],
];

// What PostgreSQL 18 prints in the IntervalStyles postgres, postgres_verbose, sql_standard and
// iso_8601, and what interval_send returns.
// deno-fmt-ignore
const PRINTED: readonly (readonly [string, string, string, string, hex: string])[] = [
  ["00:00:00", "@ 0", "0", "PT0S", "00000000000000000000000000000000"],
  ["1 year 2 mons 3 days 04:05:06.789", "@ 1 year 2 mons 3 days 4 hours 5 mins 6.789 secs", "+1-2 +3 +4:05:06.789", "P1Y2M3DT4H5M6.789S", "000000036c97ca88000000030000000e"],
  ["-1 years -2 mons -3 days -04:05:06.789", "@ 1 year 2 mons 3 days 4 hours 5 mins 6.789 secs ago", "-1-2 -3 -4:05:06.789", "P-1Y-2M-3DT-4H-5M-6.789S", "fffffffc93683578fffffffdfffffff2"],
  ["10 mons 3 days -04:05:06.000001", "@ 10 mons 3 days -4 hours -5 mins -6.000001 secs", "+0-10 +3 -4:05:06.000001", "P10M3DT-4H-5M-6.000001S", "fffffffc93743f7f000000030000000a"],
  ["-00:00:30", "@ 30 secs ago", "-0:00:30", "PT-30S", "fffffffffe363c800000000000000000"],
  ["-1 days +02:03:00", "@ 1 day -2 hours -3 mins ago", "+0-0 -1 +2:03:00", "P-1DT2H3M", "00000001b7e1dd00ffffffff00000000"],
  ["1 year 2 mons", "@ 1 year 2 mons", "1-2", "P1Y2M", "0000000000000000000000000000000e"],
  ["-1 years -2 mons", "@ 1 year 2 mons ago", "-1-2", "P-1Y-2M", "000000000000000000000000fffffff2"],
  ["3 days", "@ 3 days", "3 0:00:00", "P3D", "00000000000000000000000300000000"],
  ["-3 days", "@ 3 days ago", "-3 0:00:00", "P-3D", "0000000000000000fffffffd00000000"],
  ["-3 days -04:05:06", "@ 3 days 4 hours 5 mins 6 secs ago", "-3 4:05:06", "P-3DT-4H-5M-6S", "fffffffc93743f80fffffffd00000000"],
  ["-1 mons", "@ 1 mon ago", "-0-1", "P-1M", "000000000000000000000000ffffffff"],
  ["00:00:00.000001", "@ 0.000001 secs", "0:00:00.000001", "PT0.000001S", "00000000000000010000000000000000"],
  ["-00:00:00.000001", "@ 0.000001 secs ago", "-0:00:00.000001", "PT-0.000001S", "ffffffffffffffff0000000000000000"],
  ["-1 years +1 day", "@ 1 year -1 days ago", "-1-0 +1 +0:00:00", "P-1Y1D", "000000000000000000000001fffffff4"],
  ["1 mon 1 day", "@ 1 mon 1 day", "+0-1 +1 +0:00:00", "P1M1D", "00000000000000000000000100000001"],
  ["178956970 years 7 mons 2147483647 days 2562047788:00:54.775806", "@ 178956970 years 7 mons 2147483647 days 2562047788 hours 54.775806 secs", "+178956970-7 +2147483647 +2562047788:00:54.775806", "P178956970Y7M2147483647DT2562047788H54.775806S", "7ffffffffffffffe7fffffff7fffffff"],
  ["-178956970 years -8 mons -2147483648 days -2562047788:00:54.775807", "@ 178956970 years 8 mons 2147483648 days 2562047788 hours 54.775807 secs ago", "-178956970-8 -2147483648 -2562047788:00:54.775807", "P-178956970Y-8M-2147483648DT-2562047788H-54.775807S", "80000000000000018000000080000000"],
  ["100:00:00", "@ 100 hours", "100:00:00", "PT100H", "00000053d1ac10000000000000000000"],
  ["1 mon -00:00:00.5", "@ 1 mon -0.5 secs", "+0-1 +0 -0:00:00.5", "P1MT-0.5S", "fffffffffff85ee00000000000000001"],
  ["1 day -00:01:00", "@ 1 day -1 mins", "+0-0 +1 -0:01:00", "P1DT-1M", "fffffffffc6c79000000000100000000"],
  ["00:00:59.999999", "@ 59.999999 secs", "0:00:59.999999", "PT59.999999S", "00000000039386ff0000000000000000"],
];

const anyInterval = fc.tuple(
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -100_000_000_000n, max: 100_000_000_000n }),
  ),
).map(([months, days, microseconds]) => new Interval({ months, days, microseconds }));

describe("interval", () => {
  for (const [i, [months, days, microseconds]] of PARTS.entries()) {
    const [postgres, verbose, standard, iso, hex] = PRINTED[i]!;
    test(`${postgres} is the same in all four IntervalStyles and in binary`, () => {
      const expected = new Interval({ months, days, microseconds });
      for (const text of [postgres, verbose, standard, iso]) {
        assert.deepEqual(codec.decodeText(text), expected, text);
      }
      assert.deepEqual(decodeHex(codec, hex), expected);
    });
    test(`${postgres} is written as ISO 8601 and as the server sends it`, () => {
      const value = new Interval({ months, days, microseconds });
      assert.ok(codec.accepts(value));
      assert.equal(codec.encodeText(value), iso);
      assert.equal(encodeHex(codec, value), hex);
    });
  }

  test("infinity is the number in both formats and both ways", () => {
    const table = [
      [Infinity, "infinity", "7fffffffffffffff7fffffff7fffffff"],
      [-Infinity, "-infinity", "80000000000000008000000080000000"],
    ] as const;
    for (const [value, text, hex] of table) {
      assert.equal(codec.decodeText(text), value);
      assert.equal(decodeHex(codec, hex), value);
      assert.ok(codec.accepts(value));
      assert.equal(codec.encodeText(value), text);
      assert.equal(encodeHex(codec, value), hex);
    }
  });

  test("the infinity of PostgreSQL 17 is infinity in the text of an older server too", () => {
    const text = "178956970 years 7 mons 2147483647 days 2562047788:00:54.775807";
    assert.equal(codec.decodeText(text), Infinity);
  });

  test("infinity goes as text, which a server before PostgreSQL 17 refuses", () => {
    assert.equal(codec.encodesBinary!(Infinity), false);
    assert.equal(codec.encodesBinary!(new Interval()), true);
    assert.equal(codec.encodesBinary!({ days: 1 }), true);
  });

  test("the smallest int64 of microseconds is read and written", () => {
    const least = new Interval({ microseconds: -(2n ** 63n) });
    assert.deepEqual(codec.decodeText("-2562047788:00:54.775808"), least);
    assert.equal(codec.encodeText(least), "PT-2562047788H-54.775808S");
    assert.deepEqual(decodeBytes(codec, encodeBytes(codec, least)), least);
  });

  test("every interval survives text and binary", () => {
    fc.assert(
      fc.property(anyInterval, (value) => {
        assert.deepEqual(codec.decodeText(codec.encodeText(value)), value);
        assert.deepEqual(decodeBytes(codec, encodeBytes(codec, value)), value);
      }),
      { numRuns: 2000 },
    );
  });

  test("a plain object of some of the parts is written with zeros for the rest", () => {
    for (
      const [value, text] of [
        [{ days: 1 }, "P1D"],
        [{ months: -13 }, "P-1Y-1M"],
        [{ microseconds: 1500 }, "PT0.0015S"],
        [{ months: 1, days: 2, microseconds: 3_000_000n }, "P1M2DT3S"],
      ] as const
    ) {
      assert.ok(codec.accepts(value));
      assert.equal(codec.encodeText(value), text);
      assert.equal(String(decodeBytes(codec, encodeBytes(codec, value))), text);
    }
  });

  test("a Temporal.Duration is written, its nanoseconds dropped towards zero", () => {
    for (
      const [duration, text] of [
        ["P1Y2M3W4DT5H6M7.008009001S", "P1Y2M25DT5H6M7.008009S"],
        ["-P1Y2M3W4DT5H6M7.008009001S", "P-1Y-2M-25DT-5H-6M-7.008009S"],
        ["PT0S", "PT0S"],
      ] as const
    ) {
      const value = Temporal.Duration.from(duration);
      assert.ok(codec.accepts(value));
      assert.equal(codec.encodeText(value), text);
      assert.equal(String(decodeBytes(codec, encodeBytes(codec, value))), text);
    }
  });

  test("other values are not accepted", () => {
    for (const value of [0, 1, NaN, 1n, true, {}, [], new Date(), { days: 1, hours: 2 }]) {
      assert.ok(!codec.accepts(value));
    }
  });

  test("parts that are no integers or do not fit are InterfaceErrors", () => {
    // deno-fmt-ignore
    const wrong: readonly object[] = [
      { months: 1.5 }, { months: 2 ** 31 }, { days: -(2 ** 31) - 1 }, { days: NaN },
      { days: "1" }, { days: 1n }, { microseconds: 0.5 }, { microseconds: 2 ** 53 },
      { microseconds: 2n ** 63n }, { microseconds: "1" }, { months: null },
    ];
    for (const parts of wrong) {
      assert.throws(() => new Interval(parts), InterfaceError);
      assert.throws(() => codec.encodeText(parts), InterfaceError);
    }
  });

  test("equals compares the parts, compare the spans as PostgreSQL does", () => {
    const month = new Interval({ months: 1 });
    const days = new Interval({ days: 30 });
    assert.ok(month.equals(new Interval({ months: 1 })));
    assert.ok(!month.equals(days) && !days.equals(new Interval({ days: 30, microseconds: 1 })));
    assert.equal(Interval.compare(month, days), 0);
    assert.equal(Interval.compare(month, new Interval({ days: 30, microseconds: 1 })), -1);
    const hours = new Interval({ microseconds: 25n * 3_600_000_000n });
    assert.equal(Interval.compare(hours, new Interval({ days: 1 })), 1);
  });

  test("JSON shows ISO 8601", () => {
    const value = [new Interval({ days: 1, microseconds: -1 })];
    assert.equal(JSON.stringify(value), '["P1DT-0.000001S"]');
  });

  test("malformed text is a DataError without the text", () => {
    // deno-fmt-ignore
    const wrong: readonly string[] = [
      "", " ", "@", "ago", "@ ago", "P", "PT", "P1", "P1YT", "P1H", "P1.5Y", "P1Y2Y", "1:2", "1:02",
      "04:60:00", "1.5 days", "1 fortnight", "1 years 2", "x years", "1  day", "Infinity", "1 day ago ago",
      "2147483648 days", "-2147483649 mons", "2562047788:00:54.775808", "constructor", "1 __proto__",
      "PT00000000000000000000001S", "1 day\n", "--1 days", "1 day ".repeat(1000),
    ];
    for (const text of wrong) {
      assert.throws(
        () => codec.decodeText(text),
        (error) =>
          error instanceof DataError && !/fortnight|constructor|x years/.test(error.message),
        JSON.stringify(text.slice(0, 40)),
      );
    }
  });

  test("any text is a value or a DataError", () => {
    const words = fc.constantFrom(
      ..."@ ago P T 1 -2 +3.5 0-1 04:05:06 -1:02:03 year mons days secs Y M D H S"
        .split(" "),
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 8 }), fc.constantFrom("", " "), (list, gap) => {
        try {
          const value = codec.decodeText(list.join(gap)) as Interval;
          assert.deepEqual(codec.decodeText(value.toString()), value);
        } catch (error) {
          assert.ok(error instanceof DataError, String(error));
        }
      }),
    );
  });

  test("another length is a ProtocolError", () => {
    for (let length = 0; length < 24; length++) {
      if (length === 16) continue;
      assert.throws(() => decodeBytes(codec, new Uint8Array(length)), ProtocolError);
    }
  });

  test("the codec is frozen and has the OIDs of pg_type", () => {
    assert.deepEqual([codec.name, codec.oid, codec.arrayOid], ["interval", 1186, 1187]);
    assert.ok(Object.isFrozen(codec));
  });
});
