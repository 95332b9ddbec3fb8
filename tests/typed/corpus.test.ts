import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { BREAKING, SETUP } from "./corpus/breaking.ts";
import { FIRST } from "./corpus/first.ts";
import { SCHEMA } from "./corpus/schema.ts";
import { SECOND } from "./corpus/second.ts";
import { runCorpus } from "./corpus_run.ts";
import { MAJORS, withTables } from "./typed_server.ts";

for (const major of MAJORS) {
  test(`columns of the corpus are exactly right on PostgreSQL ${major}, and never unsafe`, async () => {
    await withTables(major, SCHEMA, async (db) => {
      const found = await runCorpus(db, [...FIRST, ...SECOND]);
      deepEqual(found.wrong, []);
      deepEqual(found.unsafe, []);
      ok(found.queries >= 200, `${found.queries} queries`);
      ok(found.right / found.columns >= 0.95, `${found.right} of ${found.columns} columns`);
    });
  });

  test(`no column of the breaking corpus is unsafe on PostgreSQL ${major}`, async () => {
    await withTables(major, SCHEMA + SETUP(major), async (db) => {
      const found = await runCorpus(db, BREAKING);
      deepEqual(found.wrong, []);
      deepEqual(found.unsafe, []);
    });
  });
}
