import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "node:test";
import type { Connection } from "../../mod.ts";
import { BoundedArray } from "../../src/types/array.ts";
import { Range, type RangeBounds } from "../../src/types/range.ts";
import { majors } from "../_kit/servers.ts";
import { withConnection } from "../server/types_server.ts";
import { CASES, inBatches, jsonKeys } from "./types_property.ts";

const text = fc.string({ unit: fc.constantFrom(..."{}[]()\",;\\' \tNULL=>é😀ab") });
const int4 = fc.integer();
const int8 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const numeric = fc.tuple(fc.integer(), fc.nat(99)).map(([whole, cents]) =>
  `${whole}.${String(cents).padStart(2, "0")}`
);
const date = fc.integer({ min: -2e11, max: 5e12 }).map((ms) => new Date(ms));
const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => value.slice());
const document = fc.dictionary(jsonKeys(text), fc.oneof(int4, text, fc.constant(null)), {
  noNullPrototype: true,
});

const SCALARS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  "int4": int4,
  "int8": int8,
  "float8": fc.double(),
  "numeric": numeric,
  "text": text,
  "bool": fc.boolean(),
  "bytea": bytes,
  "timestamptz": fc.oneof(date, fc.constantFrom(Infinity, -Infinity)),
  "jsonb": document,
  "point": fc.tuple(fc.double(), fc.double()).map(([x, y]) => ({ x, y })),
  "box": fc.constant({ high: { x: 1, y: 1 }, low: { x: 0, y: 0 } }),
};

/** Arrays of one to four dimensions and NULLs; each with its lower bounds. */
const array = (element: fc.Arbitrary<unknown>): fc.Arbitrary<BoundedArray> =>
  fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: -5, max: 5 })), {
    minLength: 1,
    maxLength: 4,
  }).chain((dimensions) => {
    const sizes = dimensions.map(([size]) => size);
    const count = sizes.reduce((a, b) => a * b, 1);
    const items = fc.array(fc.option(element), { minLength: count, maxLength: count });
    return items.map((list) =>
      new BoundedArray(nested(list, sizes), dimensions.map(([, bound]) => bound))
    );
  });
const emptyOr = (arrays: fc.Arbitrary<BoundedArray>): fc.Arbitrary<BoundedArray> =>
  fc.oneof(
    { weight: 9, arbitrary: arrays },
    { weight: 1, arbitrary: fc.constant(new BoundedArray([], [])) },
  );

/** Ranges as the server keeps them: in order, not empty by accident; discrete ones are `[)`. */
function range<T>(bound: fc.Arbitrary<T>, continuous: boolean): fc.Arbitrary<Range<T>> {
  const bounds = continuous
    ? fc.constantFrom<RangeBounds>("[)", "[]", "(]", "()")
    : fc.constant<RangeBounds>("[)");
  const whole = fc.tuple(fc.option(bound), fc.option(bound), bounds).map(([a, b, signs]) => {
    const [lower, upper] = a !== null && b !== null && key(a) > key(b) ? [b, a] : [a, b];
    if (lower !== null && upper !== null && key(lower) === key(upper)) return Range.empty<T>();
    const open = lower === null ? "(" : signs[0];
    return new Range<T>(lower, upper, `${open}${upper === null ? ")" : signs[1]}` as RangeBounds);
  });
  return fc.oneof({ weight: 9, arbitrary: whole }, {
    weight: 1,
    arbitrary: fc.constant(Range.empty<T>()),
  });
}

const day = date.map((value) => value.toISOString().slice(0, 10))
  .filter((text) => /^\d{4}-/.test(text));
const RANGES: Readonly<Record<string, fc.Arbitrary<Range>>> = {
  "int4range": range(fc.integer({ min: -2147483648, max: 2147483646 }), false),
  "int8range": range(int8, false),
  "numrange": range(numeric, true),
  "tstzrange": range(date, true),
  "tsrange": range(date, true),
  "daterange": range(day, false),
};

/** Multiranges by their bounds. */
const MULTIRANGES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  "int4multirange": int4,
  "int8multirange": int8,
  "nummultirange": numeric,
  "tsmultirange": date,
  "tstzmultirange": date,
  "datemultirange": day,
};

/** Ranges that do not touch, in their order, as the server keeps them. */
function multirange(bound: fc.Arbitrary<unknown>): fc.Arbitrary<Range[]> {
  const bounds = fc.uniqueArray(bound, { maxLength: 12, selector: key });
  return bounds.map((list) => {
    list.sort((a, b) => key(a) < key(b) ? -1 : 1);
    return Array.from(
      { length: list.length >> 1 },
      (_, i) => new Range(list[2 * i], list[2 * i + 1]),
    );
  });
}

