import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/bytes/reader.ts";
import { DataError, NotSupportedError, ProtocolError } from "../../src/errors/errors.ts";
import { RowDecoder, type TupleColumn } from "../../src/replication/row_decoder.ts";
import { OIDS } from "../../src/types/oids.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import { tuple, type Value } from "./replication_messages.ts";

const types = completeRegistry({ codecs: [{ name: "inet", decode: (text) => text.length }] });
// deno-fmt-ignore
const OF_TYPES: readonly number[] = [
  OIDS.bool, OIDS.int2, OIDS.int4, OIDS.int8, OIDS.oid, OIDS.float4, OIDS.float8, OIDS.text,
  OIDS.char, OIDS.bytea, OIDS.uuid, OIDS.numeric, OIDS.jsonb, OIDS.timestamptz, OIDS.inet, 1007,
  4_000_000, // an unknown OID
];
const NAMES = ["a", "b", "__proto__", "constructor", 'q"uo\\te', "1", "ä\u2028\n`${x}`", ""];

const columns = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom(...NAMES),
    type: fc.constantFrom(...OF_TYPES),
    key: fc.boolean(),
  }),
  { maxLength: 6, selector: ({ name }) => name },
).map((list): TupleColumn[] =>
  list.map((one) => ({ ...one, typeName: "t", codec: types.lookup(one.type) }))
);

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom(null, undefined),
  ...[0, 1, 2, 4, 8, 16].map((length) => fc.uint8Array({ minLength: length, maxLength: length })),
  fc.constantFrom("t", "12", "-1.5", "{}", "{1,2}", "null", "infinity"),
);

function readerOf(bytes: Uint8Array): Reader {
  const reader = new Reader(Uint8Array.of(1, 2, 3, ...bytes, 4, 5, 6, 7));
  reader.position = 3;
  reader.end = 3 + bytes.length;
  return reader;
}

/** The row, or the error, in a form that can be compared; and the state that is left. */
function outcome(decoder: RowDecoder, bytes: Uint8Array, old?: Record<string, unknown>): unknown {
  const reader = readerOf(bytes);
  try {
    const row = decoder.row(reader, old);
    const entries = Array.isArray(row) ? row : Object.entries(row);
    return [entries, decoder.unchanged, reader.position, reader.end];
  } catch (error) {
    assert.ok(
      error instanceof DataError || error instanceof ProtocolError ||
        error instanceof NotSupportedError,
      String((error as Error).stack),
    );
    return [error.name, error.message.replace(/malformed .*/, "malformed"), error.code];
  }
}

for (const shape of ["object", "array"] as const) {
  test(`the compiled decoder of tuples does as the interpreted one: ${shape}`, () => {
    const tuples = columns.chain((list) => {
      const values = fc.array(value, { minLength: list.length, maxLength: list.length });
      const free = fc.array(value, { maxLength: 7 });
      return fc.tuple(fc.constant(list), fc.oneof({ weight: 9, arbitrary: values }, free));
    });
    fc.assert(
      fc.property(tuples, fc.nat(), fc.boolean(), ([list, values], cut, isCut) => {
        const interpreted = new RowDecoder(list, shape);
        const compiled = new RowDecoder(list, shape);
        compiled.compile();
        assert.ok(compiled.isCompiled);
        const whole = tuple(...values);
        const bytes = isCut ? whole.subarray(0, cut % (whole.length + 1)) : whole;
        assert.deepEqual(outcome(compiled, bytes), outcome(interpreted, bytes));
        const old = Object.fromEntries(list.map(({ name }, i) => [name, i]));
        const given = shape === "array" ? list.map((_, i) => i) as never : old;
        assert.deepEqual(outcome(compiled, bytes, given), outcome(interpreted, bytes, given));
      }),
      { numRuns: 1000 },
    );
  });
}

test("a decoder compiles itself when rows have come; without code generation it interprets", () => {
  const column = { name: "id", type: 23, typeName: "int4", key: true, codec: types.lookup(23) };
  const decode = (): RowDecoder => {
    const decoder = new RowDecoder([column], "object");
    for (let i = 0; i < 64; i++) {
      assert.deepEqual(decoder.row(readerOf(tuple("1"))), { id: 1 });
    }
    return decoder;
  };
  assert.ok(decode().isCompiled);
  const original = globalThis.Function;
  try {
    globalThis.Function = class {
      constructor() {
        throw new EvalError("code generation from strings is disallowed");
      }
    } as never;
    assert.ok(!decode().isCompiled);
  } finally {
    globalThis.Function = original;
  }
});

test("a tuple of more columns than a table has is interpreted", () => {
  const column = (i: number): TupleColumn => ({
    ...{ name: `c${i}`, type: 23, typeName: "int4", key: false, codec: types.lookup(23) },
  });
  const decoder = new RowDecoder(Array.from({ length: 2000 }, (_, i) => column(i)), "object");
  decoder.compile();
  assert.ok(!decoder.isCompiled);
  const row = decoder.row(readerOf(tuple(...Array.from({ length: 2000 }, () => "1"))));
  assert.equal(Object.keys(row).length, 2000);
});
