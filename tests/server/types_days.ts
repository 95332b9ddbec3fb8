// Run by types_days.test.ts under one TZ, which is the session's TimeZone too: reads and writes every
// day, and prints the process's offset in minutes on three dates, the counts and what is wrong.
import process from "node:process";
import { connect, type Connection } from "../../mod.ts";

const DAY_MS = 86_400_000;
const FIRST = Date.UTC(1900, 0, 1);
const EVERY_DAY =
  "timestamp '1900-01-01' + i * interval '1 day' as ts from generate_series(0, 73413) i";
const SAMPLED =
  "timestamp '4713-01-01 BC' + i * interval '9973 days 3 h 0.007 s' as ts from generate_series(0, 10900) i";

type Row = [
  day: unknown,
  timestamp: unknown,
  timestamptz: unknown,
  dayText: string,
  timestampText: string,
  timestamptzText: string,
  timestampMs: number,
  timestamptzMs: number,
];

const [host, port, zone] = process.argv.slice(2);
const db = await connect({
  host,
  port: Number(port),
  user: "postgres",
  startupParams: { timezone: zone! },
});
try {
  const offsets = ["1966-07-01", "2011-01-01", "2024-07-01"].map((day) =>
    -new Date(`${day}T12:00:00Z`).getTimezoneOffset()
  );
  say(`offsets ${offsets.join(" ")}`);
  await read(db, EVERY_DAY);
  await read(db, SAMPLED);
  await write(db);
} finally {
  await db.close();
}

/** Reads each moment's text in UTC and its milliseconds; the second execution is in binary. */
async function read(db: Connection, days: string): Promise<void> {
  const text = `select ts::date, ts, ts::timestamptz, ts::date::text, ts::text,
      (ts::timestamptz at time zone 'UTC')::text,
      (extract(epoch from ts) * 1000)::float8,
      (extract(epoch from ts::timestamptz) * 1000)::float8
    from (select ${days}) x`;
  for (let execution = 0; execution < 2; execution++) {
    const rows = await db.query<Row>(text, [], { rows: "array" });
    rows.forEach(check);
    say(`read ${rows.length}`);
  }
}

function check(row: Row): void {
  const [day, timestamp, timestamptz, dayText, text, tzText, ms, tzMs] = row;
  if (day !== dayText) say(`wrong date ${dayText}: ${day}`);
  if (!isMoment(timestamp, ms, text)) say(`wrong timestamp ${text}: ${timestamp}`);
  const utc = tzText.endsWith(" BC") ? `${tzText.slice(0, -3)}+00 BC` : `${tzText}+00`;
  if (!isMoment(timestamptz, tzMs, utc)) say(`wrong timestamptz ${tzText}: ${timestamptz}`);
}

/** Returns a `Date`, or the text of a moment beyond a `Date`'s range. */
function isMoment(value: unknown, milliseconds: number, text: string): boolean {
  if (Math.abs(milliseconds) > 8.64e15) return value === text;
  return value instanceof Date && value.getTime() === milliseconds;
}

/** Has the server compare the days that it gets with the days that it counts. */
async function write(db: Connection): Promise<void> {
  const dates = Array.from({ length: 73_414 }, (_, i) => new Date(FIRST + i * DAY_MS));
  const [row] = await db.query(
    `select count(*) as all, count(*) filter (where d = date '1900-01-01' + (i - 1)::int4
        and ts = timestamp '1900-01-01' + (i - 1) * interval '1 day'
        and tz = ts at time zone 'UTC') as same
     from unnest($1::date[], $2::timestamp[], $3::timestamptz[]) with ordinality x(d, ts, tz, i)`,
    [dates, dates, dates],
  );
  say(`written ${row!.all}, the same ${row!.same}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
