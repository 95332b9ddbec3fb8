// Run by types_datetime_zones.test.ts under one TZ: prints the zone's offsets in minutes on three
// dates and a line for each value that depends on it.
import process from "node:process";
import { dateAndTimeCodecs, decodeBytes, encodeBytes, named } from "./types_bytes.ts";

const codecs = dateAndTimeCodecs("date");
const DAY_MS = 86_400_000;

const offsets = ["1966-07-01", "2011-01-01", "2024-07-01"].map((day) =>
  -new Date(`${day}T12:00:00Z`).getTimezoneOffset()
);
process.stdout.write(`offsets ${offsets.join(" ")}\n`);

let days = 0;
const CENTURIES = [Date.UTC(1900, 0, 1), Date.UTC(2100, 11, 31)] as const;
for (let day = CENTURIES[0]; day <= CENTURIES[1]; day += DAY_MS) {
  if (isNearChange(day) || ++days % 16 === 0) check(day);
}
const FIRST = Date.parse("-004713-11-24T00:00:00Z");
for (let day = FIRST; day < 8.64e15; day += DAY_MS * 99_991) check(day);
process.stdout.write("checked\n");

/** Reports whether the zone's offset changes on this day or on one beside it. */
function isNearChange(day: number): boolean {
  const offset = (ms: number): number => new Date(ms).getTimezoneOffset();
  return offset(day - DAY_MS) !== offset(day + 2 * DAY_MS);
}

function check(day: number): void {
  const times = [0, DAY_MS / 2 + 1, DAY_MS - 1];
  const iso = new Date(day).toISOString();
  const year = Number(iso.slice(0, iso.indexOf("-", 1)));
  const monthAndDay = iso.slice(iso.indexOf("-", 1), iso.indexOf("T"));
  const era = year > 0 ? "" : " BC";
  const printed = String(year > 0 ? year : 1 - year).padStart(4, "0") + monthAndDay;
  for (const time of times) {
    const value = new Date(day + time);
    const clock = value.toISOString().split("T")[1]!.slice(0, 12).replace(/\.?0+$/, (end) => {
      return end.startsWith(".") ? "" : end;
    });
    expect("date", value, printed + era, printed + era);
    expect("timestamp", value, `${printed} ${clock}${era}`, value.getTime());
    expect("timestamptz", value, `${printed} ${clock}+00${era}`, value.getTime());
    expect("time", value, clock, clock);
  }
}

function expect(type: string, value: Date, text: string, decoded: number | string): void {
  const codec = named(codecs, type);
  const found = [
    codec.encodeText(value) === text,
    plain(codec.decodeText(text)) === decoded,
    plain(decodeBytes(codec, encodeBytes(codec, value))) === decoded,
  ];
  if (found.includes(false)) process.stdout.write(`wrong ${type} ${text} ${found}\n`);
}

function plain(value: unknown): unknown {
  return value instanceof Date ? value.getTime() : value;
}
