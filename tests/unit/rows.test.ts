import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/bytes/reader.ts";
import { DataError, ProtocolError } from "../../src/errors/errors.ts";
import { compileRows, interpretRows, type RowColumn, warmingRows } from "../../src/query/rows.ts";
import { OIDS } from "../../src/types/oids.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";

const types = completeRegistry();
// deno-fmt-ignore
const OF_TYPES: readonly number[] = [
  OIDS.bool, OIDS.int2, OIDS.int4, OIDS.int8, OIDS.oid, OIDS.float4, OIDS.float8, OIDS.text,
  OIDS.char, OIDS.bytea, OIDS.uuid, OIDS.numeric, OIDS.jsonb, OIDS.timestamptz, 1007,
  4_000_000, // an unknown OID
];
const NAMES = ["a", "b", "a", "__proto__", "constructor", 'q"uo\\te', "1", "ä\u2028\n`${x}`", ""];

const column = fc.record({
  name: fc.constantFrom(...NAMES),
  typeOid: fc.constantFrom(...OF_TYPES),
  format: fc.constantFrom(0, 1),
}).map(({ name, typeOid, format }): RowColumn => {
  const codec = types.lookup(typeOid);
  const readable = codec?.decodeBinary === undefined ? 0 : format;
  return { name, typeOid, codec, format: readable };
});

/** A value's bytes, of a length that many types have, or NULL. */
const value = fc.oneof(
  fc.constant(null),
  ...[0, 1, 2, 4, 8, 16].map((length) => fc.uint8Array({ minLength: length, maxLength: length })),
  fc.constantFrom("t", "12", "-1.5", "{}", "{1,2}", "null", "infinity").map((text) =>
    new TextEncoder().encode(text)
  ),
);

function dataRow(values: readonly (Uint8Array | null)[], claimed: number = values.length): Reader {
  const bytes: number[] = [claimed >> 8, claimed & 255];
  for (const item of values) {
    const length = item === null ? -1 : item.length;
    bytes.push(length >> 24 & 255, length >> 16 & 255, length >> 8 & 255, length & 255);
    if (item !== null) bytes.push(...item);
  }
  return framed(bytes);
}

/** A reader whose message lies between other bytes, as in a buffer. */
function framed(body: readonly number[]): Reader {
  const reader = new Reader(Uint8Array.from([1, 2, 3, ...body, 4, 5, 6, 7, 8, 9]));
  reader.position = 3;
  reader.end = 3 + body.length;
  return reader;
}

/** A row, or what was thrown, in a form that can be compared. */
function outcome(decode: (reader: Reader) => unknown, reader: Reader): unknown {
  try {
    const row = decode(reader) as object;
    const left = reader.end - reader.position;
    return { left, keys: Object.keys(row), values: Object.values(row), proto: prototype(row) };
  } catch (error) {
    assert.ok(error instanceof DataError || error instanceof ProtocolError, String(error));
    return { class: error.name, message: error.message };
  }
}

function prototype(row: object): string {
  if (Array.isArray(row)) return "array";
  return Object.getPrototypeOf(row) === Object.prototype ? "object" : "other";
}

test("the compiled and the interpreted decoder are equal, on good rows and bad ones", () => {
  let good = 0;
  let bad = 0;
  const row = fc.array(fc.tuple(column, value), { maxLength: 6 });
  fc.assert(
    fc.property(row, fc.constantFrom("object" as const, "array" as const), (cells, shape) => {
      const columns = cells.map(([column]) => column);
      const values = cells.map(([, value]) => value);
      const compiled = outcome(compileRows(columns, shape), dataRow(values));
      assert.deepEqual(compiled, outcome(interpretRows(columns, shape), dataRow(values)));
      if ("class" in (compiled as object)) bad++;
      else good++;
    }),
    { numRuns: 3000 },
  );
  assert.ok(good > 200 && bad > 200, `${good} good, ${bad} bad`);
});

test("both refuse the same malformed rows", () => {
  const int4: RowColumn = { name: "a", typeOid: 23, codec: types.lookup(23), format: 1 };
  const text: RowColumn = { name: "b", typeOid: 25, codec: types.lookup(25), format: 1 };
  const four = [0, 0, 0, 4, 0, 0, 0, 7];
  const cases: [string, RowColumn[], number[], RegExp][] = [
    ["no count", [int4], [0], /malformed/],
    ["too few columns", [int4, text], [0, 1, ...four], /1 columns where 2 were described/],
    ["too many columns", [int4], [0, 2, ...four, ...four], /2 columns where 1 were described/],
    ["no length", [int4], [0, 1, 0, 0], /malformed/],
    ["a value that overruns", [text], [0, 1, 0, 0, 0, 5, 65], /malformed/],
    ["a negative length", [text], [0, 1, 0xff, 0xff, 0xff, 0xfe], /malformed/],
    ["leftovers", [int4], [0, 1, ...four, 0], /left over/],
  ];
  for (const [what, columns, body, phrase] of cases) {
    for (const make of [compileRows, interpretRows]) {
      assert.throws(() => make(columns, "object")(framed(body)), (error) => {
        assert.ok(error instanceof ProtocolError, `${what}: ${error}`);
        assert.match(error.message, phrase, what);
        return true;
      });
    }
  }
});

