/**
 * Memory stays flat however many rows go by, with the engines as they come: 300,000 each way, and 10
 * million with `CORNAC_VOLUME=full`.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { behind, shared } from "../_kit/databases.ts";
import { run } from "../_kit/streams.ts";
import { type Measured, type Volume, WAYS } from "./volume.ts";

const ROWS = process.env.CORNAC_VOLUME === "full" ? 10_000_000 : 300_000;
const MIB = 1 << 20;
/** Most bytes by which resident memory may grow. */
const MOST = 64 * MIB;

const name = `volume_${process.pid}`;
const view = `public.${name}_view`;
const table = `public.${name}`;

for (const way of Object.keys(WAYS)) {
  const copiesIn = way === "copyFrom" || way === "copyRowsFrom";
  test(`volume: ${ROWS} rows by ${way} take less than ${MOST / MIB} MiB`, {
    timeout: 3_600_000,
  }, async () => {
    await behind(`drop view if exists ${view}; drop table if exists ${table};
      create unlogged table ${table} (i int, t text);
      create view ${view} as select i, 'the row number ' || i as t,
        '2026-01-01'::timestamptz + i * interval '1 second' as at, '7'::xid8 as u
        from generate_series(1, ${ROWS}) i`);
    try {
      const { before, most, rows, seconds } = await measured(way);
      const grown = Math.round((most - before) / MIB);
      const rate = Math.round(ROWS / seconds / 1000);
      process.stdout.write(`# volume: ${ROWS} rows by ${way}: ${grown} MiB, ${rate} rows/ms\n`);
      assert.equal(rows, ROWS);
      if (copiesIn) assert.deepEqual(await behind(`select count(*) from ${table}`), [[`${ROWS}`]]);
      assert.ok(most - before < MOST, `${grown} MiB more than before`);
    } finally {
      await behind(`drop view ${view}; drop table ${table}`);
    }
  });
}

async function measured(way: string): Promise<Measured> {
  const volume: Volume = { way, rows: ROWS, options: await shared(), view, table };
  const module = new URL("./volume.ts", import.meta.url);
  const source = `import { measure } from "${module}"; await measure(${JSON.stringify(volume)});`;
  const program = run(source);
  try {
    const line = await program.line();
    assert.equal(await program.exit, 0);
    return JSON.parse(line);
  } finally {
    program.kill();
  }
}
