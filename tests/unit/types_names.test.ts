import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "../../mod.ts";
import { assemble } from "../../src/query/fragment.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import { OIDS } from "../../src/types/oids.ts";
import { parseTypeName } from "../../src/types/type_names.ts";

/** A name, the built-in type that it names, if any, and its SQL where that is another. */
// deno-fmt-ignore
const NAMES: readonly (readonly [name: string, builtin: string | undefined, sql?: string])[] = [
  ["int4", "int4"], ["INT4", "int4"], ["integer", "int4"], ["int", "int4"], ["Bigint", "int8"], ["smallint", "int2"],
  ["real", "float4"], ["float", "float8"], ["float(24)", "float4"], ["float(25)", "float8"], ["double precision", "float8"],
  ["Double\n Precision", "float8", "Double Precision"], ['"a . b" . "c ( d, e )" (1)', undefined, '"a . b"."c ( d, e )"(1)'], ['" x "', undefined], ["TIME (3) WITH Time  ZONE", "timetz", "TIME(3) WITH Time ZONE"], ["boolean", "bool"], ["bool[]", "bool"],
  ["numeric", "numeric"], ["numeric(10,2)", "numeric", "numeric(10, 2)"], ["decimal(5, -2)", "numeric"], ["dec", "numeric"],
  ["char", "bpchar"], ["char(3)", "bpchar"], ["character(3)", "bpchar"], ['"char"', "char"], ["pg_catalog.char", "char"],
  ["varchar(10)", "varchar"], ["character varying(10)", "varchar"], ["char varying", "varchar"], ["nchar(2)", "bpchar"],
  ["national character varying(5)", "varchar"], ["national char", "bpchar"], ["nchar varying", "varchar"],
  ["bit", "bit"], ["bit(3)", "bit"], ["bit varying", "varbit"], ["bit varying(8)", "varbit"], ["varbit", "varbit"],
  ["time", "time"], ["time(3)", "time"], ["time with time zone", "timetz"], ["time(0) without time zone", "time"],
  ["timestamp", "timestamp"], ["timestamp(3) with time zone", "timestamptz"], ["timestamp without time zone", "timestamp"],
  ["interval", "interval"], ["interval(3)", "interval"], ["interval year", "interval"], ["interval year to month", "interval"],
  ["interval day to second(3)", "interval"], ["interval second(2)", "interval"], ["interval hour to minute", "interval"],
  ["int4[3][]", "int4", "int4[]"], ["integer array", "int4", "integer[]"], ["integer ARRAY[4]", "int4", "integer[]"],
  ["interval day to hour[]", "interval"], ["timestamp with time zone[]", "timestamptz"], [" text ", "text", "text"],
  ["pg_catalog.int4", "int4"], ["PG_CATALOG.\"int4\"", "int4"], ["public.int4", undefined], ['"INT4"', undefined],
  ["mood", undefined], ["my.mood[]", undefined], ['my."Odd type"', undefined], ['"a""b"."c.d"[]', undefined],
  ['"text; drop table t"', undefined], ['"text, usename from pg_shadow"', undefined], ['"--"', undefined], ['"\n"', undefined],
  ["db.sch.typ", undefined], ["größe", undefined], ["_t$1", undefined], ["geometry(Point, 4326)", undefined], ["vector(3)", undefined],
  ["constructor", undefined], ["__proto__", undefined], ["toString[]", undefined], ["json", "json"],
];

const registry = completeRegistry();

const squeezed = (name: string): string => name.trim().replace(/,\s*/g, ", ");

for (const [name, builtin, as] of NAMES) {
  test(`type name: ${JSON.stringify(name)} is one`, () => {
    const parsed = parseTypeName(name, "here");
    assert.equal(registry.oidOf(parsed.element), builtin && OIDS[builtin as keyof typeof OIDS]);
    const typed = assemble(sql`${sql.typed(null, name)}`).text;
    assert.equal(typed, `$1::${as ?? (name.startsWith('"\n') ? name : squeezed(name))}`);
    const array = assemble(sql`${sql.array([], name)}`).text;
    assert.equal(array, `$1::${parsed.element}[]`);
  });
}

// deno-fmt-ignore
const OTHERS: readonly string[] = [
  "", " ", "text, usename from pg_shadow", "text union select 1", "text union select usename from pg_shadow",
  "text from pg_shadow", "int4 + 1", "int4 int4", "int4; select 1", "int4--", "int4/**/", "int4::text", "int4)", "(int4)",
  "int4]", "int4[", "int4[[]]", "int4[-1]", "int4[1:2]", "int4[a]", "int4 array[]", "int4 array array", "int4 array[1][2]",
  "setof int4", "SETOF text", "users.id%type", "int4 = 1", "int4'", "'int4'", "$1", "int4 $$x$$", '"open', '""', '"a"b',
  '"a"."b" "c"', '"a\0b"', "a\0", "a..b", ".a", "a.", "numeric()", "numeric(1,)", "numeric(,1)", "numeric(1", "numeric(1))",
  "numeric(1.5)", "numeric((1))", "numeric('1')", "numeric(a.b)", "numeric(pg_sleep(1))", "numeric(1+1)", "varchar(1)(2)", "varchar[1](2)",
  "double", "national", "double double", "bit precision", "character precision", "char varying varying",
  "timestamp with", "timestamp with time", "timestamp with zone", "timestamp time zone", "timestamp with time zone(3)", "date with time zone",
  "interval to", "interval year to", "interval year to day", "interval month to year", "interval year(3)", "interval day to hour(3)", "interval second to day",
  "text collate \"C\"", "text as x", "text order by 1", "text where true", "text or true", "text, text", "text is null", 'U&"a"', "e'x'",
  "1", "1a", "numeric(1a)", "*", "a*", "a.*", "{}", "text\\",
];

for (const name of OTHERS) {
  test(`type name: ${JSON.stringify(name)} is none`, () => {
    const message = /is not the name of a type$/;
    for (const make of [() => sql.typed(1, name), () => sql.array([1], name)]) {
      assert.throws(make, { name: "InterfaceError", message });
    }
    assert.throws(() => parseTypeName(name, "parameterTypes"), {
      message: `parameterTypes: ${JSON.stringify(name)} is not the name of a type`,
    });
  });
}

test("type name: a long one is cut in the message, and no string is refused as it is", () => {
  assert.throws(() => parseTypeName("x".repeat(100) + "!", "here"), {
    message: `here: "${"x".repeat(60)}…" is not the name of a type`,
  });
  for (const name of [undefined, null, {}, ["int4"], Symbol("int4")]) {
    assert.throws(() => sql.typed(1, name as never), {
      name: "InterfaceError",
      message: "sql.typed(): a type's name is a string",
    });
  }
  assert.throws(() => sql.typed(1, '"\ud800"'), { name: "InterfaceError", code: "22021" });
});
