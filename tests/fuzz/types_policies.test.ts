import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "node:test";
import { type Connection, DataError } from "../../mod.ts";
import { Reader } from "../../src/bytes/reader.ts";
import type { Codec } from "../../src/types/codec.ts";
import type { Range } from "../../src/types/range.ts";
import type { TypesOptions } from "../../src/types/registry.ts";
import { majors } from "../_kit/servers.ts";
import { withConnection } from "../server/types_server.ts";
import { CASES, inBatches } from "./types_property.ts";

const TYPES = `create domain pg_temp.own_int8 as int8; create domain pg_temp.own_numeric as numeric;
  create type pg_temp.holder_int8 as (v int8, list int8[]);
  create type pg_temp.holder_numeric as (v numeric, list numeric[])`;

/** A container of a value: its type, its expression, its send function, and a function that takes the value out. */
type Container = readonly [
  type: string,
  expression: string,
  send: string,
  held: (value: unknown) => unknown[],
];

function containers(type: string, range: string, multirange: string): readonly Container[] {
  const holder = `row(v, array[v])::pg_temp.holder_${type}`;
  const own = `pg_temp.own_${type}[]`;
  return [
    [type, "v", type === "int8" ? "int8send" : "numeric_send", (value) => [value]],
    [`${type}[]`, "array[v, null, v]", "array_send", (list) => [at(list, 0), at(list, 2)]],
    [
      `${type}[]`,
      "array[[v], [v]]",
      "array_send",
      (grid) => [at(at(grid, 0), 0), at(at(grid, 1), 0)],
    ],
    [own, `array[v]::${own}`, "array_send", (list) => [at(list, 0)]],
    [range, `${range}(v, null)`, "range_send", (span) => [(span as Range).lower]],
    [multirange, `${multirange}(${range}(v, null))`, "multirange_send", (spans) => [
      (at(spans, 0) as Range).lower,
    ]],
    [`pg_temp.holder_${type}`, holder, "record_send", ofHolder],
    [`pg_temp.holder_${type}[]`, `array[${holder}]`, "array_send", (list) => ofHolder(at(list, 0))],
  ];
}

function at(list: unknown, index: number): unknown {
  return (list as unknown[])[index];
}

function ofHolder(value: unknown): unknown[] {
  const { v, list } = value as { v: unknown; list: unknown };
  return [v, at(list, 0)];
}

const int8 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 2n }),
  fc.maxSafeInteger().map(BigInt),
  fc.integer({ min: -2, max: 2 }).map((near) => 2n ** 53n + BigInt(near)),
);
const numeric = fc.oneof(
  fc.tuple(fc.integer(), fc.nat(999)).map(([whole, thousandths]) => `${whole}.${thousandths}`),
  fc.double({ noNaN: true, min: -1e20, max: 1e20 }).map((value) => value.toFixed(12)),
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
  fc.constantFrom("NaN", "Infinity", "-Infinity", "0.000", "9007199254740993", "0.1"),
);

const PROPERTIES: readonly [
  type: string,
  values: fc.Arbitrary<unknown>,
  containers: readonly Container[],
  policies: readonly TypesOptions[],
][] = [
  ["int8", int8, containers("int8", "int8range", "int8multirange"), [
    { int8: "bigint" },
    { int8: "number" },
    { int8: "string" },
  ]],
  ["numeric", numeric, containers("numeric", "numrange", "nummultirange"), [
    { numeric: "string" },
    { numeric: "number" },
  ]],
];

for (const major of majors()) {
  for (const [type, values, holding, policies] of PROPERTIES) {
    for (const types of policies) {
      const policy = JSON.stringify(types);
      test(`every ${type} of PostgreSQL ${major} by ${policy} is in every container what it is alone, or refused, in both formats`, async () => {
        await withConnection(major, { types }, async (db) => {
          await db.query(TYPES).simple();
          const columns = holding.map(([name]) => `null::${name}`);
          const nothing = await db.query(`select ${columns}`, [], { rows: "array" });
          const codecs = nothing.columns.map(({ typeOid }) => db.types.lookup(typeOid)!);
          let refused = 0;
          const cases = await inBatches(values, async (batch) => {
            for (const row of await sent(db, type, holding, batch)) {
              refused += compare(codecs, holding, row);
            }
          });
          assert.ok(cases >= CASES, `${cases} cases`);
          assert.equal(refused > 0, policy.includes("number"), `${refused} refused`);
        });
      });
    }
  }
}

/** Text and bytes of each container of each value. */
async function sent(
  db: Connection,
  type: string,
  holding: readonly Container[],
  values: readonly unknown[],
): Promise<[string, Uint8Array][][]> {
  const columns = holding.map(([, expression, send]) =>
    `format('%s', ${expression}), ${send}(${expression})`
  );
  const text = `select ${columns} from unnest($1::${type}[]) v`;
  const rows = await db.query(text, [values], { rows: "array" });
  return (rows as unknown as unknown[][]).map((row): [string, Uint8Array][] =>
    holding.map((_, i) => [row[2 * i] as string, row[2 * i + 1] as Uint8Array])
  );
}

/** Whether the value was refused. */
function compare(
  codecs: readonly Codec[],
  holding: readonly Container[],
  row: readonly [string, Uint8Array][],
): number {
  const alone = outcome(codecs[0]!, ...row[0]!)[0];
  row.forEach(([text, bytes], i) => {
    const [, expression, , held] = holding[i]!;
    for (const value of outcome(codecs[i]!, text, bytes)) {
      const found = value === REFUSED ? [REFUSED] : held(value);
      for (const item of found) assert.deepEqual(item, alone, `${expression} of ${row[0]![0]}`);
    }
  });
  return alone === REFUSED ? 1 : 0;
}

const REFUSED = "refused";

/** Returns the values that the text and the bytes are read as. */
function outcome(codec: Codec, text: string, bytes: Uint8Array): [unknown, unknown] {
  const reader = new Reader(bytes);
  return [
    orRefused(() => codec.decodeText(text)),
    orRefused(() => codec.decodeBinary!(reader, bytes.length)),
  ];
}

function orRefused(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof DataError, String(error));
    return REFUSED;
  }
}
