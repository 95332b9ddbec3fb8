import assert from "node:assert/strict";
import test from "node:test";
import { DataError, InterfaceError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";

const CASES: readonly [what: string, text: string, values: unknown[], message: RegExp][] = [
  ["a number beyond int4", "select $1::int4", [2 ** 40], /^parameter \$1 \(int4\): out of range/],
  ["a bigint beyond int8", "select $1::int8", [1n << 70n], /^parameter \$1 \(int8\): out of range/],
  ["a fraction for int2", "select $1::int2, $2::int2", [1, 1.5], /^parameter \$2 \(int2\): not an/],
  [
    "an object for int4",
    "select $1::int4",
    [{}],
    /^parameter \$1 \(int4\): it does not take a plain/,
  ],
  ["undefined", "select $1::int4", [undefined], /^parameter \$1 is undefined; use null for NULL$/],
  ["too few", "select $1::int4, $2::int4", [1], /^1 parameters given, .* takes 2$/],
  ["too many", "select 1", Array(65_536).fill(1), /^65536 parameters: .* at most 65535$/],
];

for (const [what, text, values, message] of CASES) {
  test(`parameters: ${what} is refused by position, the first time as the next`, () =>
    withDatabase(async (db) => {
      for (const prepare of [true, true, false]) {
        await assert.rejects(db.query(text, values, { prepare }), (error) => {
          assert.ok(error instanceof InterfaceError, String(error));
          assert.match(error.message, message);
          return true;
        });
        assert.equal(await db.query("select 7").scalar(), 7);
      }
    }));
}

test("parameters: text that the server refuses is the server's error", () =>
  withDatabase(async (db) => {
    for (let run = 0; run < 2; run++) {
      await assert.rejects(db.query("select $1::int4", ["abc"]), (error) => {
        assert.ok(error instanceof DataError && error.code === "22P02", String(error));
        return true;
      });
    }
  }));

test("parameters: 60,000 of them come back in order", () =>
  withDatabase(async (db) => {
    const values = Array.from({ length: 60_000 }, (_, i) => i);
    const list = values.map((i) => `$${i + 1}::int4`).join(",");
    assert.deepEqual(await db.query(`select array[${list}]`, values).scalar(), values);
  }));
