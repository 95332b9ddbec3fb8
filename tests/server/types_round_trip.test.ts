import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { majors, serverQuery, sharedServer } from "../_kit/servers.ts";
import { readLiterals, roundTrip } from "./types_round_trip.ts";
import { withConnection, withDatabase } from "./types_server.ts";
import { EXTENSIONS, FAMILIES, READ_ONLY, rowsOf, WITHOUT_TABLE } from "./types_tables.ts";

for (const major of majors()) {
  for (const [name, family] of Object.entries(FAMILIES)) {
    test(`${name} go to PostgreSQL ${major} and come back, alone and in every container, both formats`, async () => {
      await withConnection(major, {}, async (db) => {
        for (const [type, rows] of Object.entries(family)) {
          await roundTrip(db, type, rowsOf(rows, major));
        }
      });
    });
  }

  test(`json's scalars of PostgreSQL ${major} are read as values in every container, both formats`, async () => {
    await withConnection(major, {}, async (db) => {
      for (const [type, rows] of Object.entries(READ_ONLY)) await readLiterals(db, type, rows);
    });
  });

  test(`types of extensions go to PostgreSQL ${major} and come back, found by their names`, async () => {
    const setup = "create extension hstore; create extension citext; create extension ltree";
    await withDatabase(major, setup, {}, async (db) => {
      for (const [type, rows] of Object.entries(EXTENSIONS)) await roundTrip(db, type, rows);
    });
  });

  test(`every base type of PostgreSQL ${major} has a table or a reason to have none`, async () => {
    const types = await serverQuery(
      await sharedServer(major),
      `select typname from pg_type t where typnamespace = 'pg_catalog'::regnamespace
         and typtype in ('b', 'r', 'm')
         and not exists (select from pg_type e where e.typarray = t.oid) order by 1`,
    );
    const tables = Object.values(FAMILIES).flatMap((family) => Object.keys(family));
    const tested = new Set(tables.map((type) => type.replaceAll('"', "")));
    const missing = types.map(([type]) => type!)
      .filter((type) => !tested.has(type) && !Object.hasOwn(WITHOUT_TABLE, type));
    assert.deepEqual(missing, []);
    assert.ok(types.length >= 70, `only ${types.length} types`);
    const reasons = Object.entries(WITHOUT_TABLE).filter(([name]) =>
      types.some(([type]) => type === name)
    );
    const list = reasons.map(([name, reason]) => `${name} (${reason})`).join(", ");
    process.stdout.write(
      `# ${types.length - reasons.length} of ${types.length} base types of PostgreSQL ${major}` +
        ` go both ways; not ${list}\n`,
    );
  });

  test(`pseudo-types of PostgreSQL ${major} that a result can have are read alike in both formats`, async () => {
    await withConnection(major, {}, async (db) => {
      const text = `select pg_sleep(0) as void, 'a b'::unknown as unknown, 'é'::cstring as cstring,
        row(1, 'a "b", c', null, '') as record, array[row(1, null), row(2, '{}')] as records,
        null as null`;
      const expected = {
        ...{ void: "", unknown: "a b", cstring: "é", null: null },
        record: ["1", 'a "b", c', null, ""],
        records: [["1", null], ["2", "{}"]],
      };
      for (let execution = 0; execution < 2; execution++) {
        assert.deepEqual(await db.query(text).one(), expected);
      }
    });
  });

  for (const [type, reason] of Object.entries(WITHOUT_TABLE)) {
    test(`no table for ${type}, ${reason}: PostgreSQL ${major} takes none from a client`, async () => {
      await withConnection(major, {}, async (db) => {
        for (const text of [`select 'x'::${type}`, `select $1::${type}`]) {
          const parameters = text.includes("$1") ? ["x"] : [];
          await assert.rejects(async () => await db.query(text, parameters), {
            code: "0A000",
            message: /cannot accept a value|not implemented/,
          });
        }
        assert.equal(await db.query(`select null::${type}`).scalar(), null);
      });
    });
  }
}