test("rows are plain objects, whatever their width and names", () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `c${i}`);
  const results = [
    [],
    names(1),
    names(64),
    names(65),
    [...Reflect.ownKeys(Object.prototype)] as string[],
  ];
  for (const list of results) {
    const columns = list.map((name): RowColumn => ({
      ...{ name, typeOid: 23, codec: types.lookup(23), format: 1 },
    }));
    const values = list.map((_, i) => Uint8Array.of(0, 0, 0, i));
    const row = compileRows(columns, "object")(dataRow(values)) as object;
    assert.equal(Object.getPrototypeOf(row), Object.prototype);
    const own = Object.getOwnPropertyDescriptors(row);
    const property = { writable: true, enumerable: true, configurable: true };
    const wanted = list.map((name, value) => [name, { value, ...property }]);
    assert.deepEqual(Object.entries(own), wanted);
    const array = compileRows(columns, "array")(dataRow(values));
    assert.deepEqual(array, list.map((_, value) => value));
  }
});

test("neighbours of fixed sizes are read with NULL, or a wrong size, at any place", () => {
  const known = [OIDS.int4, OIDS.bool, OIDS.int8, OIDS.int2, OIDS.float8, OIDS.oid, OIDS.char];
  const columns = known.map((typeOid, i): RowColumn => ({
    ...{ name: `c${i}`, typeOid, codec: types.lookup(typeOid), format: 1 },
  }));
  const sizes = [4, 1, 8, 2, 8, 4, 1];
  const whole: (Uint8Array | null)[] = sizes.map((size) => new Uint8Array(size).fill(1));
  const read: readonly unknown[] = [
    ...[0x01010101, true, 0x0101010101010101n, 257],
    ...[new DataView(new Uint8Array(8).fill(1).buffer).getFloat64(0), 0x01010101],
    "\x01",
  ];
  for (const make of [compileRows, interpretRows]) {
    assert.deepEqual(make(columns, "array")(dataRow(whole)), read);
    for (let i = 0; i < known.length; i++) {
      const decode = make(columns, "array");
      assert.deepEqual(decode(dataRow(whole.with(i, null))), read.with(i, null));
      const wrong = whole.with(i, new Uint8Array(3));
      assert.throws(() => decode(dataRow(wrong)), new RegExp(`column "c${i}"`));
    }
  }
});

test('every byte of a "char" is read as its codec reads it, also by a codec of the user', () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const known = types.lookup(OIDS.char)!;
  const users = completeRegistry({ codecs: [{ oid: OIDS.char, decode: (text) => `<${text}>` }] });
  const own = users.lookup(OIDS.char)!;
  const columns = bytes.map((_, i): RowColumn => ({
    ...{ name: `c${i}`, typeOid: OIDS.char, codec: known, format: 1 },
  }));
  const read = bytes.map((byte) => known.decodeBinary!(new Reader(byte), 1));
  for (const make of [compileRows, interpretRows]) {
    assert.deepEqual(make(columns, "array")(dataRow(bytes)), read);
    const column = { name: "c", typeOid: OIDS.char, codec: own, format: 0 };
    assert.deepEqual(make([column], "array")(dataRow([Uint8Array.of(65)])), ["<A>"]);
  }
  assert.equal(own.primitive, undefined);
});

test("a value that its codec refuses names column and type, not the value", () => {
  const columns: RowColumn[] = [{ name: "n", typeOid: 23, codec: types.lookup(23), format: 1 }];
  for (const make of [compileRows, interpretRows]) {
    assert.throws(() => make(columns, "array")(dataRow([Uint8Array.of(1, 2, 3)])), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /column "n" \(int4\)/);
      return true;
    });
  }
});

test("where code generation is forbidden, rows are interpreted", () => {
  const columns: RowColumn[] = [{ name: "a", typeOid: 23, codec: types.lookup(23), format: 1 }];
  const original = globalThis.Function;
  globalThis.Function = class {
    constructor() {
      throw new EvalError("Code generation from strings disallowed for this context");
    }
  } as unknown as FunctionConstructor;
  try {
    const decode = compileRows(columns, "object");
    assert.deepEqual(decode(dataRow([Uint8Array.of(0, 0, 0, 7)])), { a: 7 });
  } finally {
    globalThis.Function = original;
  }
});

test("a statement's decoder is compiled when it has read enough rows, and once", () => {
  const columns: RowColumn[] = [{ name: "a", typeOid: 23, codec: types.lookup(23), format: 1 }];
  const next = warmingRows(columns, "object");
  const early = next();
  const read = (): void => {
    for (const decode of [early, next()]) {
      assert.deepEqual(decode(dataRow([Uint8Array.of(0, 0, 0, 7)])), { a: 7 });
    }
  };
  for (let i = 0; i < 20; i++) read();
  assert.equal(next(), early, "it still interprets");
  for (let i = 0; i < 50; i++) read();
  const compiled = next();
  assert.notEqual(compiled, early);
  for (let i = 0; i < 50; i++) read();
  assert.equal(next(), compiled);
});
