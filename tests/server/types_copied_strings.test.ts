/** A string is the same value for `copyRowsFrom()` as for a parameter, for each built-in type. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, PgError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";

/** Tried on every type. */
// deno-fmt-ignore
const COMMON = [
  "", " ", "0", "1", "-1", " 1 ", "+1", "1_000", "0x1f", "1e3", "t", "nan", "infinity", "{}", "empty", "null", "a",
];
const UUID = "A0EEBC999C0B4EF8BB6D6BB9BD380A11";
const LONG = "n".repeat(70);
/** Tried on one type besides. */
// deno-fmt-ignore
const OWN: Readonly<Record<string, readonly string[]>> = {
  uuid: [UUID, `{${UUID}}`, UUID.replace(/..../g, "$&-").slice(0, -1), `{${UUID}`, `${UUID}}`, ` ${UUID}`, UUID.slice(1), UUID.replace(/..(?=.)/, "$&-")],
  numeric: ["Infinity", "INF", "-inf", "+Infinity", "NaN", "-nan", "+nan", "\t1.50\n", "\f1\v", "1__0", "_1", "1_", "1._5", "1_.5", "1e1_0", "1_0.0_1", ".5", "5.", ".", "1e", "0b11", "0o17", "-0x10", "1e-20000", "1e200000", `1${"0".repeat(2000)}.5`, "-0.00"],
  bit: ["101", "b101", "B101", "x1F", "X1f", "xg", "b2", " 101", "101 "],
  varbit: ["101", "b101", "B101", "x1F", "X1f", "xg", "b2", " 101", "101 ", "x", "b"],
  bool: ["yes", "OFF", " true ", "tr"],
  name: [LONG, "é".repeat(40), `${"n".repeat(62)}é`],
  text: [LONG, "é", "\\N", "a\tb\nc\\"],
  json: ["[1 , 2]", '"a"', "{", "01"],
  jsonb: ["[1 , 2]", '"a"', '{"b":1,"a":2, "b":3}', "{"],
  char: ["ab", "\\101", "é"],
  bytea: ["\\x00FF", "\\\\", "\\001", "\\x0", "é"],
  date: ["2024-02-30", "20240229", "Feb 29 2024", "-infinity"],
  timestamptz: ["2024-02-29 12:00 Europe/Vienna", "2024-02-29T12:00Z"],
  interval: ["1 day", "P1D", "@ 1 day ago"],
  inet: ["10.0.0.1/8", "::1"],
  jsonpath: ["$.a", "$[*]", "$ . a"],
  "int4[]": ["{1,2}", "[0:1]={1,2}", "{{1},{2}}", "{1,NULL}"],
  "numeric[]": ["{1_000,infinity}"],
  "uuid[]": [`{${UUID}}`],
  int4range: ["[1,2]", "(,)", "[2,1)"],
  point: ["1,2", "(1,2)"],
  pg_lsn: ["0/1", "g/1"],
  tsvector: ["'a':1 b"],
  xid8: ["18446744073709551615"],
};
// deno-fmt-ignore
const TYPES = [
  ...Object.keys(OWN), "int2", "int4", "int8", "oid", "xid", "cid", "float4", "float8", "money", "varchar", "bpchar",
  "varchar(3)", "char(3)", "varbit(3)", "bit(3)", "numeric(5,1)", "time", "timetz", "timestamp", "cidr", "macaddr", "macaddr8", "line", "lseg", "box", "path",
  "polygon", "circle", "tid", "tsquery", "pg_snapshot", "refcursor", "regclass", "regtype", "int2vector",
  "oidvector", "text[]", "jsonb[]", "bit[]", "numrange", "int4multirange", "xml",
  "pg_temp.mood", "pg_temp.amount", "pg_temp.pair",
];

/** The stored values as their text, or the code of the error. */
async function outcome(db: Connection, store: () => PromiseLike<unknown>): Promise<unknown> {
  await db.query("delete from pg_temp.t");
  try {
    await store();
  } catch (error) {
    assert.ok(error instanceof PgError, String(error));
    return error.code ?? error.message;
  }
  return await db.query("select v::text, pg_column_size(v) from pg_temp.t").values();
}

/** Codes that the server gives for the same fault in another way. */
const SAME: ReadonlyMap<unknown, unknown> = new Map([
  ["22P03", "22P02"],
  ["22026", "22P02"],
  ["22001", "22P02"],
]);

for (const type of TYPES) {
  test(`copied rows: each string for ${type} is what it is as a parameter`, () =>
    withDatabase(async (db) => {
      await db.query(`create type pg_temp.mood as enum ('a', 'null');
        create domain pg_temp.amount as numeric(8,2); create type pg_temp.pair as (a int, b text);
        create temp table t (v ${type === "char" ? '"char"' : type})`).simple();
      for (const text of [...COMMON, ...OWN[type] ?? []]) {
        // PostgreSQL 16 was the first to read these; the binary format has no such difference.
        if (db.serverVersion.major < 16 && /\d_\d/.test(text)) continue;
        const insert = "insert into pg_temp.t values ($1)";
        const wanted = await outcome(db, () => db.query(insert, [text]));
        const copied = await outcome(db, () => db.copyRowsFrom("pg_temp.t", ["v"], [[text]]));
        assert.deepEqual(
          SAME.get(copied) ?? copied,
          SAME.get(wanted) ?? wanted,
          JSON.stringify(text),
        );
      }
      await assertUsable(db);
    }));
}

test("copied rows: a string that only the server can read is refused behind a binary row", () =>
  withDatabase(async (db) => {
    for (
      const [type, first, text] of [
        ["numeric", "1.5", "0x1f"],
        ["uuid", UUID, "a"],
        ["bit(3)", "101", "xg"],
        ["int4", 1, "2"],
        ["name", "a", LONG],
      ] as const
    ) {
      await db.query(`create temp table t (v ${type})`);
      await assert.rejects(db.copyRowsFrom("pg_temp.t", ["v"], [[first], [text]]), {
        name: "InterfaceError",
        message: new RegExp(`^row 2, column "v" .*: this value can only go as text; ask for it`),
      });
      await db.query("drop table pg_temp.t");
    }
    await db.query("create temp table t (v numeric)");
    const rows = ["1.5", " 1_000 ", "inf", "-INFINITY", "nan", "+.5e1"].map((text) => [text]);
    assert.equal(await db.copyRowsFrom("pg_temp.t", ["v"], rows), 6);
    assert.deepEqual(
      (await db.query("select v from pg_temp.t").values()).flat(),
      ["1.5", "1000", "Infinity", "-Infinity", "NaN", "5"],
    );
  }));
