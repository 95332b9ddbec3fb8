import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { inspect, typescriptOf, type TypescriptOptions } from "../../src/typed/typed.ts";
import { SCHEMA } from "./corpus/schema.ts";
import { MAJORS, withTables } from "./typed_server.ts";

const ADDRESS = "{ street: string | null; zip: number | null }";

// deno-fmt-ignore
const ROWS: readonly [text: string, row: string, options?: TypescriptOptions][] = [
  ["select 1 as a, 2::bigint as b, 3.5 as c, true as d, 'x' as e", "{ a: number; b: bigint; c: string; d: boolean; e: string }"],
  ["select 2::bigint as b, 3.5 as c", "{ b: number; c: number }", { int8: "number", numeric: "number" }],
  ["select 2::bigint as b", "{ b: string }", { int8: "string" }],
  ["select now() as a, current_date as b, localtime as c", "{ a: Date; b: string; c: string }"],
  ["select now() as a, current_date as b", "{ a: Temporal.Instant; b: Temporal.PlainDate }", { datetime: "temporal" }],
  ["select now() as a, current_date as b", "{ a: Date | number; b: string }", { infinity: true }],
  ["select mood from users", '{ mood: "sad" | "ok" | "happy" | null }'],
  ["select home from users", `{ home: ${ADDRESS} | null }`],
  ["select array[home] as list from users", `{ list: (${ADDRESS} | null)[] }`],
  ["select array_agg(id) as a, array_agg(mood) as b, array[[1]] as c from users group by id", '{ a: number[]; b: ("sad" | "ok" | "happy" | null)[]; c: number[][] }'],
  ["select scores from users", '{ scores: import("@cornac/pg").BoundedArray<number | null> }', { arrays: "bounded" }],
  ["select sizes, interval '1 h' as i, point(1, 2) as p from products", '{ sizes: import("@cornac/pg").Range<number> | null; i: import("@cornac/pg").Interval; p: import("@cornac/pg").Point }'],
  ["select '{[1,2)}'::int8multirange as m", '{ m: import("@cornac/pg").Range<bigint>[] }'],
  ["select total, meta from orders, users", "{ total: string; meta: unknown }"],
  ['select 1 as "a b", 2 as "é", 3 as "__proto__", 4 as "x""y"', '{ "a b": number; "é": number; "__proto__": number; "x\\"y": number }'],
  ["select id, email as id from users", "{ id: string | null }"],
  ["select id, email from users", "[number, string | null]", { rows: "array" }],
  ["update users set name = 'x'", "Record<string, never>"],
  ["update users set name = 'x'", "[]", { rows: "array" }],
  ["select json_build_object('a', id, 'b', array[email], 'c', json_build_array(born, 1)) as j from users", "{ j: { a: number; b: (string | null)[]; c: [string | null, number] } }"],
  ["select coalesce(json_agg(json_build_object('id', o.id)) filter (where o.id is not null), '[]') as o from users u left join orders o on o.user_id = u.id", "{ o: { id: number }[] }"],
  ["select meta, settings from users", '{ meta: import("./meta.ts").Meta | null; settings: Settings }', { columns: { "users.meta": 'import("./meta.ts").Meta', "public.users.settings": "Settings" } }],
  ["select email, total from users, orders", "{ email: string | null; total: Money }", { types: { numeric: "Money" } }],
];

// deno-fmt-ignore
const VALUES: readonly [text: string, values: string][] = [
  ["select 1", "[]"],
  ["select 1 where $1 = 1 and $2 = 'x'::text and $3 = 2::bigint and $4 = 1.5", "[number, string, bigint | number | string, string | number | bigint]"],
  ["insert into users (id, name, mood, home, tags, meta, born, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)", `[number, string, "sad" | "ok" | "happy" | null, ${ADDRESS} | string | null, readonly (string | null)[] | null, object | string | null, string | Date | null, Date | string]`],
  ["select 1 from users where id = any($1)", "[readonly (number | null)[]]"],
];

for (const major of MAJORS) {
  test(`types of rows and values on PostgreSQL ${major} are TypeScript's`, async () => {
    await withTables(major, SCHEMA, async (db) => {
      const found = await inspect(db, [...ROWS, ...VALUES].map(([text]) => text));
      for (const [i, [text, row, options]] of ROWS.entries()) {
        equal(typescriptOf(found[i]!, options).row, row, text);
      }
      for (const [i, [text, values]] of VALUES.entries()) {
        equal(typescriptOf(found[ROWS.length + i]!).values, values, text);
      }
    });
  });
}

test("a statement that the server refuses has no columns and no values", async () => {
  await withTables(MAJORS.at(-1)!, SCHEMA, async (db) => {
    const [found] = await inspect(db, ["select nme from users"]);
    deepEqual(typescriptOf(found!), { row: "Record<string, never>", values: "[]" });
  });
});
