// Shared by types_*.test.ts of this folder: many values in one query, against the server.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Connection } from "../../mod.ts";
import { arrayLiteral } from "../server/types_server.ts";

/** Cases per property: this many runs with at least so many values each. */
const RUNS = 8;
const AT_LEAST = 128;
export const CASES: number = RUNS * AT_LEAST;

/**
 * A key for JSON without characters that JSON escapes. V8 13.6 and later (Node 24, Deno 2.9) may take
 * a key that begins with one for another key: after `{"":1,"\\":1}`, `JSON.parse` reads `{"":1,"\"":1}`
 * as the former. Values keep theirs, and so do the keys of the tables in `tests/server`.
 */
export function jsonKeys(keys: fc.Arbitrary<string>): fc.Arbitrary<string> {
  // deno-lint-ignore no-control-regex
  return keys.map((key) => key.replace(/["\\\u0000-\u001f\ud800-\udfff]/g, "k"));
}

/**
 * Runs `check` on batches of values, {@linkcode CASES} or more in all, and returns their number. A
 * failure names the seed and the smallest batch that fails.
 */
export async function inBatches<T>(
  values: fc.Arbitrary<T>,
  check: (batch: T[]) => Promise<void>,
): Promise<number> {
  let cases = 0;
  const batch = fc.array(values, { minLength: AT_LEAST, maxLength: 2 * AT_LEAST, size: "max" });
  await fc.assert(
    fc.asyncProperty(batch, async (list) => {
      cases += list.length;
      await check(list);
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 200_000, markInterruptAsFailure: true },
  );
  return cases;
}

/**
 * Temporal's objects hide what they are from `deepEqual`: they are compared by their class and text.
 */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return tag.startsWith("Temporal.") ? `${tag} ${value}` : value;
}

function assertSame(found: unknown, expected: unknown, what?: string): void {
  assert.deepEqual(plain(found), plain(expected), what);
}

/**
 * Reads texts of a type in four ways: as the server prints them, and as the driver reads them in text,
 * in binary, and from the printed text without the server. The last three must agree.
 *
 * @returns the printed text and the value of each.
 */
export async function readTexts(
  db: Connection,
  type: string,
  texts: readonly string[],
): Promise<{ printed: string[]; values: unknown[] }> {
  const text = `select v, array[v, v] as list, format('%s', v) as printed
    from (select i, t::${type} as v from unnest($1::text[]) with ordinality x(t, i)) x order by i`;
  const literal = arrayLiteral(texts);
  const inText = await db.query(text, [literal], { prepare: false });
  const inBinary = await db.query(text, [texts]); // waits for the types: answers in binary
  const oid = inText.columns[0]!.typeOid;
  const codec = db.types.lookup(oid)!;
  assert.equal(inText.length, texts.length);
  const printed = inText.map((row) => row.printed as string);
  const values = inText.map((row) => row.v);
  assertSame(inBinary.map((row) => row.v), values, `${type}: binary and text`);
  assertSame(printed.map((item) => codec.decodeText(item)), values, `${type}: printed`);
  for (const rows of [inText, inBinary]) {
    assertSame(rows.map((row) => row.list), values.map((value) => [value, value]));
  }
  return { printed, values };
}

/**
 * Writes values of a type in binary, where there is an encoder, and in text, each alone in an array
 * and all in one; the server must print the same of all and return the values, or the ones that
 * `expected` gives.
 *
 * @returns the texts that the server prints.
 */
export async function writeValues<T>(
  db: Connection,
  type: string,
  values: readonly T[],
  expected: (value: T, printed: string) => unknown = (value) => value,
): Promise<string[]> {
  const text = `select v, format('%s', v) as printed
    from unnest($1::${type}[]) with ordinality x(v, i) order by i`;
  const items =
    `select array_agg(v order by i) as v from unnest($1::${type}[]) with ordinality x(v, i)`;
  const inBinary = await db.query(text, [values]);
  const codec = db.types.lookup(inBinary.columns[0]!.typeOid)!;
  const texts = values.map((value) => typeof value === "string" ? value : codec.encodeText(value));
  const inText = await db.query(text, [arrayLiteral(texts, codec.delimiter)]);
  const printed = inBinary.map((row) => row.printed as string);
  const wanted = values.map((value, i) => expected(value, printed[i]!));
  assertSame(inBinary.map((row) => row.v), wanted, `${type}: written and read`);
  assert.deepEqual(inText.map((row) => row.printed), printed, `${type}: text and binary`);
  assertSame((await db.query(items, [values]).one()).v, wanted, `${type}[]`);
  return printed;
}
