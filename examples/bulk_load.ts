/**
 * Loads a large CSV file with a progress bar, then exports what was loaded as a compressed CSV file,
 * with another. Both are streams: neither file is ever in memory as a whole.
 *
 * On a terminal the bar moves; elsewhere it prints a line for each quarter.
 *
 * Prints:
 *
 * ```
 * loading   [#####               ]  25 %  … rows
 * loading   [##########          ]  50 %  … rows
 * loading   [###############     ]  75 %  … rows
 * loading   [####################] 100 %  200000 rows
 * 200000 readings loaded
 * exporting [#####               ]  25 %  … rows
 * exporting [##########          ]  50 %  … rows
 * exporting [###############     ]  75 %  … rows
 * exporting [####################] 100 %  200000 rows
 * … KiB of CSV, … KiB compressed
 * ```
 */
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { connect, type CopyProgress } from "../mod.ts";

const folder = mkdtempSync(join(tmpdir(), "bulk_load_"));
const db = await connect();
try {
  const csv = join(folder, "readings.csv");
  await pipeline(Readable.from(lines(200_000)), createWriteStream(csv));

  await db.query("create temporary table readings (id int8, sensor text, celsius numeric(6, 2))");
  const load = bar("loading  ", statSync(csv).size);
  const rows = await db.copyFrom(
    "copy readings from stdin (format csv)",
    createReadStream(csv, { highWaterMark: 64 * 1024 }),
    { progress: load },
  );
  say(`${rows} readings loaded`);

  const zipped = join(folder, "warm.csv.gz");
  const text = "copy (select * from readings order by id) to stdout (format csv)";
  const store = bar("exporting", statSync(csv).size);
  let exported = 0;
  const file = db.copyTo(text, {
    progress(progress) {
      exported = progress.bytes;
      store(progress);
    },
  });
  const gzip = createGzip();
  await Promise.all([
    file.pipeTo(Writable.toWeb(gzip) as WritableStream<Uint8Array>),
    pipeline(gzip, createWriteStream(zipped)),
  ]);
  say(`${kib(exported)} KiB of CSV, ${kib(statSync(zipped).size)} KiB compressed`);
} finally {
  await db.close();
  rmSync(folder, { recursive: true });
}

/** Readings as sensors might write them, a thousand lines at a time. */
function* lines(count: number): Generator<string> {
  for (let first = 1; first <= count; first += 1000) {
    yield Array.from({ length: 1000 }, (_, i) => line(first + i)).join("");
  }
}

function line(at: number): string {
  return `${at},sensor ${at % 97},${(((at * 37) % 6000) / 100 - 20).toFixed(2)}\n`;
}

/** Draws how much is done of `total` bytes. */
function bar(title: string, total: number): (progress: CopyProgress) => void {
  const live = process.stdout.isTTY === true;
  let drawn = 0;
  return ({ bytes, rows }) => {
    const percent = Math.min(100, Math.floor(bytes / total * 100));
    const step = live ? percent : Math.floor(percent / 25) * 25;
    if (step > drawn) draw(title, step, rows, live);
    drawn = step;
  };
}

function draw(title: string, percent: number, rows: number, live: boolean): void {
  const done = "#".repeat(percent / 5).padEnd(20);
  const line = `${title} [${done}] ${String(percent).padStart(3)} %  ${rows} rows`;
  process.stdout.write(live && percent < 100 ? `${line}\r` : `${line}\n`);
}

function kib(bytes: number): number {
  return Math.round(bytes / 1024);
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
