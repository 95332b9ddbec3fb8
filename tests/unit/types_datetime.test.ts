import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DataError, InterfaceError, ProtocolError } from "../../src/errors/errors.ts";
import {
  dateAndTimeCodecs,
  decodeBytes,
  decodeHex,
  encodeBytes,
  encodeHex,
  named,
} from "./types_bytes.ts";

const dates = dateAndTimeCodecs("date");
const strings = dateAndTimeCodecs("string");
const timestamptz = named(dates, "timestamptz");
const timestamp = named(dates, "timestamp");
const date = named(dates, "date");
const time = named(dates, "time");
const timetz = named(dates, "timetz");
const MIN_MS = Date.parse("-004713-11-24T00:00:00Z");
const MAX_MS = 8.64e15;

// What PostgreSQL 18 prints (TimeZone UTC, DateStyle ISO) and what timestamptz_send returns.
const MOMENTS: readonly (readonly [text: string, hex: string, date: string | number])[] = [
  ["2000-01-01 00:00:00+00", "0000000000000000", "2000-01-01T00:00:00.000Z"],
  ["1970-01-01 00:00:00+00", "fffca2fec4c82000", "1970-01-01T00:00:00.000Z"],
  ["1969-12-31 23:59:59.999999+00", "fffca2fec4c81fff", "1969-12-31T23:59:59.999Z"],
  ["1997-12-17 07:37:16.25+00", "ffffc57b8b8d9390", "1997-12-17T07:37:16.250Z"],
  ["2024-02-29 23:59:59.000001+00", "0002b58cd3547dc1", "2024-02-29T23:59:59.000Z"],
  ["1999-12-31 23:59:59.999999+00", "ffffffffffffffff", "1999-12-31T23:59:59.999Z"],
  ["0044-03-15 12:00:00+00 BC", "ff1af9e8fb46d000", "-000043-03-15T12:00:00.000Z"],
  ["0001-12-31 23:59:59.5+00 BC", "ff1fe2ffc594bee0", "0000-12-31T23:59:59.500Z"],
  ["0001-01-01 00:00:00+00", "ff1fe2ffc59c6000", "0001-01-01T00:00:00.000Z"],
  ["4714-11-24 00:00:00+00 BC", "fd0f7cc1411fa000", "-004713-11-24T00:00:00.000Z"],
  ["9999-12-31 23:59:59.999999+00", "0380e70b913b7fff", "9999-12-31T23:59:59.999Z"],
  ["10000-01-01 00:00:00+00", "0380e70b913b8000", "+010000-01-01T00:00:00.000Z"],
  ["275760-09-13 00:00:00+00", "77e41537f0282000", "+275760-09-13T00:00:00.000Z"],
  ["275760-09-13 00:00:00.000001+00", "77e41537f0282001", "+275760-09-13T00:00:00.000Z"],
  ["275760-09-13 00:00:00.001+00", "77e41537f02823e8", "275760-09-13 00:00:00.001+00"],
  ["294276-12-31 23:59:59.999999+00", "7fffff5bb3b29fff", "294276-12-31 23:59:59.999999+00"],
  ["infinity", "7fffffffffffffff", Infinity],
  ["-infinity", "8000000000000000", -Infinity],
];

