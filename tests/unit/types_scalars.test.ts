import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DataError, InterfaceError } from "../../src/errors/errors.ts";
import type { Codec } from "../../src/types/codec.ts";
import { OIDS } from "../../src/types/oids.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import type { TypesOptions } from "../../src/types/registry.ts";
import { decodeBytes, decodeHex, encodeBytes, encodeHex } from "./types_bytes.ts";
import { printedTests, SCALARS } from "./types_printed.ts";

const registry = completeRegistry();

function codec(name: string, options?: TypesOptions): Codec {
  const from = options === undefined ? registry : completeRegistry(options);
  return from.lookup(from.oidOf(name)!)!;
}

printedTests(SCALARS, codec);

test("what is sent in binary is what the server itself would send", () => {
  for (const type of ["bool", "int2", "int4", "int8", "oid", "xid8", "float8", "text", "uuid"]) {
    for (const [text, hex, value] of SCALARS[type]!) {
      assert.equal(encodeHex(codec(type), value), hex, `${type} ${text}`);
    }
  }
});

test("numeric: what is sent in binary is what the server itself would send", () => {
  for (const [text, hex] of SCALARS.numeric!) {
    assert.equal(encodeHex(codec("numeric"), text), hex, text);
  }
});

test("an integer out of range, a fraction or an unsafe integer is refused without being quoted", () => {
  const refused: [type: string, value: unknown, message: RegExp][] = [
    ["int2", 32768, /^out of range for int2$/],
    ["int4", -2147483649, /^out of range for int4$/],
    ["int4", 1n << 40n, /^out of range for int4$/],
    ["int4", 1.5, /^not an integer/],
    ["int4", NaN, /^not an integer/],
    ["int4", Infinity, /^not an integer/],
    ["oid", -2147483649, /^out of range for oid$/],
    ["int8", 2 ** 53, /^beyond the safe integers/],
    ["int8", 1n << 63n, /^out of range for int8$/],
    ["int8", 0.5, /^not an integer/],
    ["xid8", -(1n << 64n), /^out of range for xid8$/],
    ["float4", 1e39, /^out of range for float4$/],
    ["float4", 1e-60, /^out of range for float4$/],
    ["float8", 10n ** 400n, /^out of range for float8$/],
  ];
  for (const [type, value, message] of refused) {
    assert.ok(codec(type).accepts(value), type);
    assert.throws(() => encodeBytes(codec(type), value), { name: "InterfaceError", message }, type);
    assert.throws(() => codec(type).encodeText(value), { name: "InterfaceError", message }, type);
  }
});

test("numbers keep their sign of zero, and bigints are numbers too", () => {
  assert.equal(codec("float8").encodeText(-0), "-0");
  assert.ok(Object.is(decodeHex(codec("float8"), encodeHex(codec("float8"), -0)), -0));
  assert.equal(encodeHex(codec("int4"), 7n), "00000007");
  assert.equal(encodeHex(codec("float8"), 3n), "4008000000000000");
});

test("no number, bigint or boolean is taken by a type that is not one of them", () => {
  const types = ["text", "bytea", "uuid", "json", "jsonb", "bit", "tid", "pg_lsn", "name", "money"];
  for (const type of types) {
    for (const value of [1, 1n, true]) assert.ok(!codec(type).accepts(value), type);
  }
  assert.ok(!codec("bool").accepts(1));
  assert.ok(!codec("int4").accepts(true));
});

test("float4 is the shortest decimal, in both formats the same", () => {
  const float4 = codec("float4");
  fc.assert(
    fc.property(fc.float({ noNaN: true }), (value) => {
      const decoded = decodeBytes(float4, encodeBytes(float4, value)) as number;
      assert.ok(Object.is(Math.fround(decoded), value));
      const digits = (n: number) => n.toExponential().replace(/e.*|[-.]/g, "").length;
      assert.ok(!Number.isFinite(value) || digits(decoded) <= 9);
      for (let i = 1; Number.isFinite(value) && i < digits(decoded); i++) {
        const shorter = Number(value.toPrecision(i));
        assert.ok(Math.fround(shorter) !== value || isHalfway(shorter), `${shorter}`);
      }
    }),
    { numRuns: 2000 },
  );
});

