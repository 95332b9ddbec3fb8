/** Names of types in `sql.typed()`, `sql.array()` and `parameterTypes`, as the server reads them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError, sql } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";

// deno-fmt-ignore
const NAMES = [
  "integer", "double precision", "float(24)", "float(25)", "numeric(10,2)", "char", '"char"', "pg_catalog.char", "character varying(10)",
  "national character(3)", "nchar varying", "bit varying(8)", "bit", "timestamp(3) with time zone", "time without time zone",
  "interval day to second(3)", "interval year to month", "text[]", "int4[2][2]", "integer array", "pg_catalog.int4",
];
const ODD = 'q"u.o,t e; --$1/*';

test("type names: the type that the driver knows by a name is the server's", () =>
  withDatabase(async (db) => {
    for (const name of NAMES) {
      const [[cast, declared] = []] = await db.query(
        `select null::${name} is null, pg_typeof($1) = '${
          name.replace("integer array", "int4[]")
        }'::regtype`,
        [null],
        { parameterTypes: [name] },
      ).values();
      assert.deepEqual([cast, declared], [true, true], name);
      assert.equal(
        await db.sql`select pg_typeof(${sql.typed(null, name)})::oid`.scalar(),
        await db.query("select pg_typeof($1)::oid", [null], { parameterTypes: [name] }).scalar(),
        name,
      );
      await db.sql`select ${sql.array([], name)}`;
    }
  }));

test("type names: a quoted name with any characters is the type of that name", () =>
  withDatabase(async (db) => {
    const quoted = `"${ODD.replaceAll('"', '""')}"`;
    await db.query(`create type pg_temp.${quoted} as enum ('a')`);
    const name = `pg_temp.${quoted}`;
    assert.equal(await db.sql`select ${sql.typed("a", name)}::text`.scalar(), "a");
    assert.deepEqual(await db.sql`select ${sql.array(["a", null], name)}`.scalar(), ["a", null]);
    for (const parameterTypes of [[name], [`${name}[]`]]) {
      const value = parameterTypes[0] === name ? "a" : ["a"];
      assert.deepEqual(await db.query("select $1", [value], { parameterTypes }).scalar(), value);
    }
  }));

test("type names: anything else is refused in parameterTypes on each way, and nothing is sent", () =>
  withDatabase(async (db) => {
    const types = ["text, usename from pg_shadow", "text union select 1", "setof int4", "int4; x"];
    for (const type of types) {
      const how = { parameterTypes: [type] };
      for (
        const run of [
          () => db.query("select $1", [1], how),
          () => db.prepare("select $1", how),
          () => db.query("select $1", [1], how).describe(),
          () => db.executeMany("select $1", [[1]], how),
          async () => {
            for await (const _ of db.query("select $1", [1], how));
          },
          async () => {
            for await (const _ of db.query("select $1", [1], how).batches(1));
          },
          () => db.transaction((tx) => tx.query("select $1", [1], how)),
        ]
      ) {
        const { message } = await failure(run(), InterfaceError);
        assert.equal(message, `parameterTypes: ${JSON.stringify(type)} is not the name of a type`);
      }
    }
    await assertUsable(db);
  }));
