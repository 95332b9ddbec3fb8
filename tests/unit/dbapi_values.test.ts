/** `identifier`, `literal`, the constructors, `PGInterval`, `Range` and transaction IDs, without a server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import * as native from "../../src/dbapi/native.ts";
import { typeOids } from "../../src/dbapi/input_sizes.ts";
import { gidOf, makeXid, xidOf } from "../../src/dbapi/xid.ts";

const { identifier, literal, PGInterval, Range } = native;

test("identifier: always quoted, quotes doubled", () => {
  const names = ["top_secret", 'a "b"', "é", "x$1", "SELECT", " ", "`", "a.b"];
  const quoted = ['"top_secret"', '"a ""b"""', '"é"', '"x$1"', '"SELECT"', '" "', '"`"', '"a.b"'];
  assert.deepEqual(names.map(identifier), quoted);
});

test("identifier: what no identifier can be is refused", () => {
  assert.throws(() => identifier(9 as unknown as string), /identifier must be a string/);
  assert.throws(() => identifier(""), /identifier must be > 0 characters in length/);
  assert.throws(() => identifier("tabl\0e"), /identifier cannot contain the zero character/);
});

const LITERALS: readonly (readonly [value: unknown, sql: string])[] = [
  [null, "NULL"],
  [true, "TRUE"],
  [false, "FALSE"],
  [1, "1"],
  [-1, " -1"],
  [-0, " -0.0"],
  [1.5e300, "1.5e+300"],
  [123456789012345678901n, "123456789012345678901"],
  [-1n, " -1"],
  [NaN, "'NaN'::pg_catalog.float8"],
  [-Infinity, "'-Infinity'::pg_catalog.float8"],
  ["bob", "'bob'"],
  ["top 'secret", "'top ''secret'"],
  ["'; drop table t; --", "'''; drop table t; --'"],
  ["back\\slash '", " E'back\\\\slash '''"],
  [Uint8Array.of(3, 255), " E'\\\\x03ff'::pg_catalog.bytea"],
  [new Date("2021-03-30T13:30:02.345Z"), "'2021-03-30 13:30:02.345+00'"],
  [[1, null, true, [2]], "'{1,NULL,t,{2}}'"],
  [
    ["a b", "NULL", "", 'q"', "it's", "back\\"],
    ` E'{"a b","NULL","","q\\\\"",it''s,"back\\\\\\\\"}'`,
  ],
  [[Uint8Array.of(3)], ` E'{"\\\\\\\\x03"}'`],
  [Uint8Array.of(1, 2).buffer, " E'\\\\x0102'::pg_catalog.bytea"],
  [{ a: "it's" }, `'{"a":"it''s"}'`],
  [Object.assign(Object.create(null), { a: 1 }), `'{"a":1}'`],
  [new Range(1, 5), "'[1,5)'"],
  [new Range("a,b", null, "(]"), `'("a,b",]'`],
  [Range.empty(), "'empty'"],
  [new PGInterval({ days: 22, seconds: 13 }), "'22 days 13 seconds'"],
  [new dbapi.Interval({ days: 22 }), "'P22D'"],
];

for (const [value, sql] of LITERALS) {
  test(`literal: ${sql}`, () => assert.equal(literal(value), sql));
}

test("literal: what has no text is refused", () => {
  const values = [undefined, Symbol("x"), () => 1, new Date(NaN), ["a", undefined], "a\0b"];
  for (const value of [...values, new Map(), { n: 1n }]) {
    assert.throws(() => literal(value), native.InterfaceError);
  }
});

test("constructors: dates and times are what the driver reads, whatever the process's zone", () => {
  assert.equal(dbapi.Date(2024, 2, 29), "2024-02-29");
  assert.equal(dbapi.Date(33, 4, 3), "0033-04-03");
  assert.equal(dbapi.Time(0, 0, 1), "00:00:01");
  assert.equal(dbapi.Timestamp(2024, 2, 29, 1, 2, 3).toISOString(), "2024-02-29T01:02:03.000Z");
  assert.equal(dbapi.DateFromTicks(0), "1970-01-01");
  assert.equal(dbapi.TimeFromTicks(86_399), "23:59:59");
  assert.equal(dbapi.TimestampFromTicks(1.5).getTime(), 1500);
  assert.deepEqual(dbapi.Binary(new ArrayBuffer(2)), new Uint8Array(2));
});

test("constructors: what does not exist is refused", () => {
  const wrong = [
    () => dbapi.Date(2023, 2, 29),
    () => dbapi.Date(2023, 13, 1),
    () => dbapi.Time(24, 0, 0),
    () => dbapi.Timestamp(10_000, 1, 1, 0, 0, 0),
    () => dbapi.TimestampFromTicks(NaN),
  ];
  for (const make of wrong) assert.throws(make, dbapi.InterfaceError);
});

test("setinputsizes: classes stand for OIDs, null and -1 for the server's choice", () => {
  const sizes = [25, null, dbapi.NULLTYPE, String, Date, Uint8Array, BigInt, Object, PGInterval];
  assert.deepEqual(typeOids(sizes), [25, 0, 0, 25, 1184, 17, 20, 3802, 1186]);
  assert.deepEqual(typeOids([Set]), [dbapi.UNKNOWN]);
  assert.throws(() => typeOids([1.5]), dbapi.InterfaceError);
  assert.throws(() => typeOids(["text" as unknown as number]), dbapi.InterfaceError);
});

const XIDS: readonly (readonly [format: number, global: string, branch: string, gid: string])[] = [
  [0, "gid", "", "gid"],
  [0, "it's", "", "it's"],
  [1, "gid", "", "1_Z2lk_"],
  [0, "gtrid", "bqual", "0_Z3RyaWQ=_YnF1YWw="],
  [7, "ü", "€", "7_w7w=_4oKs"],
  [0, "", "", ""],
  [1, "\ufeffx", "", "1_77u/eA==_"],
];

for (const [format, global, branch, gid] of XIDS) {
  test(`xid: ${format}, ${global}, ${branch} is ${JSON.stringify(gid)} and back`, () => {
    const xid = makeXid(format, global, branch);
    assert.equal(gidOf(xid), gid);
    assert.deepEqual(xidOf(gid), xid);
  });
}

test("xid: a name that only looks composed is taken as it is", () => {
  for (const gid of ["1_a_b", "0_Z2lk_", "99999999999_Z2lk_", "1_/w==_", "x", "1__"]) {
    const expected = gid === "1__" ? [1, "", ""] : [0, gid, ""];
    assert.deepEqual([...xidOf(gid)], expected, gid);
  }
});
