import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DataError, PgError, ProtocolError } from "../../src/errors/errors.ts";
import type { Codec } from "../../src/types/codec.ts";
import { EXTENSION_CODECS } from "../../src/types/extensions.ts";
import { OIDS } from "../../src/types/oids.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import { decodeBytes, decodeHex } from "./types_bytes.ts";

const registry = completeRegistry();

function codecOf(type: string): Codec {
  return EXTENSION_CODECS.get(type) ?? registry.lookup(registry.oidOf(type)!)!;
}

function isTyped(error: unknown): boolean {
  return error instanceof DataError || error instanceof ProtocolError;
}

test("any bytes and any text are a value or a typed error, for every type", () => {
  const oids = Object.values(OIDS);
  fc.assert(
    fc.property(fc.constantFrom(...oids), fc.uint8Array({ maxLength: 60 }), (oid, bytes) => {
      const codec = registry.lookup(oid)!;
      for (
        const decode of [
          () => codec.decodeBinary && decodeBytes(codec, bytes),
          () => codec.decodeText(String.fromCharCode(...bytes)),
        ]
      ) {
        try {
          decode();
        } catch (error) {
          assert.ok(error instanceof PgError, `${codec.name}: ${error}`);
        }
      }
    }),
    { numRuns: 5000 },
  );
});

test("texts made of the containers' own signs are a value or a typed error", () => {
  const signs = fc.string({ unit: fc.constantFrom(...'{}[]()",\\:=> ;0aN') });
  const types = ["int4[]", "text[]", "box[]", "int4range", "int4multirange", "record", "record[]"];
  fc.assert(
    fc.property(fc.constantFrom(...types, "hstore", "cube", "sparsevec"), signs, (type, text) => {
      for (const whole of [text, `{${text}}`, `(${text})`, `[${text})`]) {
        try {
          codecOf(type).decodeText(whole);
        } catch (error) {
          assert.ok(isTyped(error), `${type} ${whole}: ${error}`);
        }
      }
    }),
    { numRuns: 5000 },
  );
});

test("an absurd count or size is refused before anything is allocated", () => {
  const int4 = "00000017";
  const hostile: [type: string, hex: string][] = [
    ["int4[]", `00000001${"00000000"}${int4}7fffffff00000001`],
    ["int4[]", `00000002${"00000000"}${int4}7fffffff000000010000000000000001`],
    ["int4[]", `00000002${"00000000"}${int4}00010000000000010001000000000001`],
    ["int4[]", `00000007${"00000000"}${int4}${"0000000100000001".repeat(7)}`],
    ["int4[]", `ffffffff${"00000000"}${int4}`],
    ["int4[]", `00000001${"00000000"}${int4}ffffffff00000001`],
    ["int4[]", `00000001${"00000000"}000000190000000100000001ffffffff`],
    ["int4multirange", "7fffffff"],
    ["int4multirange", "ffffffff"],
    ["varbit", "7fffffff00"],
    ["varbit", "ffffffff"],
    ["numeric", "7fff000000000000"],
    ["numeric", "0000000000007fff"],
    ["numeric", "00010000000000002710"],
    ["numeric", "000000001234ffff"],
    ["tsvector", "7fffffff"],
    ["tsvector", "000000016100ffff"],
    ["tsquery", "7fffffff"],
    ["pg_snapshot", "7fffffff00000000000000000000000000000000"],
    ["oidvector", "00000001000000000000001a7fffffff00000000"],
    ["hstore", "7fffffff"],
    ["hstore", "000000017fffffff6100000000"],
    ["vector", "ffff0000"],
    ["sparsevec", "7fffffff7fffffff00000000"],
    ["geometry", "0102000000ffffffff"],
    ["geometry", "0107000000ffffffff"],
  ];
  for (const [type, hex] of hostile) {
    assert.throws(() => decodeHex(codecOf(type), hex), isTyped, `${type} ${hex}`);
  }
});

test("endless nesting is refused with a typed error", () => {
  const tsquery = `00010000${"0201".repeat(65536)}`;
  assert.throws(() => decodeHex(codecOf("tsquery"), tsquery), isTyped);
  const geometry = "010700000001000000".repeat(5000);
  assert.throws(() => decodeHex(codecOf("geometry"), geometry), isTyped);
  for (const text of ["{".repeat(100000), `${"{".repeat(7)}1${"}".repeat(7)}`]) {
    assert.throws(() => codecOf("int4[]").decodeText(text), DataError);
  }
});

test("jagged and mixed arrays in text are refused", () => {
  for (
    const text of ["{{1,2},{3}}", "{1,{2}}", "{{1},2}", "{{1},{{2}}}", "{1,}", "{,1}", "{1", "1}"]
  ) {
    assert.throws(() => codecOf("int4[]").decodeText(text), DataError, text);
  }
  for (const text of ["[1:3]={1,2}", "[1:2][1:1]={1,2}", "[0:1]{1,2}", "[a:b]={1}"]) {
    assert.throws(() => codecOf("int4[]").decodeText(text), DataError, text);
  }
});

test("a value of two megabytes is read", () => {
  const long = 'x\\\\"y'.repeat(400_000).replaceAll('"', '\\"');
  const [one] = codecOf("text[]").decodeText(`{"${long}"}`) as string[];
  assert.equal(one!.length, 400_000 * 4);
  const store = codecOf("hstore").decodeText(`"k"=>"${long}"`) as { k: string };
  assert.equal(store.k, one);
  const record = codecOf("record").decodeText(`("${long}")`) as string[];
  assert.equal(record[0]!.length, one!.length);
  const bits = "01".repeat(1_000_000);
  assert.equal(codecOf("varbit").decodeText(bits), bits);
  const digits = "9".repeat(100_000);
  assert.equal(codecOf("numeric").decodeText(digits), digits);
  const snapshot = `1:2:${"3,".repeat(100_000)}4`;
  assert.equal(codecOf("pg_snapshot").decodeText(snapshot), snapshot);
  const vector = codecOf("oidvector").decodeText(`${"1 ".repeat(500_000)}1`) as number[];
  assert.equal(vector.length, 500_001);
  const sparse = codecOf("sparsevec").decodeText(`{${"1:2.5,".repeat(100_000)}1:2}/9`);
  assert.equal((sparse as { values: number[] }).values.length, 100_001);
  const numbers = codecOf("int4[]").decodeText(`{${"1,".repeat(500_000)}1}`) as number[];
  assert.equal(numbers.length, 500_001);
});