// The same for date, time and timetz.
const DATES: readonly (readonly [text: string, hex: string])[] = [
  ["2000-01-01", "00000000"],
  ["1970-01-01", "ffffd533"],
  ["1900-02-28", "ffff718e"],
  ["2100-03-01", "00008ee8"],
  ["0044-03-15 BC", "fff49d7b"],
  ["0004-02-29", "fff4e07b"],
  ["0001-12-31 BC", "fff4dbf8"],
  ["0005-02-29 BC", "fff4d511"],
  ["4714-11-24 BC", "ffda97a7"],
  ["10000-01-01", "002c95d4"],
  ["275760-09-13", "05f5b633"],
  ["275760-09-14", "05f5b634"],
  ["5874897-12-31", "7fda970c"],
  ["infinity", "7fffffff"],
  ["-infinity", "80000000"],
];
const TIMES: readonly (readonly [text: string, hex: string])[] = [
  ["00:00:00", "0000000000000000"],
  ["07:37:16", "0000000663502300"],
  ["07:37:16.25", "000000066353f390"],
  ["12:34:56.000001", "0000000a8bda1c01"],
  ["23:59:59.999999", "000000141dd75fff"],
  ["24:00:00", "000000141dd76000"],
];
const TIMETZS: readonly (readonly [text: string, hex: string])[] = [
  ["00:00:00+00", "000000000000000000000000"],
  ["07:37:16.25-08", "000000066353f39000007080"],
  ["12:34:56.789+05:30", "0000000a8be62608ffffb2a8"],
  ["12:34:56.000001-00:01:15", "0000000a8bda1c010000004b"],
  ["23:59:59.999999+15:59:59", "000000141dd75fffffff1f01"],
  ["24:00:00-15:59:59", "000000141dd760000000e0ff"],
  ["01:02:03-00:30", "00000000dde878c000000708"],
];

const withoutZone = (text: string): string => text.replace("+00", "");

/** Returns a Date as its ISO text, so that a table can contain it beside strings and infinities. */
function shown(value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : value;
}