const COMPOSITE = fc.record({
  "id": fc.option(int8),
  'odd "name"': fc.option(text),
  "when": fc.option(date),
  "list": fc.option(fc.array(fc.option(text), { maxLength: 4 })),
  "span": fc.option(RANGES.numrange!),
  "part": fc.option(
    fc.record({ doc: fc.option(document), raw: fc.option(bytes) }, { noNullPrototype: true }),
  ),
}, { noNullPrototype: true });
const MAKE_COMPOSITE = `create type pg_temp.part as (doc jsonb, raw bytea);
  create type pg_temp.whole as
    (id int8, "odd ""name""" text, "when" timestamptz, list text[], span numrange, part pg_temp.part)`;

for (const major of majors()) {
  for (const [type, element] of Object.entries(SCALARS)) {
    test(`${type}[] of any shape goes to PostgreSQL ${major} and comes back with its lower bounds`, async () => {
      await withConnection(major, { types: { arrays: "bounded" } }, async (db) => {
        const cases = await inBatches(
          emptyOr(array(element)),
          (batch) => each(db, `${type}[]`, batch),
        );
        assert.ok(cases >= CASES, `${cases} cases`);
      });
    });
  }

  for (const [type, ranges] of Object.entries(RANGES)) {
    test(`${type} and arrays of it go to PostgreSQL ${major} and come back`, async () => {
      await withConnection(major, {}, async (db) => {
        const cases = await inBatches(ranges, async (batch) => {
          await each(db, type, batch);
          await each(db, `${type}[]`, [batch]);
        });
        assert.ok(cases >= CASES, `${cases} cases`);
      });
    });
  }

  for (const [type, bound] of Object.entries(MULTIRANGES)) {
    test(`${type} and arrays of it go to PostgreSQL ${major} and come back`, async () => {
      await withConnection(major, {}, async (db) => {
        const cases = await inBatches(multirange(bound), async (batch) => {
          await each(db, type, batch);
          await each(db, `${type}[]`, [batch]);
        });
        assert.ok(cases >= CASES, `${cases} cases`);
      });
    });
  }

  test(`composites of everything go to PostgreSQL ${major} and come back`, async () => {
    await withConnection(major, {}, async (db) => {
      await db.query(MAKE_COMPOSITE).simple();
      const cases = await inBatches(COMPOSITE, async (batch) => {
        await each(db, "pg_temp.whole[]", [batch]);
        await each(db, "pg_temp.whole", batch.slice(0, 8));
      });
      assert.ok(cases >= CASES, `${cases} cases`);
    });
  });
}

/** Sends each as a parameter of its own, in binary and as text, and reads it in both formats. */
async function each(db: Connection, type: string, values: readonly unknown[]): Promise<void> {
  const list = values.map((_, i) => `$${i + 1}::${type}`).join(", ");
  const [row] = await db.query<unknown[]>(`select ${list}`, values, { rows: "array" });
  assert.deepEqual(row, values, `${type} in binary`);
  const oid = (await db.query(`select null::${type} as v`)).columns[0]!.typeOid;
  const codec = db.types.lookup(oid)!;
  const texts = values.map((value) => codec.encodeText(value));
  // All strings: the statement answers in text.
  const again = await db.query<unknown[]>(`select ${list}`, texts, {
    rows: "array",
    prepare: false,
  });
  assert.deepEqual(again[0], values, `${type} in text`);
  const printed = values.map((_, i) => `format('%s', $${i + 1}::${type})`).join(", ");
  const [sent] = await db.query<string[]>(`select ${printed}`, values, {
    rows: "array",
    prepare: false,
  });
  assert.deepEqual(sent!.map((item) => codec.decodeText(item)), values, `${type} as it is printed`);
}

function nested(items: readonly unknown[], sizes: readonly number[]): unknown[] {
  const [, ...inner] = sizes;
  if (inner.length === 0) return [...items];
  const step = inner.reduce((a, b) => a * b, 1);
  return Array.from(
    { length: sizes[0]! },
    (_, i) => nested(items.slice(i * step, (i + 1) * step), inner),
  );
}

/** Returns the value by which the server orders a bound. */
function key(bound: unknown): number | bigint {
  if (bound instanceof Date) return bound.getTime();
  if (typeof bound === "bigint") return bound;
  return typeof bound === "string" && bound.includes("-", 1) ? Date.parse(bound) : Number(bound);
}
