import { deepEqual, ok } from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { inspect } from "../../src/typed/typed.ts";
import { SCHEMA } from "./corpus/schema.ts";
import { RandomQueries } from "./random_queries.ts";
import { MAJORS, withTables } from "./typed_server.ts";

const COUNT = Number(process.env.CORNAC_FUZZ ?? 200);
const SEED = Number(process.env.CORNAC_SEED ?? Math.floor(Math.random() * 2 ** 31));

for (const major of MAJORS) {
  test(`no column of random queries is unsafe on PostgreSQL ${major} (CORNAC_SEED=${SEED})`, async () => {
    await withTables(major, SCHEMA, async (db) => {
      const queries = new RandomQueries(SEED);
      const texts = [...new Set(Array.from({ length: COUNT }, () => queries.next()))];
      const found = await inspect(db, texts);
      const unsafe: string[] = [];
      let columns = 0;
      let certain = 0;
      for (const { text, columns: described, error } of found) {
        if (error) continue; // types that do not fit
        const rows = [
          ...await db.query(text, [], { rows: "array", prepare: false }).catch(() => []),
        ];
        described.forEach(({ name, nullable }, i) => {
          columns++;
          if (!nullable) certain++;
          const isNull = rows.some((row) => (row as unknown as unknown[])[i] === null);
          if (!nullable && isNull) unsafe.push(`${name} of ${text}`);
        });
      }
      deepEqual(unsafe, []);
      ok(columns > COUNT && certain > 0, `${columns} columns, ${certain} of them never NULL`);
    });
  });
}
