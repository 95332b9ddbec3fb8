import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Temporal } from "temporal-polyfill/implementation";
import { InterfaceError } from "../../src/errors/errors.ts";
import type { Codec } from "../../src/types/codec.ts";
import type { TemporalLike } from "../../src/types/temporal.ts";
import { dateAndTimeCodecs, decodeBytes, decodeHex, encodeBytes, named } from "./types_bytes.ts";

const own = (globalThis as { Temporal?: typeof Temporal }).Temporal;
const strings = dateAndTimeCodecs("string");

// The text that PostgreSQL 18 prints, the class of the value, and the text of the value.
const VALUES: readonly (readonly [type: string, text: string, name: string, iso: string])[] = [
  ["timestamptz", "1969-12-31 23:59:59.999999+00", "Instant", "1969-12-31T23:59:59.999999Z"],
  ["timestamptz", "1997-12-17 07:37:16.25+00", "Instant", "1997-12-17T07:37:16.25Z"],
  ["timestamptz", "0044-03-15 12:00:00+00 BC", "Instant", "-000043-03-15T12:00:00Z"],
  ["timestamptz", "275760-09-13 00:00:00+00", "Instant", "+275760-09-13T00:00:00Z"],
  ["timestamp", "1969-12-31 23:59:59.000001", "PlainDateTime", "1969-12-31T23:59:59.000001"],
  ["timestamp", "4714-11-24 00:00:00 BC", "PlainDateTime", "-004713-11-24T00:00:00"],
  ["timestamp", "275760-09-13 23:59:59.999999", "PlainDateTime", "+275760-09-13T23:59:59.999999"],
  ["date", "2024-02-29", "PlainDate", "2024-02-29"],
  ["date", "0001-12-31 BC", "PlainDate", "0000-12-31"],
  ["date", "275760-09-13", "PlainDate", "+275760-09-13"],
  ["time", "00:00:00", "PlainTime", "00:00:00"],
  ["time", "12:34:56.000001", "PlainTime", "12:34:56.000001"],
  ["time", "23:59:59.999999", "PlainTime", "23:59:59.999999"],
];

// A value that Temporal cannot hold is PostgreSQL's text; infinity is a number.
const OTHERS: readonly (readonly [type: string, text: string, hex: string, value: unknown])[] = [
  [
    "timestamptz",
    "275760-09-13 00:00:00.000001+00",
    "77e41537f0282001",
    "275760-09-13 00:00:00.000001+00",
  ],
  [
    "timestamp",
    "294276-12-31 23:59:59.999999",
    "7fffff5bb3b29fff",
    "294276-12-31 23:59:59.999999",
  ],
  ["date", "275760-09-14", "05f5b634", "275760-09-14"],
  ["date", "5874897-12-31", "7fda970c", "5874897-12-31"],
  ["time", "24:00:00", "000000141dd76000", "24:00:00"],
  ["timetz", "07:37:16.25-08", "000000066353f39000007080", "07:37:16.25-08"],
  ["timestamptz", "infinity", "7fffffffffffffff", Infinity],
  ["timestamp", "-infinity", "8000000000000000", -Infinity],
  ["date", "infinity", "7fffffff", Infinity],
];

const SUITES: readonly (readonly [string, temporal: typeof Temporal, skip: string | false])[] = [
  ["a polyfill's", Temporal, false],
  ["the runtime's own", own ?? Temporal, own === undefined && "this runtime has no Temporal"],
];