function isHalfway(decimal: number): boolean {
  const mirrored = Math.fround(decimal) + 2 * (decimal - Math.fround(decimal));
  return Math.fround(mirrored) === mirrored && mirrored !== Math.fround(decimal);
}

test("float4: what lies exactly between two floats goes as text, for the server to round", () => {
  const tie = 1 + 2 ** -24;
  assert.equal(codec("float4").encodesBinary!(tie), false);
  assert.equal(codec("float4").encodesBinary!(1.1), true);
});

test("int8 and xid8 follow the policy for int8", () => {
  for (const type of ["int8", "xid8"]) {
    for (
      const [hex, number] of [["0000000000000007", 7], ["001fffffffffffff", 2 ** 53 - 1]] as const
    ) {
      assert.equal(decodeHex(codec(type, { int8: "number" }), hex), number);
      assert.equal(codec(type, { int8: "number" }).decodeText(String(number)), number);
      assert.equal(decodeHex(codec(type, { int8: "string" }), hex), String(number));
      assert.equal(decodeHex(codec(type, { int8: "bigint" }), hex), BigInt(number));
    }
    const lossy = codec(type, { int8: "number" });
    assert.throws(() => decodeHex(lossy, "0020000000000000"), DataError);
    assert.throws(() => lossy.decodeText("9007199254740992"), DataError);
  }
});

test("a codec has `primitive` only if it decodes that primitive without a policy", () => {
  assert.equal(codec("int8").primitive, "int8");
  assert.equal(codec("int8", { int8: "number" }).primitive, undefined);
  assert.equal(codec("float4").primitive, undefined);
  assert.equal(codec("text").primitive, "text");
  assert.equal(codec("json").primitive, undefined);
});

test("numeric as a number refuses to lose digits, in both formats", () => {
  const numeric = codec("numeric", { numeric: "number" });
  const exact: [string, number][] = [
    ["0", 0],
    ["-1.50", -1.5],
    ["0.1", 0.1],
    ["123456789012.345", 123456789012.345],
    ["100000000000000000000000", 1e23],
    ["0.000000000000000000000000000001", 1e-30],
    ["NaN", NaN],
    ["Infinity", Infinity],
  ];
  for (const [text, number] of exact) {
    assert.equal(numeric.decodeText(text), number);
    assert.equal(decodeHex(numeric, encodeHex(codec("numeric"), text)), number);
  }
  const lossy = [
    "0.10000000000000000001",
    "9007199254740993",
    "1" + "0".repeat(400),
    "0." + "0".repeat(400) + "1",
  ];
  assert.throws(() => numeric.decodeText("1e400"), DataError);
  for (const text of lossy) {
    assert.throws(() => numeric.decodeText(text), DataError);
    assert.throws(() => decodeHex(numeric, encodeHex(codec("numeric"), text)), DataError);
  }
});

test("numeric: any decimal text survives the binary form digit by digit", () => {
  const numeric = codec("numeric");
  const digits = fc.stringMatching(/^\d{0,60}$/);
  fc.assert(
    fc.property(fc.boolean(), digits, digits, (negative, whole, decimals) => {
      const head = whole.replace(/^0+/, "") || "0";
      const text = decimals === "" ? head : `${head}.${decimals}`;
      const signed = negative && /[1-9]/.test(text) ? `-${text}` : text;
      assert.equal(decodeBytes(numeric, encodeBytes(numeric, signed)), signed);
      assert.equal(numeric.decodeText(signed), signed);
    }),
    { numRuns: 2000 },
  );
});

test("numeric: thousands of digits survive", () => {
  const text = `${"9876543210".repeat(1300)}.${"0123456789".repeat(160)}`;
  assert.equal(decodeBytes(codec("numeric"), encodeBytes(codec("numeric"), text)), text);
});

test("numeric: any number is written as the decimal that JavaScript prints", () => {
  const numeric = codec("numeric");
  fc.assert(fc.property(fc.double(), (value) => {
    const back = Number(decodeBytes(numeric, encodeBytes(numeric, value)));
    assert.ok(Object.is(back, value) || (back === 0 && value === 0));
  }));
  assert.equal(decodeBytes(numeric, encodeBytes(numeric, 10n ** 50n)), "1" + "0".repeat(50));
});

