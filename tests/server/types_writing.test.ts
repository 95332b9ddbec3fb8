import assert from "node:assert/strict";
import { test } from "node:test";
import { DataError, InterfaceError } from "../../mod.ts";
import { BoundedArray } from "../../src/types/array.ts";
import { Interval } from "../../src/types/interval.ts";
import { Range } from "../../src/types/range.ts";
import { majors } from "../_kit/servers.ts";
import { withConnection, withDatabase } from "./types_server.ts";

/** A value of another kind than the type is read as, and the text that the server prints of it. */
// deno-fmt-ignore
const TAKEN: readonly [type: string, value: unknown, printed: string][] = [
  ["text", 5, "5"], ["text", true, "true"], ["text", 12345678901234567890n, "12345678901234567890"], ["text", -0, "-0"],
  ["bool", "yes", "t"], ["bool", 1, "t"], ["bool", 0, "f"],
  ["int4", 7n, "7"], ["int4", " 7 ", "7"], ["int8", 7, "7"], ["oid", 7n, "7"],
  ["float4", 0.1, "0.1"], ["float8", 10n, "10"], ["float8", 1e300, "1e+300"], ["float4", 16777217, "1.6777216e+07"],
  ["numeric", 1.5, "1.5"], ["numeric", 1e21, "1000000000000000000000"], ["numeric", 1e-7, "0.0000001"], ["numeric", 10n ** 40n, `1${"0".repeat(40)}`],
  ["numeric", NaN, "NaN"], ["numeric", Infinity, "Infinity"], ["numeric(10,2)", 1.005, "1.01"], ["money", 1, "$1.00"],
  ["json", 5, "5"], ["json", true, "true"], ["json", { a: undefined, b: [undefined] }, '{"b":[null]}'],
  ["json", "5", "5"], ["json", '"text"', '"text"'], ["jsonb", '{"a":1}', '{"a": 1}'], ["jsonb", 1.5, "1.5"],
  ["json", new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ["json[]", [[1, 2], { a: 1 }], '{"[1,2]","{\\"a\\":1}"}'], ["json[]", ["1", null], "{1,NULL}"],
  ["bytea", new DataView(new ArrayBuffer(2)), "\\x0000"], ["bytea", new Uint8Array([1, 2, 3]).buffer, "\\x010203"],
  ["bytea", new Uint8Array([1, 2, 3, 4]).subarray(1, 3), "\\x0203"], ["bytea", "\\x0a", "\\x0a"],
  ["date", new Date(Date.UTC(2020, 1, 29, 23, 59, 59, 999)), "2020-02-29"], ["date", Infinity, "infinity"],
  ["time", new Date(Date.UTC(2020, 1, 29, 23, 59, 59, 999)), "23:59:59.999"],
  ["timetz", new Date(Date.UTC(2020, 1, 29, 1, 2, 3)), "01:02:03+00"],
  ["timestamp", "2020-02-29T12:00:00.123456", "2020-02-29 12:00:00.123456"],
  ["interval", { days: 3 }, "3 days"], ["interval", { months: 1, microseconds: 5 }, "1 mon 00:00:00.000005"], ["interval", "2 weeks", "14 days"],
  ["inet", new Uint8Array([10, 0, 0, 1]), "10.0.0.1"], ["macaddr", new Uint8Array(6), "00:00:00:00:00:00"],
  ["int4[]", new Int32Array([1, -2]), "{1,-2}"], ["float8[]", new Float64Array([0.5, NaN]), "{0.5,NaN}"], ["int8[]", new BigInt64Array([1n, -2n]), "{1,-2}"],
  ["int4[]", [], "{}"], ["int4[]", [[], []], "{}"], ["int4[]", [null], "{NULL}"], ["int4[]", [["1", 2], [3n, null]], "{{1,2},{3,NULL}}"], ["int4[]", "{4,5}", "{4,5}"],
  ["int4[]", new BoundedArray([1, 2], [0]), "[0:1]={1,2}"], ["text[]", ["NULL", "null", null, "", '"', "\\"], '{"NULL","null",NULL,"","\\"","\\\\"}'],
  ["text[]", [1, true, 2n, "x"], "{1,true,2,x}"], ["date[]", [new Date(0), "2020-01-01", null], "{1970-01-01,2020-01-01,NULL}"],
  ["numrange", new Range(1, 2.5), "[1,2.5)"], ["int4range", new Range<unknown>("1", 5n, "[]"), "[1,6)"], ["int4range", "(1,2]", "[2,3)"],
  ["int4multirange", [new Range(1, 3), new Range(2, 5)], "{[1,5)}"], ["tstzrange", new Range(new Date(0), null), '["1970-01-01 00:00:00+00",)'],
  ["point", "(1,2)", "(1,2)"], ["polygon", { points: [{ x: 0, y: 0 }] }, "((0,0))"],
  ["oid", -1, "4294967295"], ["oid", -(2 ** 31), "2147483648"], ["oid", 2 ** 32 - 1, "4294967295"], ["oid", -1n, "4294967295"],
  ["xid", -1, "4294967295"], ["cid", -2, "4294967294"], ["xid8", -1, "18446744073709551615"], ["xid8", -(2n ** 64n - 1n), "1"],
  ["oid[]", [-1, 1], "{4294967295,1}"], ["xid8[]", [-1n], "{18446744073709551615}"],
  ["jsonb[]", new BoundedArray([[1, [2]], [{ a: 3 }, null]], [1, 1]), '{{1,[2]},{"{\\"a\\": 3}",NULL}}'],
  ["regclass", 1247, "pg_type"], ["oidvector", [1, 2], "1 2"],
];

/**
 * A value that the type cannot hold. The driver refuses it before it is sent, except for plain numbers
 * at the first run of a statement, which are sent as text and refused by the server.
 */
const REFUSED: readonly [type: string, value: unknown][] = [
  ["int2", 32768],
  ["int4", 1.5],
  ["int4", 2 ** 31],
  ["int4", NaN],
  ["int8", 2 ** 53],
  ["int8", 2n ** 63n],
  ["oid", 2 ** 32],
  ["oid", -(2 ** 31) - 1],
  ["float8", {}],
  ["int4", [1]],
  ["text", {}],
  ["text", Symbol("s")],
  ["bool", {}],
  ["uuid", new Uint8Array(16)],
  ["bytea", [1, 2]],
  ["date", new Date(NaN)],
  ["timestamptz", new Date(NaN)],
  ["timestamptz", {}],
  ["timestamp", new Interval()],
  ["int4[]", [1, [2]]],
  ["int4[]", [[1], [2, 3]]],
  ["int4[]", [undefined]],
  ["int4[]", [{}]],
  ["int4[]", [[[[[[[1]]]]]]]],
  ["int4[]", {}],
  ["int4range", [1, 2]],
  ["int4range", new Range<unknown>({}, 2)],
  ["json", new Uint8Array(3)],
  ["json", {
    toJSON(): never {
      throw new Error("no");
    },
  }],
  ["point", { x: 1 }],
  ["interval", { days: 1.5 }],
  ["inet", new Uint8Array(5)],
];

function refusal(error: unknown): boolean {
  if (error instanceof InterfaceError) return /parameter \$2 \(/.test(error.message);
  return error instanceof DataError &&
    /parameter \$2 = '...'|out of range/.test(`${error.where} ${error.message}`);
}

for (const major of majors()) {
  test(`PostgreSQL ${major} gets a value by the type of its parameter, not by its class in JavaScript`, async () => {
    await withConnection(major, {}, async (db) => {
      for (const [type, value, printed] of TAKEN) {
        const text = `select format('%s', $1::${type})`;
        for (let execution = 0; execution < 2; execution++) {
          assert.equal(await db.query(text, [value]).scalar(), printed, `${type} ${printed}`);
        }
      }
    });
  });

  test(`a value that a type of PostgreSQL ${major} cannot hold is refused`, async () => {
    await withConnection(major, {}, async (db) => {
      for (const [type, value] of REFUSED) {
        for (const text of [`select 1, $1::int4, $2::${type}`, `select $1::int4, $2::${type}`]) {
          for (let execution = 0; execution < 2; execution++) {
            await assert.rejects(
              async () => await db.query(text, [1, value]),
              refusal,
              type,
            );
          }
        }
      }
      const jagged = async (): Promise<unknown> => await db.query("select $1::int4[]", [[[1], []]]);
      await assert.rejects(jagged, { name: "InterfaceError", code: "2202E" });
      assert.equal(await db.query("select 1").scalar(), 1);
    });
  });

  test(`policies hold in every container of PostgreSQL ${major}, in both formats`, async () => {
    const types = { int8: "number", numeric: "number", datetime: "string" } as const;
    const text = `select 7::int8 as i, array[7::int8] as a, int8range(7, 8) as r,
      int8multirange(int8range(7, 8)) as m, 1.50::numeric as n, array[1.50] as na,
      numrange(1.5, 2.5) as nr, timestamptz 'epoch' as t, array[timestamptz 'epoch'] as ta,
      tstzrange('epoch', null) as tr, row(7, 1.50, 'epoch', '{7}')::pg_temp.mix as c`;
    await withConnection(major, { types }, async (db) => {
      await db.query("create type pg_temp.mix as (i int8, n numeric, t timestamp, a int8[])")
        .simple();
      for (let execution = 0; execution < 2; execution++) {
        assert.deepEqual([...await db.query(text)], [{
          ...{ i: 7, a: [7], r: new Range(7, 8), m: [new Range(7, 8)] },
          ...{ n: 1.5, na: [1.5], nr: new Range(1.5, 2.5) },
          ...{ t: "1970-01-01 00:00:00+00", ta: ["1970-01-01 00:00:00+00"] },
          tr: new Range("1970-01-01 00:00:00+00", null),
          c: { i: 7, n: 1.5, t: "1970-01-01 00:00:00", a: [7] },
        }]);
      }
      for (
        const lossy of [
          "9007199254740993::int8",
          "array[9007199254740993]",
          "0.12345678901234567890",
        ]
      ) {
        for (let execution = 0; execution < 2; execution++) {
          await assert.rejects(async () => await db.query(`select ${lossy} as lossy`), DataError);
        }
      }
      assert.equal(await db.query("select 1").scalar(), 1);
    });
  });

  test(`an array of arrays comes back as it was written to PostgreSQL ${major}, whatever its elements are`, async () => {
    await withConnection(major, {}, async (db) => {
      const twoDimensional = `array[array['1'::jsonb, '[2]'], array['{"a":3}'::jsonb, null]]`;
      const values: [type: string, value: unknown][] = [
        ["jsonb[]", [[1, [2]], [{ a: 3 }, null]]],
        ["json[]", [[1], [2, 3]]],
        ["int4multirange[]", [[new Range(1, 2)], []]],
        ["oidvector[]", [[1, 2], [3]]],
      ];
      for (let execution = 0; execution < 2; execution++) {
        const read = await db.query(`select ${twoDimensional}`).scalar();
        assert.deepEqual(read, new BoundedArray([[1, [2]], [{ a: 3 }, null]], [1, 1]));
        const same = `select $1::jsonb[] = ${twoDimensional}`;
        assert.equal(await db.query(same, [read]).scalar(), true);
        for (const [type, value] of values) {
          const [[again, dimensions] = []] = await db
            .query(`select $1::${type}, array_ndims($1::${type})`, [value]).values();
          assert.deepEqual([again, dimensions], [value, 1], type);
        }
      }
    });
  });

  test(`the policy "safe" reads int8 of PostgreSQL ${major} as a number where that is exact, in containers too`, async () => {
    const most = 2n ** 53n - 1n;
    const text = `select int8 '${most}' as a, int8 '${most + 1n}' as b, int8 '-${most}' as c,
      int8 '-${most + 1n}' as d, array[1, ${most + 1n}]::int8[] as e, int8range(1, ${
      most + 1n
    }) as f,
      int8multirange(int8range(-${most + 1n}, 2)) as g, row(7, '{8}')::pg_temp.mix as h,
      '18446744073709551615'::xid8 as i, count(*) as j`;
    await withConnection(major, { types: { int8: "safe" } }, async (db) => {
      await db.query("create type pg_temp.mix as (i int8, a int8[])");
      for (let execution = 0; execution < 2; execution++) {
        assert.deepEqual([...await db.query(text)], [{
          ...{ a: Number(most), b: most + 1n, c: -Number(most), d: -most - 1n, e: [1, most + 1n] },
          ...{ f: new Range<unknown>(1, most + 1n), g: [new Range<unknown>(-most - 1n, 2)] },
          ...{ h: { i: 7, a: [8] }, i: 2n ** 64n - 1n, j: 1 },
        }]);
      }
    });
  });

  test(`a user's codec writes every value of PostgreSQL ${major} but strings, the first time as the next`, async () => {
    const seen: unknown[] = [];
    const doubling = {
      name: "int4",
      encode: (value: unknown) => {
        seen.push(value);
        return String(Number(value) * 2);
      },
    };
    const some = { ...doubling, accepts: (value: unknown) => typeof value === "boolean" };
    const cases: [codec: object, value: unknown, printed: string][] = [
      [doubling, 5, "10"],
      [doubling, 5n, "10"],
      [doubling, true, "2"],
      [doubling, new Date(4), "8"],
      [doubling, "5", "5"],
      [doubling, -0, "0"],
      [some, true, "2"],
      [some, 5, "5"],
      [{ name: "int4", decode: Number }, 5, "5"],
    ];
    for (const [codec, value, printed] of cases) {
      for (const options of [{ codecs: [codec] }, undefined]) {
        const types = { codecs: [codec] };
        await withConnection(major, options === undefined ? {} : { types }, async (db) => {
          const how = options === undefined ? { types } : {};
          for (let execution = 0; execution < 2; execution++) {
            const run = db.query("select format('%s', $1::int4)", [value], how);
            assert.equal(await run.scalar(), printed);
            const statement = await db.prepare("select format('%s', $1::int4 + 0)", how);
            assert.equal(await statement.query([value]).scalar(), printed);
            const [many] = await db.executeMany("select format('%s', $1::int4)", [[value]], how);
            assert.deepEqual(many, { format: printed });
            const listed = db.query("select format('%s', $1::int4[])", [[value]], how);
            assert.equal(await listed.scalar(), `{${printed}}`);
          }
        });
      }
    }
    assert.ok(!seen.some((value) => typeof value === "string"));
  });

  test(`a user's codec stands in for a type of PostgreSQL ${major} by its OID or its name, in containers too`, async () => {
    const codecs = [
      { oid: 600, decode: (text: string) => `at ${text}`, encode: () => "(3,4)" },
      { name: "uuid", decode: (text: string) => text.toUpperCase() },
      {
        name: "types_custom.mood",
        decode: (text: string) => ({ mood: text }),
        encode: (value: object) => String(Reflect.get(value, "mood")),
      },
    ];
    const setup = "create schema types_custom; create type types_custom.mood as enum ('ok', 'sad')";
    await withDatabase(major, setup, { types: { codecs } }, async (db) => {
      const text = `select point(1, 2) as p, array[point(1, 2)] as ps,
        uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' as u, 'ok'::types_custom.mood as m,
        array['ok', null]::types_custom.mood[] as ms`;
      for (let execution = 0; execution < 2; execution++) {
        assert.deepEqual([...await db.query(text)], [{
          p: "at (1,2)",
          ps: ["at (1,2)"],
          u: "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
          m: { mood: "ok" },
          ms: [{ mood: "ok" }, null],
        }]);
      }
      const written =
        "select format('%s %s %s', $1::point, $2::types_custom.mood, $3::types_custom.mood[])";
      const values = [{}, { mood: "sad" }, [{ mood: "ok" }, "sad", null]];
      assert.equal(await db.query(written, values).scalar(), "(3,4) sad {ok,sad,NULL}");
      db.types.register({ name: "types_custom.mood", decode: (text) => text.length });
      assert.deepEqual([...await db.query("select array['ok', 'sad']::types_custom.mood[] as v")], [
        { v: [2, 3] },
      ]);
    });
  });

  test(`a codec that throws fails its own query on PostgreSQL ${major}, and says which column or parameter`, async () => {
    const codecs = [{
      name: "xml",
      decode: (): never => {
        throw new RangeError("no such thing");
      },
      encode: (): never => {
        throw new RangeError("not in this world");
      },
    }, {
      name: "macaddr",
      accepts: (): never => {
        throw new RangeError("no idea");
      },
      encode: String,
    }];
    await withConnection(major, { types: { codecs } }, async (db) => {
      const good = db.query("select 1 as n").execute();
      const bad = db.query("select 7 as n, xml '<a/>' as doc").execute();
      const badToo = db.query("select $1::xml", [{}]).execute();
      const worse = db.query("select 1, $1::macaddr", [{}]).execute();
      const after = db.query("select 2 as n").execute();
      assert.deepEqual([...await good], [{ n: 1 }]);
      await assert.rejects(async () => await bad, /column "doc" \(xml\): no such thing/);
      await assert.rejects(async () => await badToo, /parameter \$1 \(xml\): not in this world/);
      await assert.rejects(async () => await worse, /parameter \$1 \(macaddr\): no idea/);
      assert.deepEqual([...await after], [{ n: 2 }]);
    });
  });

  test(`a query's own policies and codecs on PostgreSQL ${major} are no other query's`, async () => {
    await withConnection(major, {}, async (db) => {
      await db.query("create type pg_temp.pair as (a int8, b numeric)").simple();
      const text = "select 7::int8 as i, array[7::int8] as a, row(7, 1.50)::pg_temp.pair as p";
      const usual = { i: 7n, a: [7n], p: { a: 7n, b: "1.50" } };
      const types = { int8: "number" } as const;
      const numbers = { i: 7, a: [7], p: { a: 7, b: "1.50" } };
      const own = {
        int8: "string",
        numeric: "number",
        codecs: [{ oid: 1016, decode: () => "all" }],
      } as const;
      const others = { i: "7", a: "all", p: { a: "7", b: 1.5 } };
      for (let execution = 0; execution < 3; execution++) {
        const running = [
          db.query(text).execute(),
          db.query(text, [], { types }).execute(),
          db.query(text, [], { types: own }).execute(),
          db.query(text, [], { types: { int8: "number" } }).execute(),
          db.query(text, [], { types, prepare: false }).execute(),
          db.query(text, [], { types }).simple(),
        ];
        const found = [];
        for (const query of running) found.push(...await query);
        assert.deepEqual(found, [usual, numbers, others, numbers, numbers, numbers]);
      }
      const streamed = [];
      for await (const row of db.query(text, [], { types: own })) streamed.push(row);
      assert.deepEqual(streamed, [others]);
      const prepared = await db.prepare(text, { types });
      assert.deepEqual([...await prepared.query()], [numbers]);
      await prepared.close();
      assert.deepEqual([
        ...await db.query("select $1::pg_temp.pair as p", [{ a: 7, b: 1.5 }], { types: own }),
      ], [
        { p: { a: "7", b: 1.5 } },
      ]);
    });
  });

  test(`a wrong policy of a query on PostgreSQL ${major} is an InterfaceError of that query`, async () => {
    await withConnection(major, {}, async (db) => {
      const types = JSON.parse('{"int8":"float"}');
      await assert.rejects(async () => await db.query("select 1", [], { types }), {
        name: "InterfaceError",
        message: /types\.int8/,
      });
      assert.equal(await db.query("select 1").scalar(), 1);
    });
  });

  test(`every byte of a "char" is read and written as an integer on PostgreSQL ${major}`, async () => {
    await withConnection(major, {}, async (db) => {
      const bytes = Array.from({ length: 256 }, (_, i) => i - 128);
      const text =
        'select array(select c::int4::"char" from unnest($1::int4[]) c)::"char"[]::int4[]';
      assert.deepEqual(await db.query(text, [bytes]).scalar(), bytes);
      const print = "select '\\377'::\"char\" as c";
      const printed = [await db.query(print).scalar(), await db.query(print).scalar()];
      assert.deepEqual(printed, major < 15 ? ["\\", "\\"] : ["\\377", "\\377"]);
    });
  });
}