for (const [whose, temporal, skip] of SUITES) {
  const codecs = dateAndTimeCodecs("temporal", temporal as unknown as TemporalLike);

  describe(`policy temporal decodes to ${whose} Temporal`, { skip }, () => {
    for (const [type, text, name, iso] of VALUES) {
      test(`${type} ${text} is a ${name} in both formats, and back`, () => {
        const codec: Codec = named(codecs, type);
        const value = codec.decodeText(text) as { [Symbol.toStringTag]: string };
        assert.equal(value[Symbol.toStringTag], `Temporal.${name}`);
        assert.equal(String(value), iso);
        assert.ok(codec.accepts(value));
        assert.equal(codec.encodeText(value), text);
        const bytes: Uint8Array = encodeBytes(codec, value);
        assert.equal(String(decodeBytes(codec, bytes)), iso);
        assert.equal(decodeBytes(named(strings, type), bytes), text);
      });
    }

    for (const [type, text, hex, value] of OTHERS) {
      test(`${type} ${text} is no Temporal object and does not throw`, () => {
        assert.equal(named(codecs, type).decodeText(text), value);
        assert.equal(decodeHex(named(codecs, type), hex), value);
      });
    }
  });

  describe(`${whose} Temporal is encoded`, { skip }, () => {
    test("every microsecond survives, in text and in binary", () => {
      const codec = named(codecs, "timestamptz");
      const micros = fc.bigInt({ min: -210_866_803_200_000_000n, max: 8_640_000_000_000_000_000n });
      fc.assert(
        fc.property(micros, (since1970) => {
          const value = temporal.Instant.fromEpochNanoseconds(since1970 * 1000n);
          const text = codec.decodeText(codec.encodeText(value)) as Temporal.Instant;
          const binary = decodeBytes(codec, encodeBytes(codec, value)) as Temporal.Instant;
          assert.equal(text.epochNanoseconds, value.epochNanoseconds);
          assert.equal(binary.epochNanoseconds, value.epochNanoseconds);
        }),
        { numRuns: 1000 },
      );
    });

    test("nanoseconds are dropped towards the past, alike in both formats", () => {
      const codec = named(codecs, "timestamptz");
      for (const [nanoseconds, text] of [[1_999n, "00:00:00.000001"], [-1n, "23:59:59.999999"]]) {
        const value = temporal.Instant.fromEpochNanoseconds(nanoseconds as bigint);
        assert.ok(codec.encodeText(value).includes(text as string));
        assert.equal(
          decodeBytes(named(strings, "timestamptz"), encodeBytes(codec, value)),
          codec.encodeText(value),
        );
      }
    });

    test("a value is taken where its meaning needs no time zone, under every policy", () => {
      const values = {
        Instant: temporal.Instant.from("2024-01-01T00:30:00Z"),
        ZonedDateTime: temporal.ZonedDateTime.from("2024-01-01T01:30:00+01:00[Europe/Rome]"),
        PlainDateTime: temporal.PlainDateTime.from("2024-01-01T00:30:00"),
        PlainDate: temporal.PlainDate.from("2024-01-01"),
        PlainTime: temporal.PlainTime.from("00:30:00"),
        Duration: temporal.Duration.from("PT1S"),
      };
      const taken: Readonly<Record<string, Readonly<Record<string, string>>>> = {
        timestamptz: { Instant: "2024-01-01 00:30:00+00", ZonedDateTime: "2024-01-01 00:30:00+00" },
        timestamp: { Instant: "2024-01-01 00:30:00", PlainDateTime: "2024-01-01 00:30:00" },
        date: { PlainDate: "2024-01-01" },
        time: { PlainTime: "00:30:00" },
        timetz: {},
      };
      for (const codec of [...codecs, ...strings, ...dateAndTimeCodecs("date")]) {
        for (const [name, value] of Object.entries(values)) {
          const text = taken[codec.name]![name];
          assert.equal(codec.accepts(value), text !== undefined, `${codec.name} ${name}`);
          if (text !== undefined) assert.equal(codec.encodeText(value), text);
        }
      }
    });

    test("a date of another calendar is the same day", () => {
      const value = temporal.PlainDate.from("2024-01-01").withCalendar("gregory");
      assert.equal(named(codecs, "date").encodeText(value), "2024-01-01");
    });

    test("a Temporal value before PostgreSQL's calendar is an InterfaceError", () => {
      const day = temporal.PlainDate.from("-004713-11-23");
      const late = temporal.PlainDateTime.from("-004713-11-23T23:59:59.999999");
      assert.throws(() => named(codecs, "date").encodeText(day), InterfaceError);
      assert.throws(() => encodeBytes(named(codecs, "timestamp"), late), InterfaceError);
    });
  });
}

test("without a Temporal the policy is an InterfaceError that names the option", () => {
  const holder = globalThis as { Temporal?: unknown };
  const before = Object.getOwnPropertyDescriptor(holder, "Temporal");
  Object.defineProperty(holder, "Temporal", {
    value: undefined,
    configurable: true,
    writable: true,
  });
  try {
    assert.throws(() => dateAndTimeCodecs("temporal"), {
      name: "InterfaceError",
      message: /types\.temporal/,
    });
  } finally {
    if (before === undefined) delete holder.Temporal;
    else Object.defineProperty(holder, "Temporal", before);
  }
});

test("the runtime's own Temporal is used unless one is given", {
  skip: own === undefined && "this runtime has no Temporal",
}, () => {
  const value = named(dateAndTimeCodecs("temporal"), "date").decodeText("2024-01-01");
  assert.ok(value instanceof own!.PlainDate);
});

test("something else than Temporal is an InterfaceError that names the option", () => {
  for (const wrong of [{}, { Instant: {} }, 7, { Instant: Temporal.Instant }]) {
    assert.throws(() => dateAndTimeCodecs("temporal", wrong as TemporalLike), {
      name: "InterfaceError",
      message: /types\.temporal/,
    });
  }
});
