import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "node:test";
import { Temporal } from "temporal-polyfill";
import type { TypesOptions } from "../../src/types/registry.ts";
import { Interval } from "../../src/types/interval.ts";
import { majors } from "../_kit/servers.ts";
import { withConnection } from "../server/types_server.ts";
import { CASES, inBatches, readTexts, writeValues } from "./types_property.ts";

const DAY_MICROS = 86_400_000_000;
const INFINITIES = fc.constantFrom("infinity", "-infinity");

/** Days with years as PostgreSQL prints them: there is no year 0, and years before 1 are BC. */
const day = (lastYear: number): fc.Arbitrary<[day: string, era: string]> =>
  fc.tuple(
    fc.oneof(fc.integer({ min: -4712, max: lastYear }), fc.integer({ min: 1800, max: 2200 })),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 28 }),
  ).map(([year, month, day]) => [
    [year > 0 ? year : 1 - year, month, day].map((part, i) => pad(part, i === 0 ? 4 : 2)).join("-"),
    year > 0 ? "" : " BC",
  ]);
const micros: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: DAY_MICROS - 1 }),
  fc.integer({ min: 0, max: 86_399_999 }).map((ms) => ms * 1000),
  fc.constantFrom(0, 1, DAY_MICROS - 1),
);
const zone: fc.Arbitrary<string> = fc.integer({ min: -57_599, max: 57_599 }).map((seconds) => {
  const east = Math.abs(seconds);
  const parts = [Math.floor(east / 3600), Math.floor(east / 60) % 60, east % 60];
  return (seconds < 0 ? "-" : "+") + parts.map((part) => pad(part, 2)).join(":");
});
const int32 = fc.integer({ min: -2147483647, max: 2147483647 });
/** 2³¹ hours, which is what PostgreSQL 14 can print; from 15 on it is 2⁶³ microseconds. */
const MOST_MICROS = 2147483647n * 3_600_000_000n;
const interval: fc.Arbitrary<Interval> = fc.record({
  months: fc.oneof(int32, fc.integer({ min: -30, max: 30 })),
  days: fc.oneof(int32, fc.integer({ min: -40, max: 40 })),
  microseconds: fc.oneof(
    fc.bigInt({ min: -MOST_MICROS, max: MOST_MICROS }),
    fc.integer().map(BigInt),
    fc.constant(0n),
  ),
}).map((parts) => new Interval(parts));

const timestamp = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.tuple(day(294_275), micros).map(([[d, era], t]) => `${d} ${clock(t)}${era}`),
  },
  { weight: 1, arbitrary: INFINITIES },
);
const TEXTS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "date": fc.oneof({ weight: 20, arbitrary: day(5_874_896).map((parts) => parts.join("")) }, {
    weight: 1,
    arbitrary: INFINITIES,
  }),
  "time": fc.oneof(micros.map(clock), fc.constant("24:00:00")),
  "timetz": fc.tuple(micros, zone).map(([t, z]) => clock(t) + z),
  "timestamp": timestamp,
  "timestamptz": fc.oneof(
    {
      weight: 20,
      arbitrary: fc.tuple(day(294_275), micros, zone).map(([[d, era], t, z]) =>
        `${d} ${clock(t)}${z}${era}`
      ),
    },
    { weight: 1, arbitrary: INFINITIES },
  ),
};

const MS = fc.oneof(
  fc.integer({ min: -2e11, max: 5e12 }),
  fc.integer({ min: Date.parse("-004712-01-01T00:00:00Z"), max: 8.64e15 }),
).map((ms) => new Date(ms));
/** Values to write, each with the policy under which it is read unchanged. */
const VALUES: readonly [
  datetime: "date" | "temporal",
  type: string,
  values: fc.Arbitrary<unknown>,
][] = [
  ["date", "timestamp", fc.oneof(MS, fc.constantFrom(Infinity, -Infinity))],
  ["date", "timestamptz", fc.oneof(MS, fc.constantFrom(Infinity, -Infinity))],
  [
    "temporal",
    "timestamptz",
    fc.tuple(MS, fc.nat(999)).map(([date, us]) =>
      Temporal.Instant.fromEpochMilliseconds(date.getTime()).add({
        microseconds: date.getTime() < 8.64e15 ? us : 0,
      })
    ),
  ],
  [
    "temporal",
    "timestamp",
    fc.tuple(MS, fc.nat(999)).map(([date, us]) => plain(date).with({ microsecond: us })),
  ],
  ["temporal", "date", MS.map((date) => plain(date).toPlainDate())],
  [
    "temporal",
    "time",
    micros.map((us) => Temporal.PlainTime.from({ hour: 0 }).add({ microseconds: us })),
  ],
  ["date", "interval", interval],
];

for (const major of majors()) {
  for (const datetime of ["date", "temporal", "string"] as const) {
    const types: TypesOptions = { datetime, temporal: Temporal };
    for (const [type, texts] of Object.entries(TEXTS)) {
      test(`every ${type} of PostgreSQL ${major} is read alike in text and in binary as ${datetime}`, async () => {
        await withConnection(major, { types }, async (db) => {
          const cases = await inBatches(texts, async (batch) => {
            const { printed, values } = await readTexts(db, type, batch);
            if (datetime === "string") assert.deepEqual(values, printed);
          });
          assert.ok(cases >= CASES, `${cases} cases`);
        });
      });
    }
  }

  for (const [datetime, type, values] of VALUES) {
    test(`PostgreSQL ${major} sends back every ${type} it is sent as ${datetime}`, async () => {
      await withConnection(major, { types: { datetime, temporal: Temporal } }, async (db) => {
        const cases = await inBatches(values, async (batch) => {
          await writeValues(db, type, batch);
        });
        assert.ok(cases >= CASES, `${cases} cases`);
      });
    });
  }

  test(`an interval of PostgreSQL ${major} is the same value in all four styles`, async () => {
    await withConnection(major, {}, async (db) => {
      const cases = await inBatches(interval, async (batch) => {
        for (const style of ["postgres", "postgres_verbose", "sql_standard", "iso_8601"]) {
          await db.query(`set intervalstyle = ${style}`).simple();
          await writeValues(db, "interval", batch);
        }
      });
      assert.ok(cases >= CASES, `${cases} cases`);
    });
  });
}

function clock(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const fraction = micros % 1e6 === 0 ? "" : `.${pad(micros % 1e6, 6)}`;
  return parts.map((part) => pad(part, 2)).join(":") + fraction;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

function plain(date: Date): Temporal.PlainDateTime {
  return Temporal.Instant.fromEpochMilliseconds(date.getTime()).toZonedDateTimeISO("UTC")
    .toPlainDateTime();
}
