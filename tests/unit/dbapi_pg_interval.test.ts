import assert from "node:assert/strict";
import { test } from "node:test";
import { DataError, InterfaceError, type PGIntervalParts } from "../../src/dbapi/dbapi.ts";
import { PGInterval } from "../../src/dbapi/native.ts";

function parts(interval: PGInterval): PGIntervalParts {
  return Object.fromEntries(Object.entries(interval).filter(([, value]) => value !== null));
}

type Parse = "fromStr" | "fromStrIso8601" | "fromStrPostgres" | "fromStrSqlStandard";

const TEXTS: readonly (readonly [text: string, parse: Parse, parts: PGIntervalParts])[] = [
  ["P12Y", "fromStrIso8601", { years: 12 }],
  ["P-12Y", "fromStrIso8601", { years: -12 }],
  ["P1Y2M3DT4H5M6S", "fromStrIso8601", {
    years: 1,
    months: 2,
    days: 3,
    hours: 4,
    minutes: 5,
    seconds: 6,
  }],
  ["P-1Y-2M3DT-4H-5M-6S", "fromStrIso8601", {
    years: -1,
    months: -2,
    days: 3,
    hours: -4,
    minutes: -5,
    seconds: -6,
  }],
  ["PT-0.5S", "fromStrIso8601", { seconds: 0, microseconds: -500_000 }],
  ["1-2", "fromStrSqlStandard", { years: 1, months: 2 }],
  ["-1-2", "fromStrSqlStandard", { years: -1, months: -2 }],
  ["3 4:05:06", "fromStrSqlStandard", { days: 3, hours: 4, minutes: 5, seconds: 6 }],
  ["-3 4:05:06", "fromStrSqlStandard", { days: -3, hours: -4, minutes: -5, seconds: -6 }],
  ["+1-2 -3 +4:05:06.5", "fromStrSqlStandard", {
    years: 1,
    months: 2,
    days: -3,
    hours: 4,
    minutes: 5,
    seconds: 6,
    microseconds: 500_000,
  }],
  ["-1-2 +3 -4:05:06", "fromStrSqlStandard", {
    years: -1,
    months: -2,
    days: 3,
    hours: -4,
    minutes: -5,
    seconds: -6,
  }],
  ["0", "fromStrSqlStandard", { seconds: 0 }],
  ["1 0:00:00", "fromStrSqlStandard", { days: 1, hours: 0, minutes: 0, seconds: 0 }],
  ["0:00:00", "fromStrSqlStandard", { hours: 0, minutes: 0, seconds: 0 }],
  ["1 year 2 mons", "fromStrPostgres", { years: 1, months: 2 }],
  ["3 days 04:05:06", "fromStrPostgres", { days: 3, hours: 4, minutes: 5, seconds: 6 }],
  ["-1 year -2 mons +3 days -04:05:06", "fromStrPostgres", {
    years: -1,
    months: -2,
    days: 3,
    hours: -4,
    minutes: -5,
    seconds: -6,
  }],
  ["@ 1 year 2 mons", "fromStrPostgres", { years: 1, months: 2 }],
  ["@ 1 min 1 sec", "fromStrPostgres", { minutes: 1, seconds: 1 }],
  ["@ 1 year 2 mons -3 days 4 hours 5 mins 6 secs ago", "fromStrPostgres", {
    years: -1,
    months: -2,
    days: 3,
    hours: -4,
    minutes: -5,
    seconds: -6,
  }],
  ["@ 0", "fromStrPostgres", { seconds: 0 }],
  ["@ 6.5 secs ago", "fromStrPostgres", { seconds: -6, microseconds: -500_000 }],
  ["2 millennia 1 century 5 decades 7 weeks", "fromStrPostgres", {
    millennia: 2,
    centuries: 1,
    decades: 5,
    weeks: 7,
  }],
  // The sign of a time below an hour, which pg8000 lost
  ["-00:00:30", "fromStr", { hours: 0, minutes: 0, seconds: -30 }],
  ["-00:00:00.5", "fromStr", { hours: 0, minutes: 0, seconds: 0, microseconds: -500_000 }],
  // By its looks
  ["P1Y2M", "fromStr", { years: 1, months: 2 }],
  ["@ 1 year 2 mons", "fromStr", { years: 1, months: 2 }],
  ["1 year 2 mons", "fromStr", { years: 1, months: 2 }],
  ["1-2", "fromStr", { years: 1, months: 2 }],
  ["3 4:05:06", "fromStr", { days: 3, hours: 4, minutes: 5, seconds: 6 }],
  ["@ 0", "fromStr", { seconds: 0 }],
  ["00:00:00", "fromStr", { hours: 0, minutes: 0, seconds: 0 }],
];

for (const [text, parse, expected] of TEXTS) {
  test(`PGInterval.${parse}: ${text}`, () => {
    assert.deepEqual(parts(PGInterval[parse](text)), expected);
  });
}

test("PGInterval: what is no interval is a DataError", () => {
  for (const text of ["", "P", "PT", "@", "ago", "1", "1 parsec", "x days", "1-2-3", "1:2:3:4"]) {
    assert.throws(() => PGInterval.fromStr(text), DataError, text);
  }
});

test("PGInterval: a unit that is not there, or no number, is refused", () => {
  assert.throws(() => new PGInterval({ eons: 1 } as PGIntervalParts), InterfaceError);
  assert.throws(() => new PGInterval({ days: NaN }), InterfaceError);
  assert.throws(() => new PGInterval({ days: "1" as unknown as number }), InterfaceError);
});

test("PGInterval: prints the units that it has", () => {
  const interval = new PGInterval({ millennia: 2, months: 24, days: 2, microseconds: 123456789 });
  assert.equal(String(interval), "2 millennia 24 months 2 days 123456789 microseconds");
  assert.equal(String(new PGInterval()), "0 seconds");
});

test("PGInterval: normalize counts every unit, millennia to decades included", () => {
  const interval = new PGInterval({ millennia: 1, centuries: 1, decades: 1, years: 1, weeks: 2 });
  const { months, days } = interval.normalize();
  assert.deepEqual([months, days], [1111 * 12, 14]);
  const time = new PGInterval({ hours: 1, minutes: 1, seconds: 1, microseconds: 2_500_000 });
  assert.deepEqual(parts(time.normalize()), {
    months: 0,
    days: 0,
    seconds: 3663,
    microseconds: 500_000,
  });
});

test("PGInterval: equality is that of the normalized", () => {
  assert.ok(new PGInterval({ days: 30 }).equals(new PGInterval({ weeks: 4, days: 2 })));
  assert.ok(!new PGInterval({ days: 30 }).equals(new PGInterval({ months: 1 })));
  assert.ok(!new PGInterval({ days: 30 }).equals("30 days"));
});

test("PGInterval: becomes the driver's own interval", () => {
  const interval = new PGInterval({ years: 1, weeks: 1, seconds: -1, microseconds: -5 });
  assert.equal(String(interval.toInterval()), "P1Y7DT-1.000005S");
  assert.throws(() => new PGInterval({ days: 0.5 }).toInterval(), InterfaceError);
});