describe("policy date", () => {
  for (const [text, hex, expected] of MOMENTS) {
    test(`timestamptz ${text} is read in both formats`, () => {
      assert.equal(shown(timestamptz.decodeText(text)), expected);
      assert.equal(shown(decodeHex(timestamptz, hex)), expected);
    });
    test(`timestamp ${withoutZone(text)} is read as UTC in both formats`, () => {
      const wanted = typeof expected === "string" ? withoutZone(expected) : expected;
      assert.equal(shown(timestamp.decodeText(withoutZone(text))), wanted);
      assert.equal(shown(decodeHex(timestamp, hex)), wanted);
    });
  }

  for (const codec of [date, time, timetz]) {
    const table = codec === date ? DATES : codec === time ? TIMES : TIMETZS;
    for (const [text, hex] of table) {
      test(`${codec.name} ${text} is the text PostgreSQL prints, in both formats`, () => {
        assert.equal(codec.decodeText(text), text);
        assert.equal(decodeHex(codec, hex), text);
      });
    }
  }

  test("Dates in whole milliseconds are written as the server would send them", () => {
    for (const [text, hex, expected] of MOMENTS) {
      const value = typeof expected === "number" ? expected : new Date(expected);
      const exact = !/\.\d{4,}/.test(text) &&
        (typeof expected === "number" || expected.endsWith("Z"));
      if (!exact) continue;
      assert.ok(timestamptz.accepts(value));
      assert.equal(timestamptz.encodeText(value), text);
      assert.equal(encodeHex(timestamptz, value), hex);
      assert.equal(timestamp.encodeText(value), withoutZone(text));
      assert.equal(encodeHex(timestamp, value), hex);
    }
  });

  test("a Date means its UTC date and its UTC time of day", () => {
    const value = new Date("1969-12-31T23:59:58.007Z");
    assert.equal(date.encodeText(value), "1969-12-31");
    assert.equal(decodeBytes(date, encodeBytes(date, value)), "1969-12-31");
    assert.equal(time.encodeText(value), "23:59:58.007");
    assert.equal(decodeBytes(time, encodeBytes(time, value)), "23:59:58.007");
    assert.equal(timetz.encodeText(value), "23:59:58.007+00");
    assert.equal(decodeBytes(timetz, encodeBytes(timetz, value)), "23:59:58.007+00");
  });

  test("infinities are dates but not times of day", () => {
    assert.equal(date.encodeText(Infinity), "infinity");
    assert.equal(encodeHex(date, -Infinity), "80000000");
    assert.equal(encodeHex(date, Infinity), "7fffffff");
    assert.ok(date.accepts(-Infinity));
    assert.ok(!time.accepts(Infinity) && !timetz.accepts(Infinity));
  });

  test("a value that is neither a Date nor infinite is not accepted", () => {
    for (const codec of dates) {
      for (const value of [0, 1.5, NaN, 1n, true, {}, [], new Uint8Array(8), () => 0]) {
        assert.ok(!codec.accepts(value), codec.name);
      }
    }
  });

  test("an invalid Date is an InterfaceError that names the type", () => {
    for (const codec of dates) {
      const wanted = (error: unknown) =>
        error instanceof InterfaceError && error.message.includes(codec.name);
      assert.throws(() => codec.encodeText(new Date(NaN)), wanted);
      assert.throws(() => encodeBytes(codec, new Date(NaN)), wanted);
    }
  });

  test("a Date before PostgreSQL's calendar is an InterfaceError", () => {
    for (const codec of [timestamptz, timestamp, date]) {
      assert.throws(() => codec.encodeText(new Date(MIN_MS - 1)), InterfaceError);
      assert.throws(() => encodeBytes(codec, new Date(-MAX_MS)), InterfaceError);
      assert.doesNotThrow(() => encodeBytes(codec, new Date(MIN_MS)));
    }
  });

  test("every Date in range survives both formats", () => {
    fc.assert(
      fc.property(fc.integer({ min: MIN_MS, max: MAX_MS }), (milliseconds) => {
        const value = new Date(milliseconds);
        for (const codec of [timestamptz, timestamp]) {
          assert.deepEqual(codec.decodeText(codec.encodeText(value)), value);
          assert.deepEqual(decodeBytes(codec, encodeBytes(codec, value)), value);
        }
        for (const codec of [date, time, timetz]) {
          assert.equal(decodeBytes(codec, encodeBytes(codec, value)), codec.encodeText(value));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("policy string", () => {
  for (const [text, hex] of MOMENTS) {
    test(`${text} is kept to the microsecond in both formats`, () => {
      assert.equal(named(strings, "timestamptz").decodeText(text), text);
      assert.equal(decodeHex(named(strings, "timestamptz"), hex), text);
      assert.equal(named(strings, "timestamp").decodeText(withoutZone(text)), withoutZone(text));
      assert.equal(decodeHex(named(strings, "timestamp"), hex), withoutZone(text));
    });
  }

  test("a timestamptz is in UTC under any TimeZone of the session", () => {
    const codec = named(strings, "timestamptz");
    const same = "1997-12-17 07:37:16.25+00";
    for (
      const text of [
        "1997-12-17 08:37:16.25+01",
        "1997-12-17 13:22:16.25+05:45",
        "1997-12-16 19:37:16.25-12",
        "1997-12-17 07:36:01.25-00:01:15",
        "1997-12-17 07:38:31.25+00:01:15",
      ]
    ) assert.equal(codec.decodeText(text), same);
    assert.equal(codec.decodeText("0044-03-04 12:49:56+00:49:56 BC"), "0044-03-04 12:00:00+00 BC");
    assert.equal(codec.decodeText("0001-01-01 00:00:00+01"), "0001-12-31 23:00:00+00 BC");
  });

  test("text and binary agree on every microsecond of the range", () => {
    const codec = named(strings, "timestamptz");
    const min = -211_813_488_000_000_000n;
    fc.assert(
      fc.property(fc.bigInt({ min, max: 9_223_371_331_199_999_999n }), (micros) => {
        const bytes = new Uint8Array(8);
        new DataView(bytes.buffer).setBigInt64(0, micros);
        const text = decodeBytes(codec, bytes) as string;
        assert.equal(codec.decodeText(text), text);
        const inDate = decodeBytes(timestamptz, bytes);
        assert.deepEqual(timestamptz.decodeText(text), inDate);
        if (!(inDate instanceof Date)) return assert.equal(inDate, text);
        const sinceEpoch = micros + 946_684_800_000_000n;
        assert.equal(inDate.getTime(), Number((sinceEpoch - mod(sinceEpoch, 1000n)) / 1000n));
      }),
      { numRuns: 2000 },
    );
  });

  test("text and binary agree on every day of the range", () => {
    const days = fc.integer({ min: -2_451_545, max: 2_145_031_948 });
    fc.assert(
      fc.property(days, (day) => {
        const bytes = new Uint8Array(4);
        new DataView(bytes.buffer).setInt32(0, day);
        const text = decodeBytes(date, bytes) as string;
        assert.equal(date.decodeText(text), text);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("DateStyle", () => {
  // Printed by PostgreSQL 18 for 1997-12-17 07:37:16.25, 12345-05-05 and 0044-03-24 12:00:00 BC.
  const same: readonly (readonly [codec: string, text: string, iso: string])[] = [
    ["timestamp", "12/17/1997 07:37:16.25", "1997-12-17 07:37:16.25"],
    ["timestamp", "17/12/1997 07:37:16.25", "1997-12-17 07:37:16.25"],
    ["timestamp", "Wed Dec 17 07:37:16.25 1997", "1997-12-17 07:37:16.25"],
    ["timestamp", "Wed 17 Dec 07:37:16.25 1997", "1997-12-17 07:37:16.25"],
    ["timestamp", "17.12.1997 07:37:16.25", "1997-12-17 07:37:16.25"],
    ["timestamp", "Sun Mar 04 00:00:00 12345", "12345-03-04 00:00:00"],
    ["timestamp", "Mon 04 Mar 12:00:00 0044 BC", "0044-03-04 12:00:00 BC"],
    ["timestamp", "05/05/10000 12:00:00", "10000-05-05 12:00:00"],
    ["timestamp", "04.03.0044 12:00:00 BC", "0044-03-04 12:00:00 BC"],
    ["date", "12/17/1997", "1997-12-17"],
    ["date", "17/12/1997", "1997-12-17"],
    ["date", "12-17-1997", "1997-12-17"],
    ["date", "17-12-1997", "1997-12-17"],
    ["date", "17.12.1997", "1997-12-17"],
    ["date", "04.03.0044", "0044-03-04"],
    ["date", "24/03/0044 BC", "0044-03-24 BC"],
    ["date", "05-05-12345", "12345-05-05"],
  ];
  for (const [name, text, iso] of same) {
    test(`${name} ${text} is ${iso}`, () => {
      assert.equal(named(strings, name).decodeText(text), iso);
    });
  }

  const dependent: readonly (readonly [codec: string, text: string])[] = [
    ["date", "03/04/0044"],
    ["date", "03-04-0044"],
    ["timestamp", "03/04/0044 12:00:00 BC"],
    ["timestamptz", "12/17/1997 08:37:16.25 CET"],
    ["timestamptz", "12/31/1999 21:00:00 UTC"], // 2000-01-01 00:00:00+00 under TimeZone UTC+3
    ["timestamptz", "01/01/2000 03:00:00 +03"],
    ["timestamptz", "Wed Dec 17 13:22:16.25 1997 +0545"],
    ["timestamptz", "Mon Mar 04 12:49:56 0044 LMT BC"],
    ["timestamptz", "17.12.1997 08:37:16.25 CET"],
  ];
  for (const [name, text] of dependent) {
    test(`${name} ${text} depends on the session and is refused`, () => {
      assert.throws(() => named(strings, name).decodeText(text), {
        name: "DataError",
        code: "22007",
        message: /set DateStyle to ISO$/,
      });
    });
  }
});

describe("a hostile value is a typed error", () => {
  const texts: Readonly<Record<string, readonly string[]>> = {
    // deno-fmt-ignore
    date: ["", "x", "Infinity", "constructor", "__proto__", "2024-00-01", "2024-13-01", "2024-01-00",
      "2023-02-29", "1900-02-29", "2024-04-31", "0000-01-01", "4714-11-23 BC", "5874898-01-01",
      "99999999-01-01", "2024-1-1", "2024-01-01 ", "2024-01-01 AD", "2024-01-01\n", "13/13/2024"],
    // deno-fmt-ignore
    time: ["", "24:00:01", "24:00:00.000001", "25:00:00", "12:60:00", "12:00:60", "1:00:00",
      "12:00", "12:00:00.", "12:00:00.1234567", "-12:00:00", "infinity"],
    timetz: ["", "12:00:00", "12:00:00+", "12:00:00+1", "12:00:00+16", "12:00:00 UTC", "+01"],
    // deno-fmt-ignore
    timestamp: ["", "2024-01-01", "2024-01-01 12:00:00+00", "2024-02-30 12:00:00",
      "294277-01-01 00:00:00", "4714-11-23 23:59:59 BC", "Wed Foo 17 07:37:16 1997",
      "Wed anF 17 07:37:16 1997", "2024-01-01 1:2:3"],
    // deno-fmt-ignore
    timestamptz: ["", "2024-01-01 12:00:00", "2024-01-01 12:00:00+", "2024-01-01 12:00:00+0545",
      "2024-01-01 12:00:00+00:00:00:00", "294276-12-31 23:59:59-01"],
  };
  for (const codec of strings) {
    test(`${codec.name}: malformed text is a DataError without the text`, () => {
      for (const text of texts[codec.name]!) {
        assert.throws(
          () => codec.decodeText(text),
          (error) => error instanceof DataError && (text === "" || !error.message.includes(text)),
          JSON.stringify(text),
        );
      }
    });
    test(`${codec.name}: another length is a ProtocolError`, () => {
      const right = codec.name === "date" ? 4 : codec.name === "timetz" ? 12 : 8;
      for (let length = 0; length < 16; length++) {
        if (length === right) continue;
        assert.throws(() => decodeBytes(codec, new Uint8Array(length)), ProtocolError);
      }
    });
    test(`${codec.name}: any bytes are a value or a typed error`, () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 13 }), (bytes) => {
        try {
          const text = decodeBytes(codec, bytes) as string;
          assert.equal(codec.decodeText(text), text);
        } catch (error) {
          assert.ok(error instanceof DataError || error instanceof ProtocolError);
        }
      }));
    });
  }

  test("binary values outside of the types' ranges are DataErrors", () => {
    const outside: readonly (readonly [name: string, hex: string])[] = [
      ["timestamptz", "7fffff5bb3b2a000"],
      ["timestamptz", "7ffffffffffffffe"],
      ["timestamptz", "8000000000000001"],
      ["timestamp", "fd0f7cc1411f9fff"],
      ["date", "7fda970d"],
      ["date", "80000001"],
      ["date", "ffda97a6"],
      ["time", "000000141dd76001"],
      ["time", "ffffffffffffffff"],
      ["timetz", "00000000000000000000e100"],
      ["timetz", "000000000000000080000000"],
    ];
    for (const [name, hex] of outside) {
      assert.throws(() => decodeHex(named(strings, name), hex), DataError, `${name} ${hex}`);
    }
  });
});

test("an unknown policy is an InterfaceError that names the option", () => {
  assert.throws(() => dateAndTimeCodecs("iso" as "date"), {
    name: "InterfaceError",
    message: /types\.datetime/,
  });
});

test("codecs are frozen plain objects with the OIDs of pg_type", () => {
  const oids = dates.map(({ name, oid, arrayOid }) => [name, oid, arrayOid]);
  assert.deepEqual(oids, [
    ["date", 1082, 1182],
    ["timestamp", 1114, 1115],
    ["timestamptz", 1184, 1185],
    ["time", 1083, 1183],
    ["timetz", 1266, 1270],
  ]);
  assert.ok(dates.every((codec) => Object.isFrozen(codec)));
});

function mod(dividend: bigint, divisor: bigint): bigint {
  return ((dividend % divisor) + divisor) % divisor;
}
