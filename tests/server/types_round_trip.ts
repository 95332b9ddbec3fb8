// The round trip of each type in types_round_trip.test.ts.
import assert from "node:assert/strict";
import type { Connection } from "../../mod.ts";
import { BoundedArray } from "../../src/types/array.ts";
import type { Codec } from "../../src/types/codec.ts";
import { Range } from "../../src/types/range.ts";
import { quoteLiteral } from "./types_server.ts";
import type { Row } from "./types_tables.ts";

/** Types made of the one under test, in this session's temporary schema. */
interface Made {
  /** A composite with an attribute `first` and one `last` of the type, and `n` between them. */
  readonly holder: string;
  /** A range over the type; `undefined` when no B-tree orders it. */
  readonly span: string | undefined;
}

/**
 * Sends each value and each literal to the server and reads it back: alone, in an array with NULL, in
 * a composite and, where a B-tree orders the type, in a range; each in text and in binary, in both
 * directions. Each value must be the table's, and each printed text the table's text.
 */
export async function roundTrip(
  db: Connection,
  type: string,
  rows: readonly Row[],
): Promise<void> {
  await readLiterals(db, type, rows);
  await writeValues(db, type, rows);
  await writeContainers(db, type, rows);
}

let made = 0;

async function makeTypes(db: Connection, type: string): Promise<Made> {
  const name = `${type.replace(/\W/g, "")}_${++made}`;
  const holder = `pg_temp.holder_of_${name}`;
  const span = `pg_temp.span_of_${name}`;
  await db.query(`create type ${holder} as (first ${type}, n int4, last ${type})`).simple();
  try {
    await db.query(`create type ${span} as range (subtype = ${type})`).simple();
    return { holder, span };
  } catch (error) {
    assert.match(String(error), /default operator class/);
    return { holder, span: undefined };
  }
}

/** Literal → value, in every container: the first execution of a text answers in text, the second in binary. */
export async function readLiterals(
  db: Connection,
  type: string,
  rows: readonly Row[],
): Promise<void> {
  const { holder, span } = await makeTypes(db, type);
  // An array that is an element looks like a dimension.
  const isAmbiguous = (await codecOf(db, type)).accepts([]);
  const grid = (value: unknown): unknown =>
    isAmbiguous ? new BoundedArray([[value], [value]], [1, 1]) : [[value], [value]];
  const values = rows.map(([, literal], i) => `(${i}, ${quoteLiteral(literal)}::${type})`);
  const text = `select v, format('%s', v) as printed, array[v, null, v] as list,
    array[[v], [v]] as grid, row(v, 7, null)::${holder} as holder,
    array[row(null, null, v)::${holder}, null] as holders, ${
    span === undefined ? "null" : `${span}(v, v, '[]')`
  } as span,
    null::${type} as nothing
    from (values ${values.join(", ")}) x(i, v) order by i`;
  for (const format of ["text, types not known yet", "binary", "text"]) {
    const prepare = format !== "text";
    const found = await db.query(text, [], { prepare });
    assert.equal(found.length, rows.length);
    found.forEach((row, i) => {
      const [value, literal, printed = literal] = rows[i]!;
      const where = `${type} ${shortened(literal)} read as ${format}`;
      assert.deepEqual(row.v, value, where);
      assert.equal(row.printed, printed, where);
      assert.deepEqual(row.list, [value, null, value], where);
      assert.deepEqual(row.grid, grid(value), where);
      assert.deepEqual(row.holder, { first: value, n: 7, last: null }, where);
      assert.deepEqual(row.holders, [{ first: null, n: null, last: value }, null], where);
      if (span !== undefined) assertSpan(row.span, value, where);
      assert.equal(row.nothing, null, where);
    });
  }
}

function assertSpan(span: unknown, value: unknown, where: string): void {
  const { lower, upper, bounds } = span as { lower: unknown; upper: unknown; bounds: string };
  assert.deepEqual([lower, upper, bounds], [value, value, "[]"], where);
}

/** Value → server: as it stands (binary where there is an encoder) and as the codec's text. */
async function writeValues(
  db: Connection,
  type: string,
  rows: readonly Row[],
): Promise<void> {
  const values = rows.map((_, i) => `(${i}, $${i + 1}::${type})`);
  const text = `select v, format('%s', v) as printed
    from (values ${values.join(", ")}, (${rows.length}, $${rows.length + 1}::${type})) x(i, v)
    order by i`;
  const codec = await codecOf(db, type);
  const written = rows.map(([value]) => value);
  const texts = written.map((value) => typeof value === "string" ? value : codec.encodeText(value));
  for (const parameters of [written, texts]) {
    for (const prepare of [true, true, false]) {
      const found = await db.query(text, [...parameters, null], { prepare });
      found.slice(0, -1).forEach((row, i) => {
        const [value, literal, printed = literal] = rows[i]!;
        const where = `${type} ${shortened(literal)} written as ${typeof parameters[i]}`;
        assert.equal(row.printed, printed, where);
        assert.deepEqual(row.v, value, where);
      });
      assert.deepEqual({ ...found.at(-1) }, { v: null, printed: "" });
    }
  }
}

/** Values in an array, in a composite and in a range → server, in binary and in text. */
async function writeContainers(
  db: Connection,
  type: string,
  rows: readonly Row[],
): Promise<void> {
  const { holder, span } = await makeTypes(db, type);
  const values = rows.map(([value]) => value);
  const printed = rows.map(([, literal, text = literal]) => text);
  const list = [...values, null];
  const lists =
    `select format('%s', v) as printed from unnest($1::${type}[]) with ordinality x(v, i)
    order by i`;
  await bothWays(db, `${type}[]`, list, async (parameter) => {
    const found = await db.query(lists, [parameter]);
    assert.deepEqual(found.map((row) => row.printed), [...printed, ""], `${type}[]`);
  });
  const holders = values.map((value, i) => ({ first: value, n: i, last: null }));
  await bothWays(db, `${holder}[]`, holders, async (parameter) => {
    const found = await db.query(
      `select format('%s', v.first) as printed, v.n, v.last
         from unnest($1::${holder}[]) v order by v.n`,
      [parameter],
    );
    assert.deepEqual(found.map((row) => row.printed), printed, `${type} in a composite`);
    assert.deepEqual(
      found.map(({ n, last }) => ({ n, last })),
      holders.map(({ n }) => ({ n, last: null })),
    );
  });
  if (span === undefined) return;
  const spans = values.map((value) => new Range(value, value, "[]"));
  await bothWays(db, `${span}[]`, spans, async (parameter) => {
    const found = await db.query(
      `select format('%s', lower(v)) as printed, format('%s', upper(v)) as upper
         from unnest($1::${span}[]) with ordinality x(v, i) order by i`,
      [parameter],
    );
    assert.deepEqual(found.map((row) => row.printed), printed, `${type} in a range`);
    assert.deepEqual(found.map((row) => row.upper), printed, `${type} in a range`);
  });
}

async function bothWays(
  db: Connection,
  type: string,
  value: unknown,
  check: (parameter: unknown) => Promise<void>,
): Promise<void> {
  await check(value);
  const codec = await codecOf(db, type);
  await check(codec.encodeText(value));
}

async function codecOf(
  db: Connection,
  type: string,
): Promise<Codec> {
  const oid = await db.query("select $1::regtype::oid", [type]).scalar<number>();
  await db.query(`select null::${type}`);
  return db.types.lookup(oid)!;
}

function shortened(literal: string): string {
  return literal.length > 60 ? `${literal.slice(0, 57)}...` : literal;
}