test("numeric: a value that it cannot hold is refused", () => {
  for (const text of ["", ".", "-", "1e", "abc", "1e200000", `0.${"0".repeat(17000)}1`]) {
    assert.throws(() => encodeBytes(codec("numeric"), text), InterfaceError, text.slice(0, 9));
  }
});

test("bytea: both output formats are read, every byte survives", () => {
  const bytea = codec("bytea");
  assert.deepEqual(bytea.decodeText("a\\\\b\\000\\377'"), new Uint8Array([97, 92, 98, 0, 255, 39]));
  assert.deepEqual(bytea.decodeText(""), new Uint8Array(0));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (value) => {
    assert.deepEqual(bytea.decodeText(bytea.encodeText(value)), value);
    assert.deepEqual(decodeBytes(bytea, encodeBytes(bytea, value)), value);
  }));
  const view = new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2);
  assert.equal(bytea.encodeText(view), "\\x0203");
  assert.equal(encodeHex(bytea, new Uint8Array([5, 6]).buffer), "0506");
  assert.ok(!bytea.accepts([1, 2]));
});

test("json: a string is a document, an object is written as one, bytes are neither", () => {
  for (const type of ["json", "jsonb"]) {
    const json = codec(type);
    const version = type === "jsonb" ? "01" : "";
    assert.equal(encodeHex(json, { a: 1 }), version + "7b2261223a317d");
    assert.equal(encodeHex(json, "[1]"), version + "5b315d");
    assert.equal(json.encodeText([1, "x"]), '[1,"x"]');
    assert.ok(!json.accepts(new Uint8Array(1)));
    assert.throws(() => json.decodeText("{"), { name: "DataError", message: "malformed json" });
    const cycle: unknown[] = [];
    cycle.push(cycle);
    assert.throws(() => json.encodeText(cycle), InterfaceError);
    assert.throws(() => json.encodeText({ toJSON: () => undefined }), InterfaceError);
  }
  assert.throws(() => decodeHex(codec("jsonb"), "0231"), DataError);
});

test("json: parse and stringify of the options are used", () => {
  const options = { json: { parse: (text: string) => [text], stringify: () => "7" } };
  assert.deepEqual(codec("jsonb", options).decodeText("1"), ["1"]);
  assert.equal(codec("json", options).encodeText({}), "7");
});

test("a type without a codec of its own is its text", () => {
  for (const type of ["money", "xml", "regclass", "aclitem", "gtsvector", "pg_node_tree"]) {
    assert.equal(codec(type).decodeText("any $1.00"), "any $1.00");
    assert.equal(codec(type).decodeBinary, undefined, type);
  }
});

test("text of another type is a DataError that does not quote it", () => {
  const wrong: [string, string[]][] = [
    ["bool", ["", "true", "1"]],
    ["int4", ["", " 1", "1.5", "0x1", "2147483648", "secret"]],
    ["int8", ["", "9223372036854775808", "1e3", "secret"]],
    ["oid", ["-1", "4294967296"]],
    ["float8", ["", "inf", "0x10", " 1", "secret"]],
    ["float4", ["1e39"]],
    ["numeric", ["", "secret", "."]],
    ["bytea", ["\\x0", "\\xzz", "\\9", "é"]],
    ["tid", ["(1)", "secret"]],
    ["pg_lsn", ["1", "secret"]],
    ["pg_snapshot", ["1:2", "secret"]],
    ["int2vector", ["1,2", "secret"]],
    ["bit", ["012", "secret"]],
  ];
  for (const [type, texts] of wrong) {
    for (const text of texts) {
      assert.throws(() => codec(type).decodeText(text), (error: unknown) => {
        assert.ok(error instanceof DataError, `${type} ${text}`);
        return !error.message.includes("secret");
      }, `${type} ${text}`);
    }
  }
});

test("every built-in type has a codec, and so has its array", () => {
  for (const [name, oid] of Object.entries(OIDS)) {
    assert.equal(registry.lookup(oid)?.oid, oid, name);
  }
});
