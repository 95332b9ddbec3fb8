import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "node:test";
import { withConnection } from "../server/types_server.ts";
import { majors } from "../_kit/servers.ts";
import { CASES, inBatches, jsonKeys, readTexts, writeValues } from "./types_property.ts";

const digits = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: max });
/** Decimals as people write them: zeros at both ends, thousands of digits, exponents. */
const decimal: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constantFrom("", "-", "+"), digits(40), digits(40)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("", "-"), digits(2000), digits(2000)) },
).map(([sign, whole, fraction]) => `${sign}${whole}.${fraction}`);
const numeric: fc.Arbitrary<string> = fc.oneof(
  { weight: 10, arbitrary: decimal },
  { weight: 3, arbitrary: digits(60) },
  {
    weight: 3,
    arbitrary: fc.tuple(digits(9), fc.integer({ min: -300, max: 300 })).map(([d, e]) =>
      `${d}e${e}`
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom("NaN", "Infinity", "-Infinity", "0", "-0.000") },
);
/** Any text that PostgreSQL takes: no zero, no lone surrogate. */
const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme-composite" }),
  fc.string({ unit: fc.constantFrom(..."{}[]()\",\\' \t\nNUL=>:;é😀") }),
).map((value) => value.replaceAll("\0", ""));
const bits: fc.Arbitrary<string> = fc.string({ unit: fc.constantFrom("0", "1"), maxLength: 70 });
const bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 300 }).map((b) => b.slice());
const json: fc.Arbitrary<unknown> = fc.oneof(
  fc.object(jsonShape()),
  fc.array(fc.anything(jsonShape())),
)
  .map((value) => JSON.parse(JSON.stringify(value)));

const snapshot: fc.Arbitrary<string> = fc.uniqueArray(fc.nat(1e6), { minLength: 2, maxLength: 20 })
  .map((ids) => {
    const [min, ...rest] = ids.map((id) => id + 1).sort((a, b) => a - b);
    return `${min}:${rest.pop()}:${rest.join(",")}`;
  });

/** Values that are written and come back; the server's text of each, where we know it. */
const WRITTEN: Readonly<Record<string, [fc.Arbitrary<unknown>, ((value: never) => string)?]>> = {
  "bool": [fc.boolean(), (value: boolean) => value ? "t" : "f"],
  "int2": [fc.integer({ min: -32768, max: 32767 }), String],
  "int4": [fc.integer(), String],
  "int8": [fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), String],
  "oid": [fc.nat(0xffffffff), String],
  "xid8": [fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), String],
  "float8": [fc.double()],
  "float4": [fc.float()],
  "numeric": [
    numeric.filter((value) => /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(value)),
    (value: string) => /^-[0.]+$/.test(value) ? value.slice(1) : value,
  ],
  "text": [text, String],
  "varchar": [text, String],
  "bytea": [
    bytes,
    (value: Uint8Array) =>
      `\\x${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("")}`,
  ],
  "varbit": [bits, String],
  "uuid": [fc.uuid(), String],
  "json": [json, (value: unknown) => JSON.stringify(value)],
  "jsonb": [json],
};

/** The value that is read, where it is not the one that was written. */
const EXPECTED: Readonly<Record<string, (value: unknown, printed: string) => unknown>> = {
  "numeric": (_, printed) => printed,
  "float4": (value, printed) => {
    const decimal = Number(printed);
    return Object.is(Math.fround(decimal), value) ? decimal : `not ${printed}`;
  },
};

/** Texts that the server reads, whatever they look like when it prints them. */
const READ: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "numeric": numeric,
  "float8": fc.oneof(fc.double().map(String), decimal, digits(20)),
  "float4": fc.oneof(
    fc.float().map(String),
    digits(20),
    fc.double({ min: -1e38, max: 1e38 }).map((d) => String(Math.fround(d))),
  ),
  "int8": fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  "money": fc.integer().map((cents) => (cents / 100).toFixed(2)),
  "bytea": bytes.map((value) =>
    Array.from(value, (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("")
  ),
  "text": text,
  "name": text.map((value) => [...value].slice(0, 15).join("")),
  "bpchar": text,
  "varbit": bits,
  "uuid": fc.uuid().map((value) => value.toUpperCase()),
  "json": json.map((value) => JSON.stringify(value, null, 1)),
  "jsonb": json.map((value) => JSON.stringify(value)),
  "xid": fc.nat(0xffffffff).map(String),
  "cid": fc.nat(0xffffffff).map(String),
  "bit": fc.constantFrom("0", "1"),
  '"char"': fc.oneof(
    fc.integer({ min: 1, max: 127 }).map((code) => String.fromCharCode(code)),
    fc.constant(""),
  ),
  "refcursor": text,
  "xml": text.map((value) =>
    `<a>${value.replace(/[^\t -;=?-~\u00a0-\ud7ff]/g, "x").replaceAll("&", "&amp;")}</a>`
  ),
  "pg_lsn": fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff)).map((half) =>
    half.map((n) => n.toString(16)).join("/")
  ),
  "tid": fc.tuple(fc.nat(0xffffffff), fc.nat(0xffff)).map((parts) => `(${parts})`),
  "xid8": fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  "int2vector": fc.array(fc.integer({ min: -32768, max: 32767 }), { maxLength: 90 }).map((list) =>
    list.join(" ")
  ),
  "oidvector": fc.array(fc.nat(0xffffffff), { maxLength: 90 }).map((list) => list.join(" ")),
  "pg_snapshot": snapshot,
  "txid_snapshot": snapshot,
};

for (const major of majors()) {
  for (const [type, [values, print]] of Object.entries(WRITTEN)) {
    test(`PostgreSQL ${major} prints and sends back every ${type} it is sent`, async () => {
      await withConnection(major, {}, async (db) => {
        const cases = await inBatches(values, async (batch) => {
          const printed = await writeValues(db, type, batch, EXPECTED[type]);
          if (print) assert.deepEqual(printed, batch.map((value) => print(value as never)), type);
        });
        assert.ok(cases >= CASES, `${cases} cases`);
      });
    });
  }

  test(`PostgreSQL ${major} prints and sends back every number and bigint that a numeric is sent`, async () => {
    const bigint = fc.bigInt({ min: -(10n ** 90n), max: 10n ** 90n });
    await withConnection(major, { types: { numeric: "number" } }, async (db) => {
      const cases = await inBatches(fc.double(), async (batch) => {
        await writeValues(db, "numeric", batch, (value) => value === 0 ? 0 : value);
      });
      assert.ok(cases >= CASES, `${cases} cases`);
    });
    await withConnection(major, {}, async (db) => {
      const cases = await inBatches(bigint, async (batch) => {
        await writeValues(db, "numeric", batch, String);
      });
      assert.ok(cases >= CASES, `${cases} cases`);
    });
  });

  for (const [type, texts] of Object.entries(READ)) {
    test(`every ${type} of PostgreSQL ${major} is read alike in text and in binary`, async () => {
      await withConnection(major, {}, async (db) => {
        const cases = await inBatches(texts, async (batch) => {
          await readTexts(db, type, batch);
        });
        assert.ok(cases >= CASES, `${cases} cases`);
      });
    });
  }
}

function jsonShape(): fc.ObjectConstraints {
  return {
    key: jsonKeys(text),
    values: [
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => Object.is(d, -0) ? 0 : d),
      fc.constant(null),
      text,
    ],
  };
}
